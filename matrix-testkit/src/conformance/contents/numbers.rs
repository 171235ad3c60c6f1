//! Ids, cursors, tokens and fences go on after a move.

use matrix_bridge_core::{
    Batch, CommitOutcome, InboxId, LeaseOutcome, ListState, OutcomeCursor, ParkedEventId, RowId,
    Stale, Verdict,
};

use super::{
    CopyFactory,
    scene::{fill, moved, old},
};
use crate::conformance::{
    checked::Checked,
    sample::{
        advance, batch, event, inbox_event, lease_of, no_limits, parked, parked_event, row,
        settlement,
    },
};

/// What is new gets larger numbers than all before.
pub async fn ids_go_on_after_a_move(factory: &dyn CopyFactory) {
    let store = old(factory).await;
    fill(&store).await;
    let before = one_of_each(&store, "before").await;

    let store = moved(factory, store).await;

    grown(&before, &one_of_each(&store, "after").await);
}

/// A number that was given does not come back though its thing is gone: the newest of
/// all, or everything.
pub async fn numbers_of_what_is_gone_move(factory: &dyn CopyFactory) {
    let store = old(factory).await;
    let before = one_of_each(&store, "before").await;
    let done = Batch {
        inbox_done: vec![before.inbox],
        parked_done: vec![before.parked],
        ..batch()
    };
    store.commit(done).await;
    let rows = store.list(ListState::Parked).await;
    let rows: Vec<_> = rows.iter().map(|row| row.id).collect();
    store.discard(&rows).await;
    let nothing = matrix_bridge_core::PruneLimits {
        records_max: 0,
        ..no_limits()
    };
    store.prune(nothing).await;
    assert_eq!(store.outcomes().await, []);
    assert_eq!(store.list(ListState::Sent).await, []);

    let store = moved(factory, store).await;

    grown(&before, &one_of_each(&store, "after").await);
}

/// A lease gets a larger fence than it ever had, and the old one commits nothing.
pub async fn fences_go_on_after_a_move(factory: &dyn CopyFactory) {
    let store = old(factory).await;
    store.held(lease_of("first", 1)).await;
    let last = store.held(lease_of("second", 5_000)).await;

    let store = moved(factory, store).await;

    let next = store.held(lease_of("second", 5_001)).await;
    assert!(next > last, "{next:?} after {last:?}");
    let other = store.lease(lease_of("third", 5_002)).await;
    assert!(matches!(other, LeaseOutcome::Taken { .. }));
}

/// A source goes on from its position; a batch from an older generation is stale.
pub async fn generations_go_on_after_a_move(factory: &dyn CopyFactory) {
    let store = old(factory).await;
    for (from, position) in [(0, "s1"), (1, "s2")] {
        let advance = advance(from, position);
        store.commit(Batch { advance, ..batch() }).await;
    }
    let before = store.checkpoint().await;

    let store = moved(factory, store).await;

    assert_eq!(store.checkpoint().await, before);
    let late = Batch {
        advance: advance(1, "late"),
        ..batch()
    };
    let stale = CommitOutcome::Stale(Stale::Source(before));
    assert_eq!(store.try_commit(late).await, stale);
    let next = Batch {
        advance: advance(2, "s3"),
        ..batch()
    };
    store.commit(next).await;
}

/// The numbers that one thing of each kind got.
#[derive(Debug)]
struct Numbers {
    row: RowId,
    inbox: InboxId,
    parked: ParkedEventId,
    token: matrix_bridge_core::ClaimToken,
    outcome: OutcomeCursor,
}

/// Makes the newest of each kind: an entry, an event, a row that is claimed and sent, and
/// one that is parked.
async fn one_of_each(store: &Checked, name: &'static str) -> Numbers {
    let lane = format!("{name} lane");
    store
        .commit(Batch {
            inbox: vec![inbox_event(name, name)],
            parked: vec![parked_event(name)],
            rows: vec![row(name, name)],
            ..batch()
        })
        .await;
    let claims = store.claim(100_000).await;
    let mut token = claims[0].token;
    for claim in &claims {
        token = token.max(claim.token);
        let sent = Verdict::Sent(Some(event(&format!("{name}-{}", claim.token.0))));
        for row in &claim.rows {
            let verdict = match row.key.as_str() == name {
                true => sent.clone(),
                false => Verdict::Release,
            };
            let settled = settlement(claim, row, verdict, 100_000);
            assert_eq!(store.settle(vec![settled]).await, []);
        }
    }
    store.enqueue(vec![parked(row(&lane, &lane))]).await;
    let row = store.rows(&[&lane]).await.remove(0);
    let outcomes = store.outcomes().await;
    Numbers {
        row: row.expect("the row is there").id,
        inbox: store.inbox(name).await[0].id,
        parked: store.parked_events().await[0].id,
        token,
        outcome: outcomes.last().expect("there is an outcome").cursor,
    }
}

fn grown(before: &Numbers, after: &Numbers) {
    assert!(after.row > before.row, "{after:?} after {before:?}");
    assert!(after.inbox > before.inbox, "{after:?} after {before:?}");
    assert!(after.parked > before.parked, "{after:?} after {before:?}");
    assert!(after.token > before.token, "{after:?} after {before:?}");
    assert!(after.outcome > before.outcome, "{after:?} after {before:?}");
}
