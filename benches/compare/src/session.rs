//! A client that is logged in.

use std::{path::Path, time::Duration};

use matrix_sdk::{
    Client, SessionMeta, SessionTokens,
    authentication::matrix::MatrixSession,
    config::SyncSettings,
    ruma::{device_id, user_id},
};
use tempfile::TempDir;

use crate::{
    Result,
    homeserver::{Homeserver, USER},
};

/// A client with a store in a folder of its own, which goes with the folder.
pub(crate) async fn open(homeserver: &Homeserver) -> Result<(Client, TempDir)> {
    // Whoever runs it chose a folder on a disk.
    let folder = tempfile::tempdir_in(Path::new("."))?;
    let client = Client::builder()
        .homeserver_url(homeserver.base_url())
        .sqlite_store(folder.path(), None)
        .build()
        .await?;
    let user = user_id!("@bot:example.org");
    assert_eq!(user, USER, "the homeserver knows one user");
    let session = MatrixSession {
        meta: SessionMeta {
            user_id: user.to_owned(),
            device_id: device_id!("BENCH").to_owned(),
        },
        tokens: SessionTokens {
            access_token: "a_token_of_the_usual_length_for_one".to_owned(),
            refresh_token: None,
        },
    };
    client.restore_session(session).await?;
    Ok((client, folder))
}

/// What to ask `/sync` for: `sync()` sleeps between quick responses, a loop of `sync_once`
/// does not.
pub(crate) fn settings() -> SyncSettings {
    SyncSettings::default().timeout(Duration::from_secs(30))
}
