//! Events that will not be handled again.

use matrix_bridge_core::{Batch, Membership};

use super::{
    StoreFactory,
    checked::Checked,
    sample::{account, batch, event, facts, last_seen, other_account},
};

/// The answers come in the order of the questions, also for one asked twice.
pub async fn marks_are_told_in_the_order_asked(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store.commit(marking(&["one", "three"])).await;

    let seen = store.seen(&["three", "two", "one", "two", "one"]).await;

    assert_eq!(seen, [true, false, true, false, true]);
    assert_eq!(store.seen(&[]).await, [false; 0]);
}

/// Two bots in one room each handle the event once.
pub async fn marks_belong_to_one_account(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store.commit(marking(&["one"])).await;
    let of_other = Batch {
        account: other_account(),
        ..marking(&["two"])
    };
    store.commit(of_other).await;

    let events = [event("one"), event("two")];
    let seen = async |account| {
        let seen = store.store.seen(&account, &events).await;
        seen.expect("marks are readable")
    };
    assert_eq!(seen(account()).await, [true, false]);
    assert_eq!(seen(other_account()).await, [false, true]);
}

/// A mark may be set again, in one batch and in a later one.
pub async fn setting_a_mark_again_changes_nothing(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store.commit(marking(&["one", "one"])).await;
    store.commit(marking(&["one", "two"])).await;

    assert_eq!(store.seen(&["one", "two"]).await, [true, true]);
}

/// A room's last event was seen, whether or not it has a mark of its own.
pub async fn the_last_event_of_a_room_counts_as_seen(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let facts = vec![last_seen("one", "last")];
    store.commit(Batch { facts, ..batch() }).await;

    assert_eq!(store.seen(&["last"]).await, [true]);
    let other = store.store.seen(&other_account(), &[event("last")]).await;
    assert_eq!(other.expect("marks are readable"), [false]);
}

/// Only the last event of a room counts without a mark: not the one before it, and none
/// once we have left.
pub async fn a_former_last_event_counts_no_more(factory: &dyn StoreFactory) {
    let mut store = Checked::open(factory).await;
    for last in ["one", "two"] {
        let facts = vec![last_seen("room", last)];
        store.commit(Batch { facts, ..batch() }).await;
    }
    assert_eq!(store.seen(&["one", "two"]).await, [false, true]);
    store = store.reopen(factory).await;
    assert_eq!(store.seen(&["one", "two"]).await, [false, true]);

    let left = vec![facts("room", Membership::Leave)];
    store
        .commit(Batch {
            facts: left,
            ..batch()
        })
        .await;

    assert_eq!(store.seen(&["one", "two"]).await, [false, false]);
}

fn marking(names: &[&str]) -> Batch {
    Batch {
        marks: names.iter().map(|name| event(name)).collect(),
        ..batch()
    }
}
