//! A pair of an access token and a refresh token, kept in a file.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use matrix_bridge_core::Clock;
use ruma::api::client::session::refresh_token::v3 as refresh;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::{TokenError, TokenSource, access_token, is_same, text_file::TextFile};
use crate::Homeserver;

/// An access token that runs out, with the refresh token that gives the next one (spec:
/// Refreshing access tokens).
///
/// Both stand in a JSON file as `access_token` and `refresh_token`, such as the answer of
/// a `/login` that asked for `"refresh_token": true`. A new pair is in the file, durably,
/// before it is first used; until then the old one stays good, so that a crash at any
/// point costs nothing. The file is looked at each second: a new login may be written
/// into it during the run. Only one process may use it.
#[derive(Debug)]
pub struct SessionFile {
    file: TextFile,
}

impl SessionFile {
    /// The pair in the file at `path`. Its folder has to be writable.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            file: TextFile::new(path.into()),
        }
    }

    async fn read(&self) -> Result<Pair, TokenError> {
        let text = self.file.read().await?;
        Pair::read(text.expose_secret()).map_err(|error| self.file.error(&error.to_string()))
    }

    async fn refresh(&self, old: Pair, homeserver: &Homeserver) -> Result<Pair, TokenError> {
        let request = refresh::Request::new(old.refresh.expose_secret().to_owned());
        let answer = homeserver.call(request).await;
        let answer = answer.map_err(|error| refused(self.file.path(), error))?;
        let new = Pair {
            access: access_token(&answer.access_token)?,
            refresh: answer.refresh_token.map_or(old.refresh, SecretString::from),
        };
        // Before anybody may use it: with its first use the old pair dies.
        self.file.replace(new.text()).await?;
        Ok(new)
    }
}

#[async_trait]
impl TokenSource for SessionFile {
    async fn token(
        &self,
        refused: Option<&SecretString>,
        homeserver: &Homeserver,
    ) -> Result<SecretString, TokenError> {
        let pair = self.read().await?;
        match refused {
            Some(refused) if is_same(refused, &pair.access) => {
                Ok(self.refresh(pair, homeserver).await?.access)
            }
            _ => Ok(pair.access),
        }
    }

    async fn changed(&self, clock: &dyn Clock) {
        self.file.changed(clock).await;
    }
}

fn refused(path: &Path, error: crate::ClientError) -> TokenError {
    let message = if error.is_retryable() {
        "the access token cannot be refreshed for now".to_owned()
    } else {
        let path = path.display();
        format!(
            "the homeserver gives no new access token for the refresh token: log in again with \
             the same device id and \"refresh_token\": true, and put the answer into {path}"
        )
    };
    TokenError::from_request(message, error)
}

struct Pair {
    access: SecretString,
    refresh: SecretString,
}

impl Pair {
    fn read(text: &str) -> Result<Self, TokenError> {
        // What serde says of a value may repeat it.
        let wire: WirePair = serde_json::from_str(text).map_err(|_| {
            TokenError::new(
                "is not a JSON object with access_token and refresh_token: put in the answer of \
                 a /login with \"refresh_token\": true",
            )
        })?;
        let field = |name: &str, text: &str| {
            access_token(text).map_err(|error| TokenError::new(format!("has {error}: {name}")))
        };
        Ok(Self {
            access: field("access_token", &wire.access_token)?,
            refresh: field("refresh_token", &wire.refresh_token)?,
        })
    }

    fn text(&self) -> SecretString {
        let pair = json!({
            "access_token": self.access.expose_secret(),
            "refresh_token": self.refresh.expose_secret(),
        });
        format!("{pair:#}\n").into()
    }
}

#[derive(Deserialize)]
struct WirePair {
    access_token: String,
    refresh_token: String,
}
