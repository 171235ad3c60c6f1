//! Two processes on one store: what one does the other sees, and no work is done twice.
//!
//! For stores that allow it: see [`StoreFactory::open_beside`].

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use matrix_bridge_core::{
    Batch, ClaimRequest, CommitOutcome, LeaseOutcome, ListState, OutcomeCursor, Owner, RowId,
    Stale, Store, Verdict,
};
use tokio::task::JoinSet;

use super::{
    StoreFactory,
    at_once::{At, drain, send_all},
    checked::Checked,
    sample::{
        ALL, advance, at, batch, claim_at, event, full_batch, inbox_event, keys, lease_name,
        lease_of, no_limits, parked, row, settlements, source,
    },
};

const ROUNDS: u64 = 20;

/// Two handles on one store; `None` where it allows one only.
async fn two(factory: &dyn StoreFactory) -> Option<[Checked; 2]> {
    let one = Checked::open(factory).await;
    let two = Checked::beside(factory, &one).await?;
    Some([one, two])
}

/// What is committed through one is read through the other, also what it asked for
/// before.
pub async fn what_one_commits_the_other_reads(factory: &dyn StoreFactory) {
    let Some([one, two]) = two(factory).await else {
        return;
    };
    let names = ["one", "two"];
    assert_eq!(two.contents(&names).await, one.contents(&names).await);
    for (writer, reader, name, from) in [(&one, &two, "one", 0), (&two, &one, "two", 1)] {
        let batch = Batch {
            advance: advance(from, name),
            ..full_batch(name)
        };
        writer.commit(batch).await;

        assert_eq!(reader.seen(&[name]).await, [true]);
        let last = [format!("{name}-last")];
        assert_eq!(reader.seen(&[&last[0]]).await, [true]);
        let expected = writer.contents(&names).await;
        assert_eq!(reader.contents(&names).await, expected);
    }
    one.settle_due(Verdict::Sent(Some(event("sent"))), 2).await;
    assert_eq!(two.contents(&names).await, one.contents(&names).await);
    let host = two.store.linked_host(&event("sent")).await;
    assert!(host.expect("links are readable").is_some());
}

/// What one forgets is forgotten for both.
pub async fn what_one_prunes_is_gone_for_the_other(factory: &dyn StoreFactory) {
    let Some([one, two]) = two(factory).await else {
        return;
    };
    one.commit(full_batch("one")).await;
    assert_eq!(two.seen(&["one"]).await, [true]);
    let everything = matrix_bridge_core::PruneLimits {
        marks_max: 0,
        parked_events_max: 0,
        ..no_limits()
    };
    one.prune(everything).await;

    assert_eq!(two.seen(&["one", "one-last"]).await, [false, true]);
    assert_eq!(two.parked_events().await, []);
}

/// Of two that computed from one generation the second to commit is stale.
pub async fn a_commit_through_one_makes_the_other_stale(factory: &dyn StoreFactory) {
    let Some([one, two]) = two(factory).await else {
        return;
    };
    let next = |from, name| Batch {
        advance: advance(from, name),
        ..full_batch(name)
    };
    one.commit(next(0, "one")).await;
    assert_eq!(two.checkpoint().await, one.checkpoint().await);
    two.commit(next(1, "two")).await;

    let outcome = one.try_commit(next(1, "late")).await;

    let now = two.checkpoint().await;
    assert_eq!(outcome, CommitOutcome::Stale(Stale::Source(now)));
    assert_eq!(two.seen(&["late"]).await, [false]);
}

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

/// A lease has one holder, whichever handle it asks through; the fence of a former one
/// commits nothing through any.
pub async fn a_lease_is_held_by_one_of_two(factory: &dyn StoreFactory) {
    let Some([one, two]) = two(factory).await else {
        return;
    };
    let asked = [(&one, "first"), (&two, "second")].map(|(handle, holder)| {
        let store = Arc::clone(&handle.store);
        tokio::spawn(async move { store.lease(lease_of(holder, 1)).await })
    });
    let mut held = Vec::new();
    for asked in asked {
        let outcome = asked.await.expect("the task ends").expect("leases work");
        if let LeaseOutcome::Held(fence) = outcome {
            held.push(fence);
        }
    }
    assert_eq!(held.len(), 1, "{held:?}");

    let later = two.held(lease_of("third", 5_000)).await;
    assert!(later > held[0]);
    for handle in [&one, &two] {
        let owner = Some(Owner {
            lease: lease_name(),
            fence: held[0],
        });
        let late = handle.try_commit(Batch { owner, ..batch() }).await;
        assert_eq!(late, CommitOutcome::Stale(Stale::Owner));
    }
    let taken = one.lease(lease_of("first", 5_001)).await;
    assert!(matches!(taken, LeaseOutcome::Taken { .. }), "{taken:?}");
    let released = one.store.release(&lease_name(), later).await;
    released.expect("releasing works");
    one.held(lease_of("first", 5_002)).await;
}

