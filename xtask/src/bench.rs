//! `cargo xtask bench`: how fast we are, beside matrix-sdk and bare requests.

use crate::failure::Failure;
use crate::postgres;
use crate::runner::{Shell, cargo, root, target};
use crate::synapse::server;

/// Measures, prints one table, and writes it with a plot; whether all targets are met.
pub(crate) async fn run(arguments: &[String]) -> Result<bool, Failure> {
    let shell = Shell::open("bench", false, false)?;
    let folder = target().join("bench");
    println!("building matrix-sdk, which takes minutes the first time");
    let mut build = cargo();
    build.args(["build", "--release", "--locked", "--manifest-path"]);
    build.arg(root().join("benches/compare/Cargo.toml"));
    build.arg("--target-dir").arg(folder.join("compare"));
    shell.run(build).await?;
    let mut measure = cargo();
    measure.args([
        "bench",
        "--package",
        "matrix-bridge",
        "--features",
        "postgres",
        "--bench",
        "speed",
        "--",
    ]);
    measure.arg("--rival");
    measure.arg(folder.join("compare/release/compare"));
    // What a commit costs is the question.
    let durable = [("fsync", "on")];
    let mut database = postgres::started(&shell, "bench-postgres", &durable).await?;
    measure.arg("--postgres").arg(database.url());
    measure.arg("--write").arg(&folder).args(arguments);
    let status = measure.status().await;
    database.stop().await.map_err(server)?;
    let status = status.map_err(|source| Failure::start(&measure, source))?;
    println!("\ntable and plot: {}", folder.display());
    Ok(status.success())
}
