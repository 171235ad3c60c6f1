//! One process installs at a time; the others wait.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use super::PythonError;

/// Longer than any installation takes, on a slow line too.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
const PAUSE: Duration = Duration::from_millis(200);

/// Takes the lock at `path`. Closing the file gives it back, and so does any death of the process.
pub(super) async fn take(
    path: &Path,
    progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<File, PythonError> {
    let file = File::create(path).map_err(PythonError::io("open", path))?;
    let waiting = async {
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::WouldBlock) if told => {}
                Err(TryLockError::WouldBlock) => {
                    progress("waiting for another process that installs the Python packages");
                    told = true;
                }
                Err(TryLockError::Error(error)) => {
                    return Err(PythonError::io("lock", path)(error));
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    match tokio::time::timeout(PATIENCE, waiting).await {
        Ok(taken) => taken.map(|()| file),
        Err(_elapsed) => Err(PythonError::Locked {
            path: path.to_owned(),
            waited: PATIENCE,
        }),
    }
}