/// What one enqueues, the other can claim at once, and settle.
pub async fn rows_of_one_are_claimed_by_the_other(factory: &dyn StoreFactory) {
    let Some([one, two]) = two(factory).await else {
        return;
    };
    assert_eq!(two.claim(1).await, []);
    one.enqueue(vec![row("a", "lane"), row("b", "lane")]).await;
    assert_eq!(two.next_due().await, Some(at(1)));
    let claim = two.claim_one(1).await;
    assert_eq!(keys(&claim.rows), ["a", "b"]);
    assert_eq!(one.claim(1).await, []);
    two.settle_all(&claim, Verdict::Sent(None), 2).await;

    assert_eq!(one.depth().await.waiting, 0);
    assert_eq!(one.outcomes().await.len(), 2);
    one.enqueue(vec![row("c", "lane")]).await;
    assert_eq!(keys(&two.claim_one(3).await.rows), ["c"]);
}

/// A claim that ran out is taken over through the other; what its former holder then says
/// is lost.
pub async fn a_claim_is_taken_over_by_the_other(factory: &dyn StoreFactory) {
    let Some([one, two]) = two(factory).await else {
        return;
    };
    one.enqueue(vec![row("a", "lane")]).await;
    let former = one.claim_one(1).await;
    assert_eq!(two.claim(1_000).await, []);
    let claim = two.claim_one(1_001).await;
    assert!(claim.token > former.token);
    assert_eq!(claim.rows[0].first_attempt, Some(at(1)));

    let late = settlements(&former, &Verdict::Sent(Some(event("late"))), 1_002);
    assert_eq!(one.settle(late.clone()).await, [former.rows[0].id]);
    assert_eq!(two.settle(late).await, [former.rows[0].id]);
    assert_eq!(one.list(ListState::Sent).await, []);
    // Under the token of the other it makes no difference who says it.
    one.settle_all(&claim, Verdict::Sent(None), 1_003).await;
    assert_eq!(two.list(ListState::Sent).await.len(), 1);
}

/// What a person decides through one holds for the other.
pub async fn what_one_decides_holds_for_the_other(factory: &dyn StoreFactory) {
    let Some([one, two]) = two(factory).await else {
        return;
    };
    one.enqueue(vec![parked(row("a", "lane")), parked(row("b", "lane"))])
        .await;
    let rows: Vec<RowId> = two
        .list(ListState::Parked)
        .await
        .iter()
        .map(|row| row.id)
        .collect();
    assert_eq!(one.requeue(&rows[..1], 2).await, 1);
    assert_eq!(two.requeue(&rows[..1], 2).await, 0);
    assert_eq!(two.discard(&rows[1..]).await, 1);
    assert!(!one.replace(rows[1], row("c", "lane")).await);

    assert_eq!(keys(&two.claim_one(2).await.rows), ["a"]);
    assert_eq!(one.claim(2).await, []);
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
        let own = keys(&claim.rows);
        let own = own.iter().filter(|key| key.starts_with(&n.to_string()));
        let expected = (0..ROUNDS).map(|round| format!("{n} {:02}", ROUNDS - round));
        assert_eq!(
            own.collect::<Vec<_>>(),
            expected.collect::<Vec<_>>().iter().collect::<Vec<_>>()
        );
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
    let tokens: BTreeMap<_, _> = claims.iter().map(|claim| (claim.token, ())).collect();
    assert_eq!(tokens.len(), claims.len(), "two claims have one token");
    let left = handles[1].claim(1).await;
    assert_eq!(lanes.len() + left.len(), 40);
}

/// Closing one leaves the other as it is.
pub async fn one_goes_on_when_the_other_is_closed(factory: &dyn StoreFactory) {
    let Some([one, two]) = two(factory).await else {
        return;
    };
    one.enqueue(vec![row("a", "lane")]).await;
    let claim = two.claim_one(1).await;
    one.close().await;

    two.commit(full_batch("one")).await;
    two.settle_all(&claim, Verdict::Sent(None), 2).await;
    assert_eq!(
        two.store
            .outcomes(OutcomeCursor(0), ALL)
            .await
            .expect("readable")
            .len(),
        2
    );
    assert_eq!(two.seen(&["one"]).await, [true]);
}
