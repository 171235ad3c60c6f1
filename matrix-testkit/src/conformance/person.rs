//! What a person sees and does: lists, counts, parked rows.

use matrix_bridge_core::{
    Batch, ClaimRequest, Disposition, ListState, NewParkedEvent, NewRow, ParkCode, ParkReason,
    ParkedRows, QueueDepth, Row, RowId, RowState, Verdict,
};

use super::{
    StoreFactory,
    checked::Checked,
    sample::{
        at, batch, blocking, claim_at, claimed_keys, due, event, keys, parked, parked_event,
        reason, row, settlement, shadow,
    },
};

/// A requeued row is due at once, at its old place, under its old transaction id.
pub async fn a_requeued_row_comes_back_to_its_place(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let rows = ["a", "b", "c"].map(|key| due(row(key, "lane"), 30));
    store.enqueue(rows.to_vec()).await;
    let claim = store.claim_one(30).await;
    let retry = Verdict::Retry {
        due: at(30),
        counted: true,
    };
    let verdicts = [Verdict::Release, retry, Verdict::Release];
    let all = claim.rows.iter().zip(verdicts);
    let all = all.map(|(row, verdict)| settlement(&claim, row, verdict, 30));
    assert_eq!(store.settle(all.collect()).await, []);
    let claim = store.claim_one(31).await;
    let all = claim.rows.iter().map(|row| match row.key.as_str() {
        "b" => settlement(&claim, row, Verdict::Park(reason("no")), 31),
        _ => settlement(&claim, row, Verdict::Release, 31),
    });
    assert_eq!(store.settle(all.collect()).await, []);
    let before = store.only(ListState::Parked).await;

    assert_eq!(store.requeue(&[before.id], 20).await, 1);

    let waiting = store.list(ListState::Waiting).await;
    let expected = Row {
        state: RowState::Waiting { due: at(20) },
        attempts: 0,
        ..before
    };
    assert_eq!(waiting[1], expected);
    assert_eq!(claimed_keys(&store.claim(31).await), [["a", "b", "c"]]);
}

/// A requeued head does not break into a claim that holds its lane.
pub async fn a_requeued_row_waits_for_the_claim_of_its_lane(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store
        .enqueue(vec![parked(row("a", "lane")), row("b", "lane")])
        .await;
    let claim = store.claim_one(1).await;
    let id = store.only(ListState::Parked).await.id;
    assert_eq!(store.requeue(&[id], 2).await, 1);

    assert_eq!(store.claim(3).await, []);
    store.settle_all(&claim, Verdict::Release, 4).await;

    assert_eq!(claimed_keys(&store.claim(5).await), [["a", "b"]]);
}

/// Rows in other states, and rows that are not there, are not requeued or discarded.
pub async fn only_parked_rows_are_requeued_or_discarded(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store.enqueue(vec![row("sent", "one")]).await;
    store.settle_due(Verdict::Sent(None), 1).await;
    store.enqueue(vec![row("claimed", "two")]).await;
    store.claim_one(1).await;
    let waiting = due(row("waiting", "three"), 50);
    store
        .enqueue(vec![waiting, shadow(row("shadow", "four"))])
        .await;
    let before = store.contents(&[]).await;

    let ids: Vec<RowId> = (0..50).map(RowId).collect();
    assert_eq!(store.requeue(&ids, 7).await, 0);
    assert_eq!(store.discard(&ids).await, 0);

    assert_eq!(store.contents(&[]).await, before);
}

/// A discarded row is gone, and its key is free.
pub async fn a_discarded_row_is_gone(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let rows = ["a", "b", "c"].map(|key| parked(row(key, "lane")));
    store.enqueue(rows.to_vec()).await;
    let before = store.list(ListState::Parked).await;

    let ids = [before[0].id, before[2].id, before[0].id];
    assert_eq!(store.discard(&ids).await, 2);

    assert_eq!(store.list(ListState::Parked).await, before[1..2]);
    store.enqueue(vec![row("c", "lane")]).await;
    let new = store.only(ListState::Waiting).await;
    assert_eq!(keys(std::slice::from_ref(&new)), ["c"]);
    assert!(new.id > before[2].id, "ids are not used again");
}

