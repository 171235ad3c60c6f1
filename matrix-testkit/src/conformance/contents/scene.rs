//! Stores with something in them, and what moves them.

use std::collections::BTreeMap;

use matrix_bridge_core::{
    Batch, ClaimRequest, Contents, Page, Place, Record, RowState, Verdict, copy,
};

use super::CopyFactory;
use crate::conformance::{
    checked::{self, Checked},
    gap,
    sample::{
        account, advance, at, batch, blocking, claim_at, event, full_batch, inbox_event, last_seen,
        lease_of, linked, no_limits, other_account, parked, parked_event, reason, room, row,
    },
};

/// The store that is copied.
pub(super) async fn old(factory: &dyn CopyFactory) -> Checked {
    Checked::open_as(factory, "old").await
}

/// Closes a store, copies it into a new one and opens that.
pub(super) async fn moved(factory: &dyn CopyFactory, store: Checked) -> Checked {
    let from = store.close().await;
    copy_into(factory, &from, "new").await;
    Checked::open_as(factory, "new").await
}

/// Copies one store into another, of these names.
pub(super) async fn copy_into(factory: &dyn CopyFactory, from: &str, to: &str) {
    let from = factory.open_for_copy(from).await;
    let to = factory.open_for_copy(to).await;
    let copied = copy(&*from, &*to, |_| ()).await;
    copied.expect("a copy works");
}

/// All records of the store of that name, as they are read in pages of `limit`.
pub(super) async fn records(factory: &dyn CopyFactory, name: &str, limit: usize) -> Vec<Record> {
    let store = factory.open_for_copy(name).await;
    all_records(&*store, limit).await
}

async fn all_records(store: &dyn Contents, limit: usize) -> Vec<Record> {
    let mut all = Vec::new();
    let mut next = Some(Place::default());
    for _ in 0..100_000 {
        let Some(place) = next else {
            return all;
        };
        let page = store.read(place, limit).await;
        let Page {
            records,
            next: then,
        } = page.expect("records are readable");
        assert!(records.len() <= limit, "a page of {}", records.len());
        all.extend(records);
        next = then;
    }
    panic!("reading comes to no end");
}

/// The records by what they are about; those whose order is promised stand in it.
pub(super) fn sorted(records: Vec<Record>) -> BTreeMap<String, Vec<Record>> {
    let mut sorted: BTreeMap<String, Vec<Record>> = BTreeMap::new();
    for record in records {
        let about = match &record {
            Record::Mark { .. } => "marks".to_owned(),
            Record::Row { .. } => "rows".to_owned(),
            Record::Outcome(_) => "outcomes".to_owned(),
            Record::Inbox { account, entry, .. } => {
                format!("inbox of {account} in {}", entry.entry.room)
            }
            // In any order.
            _ => format!("{record:?}"),
        };
        sorted.entry(about).or_default().push(record);
    }
    sorted
}

/// What the store is after a move: without claims.
pub(super) fn after_move(mut before: checked::Contents) -> checked::Contents {
    for row in &mut before.waiting {
        if let RowState::Claimed { .. } = row.state {
            row.state = RowState::Waiting { due: row.created };
        }
    }
    before
}

/// Something of everything: rows in every state and in blocked lanes, claims, a lease, two
/// accounts, a gap that is partly filled, outcomes without their beginning.
pub(super) async fn fill(store: &Checked) {
    receive(store).await;
    send(store).await;
    store.held(lease_of("first", 1)).await;
    store.held(lease_of("second", 5_000)).await;
}

async fn receive(store: &Checked) {
    let first = Batch {
        advance: advance(0, "s1"),
        ..full_batch("one")
    };
    store.commit(first).await;
    // Now the gap is the first.
    let inbox = store.inbox("one").await;
    let done = Batch {
        inbox_done: vec![inbox[0].id],
        inbox: vec![inbox_event("behind", "one")],
        ..batch()
    };
    store.commit(done).await;
    for (names, rest) in [(["c", "d"], "left 2"), (["a", "b"], "left 1")] {
        store
            .commit(gap::fill(inbox[1].id, &names, Some(rest)))
            .await;
    }
    let other = Batch {
        marks: vec![event("one"), event("of the other")],
        inbox: vec![inbox_event("of the other", "one")],
        parked: vec![parked_event("of the other")],
        facts: vec![last_seen("one", "last of the other")],
        ..Batch::new(other_account(), at(2))
    };
    store.commit(other).await;
}

async fn send(store: &Checked) {
    store
        .settle_due(Verdict::Sent(Some(event("sent"))), 2)
        .await;
    for (key, verdict) in [
        ("retried", retry(5_000)),
        ("sent", Verdict::Sent(None)),
        ("given up", Verdict::Park(reason("no"))),
        ("never said", Verdict::Shadow),
    ] {
        store.enqueue(vec![linked(row(key, key), key)]).await;
        store.settle_due(verdict, 3).await;
    }
    store
        .enqueue(vec![parked(row("to be decided", "decided"))])
        .await;
    let row_id = store.rows(&["to be decided"]).await[0].clone();
    let row_id = row_id.expect("the row is there").id;
    assert_eq!(store.requeue(&[row_id], 4).await, 1);
    let records = matrix_bridge_core::PruneLimits {
        records_max: 2,
        ..no_limits()
    };
    store.prune(records).await;
    let blocked = vec![
        row("before", "blocked"),
        blocking(parked(row("blocking", "blocked"))),
        row("behind", "blocked"),
    ];
    store.enqueue(blocked).await;
    store
        .enqueue(vec![row("claimed", "claimed"), row("next", "claimed")])
        .await;
    let one_each = ClaimRequest {
        rows_per_lane: 1,
        ..claim_at(5)
    };
    for claim in store.claim_with(one_each).await {
        if claim.lane.as_str() != "claimed" {
            store.settle_all(&claim, Verdict::Release, 5).await;
        }
    }
}

pub(super) const fn retry(due: u64) -> Verdict {
    Verdict::Retry {
        due: at(due),
        counted: true,
    }
}

/// What [`fill`] leaves that cannot be read through a [`Checked`]'s contents.
pub(super) async fn facts_of_both(store: &Checked) -> String {
    let mut all = Vec::new();
    for account in [account(), other_account()] {
        let rooms = [room("one"), room("none")];
        let rooms = [&*rooms[0], &*rooms[1]];
        let facts = store.store.facts(&account, &rooms).await;
        let events = ["one", "of the other", "one-last", "last of the other"].map(event);
        let seen = store.store.seen(&account, &events).await;
        let inbox = store.store.inbox(&account, &room("one"), 100).await;
        let parked = store.store.parked_events(&account, None, 100).await;
        all.push(format!(
            "{:?} {:?} {:?} {:?}",
            facts.expect("facts are readable"),
            seen.expect("marks are readable"),
            inbox.expect("the inbox is readable"),
            parked.expect("parked events are readable"),
        ));
    }
    all.join("\n")
}
