//! What an outage leaves behind.

use matrix_bridge::{
    Account, Batch, Clock, CommitOutcome, NewRow, RawJson, SqliteStore, StateStore, SystemClock,
    Timestamp, ruma::RoomId,
};
use serde_json::json;

use crate::{Result, arguments::Drain, identity, outbox};

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
    let room = RoomId::parse(format!("!room{}:soak.local", number % rooms))?;
    let content = json!({"msgtype": "m.notice", "body": format!("message {number}")});
    let content = RawJson::from_value(&content)?;
    let number = usize::try_from(number)?;
    Ok(outbox::message(identity(), room, number, content, now))
}
