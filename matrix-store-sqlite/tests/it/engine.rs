//! One engine, and readers beside it.

use matrix_bridge_core::{
    Advance, Batch, Claim, CommitOutcome, Fence, GapFill, Generation, InboxId, InboxItem,
    InboxRetry, LeaseName, LeaseOutcome, LeaseRequest, ListState, NewInboxEntry, NewParkedEvent,
    OutboundQueue as _, Owner, ParkCode, ParkReason, PruneLimits, RawJson, RoomFacts, RowId,
    RowKey, SourceId, Stale, StateStore as _, StoreErrorKind, Timestamp,
};
use matrix_bridge_store_sqlite::{OpenError, SqliteConfig, SqliteStore};

use crate::{
    child::{self, Process},
    sample::{account, batch, claim_at, enqueue, event, folder, keys, parked, row},
};

fn lease(holder: &str) -> LeaseRequest {
    LeaseRequest {
        name: LeaseName::new("ingest"),
        holder: holder.to_owned(),
        now: Timestamp(1),
        ttl: std::time::Duration::from_secs(60),
    }
}

#[tokio::test]
async fn a_second_engine_is_refused_while_the_first_lives() {
    let (_folder, path) = folder();
    let first = SqliteStore::open(&path).unwrap();

    let second = SqliteStore::open(&path).unwrap_err();

    assert!(matches!(second, OpenError::InUse { .. }));
    assert!(second.to_string().contains("bridge.db.lock; stop that one"));
    first.close().await.unwrap();
    SqliteStore::open(&path).unwrap();
}

#[tokio::test]
async fn a_dropped_store_is_free_at_once() {
    let (_folder, path) = folder();
    for key in ["a", "b", "c"] {
        let store = SqliteStore::open(&path).unwrap();
        enqueue(&store, vec![row(key, "lane", "")]).await.unwrap();
    }

    let store = SqliteStore::open(&path).unwrap();

    assert_eq!(keys(&store, ListState::Waiting).await, ["a", "b", "c"]);
}

/// Not a test of its own: the other process of the one below.
#[tokio::test]
async fn child_that_holds_the_store() {
    let Some(path) = child::path() else { return };
    let store = SqliteStore::open(path).unwrap();
    let held = store.lease(lease("child")).await.unwrap();
    assert!(matches!(held, LeaseOutcome::Held(_)));
    child::say("ready");
    child::wait_for_parent();
}

#[tokio::test]
async fn a_killed_engine_leaves_neither_its_lock_nor_its_leases() {
    let (_folder, path) = folder();
    let mut process = Process::start("engine::child_that_holds_the_store", &path, 0, "true");
    assert_eq!(process.hear().as_deref(), Some("ready"));
    let refused = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(refused, OpenError::InUse { .. }));

    process.kill();

    let store = SqliteStore::open(&path).unwrap();
    let LeaseOutcome::Held(fence) = store.lease(lease("next")).await.unwrap() else {
        panic!("the lease of a dead process is still held");
    };
    assert_eq!(fence.0, 2, "the number goes on growing");
}

#[tokio::test]
async fn a_reader_works_on_parked_rows_beside_the_engine() {
    let (_folder, path) = folder();
    let engine = SqliteStore::open(&path).unwrap();
    let rows = vec![parked(row("a", "lane", "")), parked(row("b", "lane", ""))];
    enqueue(&engine, rows).await.unwrap();
    let reader = SqliteConfig::new(&path).open_reader().unwrap();

    let ids: Vec<RowId> = reader
        .list(ListState::Parked, None, 10)
        .await
        .unwrap()
        .iter()
        .map(|row| row.id)
        .collect();
    assert_eq!(reader.requeue(&ids[..1], Timestamp(2)).await.unwrap(), 1);
    assert_eq!(reader.discard(&ids[1..]).await.unwrap(), 1);
    reader.close().await.unwrap();

    let claims = engine.claim(claim_at(2)).await.unwrap();
    assert_eq!(claims.len(), 1);
    assert_eq!(claims[0].rows[0].key.as_str(), "a");
    assert_eq!(engine.depth().await.unwrap().parked, 0);
}

#[tokio::test]
async fn after_a_crash_rows_under_a_claim_are_free_at_once_and_in_order() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    enqueue(&store, vec![row("a", "lane", ""), row("b", "lane", "")])
        .await
        .unwrap();
    let before = store.claim(claim_at(1)).await.unwrap();
    // Dropped, not closed: nobody let go of the claim.
    drop(store);

    let store = SqliteStore::open(&path).unwrap();
    let after = store.claim(claim_at(1)).await.unwrap();

    let keys = |claims: &[Claim]| {
        claims[0]
            .rows
            .iter()
            .map(|row| row.key.as_str().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(&after), ["a", "b"]);
    assert_eq!(keys(&after), keys(&before));
    assert!(after[0].token > before[0].token);
    assert!(after[0].rows[0].first_attempt.is_some());
}

#[tokio::test]
async fn a_reader_is_refused_what_only_the_engine_may_do() {
    let (_folder, path) = folder();
    drop(SqliteStore::open(&path).unwrap());
    let reader = SqliteConfig::new(&path).open_reader().unwrap();
    let limits = PruneLimits {
        marks_before: Timestamp(0),
        marks_max: 0,
        records_before: Timestamp(0),
        records_max: 0,
        parked_events_max: 0,
        parked_rows_max: 0,
    };

    let errors = [
        reader.claim(claim_at(1)).await.err(),
        reader.settle(Vec::new()).await.err(),
        reader.lease(lease("reader")).await.err(),
        reader.prune(limits).await.err(),
    ];

    let kinds = errors.map(|error| error.map(|error| error.kind()));
    assert_eq!(kinds, [Some(StoreErrorKind::Invalid); 4]);
}

