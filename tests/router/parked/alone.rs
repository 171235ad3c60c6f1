//! The same without a bot, in a store that was filled for it; and mistakes.

use std::fs;

use matrix_bridge::{
    Action, Address, Batch, CommitOutcome, Disposition, EndpointClass, Identity, LaneId,
    NewParkedEvent, NewRow, OrderPolicy, ParkCode, ParkReason, RawJson, RowBody, RowKey,
    SqliteStore, StateStore as _, Timestamp,
    ruma::{OwnedRoomId, OwnedUserId},
};
use serde_json::{Value, json};

use super::{super::world::World, lines, parked};

#[tokio::test]
async fn many_are_listed_in_their_order_and_counted() {
    const ROWS: usize = 501;
    const EVENTS: u64 = 1_001;
    let world = World::new().await;
    world.configure(&[], "");
    let row = |number| given_up(&world, number, text(), ParkCode::NotFound);
    let events = (0..EVENTS).map(|number| event_without_id(Timestamp(number)));
    fill_store(&world, (0..ROWS).map(row).collect(), events.collect()).await;

    let listed = lines(&world, &[]).await;
    let counts = lines(&world, &["counts"]).await;

    let number = |line: &Value, key: &str| -> Option<u64> {
        line[key].as_str()?.split_once(':')?.1.parse().ok()
    };
    let rows: Vec<_> = listed
        .iter()
        .filter_map(|line| number(line, "row"))
        .collect();
    let events = listed
        .iter()
        .filter_map(|line| number(line, "parked_event"));
    let events: Vec<_> = events.collect();
    assert_eq!((rows.len(), events.len()), (ROWS, 1_001));
    assert!(rows.is_sorted_by(|a, b| a < b) && events.is_sorted_by(|a, b| a < b));
    let oldest = "1970-01-01T00:00:00.000Z";
    assert_eq!(
        counts,
        [
            json!({"parked": "rows", "code": "not_found", "count": ROWS, "oldest": oldest}),
            json!({"parked": "events", "code": "unreadable", "count": EVENTS, "oldest": oldest}),
        ]
    );
}

/// A row that is given up for `code` from the start.
fn given_up(world: &World, number: usize, action: Action, code: ParkCode) -> NewRow {
    let room = OwnedRoomId::try_from("!room:testkit.local").unwrap();
    let user = OwnedUserId::try_from(world.bot.user_id.as_str()).unwrap();
    let key = RowKey::new(format!("key {number}"));
    NewRow {
        lane: LaneId::from(&*room),
        class: EndpointClass::Event,
        transaction_id: key.transaction_id(&user),
        sender: Identity { user, device: None },
        body: RowBody {
            action,
            address: Address::Room(room),
            cause: None,
            caused_at: None,
            deadline: None,
            order: OrderPolicy::GoOn,
            link: None,
        },
        disposition: Disposition::Park(ParkReason::new(code, "as it happens")),
        created: Timestamp(0),
        key,
    }
}

fn text() -> Action {
    Action::Message {
        event_type: "m.room.message".to_owned(),
        content: RawJson::from_value(&json!({"msgtype": "m.text", "body": "one"})).unwrap(),
    }
}

fn event_without_id(at: Timestamp) -> NewParkedEvent {
    NewParkedEvent {
        room: OwnedRoomId::try_from("!room:testkit.local").unwrap(),
        event_id: None,
        raw: RawJson::new("{\n\"type\": 1}".to_owned()).unwrap(),
        reason: ParkReason::new(ParkCode::Unreadable, "no id"),
        at,
    }
}

/// Makes the bot's store, with those in it.
async fn fill_store(world: &World, rows: Vec<NewRow>, parked: Vec<NewParkedEvent>) {
    let store = SqliteStore::open(world.path("bot.db")).unwrap();
    let user = OwnedUserId::try_from(world.bot.user_id.as_str()).unwrap();
    let mut batch = Batch::new((&*user).into(), Timestamp(0));
    (batch.rows, batch.parked) = (rows, parked);
    let outcome = store.commit(batch).await.unwrap();
    assert_eq!(outcome, CommitOutcome::Applied);
    store.close().await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_done_about_a_row_or_event_is_told() {
    let world = World::new().await;
    world.configure(&[], "");
    let rows = vec![
        given_up(&world, 0, text(), ParkCode::ServerError),
        given_up(&world, 1, Action::Join, ParkCode::Forbidden),
    ];
    fill_store(&world, rows, vec![event_without_id(Timestamp(0))]).await;
    let listed = lines(&world, &[]).await;
    let id = |index: usize, key: &str| listed[index][key].as_str().unwrap();
    let (maybe_sent, join, event) = (id(0, "row"), id(1, "row"), id(2, "parked_event"));
    assert_eq!(
        [
            &listed[0]["replaceable"],
            &listed[1]["replaceable"],
            &listed[2]["retryable"]
        ],
        [false; 3]
    );

    let table = [
        (
            vec!["replace", maybe_sent, "--text", "two"],
            format!(
                "{maybe_sent}: the row may have been sent (server_error: as it happens); look \
                 into the room, then retry it as it is or drop it"
            ),
        ),
        (
            vec!["replace", join, "--text", "two"],
            format!(
                "{join}: it is no text message, so there is no text to replace; retry or drop it"
            ),
        ),
        (
            vec!["retry", event],
            format!("{event}: its id cannot be read, so it cannot be retried; drop it"),
        ),
    ];
    for (arguments, message) in table {
        let (code, lines, said) = parked(&world, &arguments).await;
        assert_eq!((code, lines.len()), (Some(1), 0), "{arguments:?}");
        assert_eq!(said, format!("room_router: {message}\n"));
    }

    assert_eq!(lines(&world, &[]).await, listed);
    assert_eq!(
        lines(&world, &["show", event]).await[0]["raw"],
        json!({"type": 1})
    );
    let all = lines(&world, &["drop", event, join, maybe_sent]).await;
    assert_eq!(all.len(), 3);
    assert_eq!(lines(&world, &[]).await, [] as [Value; 0]);
}

#[tokio::test]
async fn a_mistake_is_one_line_before_the_store_is_touched() {
    let world = World::new().await;
    let path = world.path("bot.db");
    fs::write(
        world.path("c.toml"),
        format!("[matrix]\nstate_store = {path:?}"),
    )
    .unwrap();
    const IDS: &str = "expected ids such as row:12 or event:7, as --parked lists them";
    let table: [(&[&str], String); 5] = [
        (
            &["retry"],
            format!("command line: found --parked retry without an id, {IDS}"),
        ),
        (
            &["drop", "12"],
            format!("command line: found --parked drop with \"12\", {IDS}"),
        ),
        (
            &["replace", "row:1"],
            "command line: found --parked replace without a text, expected --text TEXT".to_owned(),
        ),
        (
            &["show", "event:1"],
            "matrix.user_id: found nothing, expected a user id such as @bot:example.org, here or \
             in MATRIX_USER_ID"
                .to_owned(),
        ),
        (
            &["retry", "row:1"],
            "bot.db: there is no such file".to_owned(),
        ),
    ];
    for (arguments, message) in table {
        let (code, lines, said) = parked(&world, arguments).await;

        assert_eq!((code, lines.len()), (Some(2), 0), "{said}");
        assert!(
            said.contains(&message) && said.lines().count() == 1,
            "{said}"
        );
    }
    assert!(!path.exists());
}
