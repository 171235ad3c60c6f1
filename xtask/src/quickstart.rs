//! The first thing a stranger runs.

use std::env;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;

use super::failure::Failure;
use super::runner::{Shell, root};

const LIMIT: Duration = Duration::from_secs(10);
const LAST_LINE: &str = "quickstart: ok";

/// Builds the example, then runs it. Not by `cargo run`: waiting for another cargo is not the example's time,
/// and killing cargo would leave the example behind.
pub(crate) async fn run(shell: &Shell) -> Result<(), Failure> {
    shell.cargo(&["build", "--example", "quickstart"]).await?;
    let mut command = Command::new(program()?);
    command
        .current_dir(root())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    // With these it would talk to a server of the person's own.
    command
        .env_remove("MATRIX_HOMESERVER_URL")
        .env_remove("MATRIX_ACCESS_TOKEN");
    let output = shell.capture(command, LIMIT).await?;
    Failure::unless_empty(findings(&output))
}

/// Where cargo has put it: beside us, as both are of the same build.
fn program() -> Result<PathBuf, Failure> {
    let ours = env::current_exe().map_err(Failure::file("xtask"))?;
    Ok(ours
        .with_file_name("examples")
        .join("quickstart")
        .with_extension(env::consts::EXE_EXTENSION))
}

fn findings(output: &Output) -> Vec<String> {
    let mut findings = Vec::new();
    let stdout = String::from_utf8_lossy(&output.stdout);
    let last = stdout.lines().last().unwrap_or_default();
    if !output.status.success() {
        findings.push(format!("quickstart ended with {}", output.status));
    }
    if last != LAST_LINE {
        findings.push(format!("the last line is `{last}`, not `{LAST_LINE}`"));
    }
    if !output.stderr.is_empty() {
        findings.push("there is something on stderr".to_owned());
    }
    findings
}

#[cfg(test)]
mod tests {
    use std::process::ExitStatus;

    use super::*;

    fn output(stdout: &str, stderr: &str) -> Output {
        Output {
            status: ExitStatus::default(),
            stdout: stdout.into(),
            stderr: stderr.into(),
        }
    }

    #[test]
    fn ok_as_the_last_line_and_silence_on_stderr_are_enough() {
        assert_eq!(
            findings(&output("ann: hello\nquickstart: ok\n", "")),
            [""; 0]
        );
    }

    #[test]
    fn anything_after_the_last_line_is_found() {
        let found = findings(&output("quickstart: ok\nbye\n", "warning"));

        assert_eq!(found.len(), 2, "{found:?}");
    }
}
