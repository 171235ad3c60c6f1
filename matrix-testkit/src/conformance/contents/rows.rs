//! What is still to be sent.

use matrix_bridge_core::{LeaseOutcome, ListState, Verdict};

use super::{
    CopyFactory,
    scene::{moved, old, retry},
};
use crate::conformance::{
    checked::Checked,
    sample::{
        at, blocking, claimed_keys, keys, lease_of, linked, parked, reason, row, settlement,
        settlements, shadow,
    },
};

/// What was claimed can be claimed at once, knows of its first attempt, and cannot be
/// settled under the old token.
pub async fn claims_end_with_a_move(factory: &dyn CopyFactory) {
    let store = old(factory).await;
    store
        .enqueue(vec![row("a", "lane"), row("b", "lane"), row("c", "other")])
        .await;
    let former = store.claim(3).await;

    let store = moved(factory, store).await;

    assert_eq!(store.next_due().await, Some(at(1)));
    let claims = store.claim(4).await;
    assert_eq!(claimed_keys(&claims), [vec!["a", "b"], vec!["c"]]);
    let rows = claims.iter().flat_map(|claim| &claim.rows);
    assert!(rows.into_iter().all(|row| row.first_attempt == Some(at(3))));
    let newest = former.iter().map(|claim| claim.token).max();
    assert!(claims.iter().all(|claim| Some(claim.token) > newest));
    let late = settlements(&former[0], &Verdict::Sent(None), 5);
    assert_eq!(store.settle(late).await.len(), 2);
    assert_eq!(store.list(ListState::Sent).await, []);
}

/// Whoever starts next gets the lease at once.
pub async fn leases_end_with_a_move(factory: &dyn CopyFactory) {
    let store = old(factory).await;
    store.held(lease_of("former", 1)).await;

    let store = moved(factory, store).await;

    let outcome = store.lease(lease_of("next", 2)).await;
    assert!(matches!(outcome, LeaseOutcome::Held(_)), "{outcome:?}");
}

/// Rows leave in the order of their lane, and lanes come in the order of their rows.
pub async fn moved_lanes_keep_their_order(factory: &dyn CopyFactory) {
    let store = old(factory).await;
    for (key, lane) in [("1", "b"), ("2", "a"), ("3", "b"), ("4", "c"), ("5", "a")] {
        store.enqueue(vec![row(key, lane)]).await;
    }
    // A row of before comes back to its place.
    store.enqueue(vec![row("6", "b")]).await;

    let store = moved(factory, store).await;

    store.enqueue(vec![row("7", "c"), row("8", "d")]).await;
    let claims = store.claim(1).await;
    let expected = [
        vec!["1", "3", "6"],
        vec!["2", "5"],
        vec!["4", "7"],
        vec!["8"],
    ];
    assert_eq!(claimed_keys(&claims), expected);
}

/// A row that waits for its time waits for it, with its attempts and its first one, and
/// holds back its lane.
pub async fn moved_rows_wait_as_before(factory: &dyn CopyFactory) {
    let store = old(factory).await;
    store
        .enqueue(vec![row("a", "lane"), row("b", "lane")])
        .await;
    let claim = store.claim_one(2).await;
    let verdicts = [retry(500), Verdict::Release];
    for (row, verdict) in claim.rows.iter().zip(verdicts) {
        let settled = settlement(&claim, row, verdict, 3);
        assert_eq!(store.settle(vec![settled]).await, []);
    }
    let before = store.list(ListState::Waiting).await;

    let store = moved(factory, store).await;

    assert_eq!(store.list(ListState::Waiting).await, before);
    assert_eq!(store.next_due().await, Some(at(500)));
    assert_eq!(store.claim(499).await, []);
    let claim = store.claim_one(500).await;
    assert_eq!(keys(&claim.rows), ["a", "b"]);
    assert_eq!(claim.rows[0].first_attempt, Some(at(2)));
    assert_eq!(claim.rows[0].attempts, 1);
    store.settle_all(&claim, Verdict::Release, 501).await;
    let rows = store.list(ListState::Waiting).await;
    let attempts: Vec<_> = rows.iter().map(|row| row.first_attempt).collect();
    assert_eq!(attempts, [Some(at(2)), None]);
}

/// Counts are right, and stay so.
pub async fn moved_rows_are_counted(factory: &dyn CopyFactory) {
    let store = old(factory).await;
    store
        .enqueue(vec![
            row("a", "lane"),
            row("b", "other"),
            parked(row("c", "other")),
            blocking(parked(row("d", "blocked"))),
            shadow(row("e", "lane")),
        ])
        .await;
    let before = (store.depth().await, store.parked().await);

    let store = moved(factory, store).await;

    assert_eq!((store.depth().await, store.parked().await), before);
    store.settle_due(Verdict::Park(reason("no")), 2).await;
    let depth = store.depth().await;
    assert_eq!((depth.waiting, depth.parked, depth.shadow), (0, 4, 1));
    assert_eq!(depth.oldest, None);
    assert_eq!(store.parked().await[0].rows, 4);
    let rows = store.list(ListState::Parked).await;
    let rows: Vec<_> = rows.iter().map(|row| row.id).collect();
    assert_eq!(store.discard(&rows).await, 4);
    assert_eq!(store.depth().await.parked, 0);
    assert_eq!(store.parked().await, []);
}

