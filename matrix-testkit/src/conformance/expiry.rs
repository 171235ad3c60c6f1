//! Claims that run out, and what an old token is worth.

use matrix_bridge_core::{ClaimRequest, ListState, NewRow, RowState, Verdict};

use super::{
    StoreFactory,
    checked::Checked,
    sample::{
        at, claim_at, claimed_keys, due, event, keys, message, reason, row, settlement, settlements,
    },
};

/// A claim holds until its time, and from then on its rows can be claimed again.
pub async fn a_claim_that_ran_out_can_be_taken_over(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store.enqueue(rows(&["a", "b"])).await;
    let first = store.claim_one(1).await;

    assert_eq!(store.claim(1_000).await, []);
    let second = store.claim_one(1_001).await;

    assert_eq!(keys(&second.rows), ["a", "b"]);
    assert_eq!(second.rows[0].first_attempt, Some(at(1)));
    assert!(second.token > first.token);
}

/// A worker that was too slow cannot undo what its successor does.
pub async fn an_old_token_settles_nothing(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store.enqueue(rows(&["a"])).await;
    let old = store.claim_one(1).await;
    let new = store.claim_one(2_000).await;
    let before = store.contents(&[]).await;

    for verdict in verdicts() {
        let lost = store.settle(settlements(&old, &verdict, 2_001)).await;
        assert_eq!(lost, [old.rows[0].id], "{verdict:?}");
    }

    assert_eq!(store.contents(&[]).await, before);
    store.settle_all(&new, Verdict::Sent(None), 2_002).await;
}

/// What is late but not taken over counts: the row was sent.
pub async fn a_late_settlement_counts_until_the_claim_is_taken_over(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store.enqueue(rows(&["a"])).await;
    let claim = store.claim_one(1).await;

    let sent = Verdict::Sent(Some(event("sent")));
    store.settle_all(&claim, sent, 5_000).await;

    assert_eq!(store.claim(5_000).await, []);
    assert_eq!(keys(&store.list(ListState::Sent).await), ["a"]);
}

/// A new claim ends the former one also for rows that it does not take: otherwise
/// the two would settle one lane side by side.
pub async fn a_new_claim_ends_the_former_one_for_the_whole_lane(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store.enqueue(rows(&["a", "b"])).await;
    let old = store.claim_one(1).await;
    let request = ClaimRequest {
        rows_per_lane: 1,
        ..claim_at(2_000)
    };
    let new = store.claim_with(request).await;
    assert_eq!(claimed_keys(&new), [["a"]]);

    let late = settlement(&old, &old.rows[1], Verdict::Sent(None), 2_001);
    assert_eq!(store.settle(vec![late]).await, [old.rows[1].id]);

    let b = &store.list(ListState::Waiting).await[1];
    assert_eq!(b.state, RowState::Waiting { due: at(1) });
    assert_eq!(b.first_attempt, Some(at(1)), "it may have been sent");
    assert_eq!(store.claim(2_001).await, [], "the new claim holds the lane");
}

/// While one row of a run is open its lane is not handed out, though the head waits.
pub async fn a_lane_is_free_when_its_whole_run_is_settled(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store.enqueue(rows(&["a", "b", "c"])).await;
    let claim = store.claim_one(1).await;
    let retry = Verdict::Retry {
        due: at(2),
        counted: true,
    };
    let first = settlement(&claim, &claim.rows[0], retry, 1);
    let second = settlement(&claim, &claim.rows[1], Verdict::Sent(None), 1);
    assert_eq!(store.settle(vec![first, second]).await, []);

    assert_eq!(store.claim(500).await, []);
    assert_eq!(store.next_due().await, Some(at(1_001)));
    let last = settlement(&claim, &claim.rows[2], Verdict::Release, 500);
    assert_eq!(store.settle(vec![last]).await, []);

    assert_eq!(store.next_due().await, Some(at(500)));
    assert_eq!(claimed_keys(&store.claim(500).await), [["a", "c"]]);
}

/// The next time something can be claimed: a due head, or a claim that runs out.
pub async fn the_next_due_time_is_that_of_the_first_lane(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    assert_eq!(store.next_due().await, None);
    let late = |key, lane, created| due(row(key, lane), created);
    store
        .enqueue(vec![late("a", "one", 50), late("b", "one", 5)])
        .await;
    assert_eq!(store.next_due().await, Some(at(50)), "a lane is its head");
    store.enqueue(vec![late("c", "two", 20)]).await;
    assert_eq!(store.next_due().await, Some(at(20)));

    let claim = store.claim_one(20).await;
    assert_eq!(store.next_due().await, Some(at(50)));
    store.claim_one(50).await;
    assert_eq!(store.next_due().await, Some(at(1_020)));
    store.settle_all(&claim, Verdict::Sent(None), 60).await;
    assert_eq!(store.next_due().await, Some(at(1_050)));
    store.settle_due(Verdict::Shadow, 1_050).await;
    assert_eq!(store.next_due().await, None, "shadow rows are not due");
}

/// One of each kind.
fn verdicts() -> [Verdict; 7] {
    let retry = |counted| Verdict::Retry {
        due: at(9_000),
        counted,
    };
    [
        Verdict::Sent(Some(event("late"))),
        retry(true),
        retry(false),
        Verdict::Release,
        Verdict::Park(reason("late")),
        Verdict::Shadow,
        Verdict::Amend(message("late")),
    ]
}

/// Rows of one lane, in order.
fn rows(keys: &[&str]) -> Vec<NewRow> {
    keys.iter().map(|key| row(key, "lane")).collect()
}
