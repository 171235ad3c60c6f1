//! `cargo xtask fuzz`: libFuzzer on the fuzz targets, one after the other.
//!
//! On the stable toolchain, without other tools than a C++ compiler for libFuzzer itself:
//! rustc's coverage pass is asked for by flags. What reached new code stays in
//! `target/fuzz/corpus`, and the next run goes on from there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::failure::Failure;
use super::runner::{Shell, cargo, root, target};

/// What was asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wanted {
    /// The targets; all of them if none is named.
    pub(crate) targets: Vec<String>,
    /// How long each runs.
    pub(crate) seconds: u64,
    /// The seed of libFuzzer's choices; one of its own without.
    pub(crate) seed: Option<u32>,
}

impl Wanted {
    /// A step is ended after 25 minutes. A later run goes on where this one ends.
    const MOST_SECONDS: u64 = 20 * 60;

    /// Reads the arguments after `fuzz`; the error is a line for the person.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut wanted = Self {
            targets: Vec::new(),
            seconds: 60,
            seed: None,
        };
        while let Some(argument) = arguments.next() {
            let mut number = || {
                let value = arguments.next().unwrap_or_default();
                let wrong = |_| format!("xtask: {argument} needs a number, not `{value}`");
                value.parse::<u32>().map_err(wrong)
            };
            match argument.as_str() {
                "--seconds" => wanted.seconds = number()?.into(),
                "--seed" => wanted.seed = Some(number()?),
                option if option.starts_with('-') => {
                    return Err(format!("xtask: fuzz knows no `{option}`"));
                }
                _ => wanted.targets.push(argument),
            }
        }
        if wanted.seconds > Self::MOST_SECONDS {
            let most = Self::MOST_SECONDS;
            return Err(format!(
                "xtask: --seconds is {most} at most; run it again to go on"
            ));
        }
        Ok(wanted)
    }
}

/// What cargo-fuzz would set, without a sanitizer, which only nightly has.
const COVERAGE: &str = "--cfg guided -Cpasses=sancov-module -Ccodegen-units=1 \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Runs the targets; false if one of them found something.
pub(crate) async fn run(wanted: &Wanted) -> Result<bool, Failure> {
    let known = names(&committed())?;
    let targets: Vec<&String> = if wanted.targets.is_empty() {
        known.iter().collect()
    } else {
        wanted.targets.iter().collect()
    };
    if let Some(unknown) = targets.iter().find(|name| !known.contains(**name)) {
        let known: Vec<_> = known.iter().map(String::as_str).collect();
        println!(
            "no target is called `{unknown}`; there are {}",
            known.join(", ")
        );
        return Ok(false);
    }
    let program = build().await?;
    println!(
        "{:14} {:>12} {:>8} {:>7} {:>7}",
        "target", "inputs", "seconds", "corpus", "MiB"
    );
    let mut is_clean = true;
    for name in targets {
        is_clean &= fuzz(&program, name, wanted).await?;
    }
    Ok(is_clean)
}

async fn build() -> Result<PathBuf, Failure> {
    println!("building the targets with coverage");
    let shell = Shell::open("fuzz", false, false)?;
    let mut rustc = Command::new("rustc");
    rustc.arg("-vV");
    let output = shell
        .capture(rustc, std::time::Duration::from_secs(60))
        .await?;
    let about = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = about.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.unwrap_or_default();
    let mut command = cargo();
    // With a target the flags are for our code only, not for build scripts and macros.
    command.args([
        "build",
        "--release",
        "--package",
        "matrix-bridge-fuzz",
        "--target",
        host,
    ]);
    command.arg("--target-dir").arg(folder());
    command.env("RUSTFLAGS", COVERAGE);
    command.env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true");
    shell.run(command).await?;
    Ok(folder().join(host).join("release/matrix-bridge-fuzz"))
}

async fn fuzz(program: &Path, name: &str, wanted: &Wanted) -> Result<bool, Failure> {
    let found = folder().join("corpus").join(name);
    let findings = folder().join("findings");
    for folder in [&found, &findings] {
        fs::create_dir_all(folder).map_err(Failure::file(folder))?;
    }
    let shell = Shell::open(&format!("fuzz-{name}"), false, false)?;
    let mut command = Command::new(program);
    command.current_dir(root()).kill_on_drop(true);
    command.env("FUZZ_TARGET", name);
    command.env("FUZZ_CORPUS", committed().join(name));
    command.env("FUZZ_SCRATCH", &findings);
    command.arg(&found).arg(committed().join(name));
    command.arg(format!("-max_total_time={}", wanted.seconds));
    command.arg(format!("-seed={}", wanted.seed.unwrap_or(0)));
    command.arg(format!("-artifact_prefix={}/{name}-", findings.display()));
    command.args([
        "-max_len=65536",
        "-timeout=60",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
    ]);
    let started = tokio::time::Instant::now();
    let result = shell.run(command).await;
    let log = shell.log_text();
    let seconds = started.elapsed().as_secs();
    let (inputs, memory) = (
        stat(&log, "number_of_executed_units"),
        stat(&log, "peak_rss_mb"),
    );
    let corpus = names(&found)?.len() + names(&committed().join(name))?.len();
    println!("{name:14} {inputs:>12} {seconds:>8} {corpus:>7} {memory:>7}");
    let Err(failure) = result else {
        return Ok(true);
    };
    let finding = log.lines().find(|line| line.starts_with("finding: "));
    let finding = finding.map_or_else(|| failure.to_string(), ToOwned::to_owned);
    let input = log
        .lines()
        .find_map(|line| line.split_once("Test unit written to "));
    let input = input.map_or(findings.join(name), |(_, path)| PathBuf::from(path));
    println!(
        "{finding}\n      input: {}\n      log: {}",
        input.display(),
        shell.log().display()
    );
    Ok(false)
}

/// A number that libFuzzer tells at its end; `-` if it did not get there.
fn stat(log: &str, name: &str) -> String {
    let start = format!("stat::{name}:");
    let value = log.lines().find_map(|line| line.strip_prefix(&start));
    value.map_or_else(|| "-".to_owned(), |value| value.trim().to_owned())
}

fn folder() -> PathBuf {
    target().join("fuzz")
}

/// The inputs that every test run replays.
fn committed() -> PathBuf {
    root().join("fuzz/corpus")
}

fn names(folder: &Path) -> Result<BTreeSet<String>, Failure> {
    let entries = fs::read_dir(folder).map_err(Failure::file(folder))?;
    let entries: Result<Vec<_>, _> = entries.collect();
    let entries = entries.map_err(Failure::file(folder))?;
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    Ok(entries.into_iter().map(name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Wanted, String> {
        Wanted::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn targets_and_numbers_are_told_apart() {
        let wanted = Wanted {
            targets: vec!["event".to_owned(), "answer".to_owned()],
            seconds: 5,
            seed: Some(7),
        };

        assert_eq!(parsed("event --seconds 5 --seed 7 answer"), Ok(wanted));
        assert_eq!(
            parsed("--seconds x"),
            Err("xtask: --seconds needs a number, not `x`".to_owned())
        );
        assert_eq!(parsed("-v"), Err("xtask: fuzz knows no `-v`".to_owned()));
        assert!(parsed("--seconds 1201").is_err());
    }

    #[test]
    fn a_stat_is_found_or_not() {
        let log = "INFO: x\nstat::peak_rss_mb:                        31\n";

        assert_eq!(stat(log, "peak_rss_mb"), "31");
        assert_eq!(stat(log, "new_units_added"), "-");
    }
}
