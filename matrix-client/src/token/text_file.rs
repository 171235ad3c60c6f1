//! A small file with a secret in it, that others may write too.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use matrix_bridge_core::Clock;
use secrecy::{ExposeSecret, SecretString};

use super::{TokenError, is_same};

/// No token file comes near.
const MAX: u64 = 64 * 1024;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What was in a file, or why it could not be read.
type Content = Result<SecretString, String>;

/// A file with a secret, and what was last seen in it.
#[derive(Debug)]
pub(super) struct TextFile {
    path: Arc<Path>,
    seen: Mutex<Option<Content>>,
}

impl TextFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path: path.into(),
            seen: Mutex::default(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What is in it now.
    pub(super) async fn read(&self) -> Result<SecretString, TokenError> {
        let content = self.look().await;
        *self.seen() = Some(content.clone());
        content.map_err(|reason| self.error(&reason))
    }

    /// Waits until something else is in it than what was last read or written.
    pub(super) async fn changed(&self, clock: &dyn Clock) {
        loop {
            clock.sleep(LOOK).await;
            let content = self.look().await;
            let is_seen = match (&content, &*self.seen()) {
                (Ok(one), Some(Ok(other))) => is_same(one, other),
                (Err(one), Some(Err(other))) => one == other,
                _ => false,
            };
            if !is_seen {
                return;
            }
        }
    }

    /// Replaces what is in it, durably: after a crash at any point the old or the new is
    /// there in full. Nobody but the owner may read it.
    pub(super) async fn replace(&self, text: SecretString) -> Result<(), TokenError> {
        let (path, new) = (self.path.clone(), text.clone());
        in_background(move || write(&path, new.expose_secret()))
            .await
            .map_err(|reason| {
                let path = self.path.display();
                TokenError::new(format!(
                    "{path} cannot be written ({reason}): make its folder writable and see \
                     that there is room"
                ))
            })?;
        *self.seen() = Some(Ok(text));
        Ok(())
    }

    /// Something is wrong with the file.
    pub(super) fn error(&self, reason: &str) -> TokenError {
        TokenError::new(format!("{} {reason}", self.path.display()))
    }

    async fn look(&self) -> Content {
        let path = self.path.clone();
        in_background(move || read(&path)).await.map(Into::into)
    }

    fn seen(&self) -> MutexGuard<'_, Option<Content>> {
        // Each change is one assignment: a panic leaves it whole.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Files may be slow; the runtime's own threads must not wait for them.
async fn in_background<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let ended = tokio::task::spawn_blocking(act).await;
    ended.unwrap_or_else(|error| Err(format!("cannot be used: {error}")))
}

fn read(path: &Path) -> Result<String, String> {
    let unread = |error: io::Error| format!("cannot be read ({error})");
    let mut text = String::new();
    let mut file = File::open(path).map_err(unread)?.take(MAX + 1);
    file.read_to_string(&mut text).map_err(unread)?;
    if text.len() as u64 > MAX {
        return Err(format!("is longer than {MAX} bytes"));
    }
    Ok(text)
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let said = |error: io::Error| error.to_string();
    // In the same folder, or the renaming would not be one step.
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(said(error)),
        // One that was left by a crash might be readable by others.
        _ => {}
    }
    let mut file = private().open(&new).map_err(said)?;
    file.write_all(text.as_bytes()).map_err(said)?;
    file.sync_all().map_err(said)?;
    fs::rename(&new, path).map_err(said)?;
    sync_folder(path).map_err(said)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// The new name survives a loss of power only once the folder is written.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|path| !path.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
