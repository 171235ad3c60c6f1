//! Two processes on one store, at once: no work is done twice, and none is lost.

use std::{collections::BTreeSet, sync::Arc};

use matrix_bridge_core::{Batch, ClaimRequest, CommitOutcome, ListState, OutcomeCursor, Store};
use tokio::task::JoinSet;

use super::{
    StoreFactory,
    at_once::{At, drain, send_all},
    beside::two,
    sample::{advance, batch, claim_at, inbox_event, keys, parked, row, source},
};

const ROUNDS: u64 = 20;

/// Both move one source again and again: no move is computed from an older one.
pub async fn two_that_move_a_source_exclude_each_other(factory: &dyn StoreFactory) {
    let Some(handles) = two(factory).await else {
        return;
    };
    let mut tasks = JoinSet::new();
    for (n, handle) in handles.iter().enumerate() {
        let store = Arc::clone(&handle.store);
        tasks.spawn(async move {
            for round in 0..ROUNDS {
                move_source(&*store, &format!("{n}-{round}")).await;
            }
        });
    }
    tasks.join_all().await;

    let generation = handles[0].checkpoint().await.generation.0;
    assert_eq!(generation, ROUNDS * 2);
    let rows = handles[1].list(ListState::Waiting).await;
    assert_eq!(rows.len() as u64, ROUNDS * 2);
}

async fn move_source(store: &dyn Store, name: &str) {
    for _ in 0..=ROUNDS * 2 {
        let from = store.checkpoint(&source()).await.expect("it is readable");
        let batch = Batch {
            advance: advance(from.generation.0, name),
            rows: vec![row(&format!("{name}/{}", from.generation.0), name)],
            ..batch()
        };
        match store.commit(batch).await.expect("a commit works") {
            CommitOutcome::Applied => return,
            CommitOutcome::Stale(_) => tokio::task::yield_now().await,
        }
    }
    panic!("the commit never got through");
}

/// An event that both settle at once leaves the effects of one.
pub async fn an_inbox_event_is_settled_by_one_of_two(factory: &dyn StoreFactory) {
    let Some(handles) = two(factory).await else {
        return;
    };
    let inbox = (0..ROUNDS).map(|n| inbox_event(&n.to_string(), "one"));
    let inbox = inbox.collect();
    handles[0].commit(Batch { inbox, ..batch() }).await;
    let entries = handles[1].inbox("one").await;
    let mut tasks = JoinSet::new();
    for (n, handle) in handles.iter().enumerate() {
        let (store, entries) = (Arc::clone(&handle.store), entries.clone());
        tasks.spawn(async move {
            let mut applied = 0;
            for entry in entries {
                let done = Batch {
                    inbox_done: vec![entry.id],
                    rows: vec![row(&format!("{n} {}", entry.id.0), "lane")],
                    ..batch()
                };
                let outcome = store.commit(done).await.expect("a commit works");
                applied += u64::from(outcome == CommitOutcome::Applied);
            }
            applied
        });
    }

    assert_eq!(tasks.join_all().await.iter().sum::<u64>(), ROUNDS);
    let rows = handles[0].list(ListState::Waiting).await;
    assert_eq!(rows.len() as u64, ROUNDS);
}

/// A key that both enqueue at once is one row.
pub async fn a_key_of_both_is_one_row(factory: &dyn StoreFactory) {
    let Some(handles) = two(factory).await else {
        return;
    };
    let mut tasks = JoinSet::new();
    for handle in &handles {
        let store = Arc::clone(&handle.store);
        tasks.spawn(async move {
            for round in 0..ROUNDS {
                let rows = vec![row(&format!("{round}"), "lane")];
                let outcome = store.commit(Batch { rows, ..batch() }).await;
                assert_eq!(outcome.expect("a commit works"), CommitOutcome::Applied);
            }
        });
    }
    tasks.join_all().await;

    let claim = handles[1].claim_one(1).await;
    assert_eq!(claim.rows.len() as u64, ROUNDS);
}

