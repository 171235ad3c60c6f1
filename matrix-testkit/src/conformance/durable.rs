//! What survives a restart, and what closing means.

use std::{future::Future, sync::Arc};

use matrix_bridge_core::{
    Batch, CommitOutcome, Fence, ListState, Membership, OutcomeCursor, RowId, Store, StoreError,
    StoreErrorKind, Verdict,
};

use super::{
    StoreFactory,
    checked::Checked,
    sample::{
        account, advance, at, batch, claim_at, event, full_batch, key, keys, lease_name, lease_of,
        link, no_limits, room, row, source,
    },
};

/// Everything that was committed and settled is there after a restart.
pub async fn everything_survives_a_reopening(factory: &dyn StoreFactory) {
    let mut store = Checked::open(factory).await;
    let first = Batch {
        advance: advance(0, "s1"),
        ..full_batch("one")
    };
    store.commit(first).await;
    store
        .settle_due(Verdict::Sent(Some(event("sent"))), 2)
        .await;
    store.commit(full_batch("two")).await;
    let retry = Verdict::Retry {
        due: at(70),
        counted: true,
    };
    store.settle_due(retry, 3).await;
    let before = store.contents(&["one", "two"]).await;
    assert_eq!(before.sent.len(), 1);

    store = store.reopen(factory).await;

    assert_eq!(store.contents(&["one", "two"]).await, before);
    let last = [event("one-last"), event("two-last")];
    let seen = store.store.seen(&account(), &last).await;
    assert_eq!(seen.expect("marks are readable"), [true, true]);
}

/// A row that was claimed when the process ended is neither lost nor overtaken.
pub async fn claimed_rows_survive_a_reopening(factory: &dyn StoreFactory) {
    let mut store = Checked::open(factory).await;
    store
        .enqueue(vec![row("a", "lane"), row("b", "lane")])
        .await;
    let former = store.claim_one(1).await;

    store = store.reopen(factory).await;

    let claim = store.claim_one(9_000).await;
    assert_eq!(keys(&claim.rows), ["a", "b"]);
    assert!(claim.token > former.token);
    assert_eq!(claim.rows[0].first_attempt, Some(at(1)));
}

/// A stale commit is stale after a restart too.
pub async fn generations_survive_a_reopening(factory: &dyn StoreFactory) {
    let mut store = Checked::open(factory).await;
    let late = Batch {
        advance: advance(0, "s1"),
        ..full_batch("one")
    };
    store.commit(late.clone()).await;
    store = store.reopen(factory).await;
    let before = store.contents(&["one"]).await;

    let outcome = store.try_commit(late).await;

    assert_ne!(outcome, CommitOutcome::Applied);
    assert_eq!(store.contents(&["one"]).await, before);
}

/// Two stores of different names share nothing: the suite itself relies on it.
pub async fn stores_of_two_names_share_nothing(factory: &dyn StoreFactory) {
    let one = Checked::open_as(factory, "one").await;
    let two = Checked::open_as(factory, "two").await;
    let before = two.contents(&["one"]).await;
    one.commit(full_batch("one")).await;

    assert_eq!(two.contents(&["one"]).await, before);
}

/// A closed store answers nothing; closing it again is no error.
pub async fn a_closed_store_answers_nothing(factory: &dyn StoreFactory) {
    let store = factory.open("store").await;
    store.close().await.expect("closing works");
    store.close().await.expect("closing again works");

    reads_are_closed(&store).await;
    writes_are_closed(&store).await;
}

async fn reads_are_closed(store: &Arc<dyn Store>) {
    let account = account();
    closed("checkpoint", store.checkpoint(&source())).await;
    closed("seen", store.seen(&account, &[event("a")])).await;
    closed("facts", store.facts(&account, &[&room("a")])).await;
    let rooms = store.rooms(&account, Membership::Join, None, 1);
    closed("rooms", rooms).await;
    closed("encrypted_rooms", store.encrypted_rooms(&account)).await;
    closed("inbox_lanes", store.inbox_lanes(&account, None, 1)).await;
    closed("inbox", store.inbox(&account, &room("a"), 1)).await;
    closed("parked_events", store.parked_events(&account, None, 1)).await;
    closed("values", store.values(&[key("a")])).await;
    closed("linked_event", store.linked_event(&link("a"))).await;
    closed("linked_host", store.linked_host(&event("a"))).await;
    closed("next_due", store.next_due()).await;
    closed("depth", store.depth()).await;
    closed("list", store.list(ListState::Sent, None, 1)).await;
    closed("rows", store.rows(&[])).await;
    closed("parked", store.parked()).await;
    closed("outcomes", store.outcomes(OutcomeCursor::default(), 1)).await;
}

async fn writes_are_closed(store: &Arc<dyn Store>) {
    closed("commit", store.commit(batch())).await;
    closed("lease", store.lease(lease_of("a", 1))).await;
    closed("release", store.release(&lease_name(), Fence(1))).await;
    closed("prune", store.prune(no_limits())).await;
    closed("claim", store.claim(claim_at(1))).await;
    closed("settle", store.settle(Vec::new())).await;
    closed("requeue", store.requeue(&[], at(1))).await;
    closed("discard", store.discard(&[])).await;
    let replace = store.replace(RowId(1), row("a", "lane"));
    closed("replace", replace).await;
}

async fn closed<T>(name: &str, call: impl Future<Output = Result<T, StoreError>>) {
    let kind = call.await.err().map(|error| error.kind());
    assert_eq!(kind, Some(StoreErrorKind::Closed), "{name}");
}
