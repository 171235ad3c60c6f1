//! What the tests write into their stores.

use std::time::Duration;

use matrix_bridge_core::{
    Account, Action, Address, Batch, ClaimRequest, CommitOutcome, Disposition, EndpointClass,
    Identity, LaneId, LeaseName, LeaseRequest, NewRow, OrderPolicy, RawJson, RowBody, RowKey,
    StateStore as _, StoreError, Timestamp,
    ruma::{OwnedEventId, OwnedRoomId, OwnedUserId},
};
use matrix_bridge_store_postgres::PostgresStore;

/// The time of these tests; the database's is another.
pub(crate) const NOW: Timestamp = Timestamp(1_000);

pub(crate) fn batch() -> Batch {
    Batch::new(Account::new("@bot:example.org"), NOW)
}

pub(crate) fn event(name: &str) -> OwnedEventId {
    format!("$event-{name}")
        .try_into()
        .expect("it is an event's id")
}

pub(crate) fn row(key: &str, lane: &str) -> NewRow {
    let user: OwnedUserId = "@bot:example.org".try_into().expect("it is a user's id");
    let room: OwnedRoomId = "!room:example.org".try_into().expect("it is a room's id");
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
                content: RawJson::from_value("text").expect("a string is JSON"),
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

/// Asks for all that there is, for ten minutes.
pub(crate) fn claim() -> ClaimRequest {
    ClaimRequest {
        now: NOW,
        ttl: Duration::from_secs(600),
        lanes: 100,
        newcomers: 0,
        rows_per_lane: 100,
        paused: Vec::new(),
    }
}

pub(crate) fn lease(holder: &str, now: Timestamp) -> LeaseRequest {
    LeaseRequest {
        name: LeaseName::new("work"),
        holder: holder.to_owned(),
        now,
        ttl: Duration::from_secs(600),
    }
}

pub(crate) async fn enqueue(store: &PostgresStore, rows: Vec<NewRow>) -> Result<(), StoreError> {
    let outcome = store.commit(Batch { rows, ..batch() }).await?;
    assert_eq!(outcome, CommitOutcome::Applied);
    Ok(())
}
