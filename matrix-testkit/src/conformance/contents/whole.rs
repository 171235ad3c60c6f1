//! All of it moves, and nothing else.

use matrix_bridge_core::{
    Batch, ClaimRequest, HostLink, LaneId, LeaseRequest, NewRow, Record, RowKey, SourceId,
    ValueChange, ValueKey, Verdict,
};

use super::{
    CopyFactory,
    scene::{after_move, copy_into, facts_of_both, fill, moved, old, records, sorted},
};
use crate::conformance::{
    checked::Checked,
    hostile::texts,
    sample::{account, advance, batch, claim_at, event, lease_of, other_account, row, settlements},
};

const NAMES: [&str; 1] = ["one"];

/// What could be read before can be read after, but for claims and leases.
pub async fn everything_moves(factory: &dyn CopyFactory) {
    let store = old(factory).await;
    fill(&store).await;
    let mut before = after_move(store.contents(&NAMES).await);
    let facts = facts_of_both(&store).await;

    let store = moved(factory, store).await;

    let after = store.contents(&NAMES).await;
    // It depends on claims.
    before.next_due = after.next_due;
    assert_eq!(after, before);
    assert_eq!(facts_of_both(&store).await, facts);
}

/// A copy of nothing is a store like a new one.
pub async fn an_empty_store_moves(factory: &dyn CopyFactory) {
    let store = moved(factory, old(factory).await).await;

    fill(&store).await;
    let filled = store.contents(&NAMES).await;
    store.close().await;
    let fresh = Checked::open_as(factory, "fresh").await;
    fill(&fresh).await;
    assert_eq!(filled, fresh.contents(&NAMES).await);
}

/// Copied into another store and back, every record is as it was, and those that have an
/// order stand in it.
pub async fn there_and_back_every_record_is_the_same(factory: &dyn CopyFactory) {
    let store = old(factory).await;
    fill(&store).await;
    let old = store.close().await;
    let before = sorted(records(factory, &old, 1_000).await);

    copy_into(factory, &old, "there").await;
    copy_into(factory, "there", "back").await;

    assert_eq!(sorted(records(factory, "there", 1_000).await), before);
    assert_eq!(sorted(records(factory, "back", 1_000).await), before);
}

/// However few records are asked for at once, each comes once.
pub async fn pages_of_any_size_hold_every_record_once(factory: &dyn CopyFactory) {
    let store = old(factory).await;
    fill(&store).await;
    let name = store.close().await;
    let all = records(factory, &name, 1_000).await;
    assert!(all.len() > 30, "{}", all.len());

    for limit in [1, 2, 3, 7, all.len() - 1, all.len()] {
        let paged = records(factory, &name, limit).await;
        assert_eq!(paged, all, "in pages of {limit}");
    }
}

/// More than is carried at once.
pub async fn many_records_move(factory: &dyn CopyFactory) {
    const MANY: u64 = 2_300;
    let store = old(factory).await;
    for first in (0..MANY).step_by(230) {
        let names = (first..first + 230).map(|n| n.to_string());
        let names: Vec<String> = names.collect();
        let lane = |n: &String| format!("lane-{}", n.len());
        store
            .commit(Batch {
                marks: names.iter().map(|name| event(name)).collect(),
                rows: names.iter().map(|name| row(name, &lane(name))).collect(),
                ..batch()
            })
            .await;
    }
    let before = store.contents(&NAMES).await;
    let limit = usize::try_from(MANY).expect("it is small");
    assert_eq!(before.waiting.len(), limit);

    let store = moved(factory, store).await;

    assert_eq!(store.contents(&NAMES).await, before);
    let events: Vec<_> = (0..MANY).map(|n| event(&n.to_string())).collect();
    let seen = store.store.seen(&account(), &events).await;
    let seen = seen.expect("marks are readable");
    assert_eq!(seen.iter().filter(|seen| **seen).count(), limit);
}

/// A copy takes nothing away: whoever had a claim or a lease there still has it.
pub async fn the_old_store_stays_as_it_was(factory: &dyn CopyFactory) {
    let store = old(factory).await;
    fill(&store).await;
    store
        .enqueue(vec![row("one more", "more"), row("another", "more")])
        .await;
    let claims = store
        .claim_with(ClaimRequest {
            newcomers: 1,
            lanes: 1,
            ..claim_at(6)
        })
        .await;
    let before = store.contents(&NAMES).await;

    let name = store.close().await;
    copy_into(factory, &name, "new").await;
    let store = Checked::open_as(factory, &name).await;

    assert_eq!(store.contents(&NAMES).await, before);
    let sent = settlements(&claims[0], &Verdict::Sent(None), 7);
    assert_eq!(store.settle(sent).await, []);
}

/// Text that stores are known to bend moves as it is, and stays told apart.
pub async fn hostile_text_moves(factory: &dyn CopyFactory) {
    let store = old(factory).await;
    for (n, text) in (0..).zip(texts()) {
        store.commit(hostile(n, &text)).await;
        let lease = LeaseRequest {
            name: matrix_bridge_core::LeaseName::new(&text),
            ..lease_of("holder", 1)
        };
        store.held(lease).await;
    }
    store.settle_due(Verdict::Sent(None), 2).await;
    let name = store.close().await;
    let before = sorted(records(factory, &name, 9).await);

    copy_into(factory, &name, "new").await;

    assert_eq!(sorted(records(factory, "new", 5).await), before);
}

/// A batch with `text` wherever text goes.
fn hostile(n: u64, text: &str) -> Batch {
    let key = RowKey::new(text);
    let mut advance = advance(0, text);
    if let Some(advance) = &mut advance {
        advance.source = SourceId::new(text);
    }
    let link = HostLink {
        namespace: text.to_owned(),
        id: format!("{n}"),
        part: 0,
        kind: text.to_owned(),
    };
    let plain = row(&format!("{n}"), "plain");
    let mut body = plain.body.clone();
    body.link = Some(link);
    Batch {
        advance,
        rows: vec![NewRow {
            lane: LaneId::new(text),
            body,
            transaction_id: key.transaction_id(&plain.sender.user),
            key,
            ..plain
        }],
        values: vec![ValueChange {
            key: ValueKey::new(text, text),
            value: Some(text.to_owned().into()),
        }],
        ..batch()
    }
}

/// What two accounts know of one room, and of one event, stays theirs.
pub async fn accounts_stay_apart_after_a_move(factory: &dyn CopyFactory) {
    let store = old(factory).await;
    fill(&store).await;
    let store = moved(factory, store).await;

    let events = [event("one"), event("of the other")];
    let seen = store.store.seen(&account(), &events).await;
    assert_eq!(seen.expect("marks are readable"), [true, false]);
    let seen = store.store.seen(&other_account(), &events).await;
    assert_eq!(seen.expect("marks are readable"), [true, true]);
    let name = store.close().await;
    let of_other = records(factory, &name, 1_000).await;
    let of_other = of_other.iter().filter(|record| match record {
        Record::Room { account, .. }
        | Record::Inbox { account, .. }
        | Record::ParkedEvent { account, .. } => *account == other_account(),
        _ => false,
    });
    assert_eq!(of_other.count(), 3);
}
