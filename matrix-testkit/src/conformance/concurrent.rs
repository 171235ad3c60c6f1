//! Many callers at once.

use std::{collections::BTreeSet, sync::Arc};

use matrix_bridge_core::{
    Advance, Batch, ClaimRequest, CommitOutcome, Generation, LeaseOutcome, ListState, NewRow,
    SourceId, Stale, Store, Verdict,
};
use tokio::task::JoinSet;

use super::{
    StoreFactory,
    checked::Checked,
    sample::{batch, claim_at, event, inbox_event, lease_of, row, settlements, source},
};

const TASKS: u64 = 8;
const ROUNDS: u64 = 20;

/// Eight tasks move one source; each move is computed from the one before it.
pub async fn commits_of_one_source_exclude_each_other(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let store = Arc::clone(&store.store);
        tasks.spawn(async move {
            for round in 0..ROUNDS {
                move_source(&store, &format!("{task}-{round}")).await;
            }
        });
    }
    tasks.join_all().await;

    let generation = store.checkpoint().await.generation;
    assert_eq!(generation, Generation(TASKS * ROUNDS));
    let rows = store.list(ListState::Waiting).await;
    assert_eq!(rows.len() as u64, TASKS * ROUNDS, "one row for each move");
}

/// Moves the source once, as often as it takes.
async fn move_source(store: &Arc<dyn Store>, name: &str) {
    let mut from = store.checkpoint(&source()).await.expect("it is readable");
    // Each refusal means that another task got one of its moves through.
    for attempt in 0..=TASKS * ROUNDS {
        let advance = Some(Advance {
            source: source(),
            expected: from.generation,
            position: None,
        });
        let rows = vec![row(&format!("{name}/{attempt}"), name)];
        let outcome = store
            .commit(Batch {
                advance,
                rows,
                ..batch()
            })
            .await;
        match outcome.expect("a commit works") {
            CommitOutcome::Applied => return,
            CommitOutcome::Stale(Stale::Source(now)) => {
                assert!(now.generation > from.generation, "stale without a reason");
                from = now;
            }
            CommitOutcome::Stale(other) => panic!("stale for another reason: {other:?}"),
        }
        tokio::task::yield_now().await;
    }
    panic!("the commit never got through");
}

/// Rows of many writers, handed to many senders: each sent once, in order, none lost.
pub async fn rows_are_handed_out_once(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let writer = Arc::clone(&store.store);
        tasks.spawn(async move {
            write_rows(&writer, task).await;
            BTreeSet::new()
        });
        let sender = Arc::clone(&store.store);
        tasks.spawn(async move { send_rows(&sender).await });
    }
    let mut sent = BTreeSet::new();
    for keys in tasks.join_all().await {
        for key in keys {
            assert!(sent.insert(key.clone()), "{key} was handed out twice");
        }
    }
    // Rows that were written after the last sender gave up.
    sent.extend(send_rows(&store.store).await);

    assert_eq!(sent.len() as u64, TASKS * ROUNDS * 2);
    let outcomes = store.outcomes().await;
    assert_eq!(outcomes.len(), sent.len());
    for task in 0..TASKS {
        let lane = format!("own {task} ");
        let keys = outcomes.iter().map(|outcome| outcome.key.as_str());
        let own: Vec<_> = keys.filter_map(|key| key.strip_prefix(&lane)).collect();
        let order = (0..ROUNDS).map(|round| round.to_string());
        assert_eq!(own, order.collect::<Vec<_>>(), "lane of task {task}");
    }
}

/// Writes rows into a lane of the task's own and into one of all tasks.
async fn write_rows(store: &Arc<dyn Store>, task: u64) {
    for round in 0..ROUNDS {
        let rows: Vec<NewRow> = vec![
            row(&format!("own {task} {round}"), &format!("own-{task}")),
            row(&format!("shared {task} {round}"), "shared"),
        ];
        let outcome = store.commit(Batch { rows, ..batch() }).await;
        assert_eq!(outcome.expect("a commit works"), CommitOutcome::Applied);
        tokio::task::yield_now().await;
    }
}

/// Sends what there is until there was nothing for a while; returns the keys.
async fn send_rows(store: &Arc<dyn Store>) -> BTreeSet<String> {
    let mut sent = BTreeSet::new();
    let mut idle = 0;
    while idle < 50 && sent.len() < 10_000 {
        let request = ClaimRequest {
            lanes: 2,
            newcomers: 1,
            rows_per_lane: 3,
            ..claim_at(1)
        };
        let claims = store.claim(request).await.expect("claiming works");
        idle = if claims.is_empty() { idle + 1 } else { 0 };
        for claim in claims {
            for row in &claim.rows {
                let is_new = sent.insert(row.key.to_string());
                assert!(is_new, "{} was handed out twice", row.key);
            }
            let all = settlements(&claim, &Verdict::Sent(None), 1);
            let settled = store.settle(all).await.expect("settling works");
            assert_eq!(settled.lost, [], "the claim holds");
        }
        tokio::task::yield_now().await;
    }
    sent
}

/// Of eight that ask at once one gets the lease.
pub async fn one_of_many_gets_the_lease(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let store = Arc::clone(&store.store);
        tasks.spawn(async move {
            let outcome = store.lease(lease_of(&task.to_string(), 1)).await;
            matches!(outcome.expect("leases work"), LeaseOutcome::Held(_))
        });
    }

    let held = tasks
        .join_all()
        .await
        .into_iter()
        .filter(|held| *held)
        .count();

    assert_eq!(held, 1);
}

/// An event that eight tasks settle leaves the effects of one.
pub async fn an_inbox_event_is_settled_once(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let inbox = vec![inbox_event("a", "one")];
    store.commit(Batch { inbox, ..batch() }).await;
    let id = store.inbox("one").await[0].id;
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let store = Arc::clone(&store.store);
        let done = Batch {
            inbox_done: vec![id],
            marks: vec![event(&task.to_string())],
            rows: vec![row(&task.to_string(), "lane")],
            ..batch()
        };
        tasks.spawn(async move { store.commit(done).await.expect("a commit works") });
    }

    let outcomes = tasks.join_all().await;

    let applied = outcomes.iter().filter(|o| **o == CommitOutcome::Applied);
    assert_eq!(applied.count(), 1);
    assert_eq!(store.list(ListState::Waiting).await.len(), 1);
}

/// Sources of their own do not hinder each other.
pub async fn commits_of_many_sources_all_go_through(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let store = Arc::clone(&store.store);
        tasks.spawn(async move {
            for from in 0..ROUNDS {
                let advance = Some(Advance {
                    source: SourceId::new(task.to_string()),
                    expected: Generation(from),
                    position: None,
                });
                let outcome = store.commit(Batch { advance, ..batch() }).await;
                assert_eq!(outcome.expect("a commit works"), CommitOutcome::Applied);
            }
        });
    }
    tasks.join_all().await;
}