/// A lane that waits for a person still does, until the decision.
pub async fn a_moved_lane_stays_blocked(factory: &dyn CopyFactory) {
    let store = old(factory).await;
    block(&store).await;

    let store = moved(factory, store).await;

    assert_eq!(keys(&store.list(ListState::Blocking).await), ["blocking"]);
    assert_eq!(store.next_due().await, None);
    assert_eq!(store.claim(100).await, []);
    store.enqueue(vec![row("later", "lane")]).await;
    assert_eq!(store.claim(100).await, []);
    let limits = matrix_bridge_core::PruneLimits {
        parked_rows_max: 0,
        ..crate::conformance::sample::no_limits()
    };
    store.prune(limits).await;
    let row = store.only(ListState::Blocking).await;
    assert_eq!(store.requeue(&[row.id], 101).await, 1);
    let claim = store.claim_one(101).await;
    assert_eq!(keys(&claim.rows), ["blocking", "behind", "later"]);
}

/// A row that blocks its lane holds back those behind it and not those before.
pub async fn moved_rows_before_a_blocking_one_go_on(factory: &dyn CopyFactory) {
    let store = old(factory).await;
    store
        .enqueue(vec![
            row("before", "lane"),
            blocking(parked(row("blocking", "lane"))),
            row("behind", "lane"),
        ])
        .await;

    let store = moved(factory, store).await;

    let claim = store.claim_one(1).await;
    assert_eq!(keys(&claim.rows), ["before"]);
    store.settle_all(&claim, Verdict::Sent(None), 2).await;
    assert_eq!(store.claim(100).await, []);
    let row = store.only(ListState::Parked).await;
    assert_eq!(store.discard(&[row.id]).await, 1);
    assert_eq!(keys(&store.claim_one(100).await.rows), ["behind"]);
}

/// A parked row comes back to its place, is replaced there, or goes.
pub async fn moved_parked_rows_are_decided(factory: &dyn CopyFactory) {
    let store = old(factory).await;
    let rows = ["a", "b", "c", "d"].map(|key| linked(row(key, "lane"), key));
    store.enqueue(rows.to_vec()).await;
    let claim = store.claim_one(2).await;
    for parked in &claim.rows[..3] {
        let park = settlement(&claim, parked, Verdict::Park(reason("no")), 3);
        assert_eq!(store.settle(vec![park]).await, []);
    }
    let release = settlement(&claim, &claim.rows[3], Verdict::Release, 3);
    assert_eq!(store.settle(vec![release]).await, []);
    let ids: Vec<_> = claim.rows.iter().map(|row| row.id).collect();

    let store = moved(factory, store).await;

    assert_eq!(store.requeue(&ids, 4).await, 3);
    let all = store.claim_one(4).await;
    assert_eq!(keys(&all.rows), ["a", "b", "c", "d"]);
    assert_eq!(all.rows[0].first_attempt, Some(at(2)));
    for parked in &all.rows[..2] {
        let park = settlement(&all, parked, Verdict::Park(reason("no")), 5);
        assert_eq!(store.settle(vec![park]).await, []);
    }
    assert!(!store.replace(ids[0], row("d", "lane")).await);
    assert!(store.replace(ids[0], row("instead", "lane")).await);
    assert_eq!(store.discard(&ids[1..]).await, 1);
    let claim = store.claim_one(9_000).await;
    assert_eq!(keys(&claim.rows), ["instead", "c", "d"]);
}

/// A key that was there in any state is not enqueued again.
pub async fn moved_keys_stay_taken(factory: &dyn CopyFactory) {
    let store = old(factory).await;
    store.enqueue(vec![row("sent", "lane")]).await;
    store.settle_due(Verdict::Sent(None), 1).await;
    let rows = vec![
        row("waiting", "lane"),
        parked(row("parked", "lane")),
        shadow(row("shadow", "lane")),
    ];
    store.enqueue(rows).await;
    let before = store.contents(&[]).await;

    let store = moved(factory, store).await;

    let again = ["sent", "waiting", "parked", "shadow"].map(|key| row(key, "again"));
    store.enqueue(again.to_vec()).await;
    let mut after = store.contents(&[]).await;
    after.next_due = before.next_due;
    assert_eq!(after, before);
}

/// A lane with a row that blocks it and one behind that.
async fn block(store: &Checked) {
    let rows = ["blocking", "behind"].map(|key| blocking(row(key, "lane")));
    store.enqueue(rows.to_vec()).await;
    let claim = store.claim_one(2).await;
    let park = settlement(&claim, &claim.rows[0], Verdict::Park(reason("no")), 3);
    let release = settlement(&claim, &claim.rows[1], Verdict::Release, 3);
    assert_eq!(store.settle(vec![park, release]).await, []);
}
