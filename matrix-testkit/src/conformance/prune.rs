//! Forgetting what is past its age or count.

use matrix_bridge_core::{
    Batch, ListState, Membership, NewRow, OutcomeResult, PruneLimits, Pruned, Verdict,
};

use super::{
    StoreFactory,
    checked::Checked,
    sample::{
        at, batch, blocking, event, facts, full_batch, inbox_event, inbox_gap, keys, last_seen,
        link, linked, no_limits, other_account, parked, parked_event, reason, row, set, shadow,
    },
};

/// Without limits nothing is forgotten.
pub async fn nothing_is_pruned_without_limits(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store.commit(full_batch("one")).await;
    store
        .settle_due(Verdict::Sent(Some(event("sent"))), 1)
        .await;
    let before = store.contents(&["one"]).await;

    assert_eq!(store.prune(no_limits()).await, Pruned::default());
    assert_eq!(store.contents(&["one"]).await, before);
}

/// Marks set before the limit go, those set at it stay.
pub async fn old_marks_are_forgotten(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    for (name, now) in [("a", 10), ("b", 20), ("c", 30)] {
        mark(&store, name, now).await;
    }

    let marks_before = at(20);
    let limits = PruneLimits {
        marks_before,
        ..no_limits()
    };
    let pruned = store.prune(limits).await;

    assert_eq!(
        pruned,
        Pruned {
            marks: 1,
            ..Pruned::default()
        }
    );
    assert_eq!(store.seen(&["a", "b", "c"]).await, [false, true, true]);
}

/// A mark that is set again keeps its age: a redelivery does not make it young.
pub async fn a_mark_set_again_keeps_its_age(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    mark(&store, "a", 10).await;
    mark(&store, "a", 30).await;

    let marks_before = at(20);
    store
        .prune(PruneLimits {
            marks_before,
            ..no_limits()
        })
        .await;

    assert_eq!(store.seen(&["a"]).await, [false]);
}

/// Of too many marks the oldest go; how many more than the limit stay is the store's.
pub async fn marks_beyond_the_count_are_forgotten(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let names: Vec<String> = (0..200).map(|n| format!("e{n}")).collect();
    for (n, name) in names.iter().enumerate() {
        mark(&store, name, n as u64).await;
    }

    let marks_max = 20;
    store
        .prune(PruneLimits {
            marks_max,
            ..no_limits()
        })
        .await;

    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let seen = store.seen(&names).await;
    assert_eq!(seen[180..], [true; 20], "the newest stay");
    assert_eq!(seen[..100], [false; 100], "the oldest go");
    let first = seen.iter().position(|seen| *seen);
    let after = seen[first.expect("some stay")..].iter();
    assert!(after.copied().all(|seen| seen), "oldest first");
}

/// The last event of a room may always come again; its mark outlives every limit.
pub async fn the_mark_of_a_rooms_last_event_stays(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    mark(&store, "old", 10).await;
    mark(&store, "last", 10).await;
    let facts_of = |last| Batch {
        facts: vec![last_seen("one", last)],
        ..batch()
    };
    store.commit(facts_of("last")).await;
    let limits = PruneLimits {
        marks_before: at(1_000),
        marks_max: 0,
        ..no_limits()
    };
    store.prune(limits).await;
    assert_eq!(store.seen(&["old", "last"]).await, [false, true]);

    store.commit(facts_of("next")).await;
    let seen = store.seen(&["last", "next"]).await;
    assert_eq!(seen, [true, true], "the mark itself was kept");
    store.prune(limits).await;

    assert_eq!(store.seen(&["last", "next"]).await, [false, true]);
}

/// What keeps a mark of one account keeps none of another.
pub async fn last_events_keep_marks_of_their_account_only(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    mark(&store, "last", 10).await;
    let of_other = Batch {
        account: other_account(),
        facts: vec![last_seen("one", "last")],
        ..batch()
    };
    store.commit(of_other).await;

    let marks_before = at(1_000);
    store
        .prune(PruneLimits {
            marks_before,
            ..no_limits()
        })
        .await;

    assert_eq!(store.seen(&["last"]).await, [false]);
}

