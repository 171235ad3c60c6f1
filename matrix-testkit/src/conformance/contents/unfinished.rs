//! A store that is being filled is no store yet.

use std::{future::Future, sync::Arc};

use matrix_bridge_core::{
    Batch, Contents, Counted, Digest, Fence, ListState, Membership, OutcomeCursor, PruneLimits,
    Record, RowId, Store, StoreError, StoreErrorKind,
};

use super::{
    CopyFactory,
    scene::{copy_into, fill, old, records, sorted},
};
use crate::conformance::{
    checked::Checked,
    sample::{
        account, at, batch, claim_at, event, key, lease_name, lease_of, link, no_limits, parked,
        room, row, source,
    },
};

/// Until a copy into it has ended no engine can use the store.
pub async fn an_unfinished_store_is_refused(factory: &dyn CopyFactory) {
    let store = factory.open_for_copy("store").await;
    store.begin().await.expect("the store is empty");
    drop(store);
    refused(factory).await;

    let store = factory.open_for_copy("store").await;
    store.begin().await.expect("the copy starts over");
    store.write(mark("a")).await.expect("records are taken");
    drop(store);
    refused(factory).await;

    let store = factory.open_for_copy("store").await;
    store.begin().await.expect("the copy starts over");
    store.write(mark("b")).await.expect("records are taken");
    store.finish().await.expect("a copy ends");
    drop(store);
    let store = Checked::open(factory).await;
    assert_eq!(store.seen(&["a", "b"]).await, [false, true]);
}

/// What is in a store is not mixed with anything.
pub async fn a_store_with_contents_is_not_filled(factory: &dyn CopyFactory) {
    let store = old(factory).await;
    fill(&store).await;
    let before = store.contents(&["one"]).await;
    let name = store.close().await;

    not_begun(factory, &name).await;

    let store = Checked::open_as(factory, &name).await;
    assert_eq!(store.contents(&["one"]).await, before);
    store.commit(batch()).await;
}

/// A store whose contents are gone gave out numbers: it is not empty.
pub async fn a_store_that_was_in_use_is_not_empty(factory: &dyn CopyFactory) {
    let store = old(factory).await;
    store.enqueue(vec![parked(row("a", "lane"))]).await;
    let row = store.only(ListState::Parked).await;
    assert_eq!(store.discard(&[row.id]).await, 1);
    let nothing = PruneLimits {
        records_max: 0,
        ..no_limits()
    };
    store.prune(nothing).await;
    let name = store.close().await;

    not_begun(factory, &name).await;
}

/// What an interrupted copy has left is gone, also its numbers.
pub async fn an_interrupted_copy_starts_over(factory: &dyn CopyFactory) {
    let first = old(factory).await;
    fill(&first).await;
    let first = first.close().await;
    let second = Checked::open_as(factory, "second").await;
    let rows = vec![row("only", "lane")];
    let facts = vec![crate::conformance::sample::last_seen("two", "last")];
    second
        .commit(Batch {
            rows,
            facts,
            ..batch()
        })
        .await;
    let second = second.close().await;
    let some = records(factory, &first, 1_000).await;
    let to = factory.open_for_copy("to").await;
    to.begin().await.expect("the store is empty");
    to.write(some).await.expect("records are taken");
    drop(to);

    copy_into(factory, &second, "to").await;

    let expected = sorted(records(factory, &second, 1_000).await);
    assert_eq!(sorted(records(factory, "to", 1_000).await), expected);
    let store = Checked::open_as(factory, "to").await;
    let depth = store.depth().await;
    assert_eq!((depth.waiting, depth.parked, depth.shadow), (1, 0, 0));
    assert_eq!(store.parked().await, []);
    assert_eq!(store.claim_one(1).await.rows[0].key.as_str(), "only");
    assert_eq!(store.seen(&["one", "last"]).await, [false, true]);
}

/// A copy that has ended is a store with contents.
pub async fn a_finished_store_is_not_filled_again(factory: &dyn CopyFactory) {
    let store = old(factory).await;
    fill(&store).await;
    let name = store.close().await;
    copy_into(factory, &name, "new").await;
    let before = sorted(records(factory, "new", 1_000).await);

    not_begun(factory, "new").await;

    assert_eq!(sorted(records(factory, "new", 1_000).await), before);
}

/// One mark, and the numbers of a store that gave none.
fn mark(name: &str) -> Vec<Record> {
    let mark = Record::Mark {
        digest: Digest::of(&account(), event(name).as_str()),
        at: at(1),
    };
    let last = Counted::ALL.map(|of| Record::Last { of, number: 0 });
    [mark].into_iter().chain(last).collect()
}

/// No copy begins; what is there is kept.
async fn not_begun(factory: &dyn CopyFactory, name: &str) {
    let store: Arc<dyn Contents> = factory.open_for_copy(name).await;
    let kind = store.begin().await.err().map(|error| error.kind());
    assert_eq!(kind, Some(StoreErrorKind::Invalid));
}

/// The store is not opened, or answers nothing.
async fn refused(factory: &dyn CopyFactory) {
    if let Some(store) = factory.open_unfinished("store").await {
        reads_are_invalid(&*store).await;
        writes_are_invalid(&*store).await;
    }
}

async fn reads_are_invalid(store: &dyn Store) {
    let account = account();
    invalid("checkpoint", store.checkpoint(&source())).await;
    invalid("seen", store.seen(&account, &[event("a")])).await;
    invalid("facts", store.facts(&account, &[&room("a")])).await;
    let rooms = store.rooms(&account, Membership::Join, None, 1);
    invalid("rooms", rooms).await;
    invalid("encrypted_rooms", store.encrypted_rooms(&account)).await;
    invalid("inbox_lanes", store.inbox_lanes(&account, None, 1)).await;
    invalid("inbox", store.inbox(&account, &room("a"), 1)).await;
    let parked = store.parked_events(&account, None, 1);
    invalid("parked_events", parked).await;
    invalid("values", store.values(&[key("a")])).await;
    invalid("linked_event", store.linked_event(&link("a"))).await;
    invalid("linked_host", store.linked_host(&event("a"))).await;
    invalid("next_due", store.next_due()).await;
    invalid("depth", store.depth()).await;
    invalid("list", store.list(ListState::Sent, None, 1)).await;
    invalid("rows", store.rows(&[])).await;
    invalid("parked", store.parked()).await;
    let outcomes = store.outcomes(OutcomeCursor::default(), 1);
    invalid("outcomes", outcomes).await;
}

async fn writes_are_invalid(store: &dyn Store) {
    invalid("commit", store.commit(batch())).await;
    invalid("lease", store.lease(lease_of("a", 1))).await;
    invalid("release", store.release(&lease_name(), Fence(1))).await;
    invalid("prune", store.prune(no_limits())).await;
    invalid("claim", store.claim(claim_at(1))).await;
    invalid("settle", store.settle(Vec::new())).await;
    invalid("requeue", store.requeue(&[], at(1))).await;
    invalid("discard", store.discard(&[])).await;
    let replace = store.replace(RowId(1), row("a", "lane"));
    invalid("replace", replace).await;
}

async fn invalid<T>(name: &str, call: impl Future<Output = Result<T, StoreError>>) {
    let kind = call.await.err().map(|error| error.kind());
    assert_eq!(kind, Some(StoreErrorKind::Invalid), "{name}");
}
