//! Everything at once: nothing is lost, nothing is done twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use matrix_bridge_core::{
    Batch, Claim, ClaimRequest, CommitOutcome, LaneId, ListState, PruneLimits, RowKey, Store,
    StoreErrorKind, Timestamp, Verdict,
};
use tokio::task::JoinSet;

use super::{
    StoreFactory,
    checked::Checked,
    sample::{batch, claim_at, event, no_limits, row, settlements},
};

const TASKS: u64 = 8;
const ROUNDS: u64 = 20;

/// Eight tasks enqueue, claim, settle in every way and prune at once: no lane is under two
/// claims, every row is sent once, and lanes keep their order.
pub async fn everything_at_once_loses_nothing(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let seen = Arc::new(At::default());
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (store, seen) = (Arc::clone(&store.store), Arc::clone(&seen));
        tasks.spawn(async move { send_all(&*store, &seen, task).await });
    }
    tasks.join_all().await;

    drain(&*store.store, &seen).await;
    seen.judge(TASKS);
}

/// What senders are at, and what they have sent.
#[derive(Debug, Default)]
pub(super) struct At {
    lanes: Mutex<BTreeSet<LaneId>>,
    sent: Mutex<BTreeMap<LaneId, Vec<RowKey>>>,
}

impl At {
    /// A lane that somebody is at is claimed by nobody else.
    fn begin(&self, claim: &Claim) {
        let is_free = lock(&self.lanes).insert(claim.lane.clone());
        assert!(is_free, "{} is under two claims", claim.lane);
    }

    /// While the lane is still under the claim.
    fn end(&self, claim: &Claim, sent: Vec<RowKey>) {
        let mut all = lock(&self.sent);
        all.entry(claim.lane.clone()).or_default().extend(sent);
        lock(&self.lanes).remove(&claim.lane);
    }

    /// Whether the rows of so many tasks were sent, each once, in their order.
    pub(super) fn judge(&self, tasks: u64) {
        let sent = lock(&self.sent);
        for task in 0..tasks {
            let own = sent.get(&LaneId::new(format!("own-{task}")));
            let own = own.into_iter().flatten().map(RowKey::as_str);
            let expected = (0..ROUNDS).map(|round| format!("own {task} {round}"));
            assert_eq!(own.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        }
        let shared = sent.get(&LaneId::new("shared"));
        let shared: Vec<_> = shared.into_iter().flatten().collect();
        assert_eq!(shared.len() as u64, tasks * ROUNDS);
        for task in 0..tasks {
            let prefix = format!("shared {task} ");
            let own = shared
                .iter()
                .filter_map(|key| key.as_str().strip_prefix(&prefix));
            let expected = (0..ROUNDS).map(|round| round.to_string());
            assert_eq!(own.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        }
    }
}

/// Enqueues rows, and between them sends what there is, prunes, and gives back some.
pub(super) async fn send_all(store: &dyn Store, at: &At, task: u64) {
    for round in 0..ROUNDS {
        let rows = vec![
            row(&format!("own {task} {round}"), &format!("own-{task}")),
            row(&format!("shared {task} {round}"), "shared"),
        ];
        let marks = vec![event(&format!("{task}-{round}"))];
        let outcome = store
            .commit(Batch {
                rows,
                marks,
                ..batch()
            })
            .await;
        assert_eq!(outcome.expect("a commit works"), CommitOutcome::Applied);
        send_some(store, at, round).await;
        let limits = PruneLimits {
            marks_max: 10,
            records_max: 30,
            ..no_limits()
        };
        store.prune(limits).await.expect("pruning works");
        tokio::task::yield_now().await;
    }
}

/// Claims a few lanes and settles them; what is given back is there again at once.
async fn send_some(store: &dyn Store, at: &At, round: u64) -> usize {
    let request = ClaimRequest {
        lanes: 2,
        newcomers: 1,
        rows_per_lane: 3,
        ..claim_at(1)
    };
    let claims = store.claim(request).await.expect("claiming works");
    for claim in &claims {
        at.begin(claim);
        tokio::task::yield_now().await;
        let verdict = match round % 4 {
            0 => Verdict::Release,
            1 => Verdict::Retry {
                due: Timestamp(1),
                counted: true,
            },
            _ => Verdict::Sent(None),
        };
        let sent = match verdict {
            Verdict::Sent(_) => claim.rows.iter().map(|row| row.key.clone()).collect(),
            _ => Vec::new(),
        };
        at.end(claim, sent);
        let settled = store.settle(settlements(claim, &verdict, 1)).await;
        assert_eq!(settled.expect("settling works").lost, [], "the claim holds");
    }
    claims.len()
}

/// Sends what the tasks have left.
pub(super) async fn drain(store: &dyn Store, at: &At) {
    for _ in 0..10_000 {
        if send_some(store, at, 2).await == 0 {
            return;
        }
    }
    panic!("sending comes to no end");
}

/// What was reported before or while the store was closed is there, the rest is not.
pub async fn closing_waits_for_what_runs(factory: &dyn StoreFactory) {
    let mut store = Checked::open(factory).await;
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let store = Arc::clone(&store.store);
        tasks.spawn(async move { commit_until_closed(&*store, task).await });
    }
    // Until some have begun.
    while store
        .store
        .depth()
        .await
        .is_ok_and(|depth| depth.waiting < 3)
    {
        tokio::task::yield_now().await;
    }
    store.store.close().await.expect("closing works");
    let reported = tasks.join_all().await.concat();
    store = store.reopen(factory).await;

    let rows = store.list(ListState::Waiting).await;
    let there: BTreeSet<String> = rows.iter().map(|row| row.key.to_string()).collect();
    for (key, kind) in reported {
        match kind {
            None => assert!(there.contains(&key), "{key} was reported and is lost"),
            Some(StoreErrorKind::Unknown) => {}
            Some(kind) => {
                assert_eq!(kind, StoreErrorKind::Closed);
                assert!(!there.contains(&key), "{key} was refused and is there");
            }
        }
    }
}

/// The keys of rows that were committed, and what was reported of each.
async fn commit_until_closed(
    store: &dyn Store,
    task: u64,
) -> Vec<(String, Option<StoreErrorKind>)> {
    let mut reported = Vec::new();
    for round in 0..1_000 {
        let key = format!("{task} {round}");
        let rows = vec![row(&key, &key)];
        let kind = match store.commit(Batch { rows, ..batch() }).await {
            Ok(outcome) => {
                assert_eq!(outcome, CommitOutcome::Applied);
                None
            }
            Err(error) => Some(error.kind()),
        };
        reported.push((key, kind));
        if kind.is_some() {
            return reported;
        }
        tokio::task::yield_now().await;
    }
    reported
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
