//! Lanes take turns, whatever the age of their rows.

use matrix_bridge_core::{ClaimRequest, EndpointClass, NewRow, Verdict};

use super::{
    StoreFactory,
    checked::Checked,
    sample::{claim_at, due, from, row, user},
};

const BACKLOG: [&str; 5] = ["l1", "l2", "l3", "l4", "l5"];

/// Many lanes with old rows and few claims at once: every lane has its turn before one
/// has its second, and a new lane has its turn among them.
pub async fn every_lane_has_its_turn(factory: &dyn StoreFactory) {
    let mut store = Checked::open(factory).await;
    backlog(&store).await;
    assert_eq!(turn(&store, 10).await, "l1");
    store.enqueue(vec![due(row("new", "new"), 12)]).await;

    // It makes no difference whether the process was started again in between.
    let mut turns = Vec::new();
    for n in 0..6 {
        turns.push(turn(&store, 20 + n * 10).await);
        if n % 2 == 1 {
            store = store.reopen(factory).await;
        }
    }

    assert_eq!(turns, ["l2", "l3", "l4", "l5", "l1", "new"]);
}

/// Also a lane whose rows come back, tried or not, is behind those that waited.
pub async fn a_lane_whose_rows_come_back_had_its_turn(factory: &dyn StoreFactory) {
    let retry = Verdict::Retry {
        due: super::sample::at(5),
        counted: true,
    };
    for (n, verdict) in [Verdict::Release, retry].into_iter().enumerate() {
        let store = Checked::open_as(factory, &format!("store-{n}")).await;
        backlog(&store).await;
        let mut turns = Vec::new();
        for n in 0..7 {
            let claims = store.claim_with(one(10 + n * 10)).await;
            turns.push(claims[0].lane.to_string());
            store
                .settle_all(&claims[0], verdict.clone(), 11 + n * 10)
                .await;
        }
        assert_eq!(turns, ["l1", "l2", "l3", "l4", "l5", "l1", "l2"]);
    }
}

/// A claim that ran out had its turn when it did.
pub async fn a_lane_whose_claim_ran_out_had_its_turn(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    backlog(&store).await;
    let claims = store.claim_with(one(10)).await;
    assert_eq!(claims[0].lane.as_str(), "l1");

    let mut turns = Vec::new();
    for n in 0..6 {
        turns.push(turn(&store, 2_000 + n * 10).await);
    }
    assert_eq!(turns, ["l2", "l3", "l4", "l5", "l1", "l2"]);
}

/// Lanes that became free at one time come in the order of their first rows.
pub async fn turns_of_one_time_are_in_the_order_of_rows(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    backlog(&store).await;
    let three = ClaimRequest {
        lanes: 3,
        ..one(10)
    };
    let claims = store.claim_with(three).await;
    for claim in claims.iter().rev() {
        store.settle_all(claim, Verdict::Release, 11).await;
    }

    let mut turns = Vec::new();
    for n in 0..5 {
        turns.push(turn(&store, 20 + n * 10).await);
    }
    assert_eq!(turns, ["l4", "l5", "l1", "l2", "l3"]);
}

/// Newcomers come first where they are asked for, the latest of them in front, and have
/// one such turn.
pub async fn newcomers_come_first_where_asked(factory: &dyn StoreFactory) {
    let mut store = Checked::open(factory).await;
    backlog(&store).await;
    assert_eq!(turn(&store, 10).await, "l1");
    let rows = ["new 1", "new 2"].map(|key| due(row(key, "new"), 12));
    store.enqueue(rows.to_vec()).await;

    let mut turns = Vec::new();
    for n in 0..7 {
        turns.push(newcomer(&store, 20 + n * 10).await);
        if n % 2 == 1 {
            store = store.reopen(factory).await;
        }
    }

    assert_eq!(turns, ["new", "l5", "l4", "l3", "l2", "l1", "new"]);
}

/// As many newcomers as are asked for come first, and then those that wait longest.
pub async fn newcomers_leave_room_for_the_others(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    backlog(&store).await;
    assert_eq!(turn(&store, 10).await, "l1");
    store.enqueue(vec![due(row("new", "new"), 12)]).await;
    let later = due(row("later", "later"), 90);
    store.enqueue(vec![from(later, "other")]).await;

    let claims = async |lanes, newcomers, now| {
        let request = ClaimRequest {
            lanes,
            newcomers,
            paused: vec![(user("other"), EndpointClass::Event)],
            ..one(now)
        };
        let claims = store.claim_with(request).await;
        let lanes = claims.iter().map(|claim| claim.lane.to_string());
        let lanes: Vec<String> = lanes.collect();
        for claim in &claims {
            store.settle_all(claim, Verdict::Release, now + 1).await;
        }
        lanes
    };

    assert_eq!(claims(4, 2, 20).await, ["new", "l5", "l2", "l3"]);
    assert_eq!(claims(1, 3, 100).await, ["l4"], "no more than lanes");
    assert_eq!(claims(3, 3, 110).await, ["l1", "l2", "l3"], "none is new");
}

/// Also a turn that came to nothing is one, and who had no rows is new again.
pub async fn a_newcomer_is_new_until_its_first_turn(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    backlog(&store).await;
    let request = ClaimRequest {
        newcomers: 1,
        ..one(10)
    };
    let ran_out = store.claim_with(request).await;
    assert_eq!(ran_out[0].lane.as_str(), "l5");
    store.enqueue(vec![due(row("new 1", "new"), 12)]).await;
    assert_eq!(newcomer(&store, 20).await, "new");
    store.enqueue(vec![due(row("new 2", "new"), 30)]).await;

    let mut turns = Vec::new();
    for n in 0..6 {
        turns.push(newcomer(&store, 2_000 + n * 10).await);
    }

    assert_eq!(turns, ["new", "l4", "l3", "l2", "l1", "l5"]);
}

/// Three rows in each lane.
async fn backlog(store: &Checked) {
    let rows = BACKLOG.map(|lane| ["a", "b", "c"].map(|n| row(&format!("{lane} {n}"), lane)));
    let rows: Vec<NewRow> = rows.concat();
    store.enqueue(rows).await;
}

/// One row of one lane.
fn one(now: u64) -> ClaimRequest {
    ClaimRequest {
        lanes: 1,
        rows_per_lane: 1,
        ..claim_at(now)
    }
}

/// Whose turn it is; a row of it is sent a little later.
async fn turn(store: &Checked, now: u64) -> String {
    turn_of(store, one(now), now).await
}

/// The same, if newcomers come first.
async fn newcomer(store: &Checked, now: u64) -> String {
    let request = ClaimRequest {
        newcomers: 1,
        ..one(now)
    };
    turn_of(store, request, now).await
}

async fn turn_of(store: &Checked, request: ClaimRequest, now: u64) -> String {
    let claims = store.claim_with(request).await;
    assert_eq!(claims.len(), 1, "somebody has a turn at {now}");
    store
        .settle_all(&claims[0], Verdict::Sent(None), now + 1)
        .await;
    claims[0].lane.to_string()
}
