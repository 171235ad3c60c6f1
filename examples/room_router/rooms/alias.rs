//! Which room an alias points to: asked of the homeserver, and remembered.

use std::{str, time::Duration};

use matrix_bridge::{
    Account, Batch, Client, Clock as _, Store, StoreError, SystemClock, ValueChange, ValueKey,
    chain,
    ruma::{OwnedRoomAliasId, OwnedRoomId, RoomId},
};
use tokio::task::JoinSet;

use super::merge::Aliases;

/// An alias of another server can take the homeserver long.
const PATIENCE: Duration = Duration::from_secs(10);

const NAMESPACE: &str = "room_router/alias";

/// What the homeserver says of an alias.
#[derive(Debug)]
pub(super) enum Answer {
    /// It points to that room.
    Room(OwnedRoomId),
    /// It points nowhere.
    Nowhere,
    /// It cannot tell, for that reason.
    Unknown(String),
}

/// Asks for all `aliases` at once.
pub(super) async fn ask(
    client: &Client,
    aliases: impl IntoIterator<Item = OwnedRoomAliasId>,
) -> Vec<(OwnedRoomAliasId, Answer)> {
    let mut asking = JoinSet::new();
    for alias in aliases {
        let client = client.clone();
        asking.spawn(async move {
            let answer = tokio::time::timeout(PATIENCE, client.resolve_alias(alias.clone())).await;
            let answer = match answer {
                Ok(Ok(Some(room))) => Answer::Room(room),
                Ok(Ok(None)) => Answer::Nowhere,
                Ok(Err(error)) => Answer::Unknown(chain(&error)),
                Err(_) => Answer::Unknown(format!("no answer within {PATIENCE:?}")),
            };
            (alias, answer)
        });
    }
    asking.join_all().await
}

/// The rooms that `aliases` pointed to when they last resolved.
///
/// Without this a homeserver that cannot tell for a moment would make a room that was
/// answered before the restart one that is off, and what was said there skipped.
pub(super) async fn recall(
    store: &dyn Store,
    aliases: &[OwnedRoomAliasId],
) -> Result<Aliases, StoreError> {
    let keys: Vec<_> = aliases.iter().map(key).collect();
    let values = store.values(&keys).await?;
    let room = |value: &[u8]| RoomId::parse(str::from_utf8(value).ok()?).ok();
    let known = aliases
        .iter()
        .zip(values)
        .filter_map(|(alias, value)| Some((alias.clone(), room(&value?)?)));
    Ok(known.collect())
}

/// Remembers what aliases point to.
pub(super) async fn remember(
    store: &dyn Store,
    client: &Client,
    found: &Aliases,
) -> Result<(), StoreError> {
    let account = Account::from(&*client.identity().user);
    let mut batch = Batch::new(account, SystemClock.now());
    batch.values = found
        .iter()
        .map(|(alias, room)| ValueChange {
            key: key(alias),
            value: Some(room.as_str().to_owned().into()),
        })
        .collect();
    // Nothing in it can be stale: it moves no source and no inbox.
    store.commit(batch).await.map(drop)
}

fn key(alias: &OwnedRoomAliasId) -> ValueKey {
    ValueKey::new(NAMESPACE, alias.as_str())
}