#[tokio::test]
async fn a_reader_commits_nothing_that_the_engine_works_on_or_remembers() {
    let (_folder, path) = folder();
    drop(SqliteStore::open(&path).unwrap());
    let reader = SqliteConfig::new(&path).open_reader().unwrap();
    let id = InboxId(1);
    let fill = GapFill {
        gap: id,
        entries: Vec::new(),
        rest: None,
    };
    let retry = InboxRetry {
        id,
        attempts: 1,
        due: Timestamp(1),
    };
    let advance = Advance {
        source: SourceId::new("sync"),
        expected: Generation(0),
        position: None,
    };
    let owner = Owner {
        lease: LeaseName::new("ingest"),
        fence: Fence(1),
    };
    let facts = RoomFacts::unknown("!room:example.org".try_into().unwrap());
    let batches = [
        Batch {
            owner: Some(owner),
            ..batch()
        },
        Batch {
            advance: Some(advance),
            ..batch()
        },
        Batch {
            marks: vec![event("a")],
            ..batch()
        },
        Batch {
            facts: vec![facts],
            ..batch()
        },
        Batch {
            inbox_done: vec![id],
            ..batch()
        },
        Batch {
            inbox_retry: vec![retry],
            ..batch()
        },
        Batch {
            fills: vec![fill],
            ..batch()
        },
    ];

    for batch in batches {
        let error = reader.commit(batch.clone()).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Invalid, "{batch:?}");
    }
}

#[tokio::test]
async fn a_reader_decides_about_parked_things_beside_the_engine() {
    let (_folder, path) = folder();
    let engine = SqliteStore::open(&path).unwrap();
    let held = engine.lease(lease("engine")).await.unwrap();
    assert!(matches!(held, LeaseOutcome::Held(_)));
    let rows = vec![parked(row("a", "lane", "")), row("b", "lane", "")];
    enqueue(&engine, rows).await.unwrap();
    let parking = Batch {
        parked: vec![given_up("x"), given_up("y")],
        ..batch()
    };
    let applied = engine.commit(parking).await.unwrap();
    assert_eq!(applied, CommitOutcome::Applied);
    let reader = SqliteConfig::new(&path).open_reader().unwrap();

    let old = reader.rows(&[RowKey::new("a")]).await.unwrap();
    let old = old[0].as_ref().unwrap().id;
    assert!(reader.replace(old, row("new", "lane", "")).await.unwrap());
    let events = reader.parked_events(&account(), None, 10).await.unwrap();
    let retry = Batch {
        inbox: vec![received("y")],
        parked_done: vec![events[0].id],
        ..batch()
    };
    let applied = reader.commit(retry.clone()).await.unwrap();
    assert_eq!(applied, CommitOutcome::Applied);

    // The engine is not out of step, and a second decision comes too late on both sides.
    let stale = CommitOutcome::Stale(Stale::Parked(events[0].id));
    assert_eq!(engine.commit(retry.clone()).await.unwrap(), stale);
    assert_eq!(reader.commit(retry).await.unwrap(), stale);
    let lanes = engine.inbox_lanes(&account(), None, 10).await.unwrap();
    assert_eq!(lanes.len(), 1);
    let left = engine.parked_events(&account(), None, 10).await.unwrap();
    assert_eq!(left, events[1..]);
    let claims = engine.claim(claim_at(2)).await.unwrap();
    let claimed = claims[0].rows.iter().map(|row| row.key.as_str());
    assert_eq!(claimed.collect::<Vec<_>>(), ["new", "b"]);
}

fn given_up(name: &str) -> NewParkedEvent {
    NewParkedEvent {
        room: "!room:example.org".try_into().unwrap(),
        event_id: Some(event(name)),
        raw: RawJson::from_value("given up").unwrap(),
        reason: ParkReason::new(ParkCode::Handler, "no"),
        at: Timestamp(1),
    }
}

fn received(name: &str) -> NewInboxEntry {
    NewInboxEntry {
        room: "!room:example.org".try_into().unwrap(),
        item: InboxItem::Event {
            event_id: event(name),
            raw: RawJson::from_value("again").unwrap(),
        },
        received: Timestamp(1),
        sent: Timestamp(1),
        is_catch_up: true,
        attempts: 0,
        due: Timestamp(1),
    }
}

#[tokio::test]
async fn a_reader_finds_marks_without_an_index() {
    let (_folder, path) = folder();
    let engine = SqliteStore::open(&path).unwrap();
    let mut marking = batch();
    marking.marks = (0..1000).map(|n| event(&n.to_string())).collect();
    let _applied = engine.commit(marking).await.unwrap();
    let reader = SqliteConfig::new(&path).open_reader().unwrap();

    let asked = ["999", "0", "none", "500"].map(event);
    let account = account();

    let expected = [true, true, false, true];
    assert_eq!(reader.seen(&account, &asked).await.unwrap(), expected);
    assert_eq!(engine.seen(&account, &asked).await.unwrap(), expected);
}
