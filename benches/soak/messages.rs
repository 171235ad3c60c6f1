//! What an outage leaves behind.

use matrix_bridge::{
    Account, Action, Address, Batch, Clock, CommitOutcome, Disposition, EndpointClass, LaneId,
    NewRow, OrderPolicy, RawJson, RowBody, RowKey, SqliteStore, StateStore, SystemClock, Timestamp,
    ruma::{EventId, RoomId},
};
use serde_json::json;

use crate::{Result, arguments::Drain, identity};

/// Messages in one commit.
const BATCH: usize = 1_000;

/// Puts the messages into the outbox, one to each room in turn.
pub(crate) async fn enqueue(store: &SqliteStore, sizes: Drain) -> Result<()> {
    let numbers: Vec<u64> = (0..sizes.messages).collect();
    for numbers in numbers.chunks(BATCH) {
        let now = SystemClock.now();
        let mut batch = Batch::new(Account::from(&*identity().user), now);
        for number in numbers {
            batch.rows.push(row(*number, sizes.rooms, now)?);
        }
        if store.commit(batch).await? != CommitOutcome::Applied {
            return Err("the messages were not enqueued".into());
        }
    }
    Ok(())
}

fn row(number: u64, rooms: u64, now: Timestamp) -> Result<NewRow> {
    let sender = identity();
    let room = RoomId::parse(format!("!room{}:soak.local", number % rooms))?;
    let cause = EventId::parse(format!("$question{number}:soak.local"))?;
    let key = RowKey::effect(&Account::from(&*sender.user), &cause, 0);
    let content = json!({"msgtype": "m.notice", "body": format!("message {number}")});
    Ok(NewRow {
        lane: LaneId::from(&*room),
        transaction_id: key.transaction_id(&sender.user),
        key,
        sender,
        class: EndpointClass::Event,
        body: RowBody {
            action: Action::Message {
                event_type: "m.room.message".to_owned(),
                content: RawJson::from_value(&content)?,
            },
            address: Address::Room(room),
            cause: None,
            caused_at: None,
            deadline: None,
            order: OrderPolicy::GoOn,
            link: None,
        },
        disposition: Disposition::Send,
        created: now,
    })
}