/// Rows that both enqueue into one lane at once leave in the order of their ids, and each
/// one's in the order of its commits.
pub async fn rows_of_both_keep_the_order_of_their_ids(factory: &dyn StoreFactory) {
    let Some(handles) = two(factory).await else {
        return;
    };
    let mut tasks = JoinSet::new();
    for (n, handle) in handles.iter().enumerate() {
        let store = Arc::clone(&handle.store);
        tasks.spawn(async move {
            for round in 0..ROUNDS {
                // Backwards: the order is not that of the keys.
                let rows = vec![row(&format!("{n} {:02}", ROUNDS - round), "lane")];
                let outcome = store.commit(Batch { rows, ..batch() }).await;
                assert_eq!(outcome.expect("a commit works"), CommitOutcome::Applied);
                tokio::task::yield_now().await;
            }
        });
    }
    tasks.join_all().await;

    let listed = handles[0].list(ListState::Waiting).await;
    let claim = handles[1].claim_one(1).await;
    assert_eq!(keys(&claim.rows), keys(&listed));
    assert!(claim.rows.is_sorted_by_key(|row| row.id));
    for n in 0..2 {
        let own = keys(&claim.rows).into_iter();
        let own = own.filter(|key| key.starts_with(&n.to_string()));
        let expected = (0..ROUNDS).map(|round| format!("{n} {:02}", ROUNDS - round));
        assert_eq!(own.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }
}

/// Both claim and send at once while both enqueue: no lane is under two claims, every row
/// is sent once, and lanes keep their order.
pub async fn two_that_send_share_the_lanes(factory: &dyn StoreFactory) {
    let Some(handles) = two(factory).await else {
        return;
    };
    let seen = Arc::new(At::default());
    let mut tasks = JoinSet::new();
    for (n, handle) in handles.iter().enumerate() {
        for task in 0..4 {
            let (store, seen) = (Arc::clone(&handle.store), Arc::clone(&seen));
            tasks.spawn(async move { send_all(&*store, &seen, (n * 4 + task) as u64).await });
        }
    }
    tasks.join_all().await;

    drain(&*handles[0].store, &seen).await;
    seen.judge(8);
}

/// A host that reads outcomes through one while both write misses none.
pub async fn outcomes_of_both_are_read_without_a_gap(factory: &dyn StoreFactory) {
    let Some(handles) = two(factory).await else {
        return;
    };
    let mut tasks = JoinSet::new();
    for (n, handle) in handles.iter().enumerate() {
        let store = Arc::clone(&handle.store);
        tasks.spawn(async move {
            for round in 0..ROUNDS * 2 {
                let rows = vec![parked(row(&format!("{n} {round}"), &format!("{n}")))];
                let outcome = store.commit(Batch { rows, ..batch() }).await;
                assert_eq!(outcome.expect("a commit works"), CommitOutcome::Applied);
                tokio::task::yield_now().await;
            }
            Vec::new()
        });
    }
    let reader = Arc::clone(&handles[1].store);
    tasks.spawn(async move { read_outcomes(&*reader, ROUNDS * 4).await });
    let read: Vec<String> = tasks.join_all().await.concat();

    let told = handles[0].outcomes().await;
    let told: Vec<_> = told.iter().map(|outcome| outcome.key.to_string()).collect();
    assert_eq!(read, told);
    assert_eq!(told.len() as u64, ROUNDS * 4);
}

/// Reads from its cursor until it has read so many, or nothing comes any more.
async fn read_outcomes(store: &dyn Store, expected: u64) -> Vec<String> {
    let mut cursor = OutcomeCursor::default();
    let (mut read, mut idle) = (Vec::new(), 0);
    while (read.len() as u64) < expected && idle < 100_000 {
        let page = store.outcomes(cursor, 3).await.expect("they are readable");
        idle = if page.is_empty() { idle + 1 } else { 0 };
        cursor = page.last().map_or(cursor, |last| last.cursor);
        read.extend(page.into_iter().map(|outcome| outcome.key.to_string()));
        tokio::task::yield_now().await;
    }
    read
}

/// Of both that claim at once each gets lanes of its own, and together they get all.
pub async fn two_that_claim_get_different_lanes(factory: &dyn StoreFactory) {
    let Some(handles) = two(factory).await else {
        return;
    };
    let rows = (0..40).map(|n| row(&n.to_string(), &format!("lane-{n}")));
    handles[0].enqueue(rows.collect()).await;
    let mut tasks = JoinSet::new();
    for handle in &handles {
        for _ in 0..4 {
            let store = Arc::clone(&handle.store);
            tasks.spawn(async move {
                let request = ClaimRequest {
                    lanes: 7,
                    newcomers: 3,
                    ..claim_at(1)
                };
                store.claim(request).await.expect("claiming works")
            });
        }
    }
    let claims = tasks.join_all().await.concat();

    let lanes: BTreeSet<_> = claims.iter().map(|claim| claim.lane.clone()).collect();
    assert_eq!(lanes.len(), claims.len(), "a lane was claimed twice");
    let tokens: BTreeSet<_> = claims.iter().map(|claim| claim.token).collect();
    assert_eq!(tokens.len(), claims.len(), "two claims have one token");
    let left = handles[1].claim(1).await;
    assert_eq!(lanes.len() + left.len(), 40);
}
