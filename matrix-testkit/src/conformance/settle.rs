//! What becomes of claimed rows.

use matrix_bridge_core::{
    ClaimToken, ListState, NewRow, Row, RowId, RowState, Settlement, Verdict,
};

use super::{
    StoreFactory,
    checked::{Checked, Contents},
    sample::{
        at, claimed_keys, due, event, keys, link, linked, message, reason, row, settlement,
        settlements,
    },
};

/// A sent row is a record with its event, and its lane goes on.
pub async fn a_sent_row_is_kept_as_a_record(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store.enqueue(rows(&["a", "b"])).await;
    let claim = store.claim_one(1).await;
    let sent = [
        settlement(&claim, &claim.rows[0], Verdict::Sent(Some(event("a"))), 2),
        settlement(&claim, &claim.rows[1], Verdict::Sent(None), 2),
    ];
    assert_eq!(store.settle(sent.to_vec()).await, []);

    let records = [Some(event("a")), None];
    let records = claim.rows.iter().zip(records).map(|(row, event_id)| Row {
        state: RowState::Sent { event_id },
        ..row.clone()
    });
    let listed = store.list(ListState::Sent).await;
    assert_eq!(listed, records.collect::<Vec<_>>());
    assert_eq!(store.list(ListState::Waiting).await, []);
    store.enqueue(rows(&["c"])).await;
    assert_eq!(claimed_keys(&store.claim(2).await), [["c"]]);
}

/// A retry waits for its time at its place, and holds back what is behind it.
pub async fn a_retry_waits_at_its_place(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store.enqueue(rows(&["a", "b"])).await;
    let claim = store.claim_one(1).await;
    let retry = Verdict::Retry {
        due: at(300),
        counted: true,
    };
    let first = settlement(&claim, &claim.rows[0], retry, 2);
    let second = settlement(&claim, &claim.rows[1], Verdict::Release, 2);
    assert_eq!(store.settle(vec![first, second]).await, []);

    assert_eq!(store.claim(299).await, []);
    let waiting = store.list(ListState::Waiting).await;
    assert_eq!(waiting[0].state, RowState::Waiting { due: at(300) });
    assert_eq!(claimed_keys(&store.claim(300).await), [["a", "b"]]);
}

/// Only tries that speak against the row are counted.
pub async fn a_retry_is_counted_if_it_says_so(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store.enqueue(rows(&["a"])).await;
    let mut attempts = Vec::new();
    for (n, counted) in [true, false, true, false].into_iter().enumerate() {
        let now = n as u64 + 10;
        let retry = Verdict::Retry {
            due: at(now + 1),
            counted,
        };
        store.settle_due(retry, now).await;
        attempts.push(store.only(ListState::Waiting).await.attempts);
    }

    assert_eq!(attempts, [1, 1, 2, 2]);
    let first_attempt = store.only(ListState::Waiting).await.first_attempt;
    assert_eq!(first_attempt, Some(at(10)), "it was tried, counted or not");
}

/// A row that was not tried waits as before it was claimed.
pub async fn a_released_row_is_as_it_was(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let late = due(row("b", "lane"), 30);
    store.enqueue(vec![row("a", "lane"), late]).await;
    let before = store.contents(&[]).await;

    let claim = store.claim_one(40).await;
    store.settle_all(&claim, Verdict::Release, 41).await;

    let next_due = Some(at(41));
    let expected = Contents { next_due, ..before };
    assert_eq!(store.contents(&[]).await, expected, "the lane had its turn");
    assert_eq!(claimed_keys(&store.claim(41).await), [["a", "b"]]);
}

/// A row that an earlier claim may have sent keeps the time of that.
pub async fn a_released_row_keeps_an_earlier_first_attempt(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store
        .enqueue(vec![row("retried", "one"), row("expired", "two")])
        .await;
    let claims = store.claim(5).await;
    let retry = Verdict::Retry {
        due: at(7),
        counted: false,
    };
    store.settle_all(&claims[0], retry, 6).await;

    store.settle_due(Verdict::Release, 2_000).await;

    let waiting = store.list(ListState::Waiting).await;
    let states = waiting
        .iter()
        .map(|row| (row.first_attempt, row.state.clone()));
    let expected = [7, 1].map(|due| (Some(at(5)), RowState::Waiting { due: at(due) }));
    assert_eq!(states.collect::<Vec<_>>(), expected);
}

/// A changed action is what is sent from then on; the claim goes on.
pub async fn an_amended_action_is_kept(factory: &dyn StoreFactory) {
    let mut store = Checked::open(factory).await;
    store.enqueue(rows(&["a"])).await;
    let claim = store.claim_one(1).await;
    let before = store.only(ListState::Waiting).await;
    let amend = Verdict::Amend(message("amended"));
    store.settle_all(&claim, amend, 2).await;

    let mut expected = before;
    expected.body.action = message("amended");
    assert_eq!(store.only(ListState::Waiting).await, expected);
    assert_eq!(store.claim(2).await, []);
    let retry = Verdict::Retry {
        due: at(3),
        counted: true,
    };
    store.settle_all(&claim, retry, 2).await;
    store = store.reopen(factory).await;
    let again = store.claim_one(3).await;
    assert_eq!(again.rows[0].body, expected.body);
    assert_eq!(again.rows[0].transaction_id, expected.transaction_id);
}

