//! The core knows no HTTP and no database.

use super::metadata::stdout;
use crate::failure::Failure;
use crate::runner::{Shell, cargo};

const FORBIDDEN: [&str; 11] = [
    "axum",
    "hyper",
    "libsqlite3-sys",
    "matrix-bridge-client",
    "matrix-bridge-store-sled",
    "matrix-bridge-store-sqlite",
    "reqwest",
    "rusqlite",
    "sled",
    "sqlx",
    "tokio-postgres",
];

pub(super) async fn findings(shell: &Shell) -> Result<Vec<String>, Failure> {
    let mut command = cargo();
    command.args(["tree", "--package", "matrix-bridge-core", "--all-features"]);
    command.args(["--edges", "normal", "--prefix", "none"]);
    let tree = stdout(shell, command).await?;
    let told =
        |name| format!("matrix-bridge-core depends on {name}: move what needs it out of the core");
    Ok(forbidden_in(&tree).map(told).collect())
}

fn forbidden_in(tree: &str) -> impl Iterator<Item = &'static str> {
    FORBIDDEN.into_iter().filter(move |name| {
        tree.lines()
            .any(|line| line.split(' ').next() == Some(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forbidden_crate_is_found_by_its_whole_name() {
        let tree = "matrix-bridge-core v0.1.0\nhyper-util v0.1.0\nreqwest v0.13.5 (*)\n";

        assert_eq!(forbidden_in(tree).collect::<Vec<_>>(), ["reqwest"]);
    }
}
