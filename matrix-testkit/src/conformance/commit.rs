//! One batch: all of it, or nothing.

use matrix_bridge_core::{
    Advance, Batch, Checkpoint, CommitOutcome, Fence, Generation, InboxId, InboxRetry, Owner,
    ParkedEventId, Position, SourceId, Stale,
};

use super::{
    StoreFactory,
    checked::Checked,
    sample::{
        account, advance, at, batch, event, event_ids, full_batch, inbox_event, keys, lease_name,
        lease_of, other_account, row, set, source,
    },
};

/// A source that never committed stands at the beginning.
pub async fn a_new_source_has_no_position(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;

    assert_eq!(store.checkpoint().await, Checkpoint::default());
}

/// Generations count commits, also those that keep the position or have none.
pub async fn each_source_commit_counts_one_generation(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let same = Position::new("s1");
    for (from, position) in [(0, Some(&same)), (1, Some(&same)), (2, None)] {
        let advance = Some(Advance {
            source: source(),
            expected: Generation(from),
            position: position.cloned(),
        });
        store.commit(Batch { advance, ..batch() }).await;

        let after = Checkpoint {
            position: position.cloned(),
            generation: Generation(from + 1),
        };
        assert_eq!(store.checkpoint().await, after);
    }
}

/// A source is not moved by commits of another one, or by those of none.
pub async fn other_commits_do_not_move_a_source(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let elsewhere = Advance {
        source: SourceId::new("push"),
        expected: Generation(0),
        position: None,
    };
    let other = Batch {
        advance: Some(elsewhere),
        ..batch()
    };
    store.commit(other).await;
    store.commit(batch()).await;

    assert_eq!(store.checkpoint().await, Checkpoint::default());
}

/// Everything that a batch holds can be read after it.
pub async fn an_applied_batch_writes_every_field(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store
        .commit(Batch {
            advance: advance(0, "s1"),
            ..full_batch("one")
        })
        .await;

    let contents = store.contents(&["one"]).await;
    let expected = full_batch("one");
    assert_eq!(contents.checkpoint.position, Some(Position::new("s1")));
    assert_eq!(contents.seen, [true]);
    assert_eq!(contents.rooms, expected.facts);
    assert_eq!(contents.encrypted, 1);
    assert_eq!(contents.inbox[0].entry, expected.inbox[0]);
    assert_eq!(contents.inbox_lanes.len(), 1);
    let parked_events = contents
        .parked_events
        .into_iter()
        .map(|parked| parked.event);
    assert_eq!(parked_events.collect::<Vec<_>>(), expected.parked);
    assert_eq!(contents.values, [Some(b"one".to_vec())]);
    assert_eq!(contents.waiting.len(), 1);
    assert_eq!(contents.parked.len(), 1);
    assert_eq!(contents.shadow.len(), 1);
    assert_eq!(contents.outcomes.len(), 1, "one row was parked");
}

/// Two workers computed from one checkpoint; the slower one leaves no trace.
pub async fn a_stale_batch_writes_nothing(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let winner = Batch {
        advance: advance(0, "s1"),
        ..full_batch("one")
    };
    store.commit(winner).await;
    let before = store.contents(&["one", "two"]).await;

    let loser = Batch {
        advance: advance(0, "s2"),
        inbox_done: vec![before.inbox[0].id],
        ..full_batch("two")
    };
    let outcome = store.try_commit(loser).await;

    let now = before.checkpoint.clone();
    assert_eq!(outcome, CommitOutcome::Stale(Stale::Source(now)));
    assert_eq!(store.contents(&["one", "two"]).await, before);
}

/// A batch from a future that never was is as stale as one from the past.
pub async fn a_batch_from_a_later_generation_is_stale(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let early = Batch {
        advance: advance(1, "s1"),
        ..batch()
    };

    let outcome = store.try_commit(early).await;

    let now = Checkpoint::default();
    assert_eq!(outcome, CommitOutcome::Stale(Stale::Source(now)));
}

