//! What was done: marks, records, outcomes and links.

use matrix_bridge_core::{Batch, ListState, OutcomeCursor, PruneLimits, Timestamp, Verdict};

use super::{
    CopyFactory,
    scene::{fill, moved, old},
};
use crate::conformance::{
    checked::Checked,
    sample::{
        ALL, at, batch, event, keys, last_seen, link, linked, no_limits, parked, row, shadow,
    },
};

/// When marks are too many, those go that were set first, whatever the clock said.
pub async fn moved_marks_keep_their_order(factory: &dyn CopyFactory) {
    let store = old(factory).await;
    let names = ["c", "a", "z", "b", "y"];
    for (name, now) in names.into_iter().zip([50, 10, 60, 20, 30]) {
        mark(&store, name, now).await;
    }

    let store = moved(factory, store).await;

    for left in (0..names.len()).rev() {
        let marks_max = left as u64;
        let limits = PruneLimits {
            marks_max,
            ..no_limits()
        };
        store.prune(limits).await;
        let seen = store.seen(&names).await;
        let first = seen.iter().position(|seen| *seen).unwrap_or(names.len());
        assert!(first <= names.len() - left, "too many are gone: {seen:?}");
        assert!(
            seen[first..].iter().all(|seen| *seen),
            "not the first: {seen:?}"
        );
    }
    assert_eq!(store.seen(&names).await, [false; 5]);
}

/// A mark is as old as it was.
pub async fn moved_marks_keep_their_age(factory: &dyn CopyFactory) {
    let store = old(factory).await;
    let far = 1 << 40;
    for (name, now) in [("a", 10), ("b", 20), ("c", far), ("d", 15)] {
        mark(&store, name, now).await;
    }

    let store = moved(factory, store).await;

    let mut seen = Vec::new();
    for before in [15, 20, 21, far + 1] {
        let limits = PruneLimits {
            marks_before: at(before),
            ..no_limits()
        };
        store.prune(limits).await;
        seen.push(store.seen(&["a", "b", "c", "d"]).await);
    }
    let expected = [
        [false, true, true, true],
        [false, true, true, false],
        [false, false, true, false],
        [false, false, false, false],
    ];
    assert_eq!(seen, expected);
}

/// The last event of a room counts as seen, and keeps its mark.
pub async fn moved_last_events_keep_their_marks(factory: &dyn CopyFactory) {
    let store = old(factory).await;
    let facts = vec![last_seen("one", "last"), last_seen("two", "never marked")];
    store.commit(Batch { facts, ..batch() }).await;
    mark(&store, "last", 1).await;
    mark(&store, "other", 2).await;

    let store = moved(factory, store).await;

    let limits = PruneLimits {
        marks_before: Timestamp(u64::MAX),
        ..no_limits()
    };
    store.prune(limits).await;
    let seen = store.seen(&["last", "never marked", "other"]).await;
    assert_eq!(seen, [true, true, false]);
}

/// Rows that are done go by the time when they were done, not by that of the move.
pub async fn moved_records_keep_their_age(factory: &dyn CopyFactory) {
    let store = old(factory).await;
    for (name, now) in [("first", 30), ("second", 20), ("third", 40)] {
        let done = Batch {
            rows: vec![
                row(name, name),
                shadow(row(&format!("{name} shadow"), name)),
                parked(row(&format!("{name} parked"), name)),
            ],
            ..Batch {
                now: at(now),
                ..batch()
            }
        };
        store.commit(done).await;
        store.settle_due(Verdict::Sent(None), now).await;
    }

    let store = moved(factory, store).await;

    let before = |records_before| PruneLimits {
        records_before: at(records_before),
        ..no_limits()
    };
    store.prune(before(21)).await;
    let left = [ListState::Sent, ListState::Shadow];
    for (state, ending) in left.into_iter().zip(["", " shadow"]) {
        let rows = store.list(state).await;
        let expected = ["first", "third"].map(|name| format!("{name}{ending}"));
        assert_eq!(keys(&rows), expected);
    }
    let one = PruneLimits {
        records_max: 1,
        parked_rows_max: 1,
        ..no_limits()
    };
    store.prune(one).await;
    let left = [ListState::Sent, ListState::Shadow, ListState::Parked];
    for (state, ending) in left.into_iter().zip(["", " shadow", " parked"]) {
        let rows = store.list(state).await;
        assert_eq!(keys(&rows), [format!("third{ending}")]);
    }
}

/// A host goes on reading from its cursor, also where the outcomes before it were pruned.
pub async fn outcomes_are_read_on_after_a_move(factory: &dyn CopyFactory) {
    let store = old(factory).await;
    let rows = (0..9).map(|n| parked(row(&n.to_string(), "lane")));
    store.enqueue(rows.collect()).await;
    let records_max = 6;
    store
        .prune(PruneLimits {
            records_max,
            ..no_limits()
        })
        .await;
    let before = store.outcomes().await;
    assert_eq!(before.len(), 6);
    let cursor = before[1].cursor;

    let store = moved(factory, store).await;

    assert_eq!(store.outcomes().await, before);
    assert_eq!(store.outcomes_after(cursor, 2).await, before[2..4]);
    store.enqueue(vec![parked(row("new", "lane"))]).await;
    let news = store.outcomes_after(before[5].cursor, ALL).await;
    assert_eq!(news.len(), 1);
    assert_eq!(news[0].key.as_str(), "new");
    assert_ne!(cursor, OutcomeCursor::default());
}

/// An event and the host's message are found by each other, and a newer link replaces
/// what moved.
pub async fn links_lead_both_ways_after_a_move(factory: &dyn CopyFactory) {
    let store = old(factory).await;
    fill(&store).await;
    send_linked(&store, "host", "former").await;

    let store = moved(factory, store).await;

    assert_eq!(linked_event(&store, "host").await, Some(event("former")));
    let host = store.store.linked_host(&event("former")).await;
    assert_eq!(host.expect("links are readable"), Some(link("host")));
    send_linked(&store, "host", "newer").await;
    assert_eq!(linked_event(&store, "host").await, Some(event("newer")));
    let host = store.store.linked_host(&event("former")).await;
    assert_eq!(host.expect("links are readable"), None);
}

async fn send_linked(store: &Checked, id: &str, name: &str) {
    store.enqueue(vec![linked(row(name, name), id)]).await;
    for claim in store.claim(100_000).await {
        let verdict = match claim.lane.as_str() == name {
            true => Verdict::Sent(Some(event(name))),
            false => Verdict::Release,
        };
        store.settle_all(&claim, verdict, 100_000).await;
    }
}

async fn linked_event(store: &Checked, id: &str) -> Option<matrix_bridge_core::ruma::OwnedEventId> {
    let event = store.store.linked_event(&link(id)).await;
    event.expect("links are readable")
}

async fn mark(store: &Checked, name: &str, now: u64) {
    let marked = Batch {
        now: at(now),
        marks: vec![event(name)],
        ..batch()
    };
    store.commit(marked).await;
}