/// Settlements of one call are taken in their order: amended, then sent, then too late.
pub async fn settlements_are_written_in_their_order(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store.enqueue(rows(&["a"])).await;
    let claim = store.claim_one(1).await;
    let verdicts = [
        Verdict::Amend(message("amended")),
        Verdict::Sent(Some(event("a"))),
        Verdict::Park(reason("too late")),
    ];
    let all = verdicts.map(|verdict| settlement(&claim, &claim.rows[0], verdict, 2));

    let lost = store.settle(all.to_vec()).await;

    assert_eq!(lost, [claim.rows[0].id]);
    let sent = store.only(ListState::Sent).await;
    assert_eq!(sent.body.action, message("amended"));
    assert_eq!(store.list(ListState::Parked).await, []);
}

/// Nothing is written for rows that are not under the claim, and the rest is.
pub async fn lost_rows_do_not_spoil_the_others(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store.enqueue(rows(&["a", "b"])).await;
    let claim = store.claim_one(1).await;
    let good = settlement(&claim, &claim.rows[0], Verdict::Sent(None), 2);
    let forged = Settlement {
        token: ClaimToken(claim.token.0 + 1),
        ..settlement(&claim, &claim.rows[1], Verdict::Sent(None), 2)
    };
    let unknown = Settlement {
        row: RowId(9_999),
        ..good.clone()
    };
    let expected = [forged.row, unknown.row];

    let lost = store.settle(vec![forged, unknown, good]).await;

    assert_eq!(lost, expected);
    assert_eq!(keys(&store.list(ListState::Sent).await), ["a"]);
    assert_eq!(keys(&store.list(ListState::Waiting).await), ["b"]);
    assert_eq!(store.settle(Vec::new()).await, []);
}

/// A row is settled once.
pub async fn a_settled_row_cannot_be_settled_again(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let retry = Verdict::Retry {
        due: at(90),
        counted: true,
    };
    let settled = [
        Verdict::Sent(None),
        retry,
        Verdict::Release,
        Verdict::Park(reason("no")),
        Verdict::Shadow,
    ];
    let rows = ["1", "2", "3", "4", "5"].map(|name| row(name, name));
    store.enqueue(rows.to_vec()).await;
    let claims = store.claim(1).await;
    for (claim, verdict) in claims.iter().zip(settled) {
        store.settle_all(claim, verdict, 2).await;
    }
    let before = store.contents(&[]).await;

    for claim in &claims {
        let again = settlements(claim, &Verdict::Sent(Some(event("again"))), 3);
        assert_eq!(store.settle(again).await, [claim.rows[0].id]);
    }

    assert_eq!(store.contents(&[]).await, before);
}

/// A row that turns out to be shadow is recorded and never sent, and nobody is told.
pub async fn a_row_settled_as_shadow_is_recorded(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store.enqueue(rows(&["a"])).await;
    store.settle_due(Verdict::Shadow, 1).await;

    assert_eq!(store.only(ListState::Shadow).await.state, RowState::Shadow);
    assert_eq!(store.claim(90_000).await, []);
    assert_eq!(store.outcomes().await, []);
}

/// A parked row leaves its lane, and the next one goes on.
pub async fn a_parked_row_lets_its_lane_go_on(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store.enqueue(rows(&["a", "b"])).await;
    let claim = store.claim_one(1).await;
    let park = settlement(&claim, &claim.rows[0], Verdict::Park(reason("no")), 2);
    let release = settlement(&claim, &claim.rows[1], Verdict::Release, 2);
    assert_eq!(store.settle(vec![park, release]).await, []);

    let kept = store.only(ListState::Parked).await;
    let state = RowState::Parked {
        reason: reason("no"),
    };
    assert_eq!(
        kept,
        Row {
            state,
            ..claim.rows[0].clone()
        }
    );
    assert_eq!(claimed_keys(&store.claim(2).await), [["b"]]);
}

/// Rows of one lane, in order.
/// A call may say several things of one row; what comes after its end is lost.
pub async fn one_call_settles_a_row_step_by_step(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store.enqueue(rows(&["a", "b"])).await;
    let claim = store.claim_one(1).await;
    let amended = message("amended");
    let of = |n: usize, verdict| settlement(&claim, &claim.rows[n], verdict, 2);
    let steps = vec![
        of(0, Verdict::Amend(amended.clone())),
        of(1, Verdict::Park(reason("no"))),
        of(0, Verdict::Sent(Some(event("a")))),
        of(0, Verdict::Park(reason("too late"))),
        of(1, Verdict::Sent(Some(event("too late")))),
    ];

    let lost = store.settle(steps).await;

    assert_eq!(lost, [claim.rows[0].id, claim.rows[1].id]);
    assert_eq!(store.only(ListState::Sent).await.body.action, amended);
    assert_eq!(keys(&store.list(ListState::Parked).await), ["b"]);
    assert_eq!(store.outcomes().await.len(), 2);
}

/// A row that made no event is sent; the host's message keeps the event it had.
pub async fn a_row_that_makes_no_event_links_nothing(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    for (key, sent) in [("a", Some(event("a"))), ("b", None)] {
        store
            .enqueue(vec![linked(row(key, "lane"), "host id")])
            .await;
        store.settle_due(Verdict::Sent(sent), 1).await;
    }

    assert_eq!(store.list(ListState::Sent).await.len(), 2);
    let linked = store.store.linked_event(&link("host id")).await;
    assert_eq!(linked.expect("links are readable"), Some(event("a")));
}

fn rows(keys: &[&str]) -> Vec<NewRow> {
    keys.iter().map(|key| row(key, "lane")).collect()
}
