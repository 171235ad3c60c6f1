//! What was received and not yet handled, or given up.

use matrix_bridge_core::{Batch, CommitOutcome, InboxId, InboxRetry, Stale};

use super::{
    CopyFactory,
    scene::{moved, old},
};
use crate::conformance::{
    checked::Checked,
    gap::{fill, names},
    sample::{at, batch, inbox_event, inbox_gap, parked_event},
};

/// Entries stand in the order in which they stood, and new ones behind them.
pub async fn moved_entries_keep_their_order(factory: &dyn CopyFactory) {
    let store = old(factory).await;
    let gap = begin(&store, &["y", "z"]).await;
    store.commit(fill(gap, &["e", "f"], Some("left 2"))).await;
    store.commit(push("behind")).await;
    store.commit(fill(gap, &["c", "d"], Some("left 1"))).await;
    let put_off = InboxRetry {
        id: gap,
        attempts: 3,
        due: at(77),
    };
    let inbox_retry = vec![put_off];
    store
        .commit(Batch {
            inbox_retry,
            ..batch()
        })
        .await;
    let before = store.inbox("one").await;

    let store = moved(factory, store).await;

    assert_eq!(store.inbox("one").await, before);
    store.commit(push("new")).await;
    let is = names(&store.inbox("one").await);
    let expected = ["gap left 1", "c", "d", "e", "f", "y", "z", "behind", "new"];
    assert_eq!(is, expected);
    // Moved once more, with old and new together.
    let before = store.inbox("one").await;
    let from = store.close().await;
    super::scene::copy_into(factory, &from, "newer").await;
    let store = Checked::open_as(factory, "newer").await;
    assert_eq!(store.inbox("one").await, before);
}

/// What is read of a gap after the move stands right behind it, before what was read
/// before the move and what came after it.
pub async fn a_moved_gap_is_filled_at_its_place(factory: &dyn CopyFactory) {
    let store = old(factory).await;
    let gap = begin(&store, &["z"]).await;
    store.commit(fill(gap, &["e", "f"], Some("left 2"))).await;

    let store = moved(factory, store).await;

    store.commit(push("new")).await;
    store.commit(fill(gap, &["c", "d"], Some("left 1"))).await;
    let inbox = store.inbox("one").await;
    let expected = ["gap left 1", "c", "d", "e", "f", "z", "new"];
    assert_eq!(names(&inbox), expected);
    assert_eq!(inbox[0].id, gap);
    store.commit(fill(gap, &["a", "b"], None)).await;
    let is = names(&store.inbox("one").await);
    assert_eq!(is, ["a", "b", "c", "d", "e", "f", "z", "new"]);
}

/// A gap behind other entries is filled once these are settled, as ever.
pub async fn a_moved_gap_waits_until_it_is_the_first(factory: &dyn CopyFactory) {
    let store = old(factory).await;
    store.commit(push("first")).await;
    let inbox = vec![
        inbox_event("second", "one"),
        inbox_gap("gap", "one"),
        inbox_event("z", "one"),
        inbox_gap("other", "two"),
    ];
    store.commit(Batch { inbox, ..batch() }).await;
    let ids: Vec<InboxId> = store.inbox("one").await.iter().map(|e| e.id).collect();

    let store = moved(factory, store).await;

    let too_soon = store.try_commit(fill(ids[2], &["a"], None)).await;
    assert_eq!(too_soon, CommitOutcome::Stale(Stale::Inbox(ids[2])));
    let inbox_done = ids[..2].to_vec();
    store
        .commit(Batch {
            inbox_done,
            ..batch()
        })
        .await;
    store.commit(fill(ids[2], &["b"], Some("left"))).await;
    store.commit(fill(ids[2], &["a"], None)).await;
    assert_eq!(names(&store.inbox("one").await), ["a", "b", "z"]);
    let lanes = store.inbox_lanes().await;
    let lanes: Vec<u64> = lanes.iter().map(|lane| lane.entries).collect();
    assert_eq!(lanes, [3, 1]);
}

/// A person decides about a parked event, once.
pub async fn a_moved_parked_event_is_decided(factory: &dyn CopyFactory) {
    let store = old(factory).await;
    let parked = ["a", "b", "c"].map(parked_event).to_vec();
    store.commit(Batch { parked, ..batch() }).await;
    let before = store.parked_events().await;

    let store = moved(factory, store).await;

    assert_eq!(store.parked_events().await, before);
    let decided = Batch {
        parked_done: vec![before[1].id],
        ..batch()
    };
    store.commit(decided.clone()).await;
    let again = store.try_commit(decided).await;
    assert_eq!(again, CommitOutcome::Stale(Stale::Parked(before[1].id)));
    let limits = matrix_bridge_core::PruneLimits {
        parked_events_max: 1,
        ..crate::conformance::sample::no_limits()
    };
    store.prune(limits).await;
    assert_eq!(store.parked_events().await, before[..1]);
}

/// A room with a gap and then events of those names. Returns the gap.
async fn begin(store: &Checked, after: &[&str]) -> InboxId {
    let mut inbox = vec![inbox_gap("whole", "one")];
    inbox.extend(after.iter().map(|name| inbox_event(name, "one")));
    store.commit(Batch { inbox, ..batch() }).await;
    store.inbox("one").await[0].id
}

fn push(name: &str) -> Batch {
    Batch {
        inbox: vec![inbox_event(name, "one")],
        ..batch()
    }
}