/// A process that lost its lease writes nothing, also in commits without a position.
pub async fn a_batch_under_a_lost_lease_writes_nothing(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let old = store.held(lease_of("first", 1)).await;
    let new = store.held(lease_of("second", 5_000)).await;
    let before = store.contents(&["one"]).await;

    for advance in [None, advance(0, "s1")] {
        let late = Batch {
            advance,
            ..owned(old, full_batch("one"))
        };
        let outcome = store.try_commit(late).await;
        assert_eq!(outcome, CommitOutcome::Stale(Stale::Owner));
    }

    assert_eq!(store.contents(&["one"]).await, before);
    store.commit(owned(new, full_batch("one"))).await;
}

/// A fence of a lease that was never taken, or was let go, is not held.
pub async fn a_batch_under_no_lease_writes_nothing(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    for fence in [0, 1] {
        let outcome = store.try_commit(owned(Fence(fence), full_batch("one")));
        assert_eq!(outcome.await, CommitOutcome::Stale(Stale::Owner));
    }

    let fence = store.held(lease_of("first", 1)).await;
    let released = store.store.release(&lease_name(), fence).await;
    released.expect("releasing works");

    let outcome = store.try_commit(owned(fence, full_batch("one"))).await;
    assert_eq!(outcome, CommitOutcome::Stale(Stale::Owner));
    assert_eq!(store.seen(&["one"]).await, [false]);
}

/// A lease that ran out is good for commits until somebody else takes it.
pub async fn a_lease_that_nobody_took_over_still_commits(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let fence = store.held(lease_of("first", 1)).await;

    let late = Batch {
        now: at(90_000),
        ..full_batch("one")
    };
    store.commit(owned(fence, late)).await;

    assert_eq!(store.seen(&["one"]).await, [true]);
}

/// What an inbox event led to is written once, however often it is handled.
pub async fn a_batch_about_a_settled_inbox_event_writes_nothing(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store.commit(full_batch("one")).await;
    let id = store.inbox("one").await[0].id;
    let done = Batch {
        inbox_done: vec![id],
        ..batch()
    };
    store.commit(done.clone()).await;
    let before = store.contents(&["one", "two"]).await;

    let retry = InboxRetry {
        id,
        attempts: 1,
        due: at(5),
    };
    let again = Batch {
        inbox_done: vec![id],
        ..full_batch("two")
    };
    let put_off = Batch {
        inbox_retry: vec![retry],
        ..full_batch("two")
    };
    for late in [done, again, put_off] {
        let outcome = store.try_commit(late).await;
        assert_eq!(outcome, CommitOutcome::Stale(Stale::Inbox(id)));
    }

    assert_eq!(store.contents(&["one", "two"]).await, before);
}

/// One missing inbox event spoils the batch for those that are there.
pub async fn a_batch_about_one_missing_inbox_event_settles_none(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store.commit(full_batch("one")).await;
    let before = store.inbox("one").await;
    let missing = InboxId(before[0].id.0 + 100);

    let mixed = Batch {
        inbox_done: vec![before[0].id, missing],
        ..batch()
    };
    let outcome = store.try_commit(mixed).await;

    assert_eq!(outcome, CommitOutcome::Stale(Stale::Inbox(missing)));
    assert_eq!(store.inbox("one").await, before);
}

/// An account cannot settle what is in another one's inbox.
pub async fn inbox_events_of_another_account_cannot_be_settled(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store.commit(full_batch("one")).await;
    let before = store.inbox("one").await;

    let foreign = Batch {
        account: other_account(),
        inbox_done: vec![before[0].id],
        ..batch()
    };
    let outcome = store.try_commit(foreign).await;

    assert_eq!(outcome, CommitOutcome::Stale(Stale::Inbox(before[0].id)));
    assert_eq!(store.inbox("one").await, before);
}

