//! Events that were given up, and what a person decides about them.

use matrix_bridge_core::{
    Batch, CommitOutcome, InboxId, NewParkedEvent, ParkedEvent, ParkedEventId, Stale,
};

use super::{
    StoreFactory,
    checked::Checked,
    sample::{ALL, account, batch, full_batch, inbox_event, other_account, parked_event},
};

/// Parked events are told newest first, up to a limit, and come back whole.
pub async fn parked_events_are_told_newest_first(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let mut unreadable = parked_event("b");
    unreadable.event_id = None;
    let all = [parked_event("c"), unreadable, parked_event("a")];
    for event in &all {
        park(&store, vec![event.clone()]).await;
    }

    let [c, b, a] = all;
    assert_eq!(events(&page(&store, None, 2).await), [&a, &b]);
    let told = store.parked_events().await;
    assert_eq!(events(&told), [&a, &b, &c]);
    assert!(told.is_sorted_by(|newer, older| newer.id > older.id));
}

/// Pages follow each other by id, without gap or overlap, also when others go meanwhile.
pub async fn parked_events_are_told_page_by_page(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let names = ["a", "b", "c", "d", "e"];
    park(&store, names.map(parked_event).to_vec()).await;
    let of_other = Batch {
        account: other_account(),
        parked: vec![parked_event("x")],
        ..batch()
    };
    store.commit(of_other).await;
    park(&store, vec![parked_event("f")]).await;
    let all = store.parked_events().await;
    assert_eq!(all.len(), 6);

    assert_eq!(page(&store, None, 2).await, all[..2]);
    assert_eq!(page(&store, Some(all[1].id), 2).await, all[2..4]);
    store.commit(decided(&[all[3].id])).await;
    assert_eq!(page(&store, Some(all[3].id), 2).await, all[4..]);
    assert_eq!(page(&store, Some(all[5].id), 2).await, []);
    assert_eq!(page(&store, None, 0).await, []);
}

/// What a person decided about is parked no more; the others are.
pub async fn a_decided_event_is_parked_no_more(factory: &dyn StoreFactory) {
    let mut store = Checked::open(factory).await;
    park(&store, ["a", "b", "c", "d"].map(parked_event).to_vec()).await;
    let before = store.parked_events().await;

    store.commit(decided(&[before[0].id, before[2].id])).await;
    store = store.reopen(factory).await;

    let left = [before[1].clone(), before[3].clone()];
    assert_eq!(store.parked_events().await, left);
}

/// Tried again: it leaves the parked ones and comes to the inbox in one commit.
pub async fn a_parked_event_goes_back_to_the_inbox_in_one_commit(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    park(&store, vec![parked_event("a")]).await;
    let parked = store.parked_events().await;
    let retry = Batch {
        inbox: vec![inbox_event("a", "one")],
        ..decided(&[parked[0].id])
    };

    store.commit(retry.clone()).await;

    assert_eq!(store.parked_events().await, []);
    assert_eq!(store.inbox("one").await.len(), 1);
    let again = store.try_commit(retry).await;
    assert_eq!(again, CommitOutcome::Stale(Stale::Parked(parked[0].id)));
    assert_eq!(store.inbox("one").await.len(), 1, "it is tried once");
}

/// Two people decide about one event: the second one's batch writes nothing.
pub async fn a_batch_about_a_decided_event_writes_nothing(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    park(&store, ["a", "b"].map(parked_event).to_vec()).await;
    let parked = store.parked_events().await;
    store.commit(decided(&[parked[0].id])).await;
    let before = store.contents(&["more"]).await;

    let late = Batch {
        parked_done: vec![parked[1].id, parked[0].id],
        ..full_batch("more")
    };
    let outcome = store.try_commit(late).await;

    let stale = Stale::Parked(parked[0].id);
    assert_eq!(outcome, CommitOutcome::Stale(stale));
    assert_eq!(store.contents(&["more"]).await, before);
    // The inbox is looked at before.
    let both = Batch {
        inbox_done: vec![InboxId(77)],
        ..decided(&[parked[0].id])
    };
    let outcome = store.try_commit(both).await;
    assert_eq!(outcome, CommitOutcome::Stale(Stale::Inbox(InboxId(77))));
}

/// Nobody decides about another account's events.
pub async fn parked_events_of_another_account_cannot_be_decided(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    park(&store, vec![parked_event("a")]).await;
    let before = store.parked_events().await;

    let of_other = Batch {
        account: other_account(),
        ..decided(&[before[0].id])
    };
    let outcome = store.try_commit(of_other).await;

    let stale = Stale::Parked(before[0].id);
    assert_eq!(outcome, CommitOutcome::Stale(stale));
    assert_eq!(store.parked_events().await, before);
}

/// A late decision about one event must not be about the one that came after it.
pub async fn parked_event_ids_are_not_used_again(factory: &dyn StoreFactory) {
    let mut store = Checked::open(factory).await;
    park(&store, vec![parked_event("a")]).await;
    let former = store.parked_events().await[0].id;
    store.commit(decided(&[former])).await;
    store = store.reopen(factory).await;
    park(&store, vec![parked_event("b")]).await;

    let outcome = store.try_commit(decided(&[former])).await;

    assert_eq!(outcome, CommitOutcome::Stale(Stale::Parked(former)));
    assert!(store.parked_events().await[0].id > former);
}

async fn park(store: &Checked, parked: Vec<NewParkedEvent>) {
    store.commit(Batch { parked, ..batch() }).await;
}

fn decided(ids: &[ParkedEventId]) -> Batch {
    Batch {
        parked_done: ids.to_vec(),
        ..batch()
    }
}

async fn page(store: &Checked, before: Option<ParkedEventId>, limit: usize) -> Vec<ParkedEvent> {
    assert!(limit < ALL);
    let page = store.store.parked_events(&account(), before, limit).await;
    page.expect("parked events are readable")
}

fn events(parked: &[ParkedEvent]) -> Vec<&NewParkedEvent> {
    parked.iter().map(|parked| &parked.event).collect()
}
