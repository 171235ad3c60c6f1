//! A token in a file, which a person or a program replaces.

use std::path::PathBuf;

use async_trait::async_trait;
use matrix_bridge_core::Clock;
use secrecy::{ExposeSecret, SecretString};

use super::{TokenError, TokenSource, access_token, is_same, text_file::TextFile};
use crate::Homeserver;

/// An access token that stands alone in a file.
///
/// The file is looked at each second, and read again when its token is refused: to give
/// the account a new token, write it into the file.
#[derive(Debug)]
pub struct FileToken {
    file: TextFile,
}

impl FileToken {
    /// The token in the file at `path`. Space around it is ignored.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            file: TextFile::new(path.into()),
        }
    }
}

#[async_trait]
impl TokenSource for FileToken {
    async fn token(
        &self,
        refused: Option<&SecretString>,
        _: &Homeserver,
    ) -> Result<SecretString, TokenError> {
        let text = self.file.read().await?;
        let token = access_token(text.expose_secret()).map_err(|error| {
            let reason = format!("has {error}: put the access token in as its only line");
            self.file.error(&reason)
        })?;
        if refused.is_some_and(|refused| is_same(refused, &token)) {
            return Err(self.file.error(
                "still holds the refused access token: log in again with the same device id and \
                 put the new one in",
            ));
        }
        Ok(token)
    }

    async fn changed(&self, clock: &dyn Clock) {
        self.file.changed(clock).await;
    }
}
