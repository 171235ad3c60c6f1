//! What a process that takes everything in needs at most.

use std::process::Stdio;

use tokio::process::Command;

use crate::{
    Result,
    arguments::Sizes,
    ingest::{self, Ingest},
};

/// The most that a process of its own had resident, code and all, while it took in what
/// `ingest` has. The homeserver is here, and no baseline is there.
pub(crate) async fn measured(ingest: &Ingest, is_full: bool) -> Result<u64> {
    // It waits for nobody to open it.
    ingest.homeserver.open();
    let mut command = Command::new(std::env::current_exe()?);
    command.args(is_full.then_some("--bench"));
    command.args(["--alone", &ingest.homeserver.base_url()]);
    command.stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.kill_on_drop(true).output().await?;
    let said = String::from_utf8(output.stdout)?;
    let kib = said.trim().parse();
    kib.map_err(|_| format!("a process of its own said: {said}").into())
}

/// That process: takes everything in from the homeserver at `base_url` and says what it
/// needed at most, in KiB.
pub(crate) async fn alone(base_url: String, sizes: &Sizes) -> Result<()> {
    let [_, many] = sizes.news;
    ingest::take_in(base_url, &many, || ()).await?;
    println!("{}", peak()?);
    Ok(())
}

/// The most memory that this process ever had resident, in KiB, as Linux tells it.
fn peak() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kib
        .ok_or("the system does not tell VmHWM")?
        .trim()
        .parse()?)
}