/// Records of sent rows, shadow rows and outcomes go by age; the age is that of the end.
pub async fn old_records_are_forgotten(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    for (name, now) in [("old", 10), ("new", 50)] {
        store.enqueue(vec![row(name, "lane")]).await;
        store.settle_due(Verdict::Sent(None), now).await;
        let rows = vec![shadow(row(&format!("{name} shadow"), "lane"))];
        commit_at(&store, now, rows).await;
    }

    let pruned = store.prune(records_before(50)).await;

    assert_eq!(
        pruned,
        Pruned {
            records: 2,
            ..Pruned::default()
        }
    );
    assert_eq!(keys(&store.list(ListState::Sent).await), ["new"]);
    assert_eq!(keys(&store.list(ListState::Shadow).await), ["new shadow"]);
    let outcomes = store.outcomes().await;
    assert_eq!(outcomes.len(), 1);
    assert_eq!(outcomes[0].key.as_str(), "new");
    assert_eq!(outcomes[0].result, OutcomeResult::Sent(None));
}

/// Of too many records the oldest go, kind by kind.
pub async fn records_beyond_the_count_are_forgotten(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    for n in 0..40 {
        let rows = vec![
            row(&format!("sent {n}"), "lane"),
            shadow(row(&format!("shadow {n}"), "lane")),
        ];
        commit_at(&store, n, rows).await;
        store.settle_due(Verdict::Sent(None), n + 1).await;
    }

    let records_max = 4;
    store
        .prune(PruneLimits {
            records_max,
            ..no_limits()
        })
        .await;

    for state in [ListState::Sent, ListState::Shadow] {
        let left = store.list(state).await;
        assert!((4..=20).contains(&left.len()), "{state:?}: {}", left.len());
        let newest = &left[left.len() - 1].key;
        assert!(newest.as_str().ends_with(" 39"), "{newest}");
    }
    let outcomes = store.outcomes().await;
    assert!((4..=20).contains(&outcomes.len()), "{}", outcomes.len());
    assert_eq!(outcomes[outcomes.len() - 1].key.as_str(), "sent 39");
}

/// What waits, is claimed or blocks its lane, and what was not handled, is not forgotten.
pub async fn open_work_is_never_pruned(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let rows = vec![row("waiting", "one"), row("claimed", "two")];
    store.enqueue(rows).await;
    let claims = store.claim(1).await;
    store.settle_all(&claims[0], Verdict::Release, 1).await;
    let block = parked(blocking(row("parked", "three")));
    store.enqueue(vec![block, row("blocked", "three")]).await;
    let inbox = vec![inbox_event("a", "one"), inbox_gap("gap", "one")];
    let values = vec![set("one", "1")];
    let rooms = vec![facts("one", Membership::Join)];
    store
        .commit(Batch {
            inbox,
            values,
            facts: rooms,
            ..batch()
        })
        .await;
    let mut before = store.contents(&["one"]).await;

    store.prune(everything()).await;

    before.outcomes.clear();
    assert_eq!(store.contents(&["one"]).await, before);
}

/// Events that were given up are kept by count.
pub async fn parked_events_beyond_the_count_are_forgotten(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let parked: Vec<_> = (0..20).map(|n| parked_event(&format!("e{n}"))).collect();
    store.commit(Batch { parked, ..batch() }).await;
    let before = store.parked_events().await;

    let parked_events_max = 6;
    let limits = PruneLimits {
        parked_events_max,
        ..no_limits()
    };
    let pruned = store.prune(limits).await;

    assert_eq!(
        pruned,
        Pruned {
            parked_events: 14,
            ..Pruned::default()
        }
    );
    assert_eq!(store.parked_events().await, before[..6]);
}

