//! Rows on their way into the outbox.

use matrix_bridge_core::{
    Action, Batch, Disposition, EndpointClass, ListState, NewRow, OutcomeResult, Row, RowKey,
    RowState, Target, Verdict,
};

use super::{
    StoreFactory,
    checked::Checked,
    sample::{
        at, batch, blocking, claimed_keys, due, event, from, json, keys, linked, message, parked,
        reason, row, shadow, user,
    },
};

/// A row comes back from a list and from a claim as it was put in, every field of it.
pub async fn rows_come_back_whole(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let mut full = due(linked(row("one", "lane"), "host id"), 5);
    full.class = EndpointClass::Join;
    full.body.cause = Some(event("cause"));
    full.body.deadline = Some(at(99));
    store.enqueue(vec![full.clone()]).await;

    let listed = store.only(ListState::Waiting).await;
    assert_eq!(listed, waiting(&full, &listed));
    let claim = store.claim_one(5).await;
    let claimed = Row {
        first_attempt: Some(at(5)),
        state: RowState::Claimed { token: claim.token },
        ..listed
    };
    assert_eq!(claim.lane, full.lane);
    assert_eq!(claim.rows, [claimed]);
}

/// Every kind of action survives.
pub async fn every_action_comes_back(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let actions = [
        message("text"),
        Action::State {
            event_type: "m.room.name".into(),
            state_key: String::new(),
            content: json(r#"{"name":"x"}"#),
        },
        Action::Redact {
            target: Target::Event(event("one")),
            reason: Some("why".into()),
        },
        Action::Join,
        Action::Leave,
        Action::Invite {
            user: user("guest"),
        },
    ];
    let rows = actions.iter().enumerate().map(|(n, action)| {
        let mut row = row(&n.to_string(), "lane");
        row.body.action = action.clone();
        row
    });
    store.enqueue(rows.collect()).await;

    let claim = store.claim_one(1).await;

    let sent = claim.rows.iter().map(|row| row.body.action.clone());
    assert_eq!(sent.collect::<Vec<_>>(), actions);
}

/// A key names one row, whatever became of that row.
pub async fn a_key_that_is_there_is_left_as_it_is(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    // Each in a lane of its own, with the state it is brought into.
    store.enqueue(vec![row("sent", "sent")]).await;
    store
        .settle_due(Verdict::Sent(Some(event("sent"))), 1)
        .await;
    store.enqueue(vec![row("claimed", "claimed")]).await;
    store.claim_one(1).await;
    let rest = vec![
        due(row("waiting", "waiting"), 9),
        shadow(row("shadow", "shadow")),
        parked(row("parked", "parked")),
    ];
    store.enqueue(rest).await;
    let before = store.contents(&[]).await;

    let again = ["sent", "claimed", "waiting", "shadow", "parked"];
    let again = again.map(|key| from(row(key, "another lane"), "other"));
    let shadows = again.clone().map(shadow);
    store.enqueue(again.to_vec()).await;
    store.enqueue(again.map(parked).to_vec()).await;
    store.enqueue(shadows.to_vec()).await;

    assert_eq!(store.contents(&[]).await, before);
}

/// Also within one batch the first row of a key is the row.
pub async fn a_key_twice_in_a_batch_is_one_row(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let rows = vec![
        row("one", "first"),
        row("one", "second"),
        row("two", "first"),
    ];
    store.enqueue(rows).await;

    let listed = store.list(ListState::Waiting).await;

    assert_eq!(keys(&listed), ["one", "two"]);
    assert_eq!(listed[0].lane.as_str(), "first");
}

/// A new row is taken though the batch repeats others; a replay may hold both.
pub async fn a_new_row_beside_a_known_one_is_taken(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store.enqueue(vec![row("one", "lane")]).await;
    store
        .enqueue(vec![row("one", "lane"), row("two", "lane")])
        .await;

    let listed = store.list(ListState::Waiting).await;
    assert_eq!(keys(&listed), ["one", "two"]);
}

/// Shadow means silence: such a row is recorded and never handed to a sender.
pub async fn a_shadow_row_is_never_claimed(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let rows = vec![shadow(row("one", "lane")), row("two", "lane")];
    store.enqueue(rows.clone()).await;

    assert_eq!(claimed_keys(&store.claim(1).await), [["two"]]);
    assert_eq!(
        store.claim(1_000_000).await.len(),
        1,
        "only the expired one"
    );
    let recorded = store.only(ListState::Shadow).await;
    let expected = Row {
        state: RowState::Shadow,
        ..waiting(&rows[0], &recorded)
    };
    assert_eq!(recorded, expected);
    assert_eq!(store.outcomes().await, []);
}

/// A row parked from the start waits for a person, and the host is told.
pub async fn a_row_parked_from_the_start_is_never_claimed(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let disposition = Disposition::Park(reason("no"));
    let rows = vec![
        NewRow {
            disposition,
            ..row("one", "lane")
        },
        row("two", "lane"),
    ];
    let now = at(30);
    store
        .commit(Batch {
            now,
            rows: rows.clone(),
            ..batch()
        })
        .await;

    assert_eq!(claimed_keys(&store.claim(30).await), [["two"]]);
    let kept = store.only(ListState::Parked).await;
    let state = RowState::Parked {
        reason: reason("no"),
    };
    assert_eq!(
        kept,
        Row {
            state,
            ..waiting(&rows[0], &kept)
        }
    );
    let outcomes = store.outcomes().await;
    assert_eq!(outcomes.len(), 1);
    assert_eq!(outcomes[0].key, kept.key);
    assert_eq!(outcomes[0].at, now);
    assert_eq!(outcomes[0].result, OutcomeResult::Parked(reason("no")));
}

/// The row that `new` becomes at the place of `place`.
/// What is about another row says so until it is sent.
pub async fn actions_about_rows_come_back(factory: &dyn StoreFactory) {
    let mut store = Checked::open(factory).await;
    let actions = [
        Action::Relate {
            event_type: "m.reaction".into(),
            content: json(r#"{"m.relates_to":{"rel_type":"m.annotation"}}"#),
            target: RowKey::new("target\0"),
        },
        Action::Redact {
            target: Target::Row(RowKey::new("target")),
            reason: None,
        },
    ];
    let rows = actions.clone().map(|action| {
        let mut row = row(&format!("{action:?}"), "lane");
        row.body.action = action;
        row
    });
    store.enqueue(rows.to_vec()).await;
    store = store.reopen(factory).await;

    let claim = store.claim_one(1).await;

    let sent = claim.rows.iter().map(|row| row.body.action.clone());
    assert_eq!(sent.collect::<Vec<_>>(), actions);
}

/// A row of every class comes back with who sends it and with what caused it.
pub async fn every_kind_of_row_comes_back(factory: &dyn StoreFactory) {
    let mut store = Checked::open(factory).await;
    let classes = [
        EndpointClass::Event,
        EndpointClass::Invite,
        EndpointClass::Join,
        EndpointClass::Profile,
        EndpointClass::Media,
        EndpointClass::Login,
        EndpointClass::Read,
    ];
    let rows: Vec<NewRow> = classes
        .into_iter()
        .map(|class| {
            let mut row = from(row(class.as_str(), class.as_str()), class.as_str());
            row.class = class;
            row.body.cause = Some(event(class.as_str()));
            row.body.caused_at = Some(at(77));
            blocking(row)
        })
        .collect();
    store.enqueue(rows.clone()).await;
    store = store.reopen(factory).await;

    let listed = store.list(ListState::Waiting).await;

    let expected = rows
        .iter()
        .zip(&listed)
        .map(|(row, place)| waiting(row, place));
    assert_eq!(listed, expected.collect::<Vec<_>>());
}

/// A late word about a row must not reach the one that came after it.
pub async fn row_ids_are_not_used_again(factory: &dyn StoreFactory) {
    let mut store = Checked::open(factory).await;
    store
        .enqueue(vec![row("a", "lane"), parked(row("b", "lane"))])
        .await;
    let former = store.only(ListState::Parked).await.id;
    assert_eq!(store.discard(&[former]).await, 1);
    store = store.reopen(factory).await;

    store.enqueue(vec![parked(row("c", "lane"))]).await;

    let next = store.only(ListState::Parked).await.id;
    assert!(next > former, "{next:?} after {former:?}");
    assert_eq!(store.discard(&[former]).await, 0);
    assert_eq!(store.requeue(&[former], 2).await, 0);
    assert_eq!(keys(&store.list(ListState::Parked).await), ["c"]);
}

fn waiting(new: &NewRow, place: &Row) -> Row {
    let new = new.clone();
    Row {
        id: place.id,
        key: new.key,
        lane: new.lane,
        sender: new.sender,
        class: new.class,
        transaction_id: new.transaction_id,
        body: new.body,
        created: new.created,
        attempts: 0,
        first_attempt: None,
        state: RowState::Waiting { due: new.created },
    }
}
