//! A checkout of its own, in which a bug may be planted.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::failure::Failure;
use crate::runner::{Shell, root, target};

/// A worktree of git at the commit of the workspace. It stays, so that the next run builds little.
#[derive(Debug)]
pub(crate) struct Tree {
    folder: PathBuf,
}

impl Tree {
    /// Makes it, or brings the one of an earlier run to the present commit.
    pub(crate) async fn prepare(shell: &Shell) -> Result<Self, Failure> {
        let folder = target().join("planted").join("tree");
        if folder.join(".git").exists() {
            let commit = shell
                .capture(git(root(), &["rev-parse", "HEAD"]), GIT)
                .await?;
            let commit = String::from_utf8_lossy(&commit.stdout).trim().to_owned();
            let checkout = ["checkout", "--quiet", "--force", "--detach", &commit];
            shell.run(git(&folder, &checkout)).await?;
            shell.run(git(&folder, &["clean", "-fdq"])).await?;
        } else {
            let mut command = git(
                root(),
                &["worktree", "add", "--quiet", "--force", "--detach"],
            );
            command.arg(&folder).arg("HEAD");
            shell.run(command).await?;
        }
        Ok(Self { folder })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where its builds go.
    pub(crate) fn target(&self) -> PathBuf {
        self.folder.with_file_name("target")
    }

    /// Plants the bug. A patch that does not apply is stale.
    pub(crate) async fn apply(&self, shell: &Shell, patch: &Path) -> Result<(), Failure> {
        let mut command = git(&self.folder, &["apply"]);
        command.arg(patch);
        shell.run(command).await
    }

    /// Takes the bug out again.
    pub(crate) async fn revert(&self, shell: &Shell, patch: &Path) -> Result<(), Failure> {
        let mut command = git(&self.folder, &["apply", "--reverse"]);
        command.arg(patch);
        shell.run(command).await
    }
}

/// More than git takes for anything here.
const GIT: std::time::Duration = std::time::Duration::from_secs(60);

/// Whether the patch fits the workspace as it lies there; if not, what git says about it.
pub(crate) async fn applies(shell: &Shell, patch: &Path) -> Result<Result<(), String>, Failure> {
    let mut command = git(root(), &["apply", "--check"]);
    command.arg(patch);
    let output = shell.capture(command, GIT).await?;
    Ok(if output.status.success() {
        Ok(())
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(said.lines().next().unwrap_or_default().to_owned())
    })
}

fn git(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}