/// Pages follow each other by row id, without gap or overlap, of one state.
pub async fn rows_are_listed_page_by_page(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let names: Vec<String> = (0..9).map(|n| n.to_string()).collect();
    let rows = names.iter().enumerate().map(|(n, name)| match n % 3 {
        0 => shadow(row(name, "lane")),
        1 => parked(row(name, "lane")),
        _ => row(name, name),
    });
    store.enqueue(rows.collect()).await;
    // A claimed row is listed among the waiting ones.
    let one = ClaimRequest {
        lanes: 1,
        ..claim_at(1)
    };
    assert_eq!(store.claim_with(one).await.len(), 1);

    for (state, expected) in [
        (ListState::Shadow, ["0", "3", "6"]),
        (ListState::Parked, ["1", "4", "7"]),
        (ListState::Waiting, ["2", "5", "8"]),
    ] {
        let all = store.list(state).await;
        assert_eq!(keys(&all), expected, "{state:?}");
        let page = async |after: Option<RowId>, limit| {
            let page = store.store.list(state, after, limit).await;
            page.expect("the queue is readable")
        };
        assert_eq!(page(None, 2).await, all[..2]);
        assert_eq!(page(Some(all[1].id), 2).await, all[2..]);
        assert_eq!(page(Some(all[2].id), 2).await, []);
        assert_eq!(page(None, 0).await, []);
    }
}

/// Waiting are also claimed rows; the oldest is by the time of the decision.
pub async fn the_depth_counts_what_is_open(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    assert_eq!(store.depth().await, QueueDepth::default());
    store
        .enqueue(vec![
            due(row("young", "one"), 40),
            due(row("old", "two"), 20),
            parked(row("parked", "three")),
            shadow(row("shadow", "three")),
            shadow(row("shadow too", "three")),
        ])
        .await;
    let claim = store.claim_one(20).await;
    let depth = QueueDepth {
        waiting: 2,
        oldest: Some(at(20)),
        parked: 1,
        shadow: 2,
    };
    assert_eq!(store.depth().await, depth);

    store.settle_all(&claim, Verdict::Sent(None), 21).await;

    let later = QueueDepth {
        waiting: 1,
        oldest: Some(at(40)),
        ..depth
    };
    assert_eq!(store.depth().await, later);
}

/// Rows are found by their keys in every state, in the order asked; a key without a row
/// has none.
pub async fn rows_are_found_by_their_keys(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store.enqueue(vec![row("sent", "one")]).await;
    store
        .settle_due(Verdict::Sent(Some(event("sent"))), 1)
        .await;
    store.enqueue(vec![row("claimed", "two")]).await;
    store.claim_one(1).await;
    let others = vec![
        due(row("waiting", "three"), 50),
        shadow(row("shadow", "four")),
        parked(row("parked", "four")),
    ];
    store.enqueue(others).await;

    let asked = [
        "waiting", "none", "parked", "sent", "claimed", "shadow", "parked",
    ];
    let told = store.rows(&asked).await;

    let contents = store.contents(&[]).await;
    let all = [
        contents.waiting,
        contents.parked,
        contents.shadow,
        contents.sent,
    ];
    let all = all.concat();
    assert_eq!(all.len(), 5);
    let expected = asked.map(|key| all.iter().find(|row| row.key.as_str() == key).cloned());
    assert_eq!(told, expected);
    assert_eq!(store.rows(&[]).await, []);
}

