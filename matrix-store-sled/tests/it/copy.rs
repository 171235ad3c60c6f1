//! Moving house: into this store, and out of it again.

use matrix_bridge_core::{
    Batch, Claim, Contents, GapFill, ListState, MemoryStore, OutboundQueue, OutcomeCursor, Page,
    Place, Record, Settlement, StateStore, Store, StoreErrorKind, Timestamp, Verdict, copy,
};
use matrix_bridge_store_sled::{OpenError, SledConfig, SledStore};
use matrix_bridge_testkit::conformance::full_batch;

use crate::sample::{account, batch, claim_at, event, folder, parked, row};

/// Writes a little of everything.
async fn fill(store: &dyn Store) {
    for name in ["one", "two"] {
        let _applied = store.commit(full_batch(name)).await.unwrap();
    }
    let rows = (0..30).map(|n| row(&format!("row {n}"), &format!("lane {}", n % 7), "text"));
    let rows = rows.chain([parked(row("parked", "lane 1", "text"))]);
    let values = vec![matrix_bridge_core::ValueChange {
        key: matrix_bridge_core::ValueKey::new("n", "long"),
        value: Some("long ".repeat(10_000).into()),
    }];
    let marks = (0..30).map(|n| event(&n.to_string())).collect();
    let more = Batch {
        rows: rows.collect(),
        values,
        marks,
        ..batch()
    };
    let _applied = store.commit(more).await.unwrap();
    fill_gaps(store).await;
    let claims = store.claim(claim_at(10)).await.unwrap();
    // The rest stays under its claims.
    let settlements = claims.iter().take(3).flat_map(sent).collect();
    store.settle(settlements).await.unwrap();
}

fn sent(claim: &Claim) -> Vec<Settlement> {
    let one = |row: &matrix_bridge_core::Row| Settlement {
        row: row.id,
        token: claim.token,
        verdict: Verdict::Sent(Some(event(&format!("of row {}", row.id.0)))),
        at: Timestamp(20),
    };
    claim.rows.iter().map(one).collect()
}

/// Puts entries behind every gap that is the first of its room.
async fn fill_gaps(store: &dyn Store) {
    let account = account();
    for lane in store.inbox_lanes(&account, None, 100).await.unwrap() {
        let entries = store.inbox(&account, &lane.room, 100).await.unwrap();
        let (first, others) = entries.split_first().unwrap();
        let fill = GapFill {
            gap: first.id,
            entries: others.iter().map(|entry| entry.entry.clone()).collect(),
            rest: None,
        };
        let fills = vec![fill];
        let _perhaps_no_gap = store.commit(Batch { fills, ..batch() }).await.unwrap();
    }
}

/// All records of a store, read a few at a time.
async fn records(store: &dyn Contents, at_once: usize) -> Vec<Record> {
    let mut records = Vec::new();
    let mut next = Some(Place::default());
    while let Some(place) = next {
        let page: Page = store.read(place, at_once).await.unwrap();
        assert!(page.records.len() <= at_once.max(5));
        records.extend(page.records);
        next = page.next;
    }
    records
}

/// In an order that does not depend on the store's own; what has one of its own keeps it.
fn in_order(mut records: Vec<Record>) -> Vec<Record> {
    let own = |record: &Record| match record {
        Record::Source { source, .. } => source.to_string(),
        Record::Room { account, facts } => format!("{account} {}", facts.room),
        Record::Inbox { entry, .. } => entry.id.0.to_string(),
        Record::Value { key, .. } => format!("{key:?}"),
        Record::Lease { name, .. } => name.to_string(),
        Record::Link { link, .. } => format!("{link:?}"),
        _ => String::new(),
    };
    let kind = |record: &Record| match record {
        Record::Source { .. } => 0,
        Record::Mark { .. } => 1,
        Record::Room { .. } => 2,
        Record::Inbox { .. } => 3,
        Record::ParkedEvent { .. } => 4,
        Record::Value { .. } => 5,
        Record::Lease { .. } => 6,
        Record::Row { .. } => 7,
        Record::Outcome(_) => 8,
        Record::Link { .. } => 9,
        Record::Last { .. } => 10,
    };
    assert!(
        records.is_sorted_by_key(kind),
        "the kinds come one after the other"
    );
    records.sort_by_key(|record| (kind(record), own(record)));
    records
}

