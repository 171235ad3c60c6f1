//! Which rows a claim hands out.

use std::time::Duration;

use matrix_bridge_core::{ClaimRequest, EndpointClass, ListState, NewRow, OutcomeCursor, Verdict};

use super::{
    StoreFactory,
    checked::Checked,
    sample::{at, claim_at, claimed_keys, due, from, row, user},
};

/// Order is that of the commits, and within a batch that of its rows.
pub async fn a_lane_keeps_its_order(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store
        .enqueue(vec![row("c", "lane"), row("a", "lane")])
        .await;
    store.enqueue(vec![row("b", "lane")]).await;

    assert_eq!(claimed_keys(&store.claim(1).await), [["c", "a", "b"]]);
}

/// A claim takes the head of the lane, also when it may take one row only.
pub async fn a_claim_takes_the_first_rows_of_a_lane(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store.enqueue(rows(&["a", "b", "c"])).await;
    for expected in [vec!["a", "b"], vec!["c"]] {
        let request = ClaimRequest {
            rows_per_lane: 2,
            ..claim_at(1)
        };
        let claims = store.claim_with(request).await;

        assert_eq!(claimed_keys(&claims), [expected]);
        store.settle_all(&claims[0], Verdict::Sent(None), 1).await;
    }
    assert_eq!(store.claim(1).await, []);
}

/// A lane is under one claim at a time, though rows of it are left.
pub async fn a_claimed_lane_is_not_claimed_again(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store.enqueue(rows(&["a", "b"])).await;
    let request = ClaimRequest {
        rows_per_lane: 1,
        ..claim_at(1)
    };
    store.claim_with(request).await;
    store.enqueue(rows(&["c"])).await;

    assert_eq!(store.claim(1).await, []);
    assert_eq!(store.claim(1_000).await, []);
}

/// A row that is not due holds back its lane, and no other.
pub async fn a_waiting_head_holds_back_its_lane_only(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store
        .enqueue(vec![
            due(row("late", "one"), 50),
            row("behind", "one"),
            row("free", "two"),
        ])
        .await;

    assert_eq!(claimed_keys(&store.claim(49).await), [["free"]]);
    let claims = store.claim(50).await;
    assert_eq!(claimed_keys(&claims), [["late", "behind"]]);
}

/// A run ends before a row that is not due; what is behind it does not overtake.
pub async fn a_run_ends_before_a_row_that_is_not_due(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let late = due(row("b", "lane"), 50);
    store
        .enqueue(vec![row("a", "lane"), late, row("c", "lane")])
        .await;

    assert_eq!(claimed_keys(&store.claim(1).await), [["a"]]);
}

/// One claim is of one sender and one class: they share limits and pauses.
pub async fn a_run_is_of_one_sender_and_class(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let class = EndpointClass::Invite;
    store
        .enqueue(vec![
            row("a", "lane"),
            row("b", "lane"),
            from(row("c", "lane"), "ghost"),
            row("d", "lane"),
            NewRow {
                class,
                ..row("e", "lane")
            },
            NewRow {
                class,
                ..row("f", "lane")
            },
        ])
        .await;

    for run in [vec!["a", "b"], vec!["c"], vec!["d"], vec!["e", "f"]] {
        let claims = store.claim(1).await;
        assert_eq!(claimed_keys(&claims), [run]);
        store.settle_all(&claims[0], Verdict::Sent(None), 1).await;
    }
}

/// A lane whose head is of a paused sender and class is passed over, not counted.
pub async fn lanes_of_paused_senders_are_passed_over(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let invite = NewRow {
        class: EndpointClass::Invite,
        ..row("c", "three")
    };
    store
        .enqueue(vec![
            row("a", "one"),
            from(row("a2", "one"), "ghost"),
            from(row("b", "two"), "ghost"),
            row("b2", "two"),
            invite,
        ])
        .await;

    let paused = vec![
        (user("bot"), EndpointClass::Event),
        (user("ghost"), EndpointClass::Invite),
    ];
    let request = ClaimRequest {
        paused,
        lanes: 2,
        ..claim_at(1)
    };
    let claims = store.claim_with(request).await;

    assert_eq!(claimed_keys(&claims), [["b"], ["c"]]);
    assert_eq!(claimed_keys(&store.claim(1).await), [["a"]]);
}