/// Parked rows are counted by reason, in the order of the reasons; how old they are is
/// by the time of the decision to send, not of the parking.
pub async fn parked_rows_are_counted_by_reason(factory: &dyn StoreFactory) {
    let mut store = Checked::open(factory).await;
    assert_eq!(store.parked().await, []);
    let park = async |store: &Checked, key: &str, created, code| {
        store.enqueue(vec![due(row(key, "lane"), created)]).await;
        let reason = ParkReason::new(code, "detail");
        store.settle_due(Verdict::Park(reason), created).await;
    };
    park(&store, "late", 40, ParkCode::NotFound).await;
    park(&store, "unknown", 50, ParkCode::UnknownOutcome).await;
    park(&store, "early", 30, ParkCode::NotFound).await;
    park(&store, "large", 60, ParkCode::TooLarge).await;
    let block = parked(blocking(due(row("blocking", "other"), 70)));
    store.enqueue(vec![block, row("waiting", "lane")]).await;
    store = store.reopen(factory).await;

    let counted = |code, rows, oldest| ParkedRows {
        code,
        rows,
        oldest: at(oldest),
    };
    let all = [
        counted(ParkCode::TooLarge, 1, 60),
        counted(ParkCode::Forbidden, 1, 70),
        counted(ParkCode::NotFound, 2, 30),
        counted(ParkCode::UnknownOutcome, 1, 50),
    ];
    assert_eq!(store.parked().await, all);

    let ids = store.rows(&["early", "unknown", "blocking", "large"]).await;
    let ids: Vec<_> = ids.into_iter().flatten().map(|row| row.id).collect();
    assert_eq!(store.requeue(&ids[..1], 80).await, 1);
    assert_eq!(store.discard(&ids[1..2]).await, 1);
    assert!(store.replace(ids[2], row("new", "other")).await);
    let left = [all[0], counted(ParkCode::NotFound, 1, 40)];
    assert_eq!(store.parked().await, left);
    // Parked again for another reason it is counted there.
    let claims = store.claim(90).await;
    let early = claims.iter().find(|claim| claim.rows[0].id == ids[0]);
    let early = early.expect("the requeued row is claimed");
    let expired = Verdict::Park(ParkReason::new(ParkCode::Expired, ""));
    store.settle_all(early, expired, 91).await;
    let expired = store.parked().await.into_iter();
    let expired = expired.filter(|parked| parked.code == ParkCode::Expired);
    // Behind it in its lane was the row that waited.
    let expected = counted(ParkCode::Expired, 2, 1);
    assert_eq!(expired.collect::<Vec<_>>(), [expected]);
}

/// Every reason has a name in the store: of rows, of events and in counts, which come in
/// the order of all reasons.
pub async fn every_reason_comes_back_in_order(factory: &dyn StoreFactory) {
    let mut store = Checked::open(factory).await;
    let codes = ParkCode::ALL;
    let mut backwards: Vec<ParkCode> = codes.to_vec();
    backwards.reverse();
    let reason = |code: ParkCode| ParkReason::new(code, code.as_str());
    let rows = backwards.iter().map(|code| NewRow {
        disposition: Disposition::Park(reason(*code)),
        ..row(code.as_str(), code.as_str())
    });
    let events = backwards.iter().map(|code| NewParkedEvent {
        reason: reason(*code),
        ..parked_event(code.as_str())
    });
    store
        .commit(Batch {
            rows: rows.collect(),
            parked: events.collect(),
            ..batch()
        })
        .await;
    store = store.reopen(factory).await;

    let counted = store.parked().await;
    let counted: Vec<_> = counted
        .iter()
        .map(|parked| (parked.code, parked.rows))
        .collect();
    let expected: Vec<_> = codes.iter().map(|code| (*code, 1)).collect();
    assert_eq!(counted, expected);
    let rows = store.list(ListState::Parked).await;
    let states: Vec<_> = rows.into_iter().map(|row| row.state).collect();
    let expected: Vec<_> = backwards
        .iter()
        .map(|code| RowState::Parked {
            reason: reason(*code),
        })
        .collect();
    assert_eq!(states, expected);
    let events = store.parked_events().await;
    let reasons: Vec<_> = events.into_iter().map(|event| event.event.reason).collect();
    let expected: Vec<_> = codes.iter().map(|code| reason(*code)).collect();
    assert_eq!(reasons, expected);
}
