//! Every crate can be published.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use super::failure::Failure;
use super::runner::Shell;

/// Packages all crates together: cargo lays a registry of the packages over crates.io, so crates that depend
/// on one another need not be published first.
pub(crate) async fn run(shell: &Shell) -> Result<(), Failure> {
    let unpacked = cargo_home().map(|home| home.join("registry/src"));
    if let Some(folder) = unpacked.filter(|folder| folder.is_dir()) {
        forget_former(&folder).map_err(Failure::file(&folder))?;
    }
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

/// Removes our crates as cargo unpacked them when they were packaged before: it takes a version that it has for
/// unchanged, and builds the others against that.
fn forget_former(unpacked: &Path) -> io::Result<()> {
    for registry in fs::read_dir(unpacked)? {
        let registry = registry?;
        // A registry that was laid over another has a name that begins so.
        if !registry.file_name().to_string_lossy().starts_with('-') {
            continue;
        }
        for package in fs::read_dir(registry.path())? {
            let package = package?;
            if package
                .file_name()
                .to_string_lossy()
                .starts_with("matrix-bridge")
            {
                fs::remove_dir_all(package.path())?;
            }
        }
    }
    Ok(())
}

fn cargo_home() -> Option<PathBuf> {
    let home = || env::home_dir().map(|home| home.join(".cargo"));
    env::var_os("CARGO_HOME").map(PathBuf::from).or_else(home)
}
