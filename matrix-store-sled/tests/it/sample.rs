//! What the tests write into their stores.

use std::path::{Path, PathBuf};

use matrix_bridge_core::{
    Account, Action, Address, Batch, ClaimRequest, CommitOutcome, Disposition, EndpointClass,
    Identity, LaneId, ListState, NewRow, OrderPolicy, OutboundQueue as _, ParkCode, ParkReason,
    RawJson, RowBody, RowKey, StateStore as _, StoreError, Timestamp,
    ruma::{OwnedEventId, OwnedRoomId, OwnedUserId},
};
use matrix_bridge_store_sled::SledStore;
use tempfile::TempDir;

/// A folder that goes with the test, and a path for a store in it.
pub(crate) fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bridge.sled");
    (folder, path)
}

pub(crate) fn account() -> Account {
    Account::new("@bot:example.org")
}

pub(crate) fn event(name: &str) -> OwnedEventId {
    format!("$event-{name}").try_into().unwrap()
}

pub(crate) fn batch() -> Batch {
    Batch::new(account(), Timestamp(1))
}

pub(crate) fn row(key: &str, lane: &str, text: &str) -> NewRow {
    let user: OwnedUserId = "@bot:example.org".try_into().unwrap();
    let room: OwnedRoomId = "!room:example.org".try_into().unwrap();
    let key = RowKey::new(key);
    NewRow {
        transaction_id: key.transaction_id(&user),
        key,
        lane: LaneId::new(lane),
        sender: Identity { user, device: None },
        class: EndpointClass::Event,
        body: RowBody {
            action: Action::Message {
                event_type: "m.room.message".to_owned(),
                content: RawJson::from_value(text).unwrap(),
            },
            address: Address::Room(room),
            cause: None,
            caused_at: None,
            deadline: None,
            order: OrderPolicy::GoOn,
            link: None,
        },
        disposition: Disposition::Send,
        created: Timestamp(1),
    }
}

pub(crate) fn parked(row: NewRow) -> NewRow {
    let reason = ParkReason::new(ParkCode::Forbidden, "not in this room");
    NewRow {
        disposition: Disposition::Park(reason),
        ..row
    }
}

pub(crate) fn claim_at(now: u64) -> ClaimRequest {
    ClaimRequest {
        now: Timestamp(now),
        ttl: std::time::Duration::from_secs(1),
        lanes: 10,
        newcomers: 0,
        rows_per_lane: 10,
        paused: Vec::new(),
    }
}

pub(crate) async fn enqueue(store: &SledStore, rows: Vec<NewRow>) -> Result<(), StoreError> {
    let outcome = store.commit(Batch { rows, ..batch() }).await?;
    assert_eq!(outcome, CommitOutcome::Applied);
    Ok(())
}

/// The keys of all rows in that state.
pub(crate) async fn keys(store: &SledStore, state: ListState) -> Vec<String> {
    let rows = store.list(state, None, usize::MAX).await.unwrap();
    rows.into_iter().map(|row| row.key.to_string()).collect()
}

/// Writes one row and closes: a store with something in it.
pub(crate) async fn filled(path: &Path) {
    let store = SledStore::open(path).unwrap();
    enqueue(&store, vec![row("a", "lane", "hello")])
        .await
        .unwrap();
    store.close().await.unwrap();
}