/// Who acts is checked before what it was computed from, and that before the inbox.
pub async fn the_first_reason_for_staleness_is_told(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let stale = Batch {
        advance: advance(7, "s1"),
        inbox_done: vec![InboxId(7)],
        ..batch()
    };

    let with_owner = store.try_commit(owned(Fence(7), stale.clone())).await;
    let without = store.try_commit(stale).await;

    assert_eq!(with_owner, CommitOutcome::Stale(Stale::Owner));
    let now = Checkpoint::default();
    assert_eq!(without, CommitOutcome::Stale(Stale::Source(now)));
}

/// A thousand events cost one commit.
pub async fn a_large_batch_is_one_commit(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let names: Vec<String> = (0..3_000).map(|n| format!("event-{n:04}")).collect();
    let large = Batch {
        advance: advance(0, "s1"),
        marks: names.iter().map(|name| event(name)).collect(),
        inbox: names.iter().map(|name| inbox_event(name, "one")).collect(),
        ..batch()
    };
    store.commit(large).await;

    let ids: Vec<_> = names.iter().map(|name| event(name)).collect();
    let seen = store.store.seen(&account(), &ids).await;
    assert_eq!(seen.expect("marks are readable"), vec![true; names.len()]);
    let inbox = store.inbox("one").await;
    assert_eq!(event_ids(&inbox), ids);
}

/// The same batch, made under a lease.
/// A source belongs to no account, nor does a value or a key: two accounts that name the
/// same mean the same.
pub async fn accounts_share_sources_values_and_keys(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let first = Batch {
        advance: advance(0, "s1"),
        values: vec![set("shared", "1")],
        rows: vec![row("shared", "lane")],
        ..batch()
    };
    store.commit(first).await;
    let of_other = |from, text| Batch {
        account: other_account(),
        advance: advance(from, "s2"),
        values: vec![set("shared", text)],
        rows: vec![row("shared", "of the other"), row("own", "lane")],
        ..batch()
    };

    let late = store.try_commit(of_other(0, "late")).await;
    let now = store.checkpoint().await;
    assert_eq!(late, CommitOutcome::Stale(Stale::Source(now)));
    store.commit(of_other(1, "2")).await;

    assert_eq!(store.checkpoint().await.generation, Generation(2));
    assert_eq!(store.values(&["shared"]).await, [Some(b"2".to_vec())]);
    assert_eq!(keys(&store.claim_one(1).await.rows), ["shared", "own"]);
}

/// Inbox entries are checked before parked events.
pub async fn parked_events_are_checked_last(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let stale = Batch {
        inbox_done: vec![InboxId(7)],
        parked_done: vec![ParkedEventId(7)],
        ..batch()
    };
    let outcome = store.try_commit(stale.clone()).await;
    assert_eq!(outcome, CommitOutcome::Stale(Stale::Inbox(InboxId(7))));

    let inbox_done = Vec::new();
    let outcome = store
        .try_commit(Batch {
            inbox_done,
            ..stale
        })
        .await;
    let parked = Stale::Parked(ParkedEventId(7));
    assert_eq!(outcome, CommitOutcome::Stale(parked));
}

/// An account cannot put off what is in another one's inbox.
pub async fn an_inbox_event_of_another_account_cannot_be_put_off(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store.commit(full_batch("one")).await;
    let before = store.contents(&["one", "two"]).await;
    let id = before.inbox[0].id;
    let retry = InboxRetry {
        id,
        attempts: 9,
        due: at(900),
    };
    let foreign = Batch {
        account: other_account(),
        inbox_retry: vec![retry],
        ..full_batch("two")
    };

    let outcome = store.try_commit(foreign).await;

    assert_eq!(outcome, CommitOutcome::Stale(Stale::Inbox(id)));
    assert_eq!(store.contents(&["one", "two"]).await, before);
}

fn owned(fence: Fence, batch: Batch) -> Batch {
    let lease = lease_name();
    Batch {
        owner: Some(Owner { lease, fence }),
        ..batch
    }
}