/// Parked rows are kept by count, those parked last; their keys are free.
pub async fn parked_rows_beyond_the_count_are_forgotten(factory: &dyn StoreFactory) {
    let mut store = Checked::open(factory).await;
    for (key, now) in [("a", 90), ("b", 20), ("c", 80), ("d", 30), ("e", 80)] {
        store.enqueue(vec![row(key, key)]).await;
        store.settle_due(Verdict::Park(reason("no")), now).await;
    }
    commit_at(&store, 70, vec![parked(row("f", "f"))]).await;
    store = store.reopen(factory).await;

    let pruned = store.prune(parked_rows(3)).await;

    assert_eq!(pruned.parked_rows, 3);
    assert_eq!(keys(&store.list(ListState::Parked).await), ["a", "c", "e"]);
    assert_eq!(store.depth().await.parked, 3);
    assert_eq!(store.parked().await[0].rows, 3);
    store.enqueue(vec![row("b", "b")]).await;
    assert_eq!(keys(&store.list(ListState::Waiting).await), ["b"]);
    let none = store.prune(parked_rows(3)).await;
    assert_eq!(none, Pruned::default());
}

/// Rows that block their lane stay, and are among those that may.
pub async fn parked_rows_that_block_are_not_forgotten(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let block = |key| parked(blocking(row(key, key)));
    let rows = vec![block("a"), parked(row("b", "b")), block("c")];
    store.enqueue(rows).await;
    commit_at(&store, 2, vec![parked(row("d", "d")), row("e", "a")]).await;

    assert_eq!(store.prune(parked_rows(3)).await.parked_rows, 1);
    assert_eq!(keys(&store.list(ListState::Parked).await), ["a", "c", "d"]);
    assert_eq!(store.prune(parked_rows(0)).await.parked_rows, 1);
    assert_eq!(keys(&store.list(ListState::Parked).await), ["a", "c"]);
    assert_eq!(store.claim(5_000).await, [], "the lane is still blocked");
}

const fn parked_rows(max: u64) -> PruneLimits {
    PruneLimits {
        parked_rows_max: max,
        ..no_limits()
    }
}

/// A key is free again when the record of its row is gone; the link of it stays.
pub async fn a_pruned_row_frees_its_key_and_keeps_its_link(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store
        .enqueue(vec![linked(row("a", "lane"), "host id")])
        .await;
    store
        .settle_due(Verdict::Sent(Some(event("sent"))), 1)
        .await;
    let former = store.only(ListState::Sent).await.id;
    store.prune(everything()).await;
    assert_eq!(store.list(ListState::Sent).await, []);

    store.enqueue(vec![row("a", "lane")]).await;

    let new = store.only(ListState::Waiting).await;
    assert!(new.id > former, "ids are not used again");
    let event_id = store.store.linked_event(&link("host id")).await;
    assert_eq!(event_id.expect("links are readable"), Some(event("sent")));
    let host = store.store.linked_host(&event("sent")).await;
    assert_eq!(host.expect("links are readable"), Some(link("host id")));
}

async fn mark(store: &Checked, name: &str, now: u64) {
    let marks = vec![event(name)];
    let marking = Batch {
        now: at(now),
        marks,
        ..batch()
    };
    store.commit(marking).await;
}

async fn commit_at(store: &Checked, now: u64, rows: Vec<NewRow>) {
    store
        .commit(Batch {
            now: at(now),
            rows,
            ..batch()
        })
        .await;
}

const fn records_before(now: u64) -> PruneLimits {
    PruneLimits {
        records_before: at(now),
        ..no_limits()
    }
}

/// Limits that keep nothing that may go.
const fn everything() -> PruneLimits {
    PruneLimits {
        marks_before: at(1_000_000),
        marks_max: 0,
        records_before: at(1_000_000),
        records_max: 0,
        parked_events_max: 0,
        parked_rows_max: 0,
    }
}
