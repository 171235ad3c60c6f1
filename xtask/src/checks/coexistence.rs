//! A host usually has another user of SQLite in its tree, and two versions of `libsqlite3-sys` do not link.
//!
//! So a crate that depends on our store and on the other one must resolve; with `--full` it must build too.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::runner::{Shell, cargo, root, target};

struct Neighbor {
    name: &'static str,
    dependency: &'static str,
}

const NEIGHBORS: [Neighbor; 2] = [
    Neighbor {
        name: "sqlx",
        dependency: r#"{ version = "0.9", default-features = false, features = ["runtime-tokio", "sqlite"] }"#,
    },
    Neighbor {
        name: "matrix-sdk-sqlite",
        dependency: r#"{ version = "0.18", default-features = false, features = ["bundled"] }"#,
    },
];

pub(crate) async fn coexistence(shell: &Shell) -> Result<(), Failure> {
    let mut results = Vec::new();
    for neighbor in &NEIGHBORS {
        shell.say(&format!("beside {}", neighbor.name));
        results.push(beside(neighbor, shell).await);
    }
    Failure::all(results)
}

async fn beside(neighbor: &Neighbor, shell: &Shell) -> Result<(), Failure> {
    let host = write_host(neighbor)?;
    let mut command = cargo();
    command.current_dir(&host).arg("generate-lockfile");
    shell.run(command).await?;
    if !shell.full() {
        return Ok(());
    }
    let mut command = cargo();
    command
        .current_dir(&host)
        .args(["build", "--target-dir"])
        .arg(target().join("coexistence"));
    shell.run(command).await
}

/// Writes a crate that stands for a host's.
fn write_host(neighbor: &Neighbor) -> Result<PathBuf, Failure> {
    let host = target()
        .join("coexistence")
        .join(format!("beside-{}", neighbor.name));
    let source = host.join("src");
    fs::create_dir_all(&source).map_err(Failure::file(&source))?;
    let manifest = host.join("Cargo.toml");
    fs::write(&manifest, host_manifest(neighbor, root())).map_err(Failure::file(manifest))?;
    let main = source.join("main.rs");
    fs::write(&main, host_main(neighbor)).map_err(Failure::file(main))?;
    Ok(host)
}

fn host_manifest(Neighbor { name, dependency }: &Neighbor, root: &Path) -> String {
    let store = root.join("matrix-store-sqlite");
    format!(
        "[workspace]\n\n[package]\nname = \"beside-{name}\"\nedition = \"2024\"\npublish = false\n\n\
         [dependencies]\nmatrix-bridge-store-sqlite = {{ path = {store:?} }}\n{name} = {dependency}\n"
    )
}

/// Names both crates, or nothing of them is linked.
fn host_main(neighbor: &Neighbor) -> String {
    let name = neighbor.name.replace('-', "_");
    format!("use {name} as _;\nuse matrix_bridge_store_sqlite as _;\n\nfn main() {{}}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_of_a_host_is_toml_that_names_both_stores() {
        for neighbor in &NEIGHBORS {
            let manifest: toml::Table = host_manifest(neighbor, Path::new("/a \"b\""))
                .parse()
                .unwrap();

            let dependencies = manifest["dependencies"].as_table().unwrap();
            assert!(dependencies.contains_key(neighbor.name));
            assert_eq!(
                dependencies["matrix-bridge-store-sqlite"]["path"].as_str(),
                Some("/a \"b\"/matrix-store-sqlite")
            );
        }
    }
}
