//! Every crate can be published.

use std::env;

use super::failure::Failure;
use super::runner::Shell;

/// Packages all crates together: cargo lays a registry of the packages over crates.io, so crates that depend
/// on one another need not be published first.
pub(crate) async fn run(shell: &Shell) -> Result<(), Failure> {
    let mut arguments = vec![
        "package",
        "--workspace",
        "--exclude",
        "xtask",
        "--exclude",
        "matrix-bridge-fuzz",
        "--exclude",
        "matrix-bridge-harness",
        "--exclude",
        "simulation",
    ];
    // A checkout in CI has nothing uncommitted; one on a desk usually has.
    if env::var_os("CI").is_none() {
        arguments.push("--allow-dirty");
    }
    shell.cargo(&arguments).await
}