#[tokio::test]
async fn from_memory_and_back_everything_is_the_same() {
    let (_folder, path) = folder();
    let memory = MemoryStore::new();
    fill(&memory).await;
    let sled = SledConfig::new(&path).open_for_copy().unwrap();
    let back = MemoryStore::new();

    let there = copy(&memory, &sled, |_| {}).await.unwrap();
    let again = copy(&sled, &back, |_| {}).await.unwrap();

    let expected = in_order(records(&memory, 1_000).await);
    assert!(expected.len() > 90, "{}", expected.len());
    assert_eq!(there.records, expected.len() as u64);
    assert_eq!(again, there);
    assert_eq!(sled.size().await.unwrap(), there.records);
    assert_eq!(in_order(records(&sled, 7).await), expected);
    assert_eq!(in_order(records(&back, 1_000).await), expected);
}

#[tokio::test]
async fn what_was_copied_goes_on_like_what_it_was_copied_from() {
    let (_folder, path) = folder();
    let memory = MemoryStore::new();
    fill(&memory).await;
    let sled = SledConfig::new(&path).open_for_copy().unwrap();
    copy(&memory, &sled, |_| {}).await.unwrap();
    sled.close().await.unwrap();
    let copied = MemoryStore::new();
    copy(&memory, &copied, |_| {}).await.unwrap();

    let store = SledStore::open(&path).unwrap();

    for store in [&store as &dyn Store, &copied] {
        // Also at the places and under the numbers that come next.
        fill_gaps(store).await;
        let _applied = store.commit(full_batch("three")).await.unwrap();
    }
    let claims = store.claim(claim_at(50)).await.unwrap();
    assert_eq!(claims, copied.claim(claim_at(50)).await.unwrap());
    assert!(!claims.is_empty());
    assert_eq!(
        store.outcomes(OutcomeCursor(0), 100).await.unwrap(),
        copied.outcomes(OutcomeCursor(0), 100).await.unwrap()
    );
    for state in [ListState::Waiting, ListState::Parked, ListState::Sent] {
        assert_eq!(
            store.list(state, None, 1_000).await.unwrap(),
            copied.list(state, None, 1_000).await.unwrap()
        );
    }
    assert_eq!(
        in_order(records(&store, 1_000).await),
        in_order(records(&copied, 1_000).await)
    );
}

#[tokio::test]
async fn a_copy_that_was_broken_off_keeps_engines_out_and_starts_over() {
    let (_folder, path) = folder();
    let memory = MemoryStore::new();
    fill(&memory).await;
    let sled = SledConfig::new(&path).open_for_copy().unwrap();
    sled.begin().await.unwrap();
    let some = memory.read(Place::default(), 50).await.unwrap();
    sled.write(some.records).await.unwrap();
    drop(sled);

    let error = SledStore::open(&path).unwrap_err();
    assert!(matches!(error, OpenError::Unfinished { .. }), "{error:?}");

    let sled = SledConfig::new(&path).open_for_copy().unwrap();
    copy(&memory, &sled, |_| {}).await.unwrap();
    let expected = in_order(records(&memory, 1_000).await);
    assert_eq!(in_order(records(&sled, 1_000).await), expected);
    drop(sled);
    SledStore::open(&path).unwrap();
}

#[tokio::test]
async fn nothing_is_copied_over_what_is_there() {
    let (_folder, path) = folder();
    let store = SledStore::open(&path).unwrap();
    fill(&store).await;
    let before = records(&store, 1_000).await;

    let error = store.begin().await.unwrap_err();

    assert_eq!(error.kind(), StoreErrorKind::Invalid);
    assert_eq!(records(&store, 1_000).await, before);
    assert!(store.depth().await.is_ok(), "it is as it was");
}

#[tokio::test]
async fn no_engine_works_on_what_is_unfinished_or_open_for_copying() {
    let (_folder, path) = folder();
    let store = SledStore::open(&path).unwrap();
    store.begin().await.unwrap();
    let unfinished = store.depth().await.unwrap_err();
    store.finish().await.unwrap();
    store.depth().await.unwrap();
    drop(store);

    let copying = SledConfig::new(&path).open_for_copy().unwrap();
    let read = copying.depth().await.unwrap_err();
    let written = copying.commit(batch()).await.unwrap_err();

    for error in [unfinished, read, written] {
        assert_eq!(error.kind(), StoreErrorKind::Invalid);
    }
}

#[tokio::test]
async fn a_place_of_another_store_is_invalid() {
    let (_folder, path) = folder();
    let store = SledStore::open(&path).unwrap();
    let place = Place {
        part: 0,
        after: "elsewhere".to_owned(),
    };

    let error = store.read(place, 10).await.unwrap_err();

    assert_eq!(error.kind(), StoreErrorKind::Invalid);
}