/// The lanes that wait longest come first, then those whose row came first.
pub async fn lanes_that_became_due_first_come_first(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store
        .enqueue(vec![
            due(row("d", "a lane"), 40),
            due(row("c", "b lane"), 30),
            due(row("a", "d lane"), 10),
            due(row("b", "c lane"), 10),
        ])
        .await;

    let request = ClaimRequest {
        lanes: 3,
        ..claim_at(100)
    };
    let first = store.claim_with(request.clone()).await;
    let rest = store.claim_with(request).await;

    assert_eq!(claimed_keys(&first), [["a"], ["b"], ["c"]]);
    assert_eq!(claimed_keys(&rest), [["d"]]);
}

/// Every claim has a number of its own, larger than all before it.
pub async fn claim_tokens_only_grow(factory: &dyn StoreFactory) {
    let mut store = Checked::open(factory).await;
    let mut tokens = Vec::new();
    for round in ["x", "y", "z"] {
        let lanes = ["1", "2", "3"];
        let rows = lanes.map(|lane| row(&format!("{round}{lane}"), lane));
        store.enqueue(rows.to_vec()).await;
        let claims = store.claim(1).await;
        tokens.extend(claims.iter().map(|claim| claim.token));
        for claim in claims {
            store.settle_all(&claim, Verdict::Sent(None), 1).await;
        }
        store = store.reopen(factory).await;
    }

    assert_eq!(tokens.len(), 9);
    let grows = |pair: &[_]| pair[0] < pair[1];
    assert!(tokens.windows(2).all(grows), "{tokens:?}");
}

/// The time of the first attempt is that of the first claim, and stays.
pub async fn the_first_attempt_is_written_once(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store.enqueue(rows(&["a"])).await;
    let first = store.claim_one(7).await;
    assert_eq!(first.rows[0].first_attempt, Some(at(7)));
    let listed = store.list(ListState::Waiting).await;
    assert_eq!(listed, first.rows, "written before it is handed out");

    let retry = Verdict::Retry {
        due: at(20),
        counted: true,
    };
    store.settle_all(&first, retry, 8).await;
    let second = store.claim_one(20).await;

    assert_eq!(second.rows[0].first_attempt, Some(at(7)));
}

/// Asking for nothing claims nothing.
pub async fn a_claim_of_no_rows_takes_nothing(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store.enqueue(rows(&["a"])).await;

    let no_lanes = ClaimRequest {
        lanes: 0,
        ..claim_at(1)
    };
    assert_eq!(store.claim_with(no_lanes).await, []);
    let no_rows = ClaimRequest {
        rows_per_lane: 0,
        ..claim_at(1)
    };
    assert_eq!(store.claim_with(no_rows).await, []);
    assert_eq!(claimed_keys(&store.claim(1).await), [["a"]]);
}

/// Limits are only limits: the largest ones are no error.
pub async fn the_largest_limits_are_no_error(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store.enqueue(rows(&["a", "b"])).await;
    let request = ClaimRequest {
        lanes: usize::MAX,
        rows_per_lane: usize::MAX,
        ttl: Duration::from_secs(1),
        ..claim_at(1)
    };

    assert_eq!(claimed_keys(&store.claim_with(request).await), [["a", "b"]]);
    let outcomes = store
        .outcomes_after(OutcomeCursor::default(), usize::MAX)
        .await;
    assert_eq!(outcomes, []);
    let listed = store.store.list(ListState::Waiting, None, usize::MAX).await;
    assert_eq!(listed.expect("the queue is readable").len(), 2);
}

/// Rows of one lane, in order.
fn rows(keys: &[&str]) -> Vec<NewRow> {
    keys.iter().map(|key| row(key, "lane")).collect()
}
