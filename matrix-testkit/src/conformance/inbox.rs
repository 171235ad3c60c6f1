//! Events that are received and not yet handled.

use matrix_bridge_core::{
    Batch, CommitOutcome, InboxEntry, InboxLane, InboxRetry, NewInboxEntry, Stale,
};

use super::{
    StoreFactory,
    checked::Checked,
    sample::{
        account, at, batch, event, event_ids, inbox_event, other_account, parked_event, room,
    },
};

/// Order is that of the commits, and within a batch that of its events.
pub async fn inbox_events_keep_their_order(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    receive(&store, &[("c", "one"), ("x", "two"), ("a", "one")]).await;
    receive(&store, &[("b", "one"), ("y", "two")]).await;

    assert_eq!(names(&store.inbox("one").await), ["$c", "$a", "$b"]);
    assert_eq!(names(&store.inbox("two").await), ["$x", "$y"]);
    let first = store.store.inbox(&account(), &room("one"), 2).await;
    assert_eq!(names(&first.expect("the inbox is readable")), ["$c", "$a"]);
}

/// An event comes back as it was put in, every field of it.
pub async fn inbox_events_come_back_whole(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let event = NewInboxEntry {
        received: at(7),
        sent: at(5),
        is_catch_up: true,
        attempts: 3,
        due: at(9),
        ..inbox_event("one", "one")
    };
    let inbox = vec![event.clone()];
    store.commit(Batch { inbox, ..batch() }).await;

    let inbox = store.inbox("one").await;
    assert_eq!(inbox.len(), 1);
    assert_eq!(inbox[0].entry, event);
}

/// Settling one event leaves the others as they are.
pub async fn a_settled_inbox_event_is_gone(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    receive(&store, &[("a", "one"), ("b", "one"), ("c", "one")]).await;
    let before = store.inbox("one").await;

    store.commit(done(&before[1])).await;

    let left = [before[0].clone(), before[2].clone()];
    assert_eq!(store.inbox("one").await, left);
}

/// An event that is put off keeps its place; the room's order is more than its due time.
pub async fn an_inbox_event_that_is_put_off_keeps_its_place(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    receive(&store, &[("a", "one"), ("b", "one")]).await;
    let mut expected = store.inbox("one").await;
    let retry = InboxRetry {
        id: expected[0].id,
        attempts: 4,
        due: at(900),
    };
    let inbox_retry = vec![retry];
    store
        .commit(Batch {
            inbox_retry,
            ..batch()
        })
        .await;

    expected[0].entry.attempts = 4;
    expected[0].entry.due = at(900);
    assert_eq!(store.inbox("one").await, expected);
}

/// Rooms with events are listed by room id, page by page, with count and age.
pub async fn inbox_lanes_are_listed_page_by_page(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let late = NewInboxEntry {
        received: at(50),
        ..inbox_event("late", "b")
    };
    let inbox = vec![
        inbox_event("1", "c"),
        inbox_event("2", "b"),
        inbox_event("3", "a"),
        late,
    ];
    store.commit(Batch { inbox, ..batch() }).await;

    let lane = |name, entries| InboxLane {
        room: room(name),
        entries,
        oldest: at(1),
    };
    let all = [lane("a", 1), lane("b", 2), lane("c", 1)];
    assert_eq!(store.inbox_lanes().await, all);
    let page = async |after: Option<&str>| {
        let after = after.map(room);
        let account = account();
        let lanes = store.store.inbox_lanes(&account, after.as_deref(), 2);
        lanes.await.expect("the inbox is readable")
    };
    assert_eq!(page(None).await, all[..2]);
    assert_eq!(page(Some("b")).await, all[2..]);
    assert_eq!(page(Some("c")).await, []);
}

/// A room whose last event is settled is no longer listed.
pub async fn an_empty_inbox_has_no_lane(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    receive(&store, &[("a", "one")]).await;
    let inbox = store.inbox("one").await;

    store.commit(done(&inbox[0])).await;

    assert_eq!(store.inbox_lanes().await, []);
    assert_eq!(store.inbox("one").await, []);
}

/// Two accounts in one room have two inboxes, and parked events of their own.
pub async fn inboxes_belong_to_one_account(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let of_other = Batch {
        account: other_account(),
        inbox: vec![inbox_event("a", "one")],
        parked: vec![parked_event("a")],
        ..batch()
    };
    store.commit(of_other).await;

    assert_eq!(store.inbox("one").await, []);
    assert_eq!(store.inbox_lanes().await, []);
    assert_eq!(store.parked_events().await, []);
}

/// A late commit about a settled event must not settle the one that came after it.
pub async fn inbox_ids_are_not_used_again(factory: &dyn StoreFactory) {
    let mut store = Checked::open(factory).await;
    receive(&store, &[("a", "one")]).await;
    let former = store.inbox("one").await;
    store.commit(done(&former[0])).await;
    store = store.reopen(factory).await;
    receive(&store, &[("b", "one")]).await;

    let outcome = store.try_commit(done(&former[0])).await;

    let stale = Stale::Inbox(former[0].id);
    assert_eq!(outcome, CommitOutcome::Stale(stale));
    let now = store.inbox("one").await;
    assert_eq!(names(&now), ["$b"]);
    assert!(now[0].id > former[0].id);
}

async fn receive(store: &Checked, events: &[(&str, &str)]) {
    let inbox = events.iter().map(|(name, room)| inbox_event(name, room));
    let inbox = inbox.collect();
    store.commit(Batch { inbox, ..batch() }).await;
}

fn done(entry: &InboxEntry) -> Batch {
    Batch {
        inbox_done: vec![entry.id],
        ..batch()
    }
}

fn names(inbox: &[InboxEntry]) -> Vec<String> {
    let suffix = event("").as_str()[1..].to_owned();
    let ids = event_ids(inbox).into_iter();
    ids.map(|id| id.as_str().replace(&suffix, "")).collect()
}
