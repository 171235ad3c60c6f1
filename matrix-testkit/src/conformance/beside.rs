//! Two processes on one store, one after the other: what one does the other sees.
//!
//! For stores that allow it: see [`StoreFactory::open_beside`].

use std::sync::Arc;

use matrix_bridge_core::{
    Batch, CommitOutcome, LeaseOutcome, ListState, OutcomeCursor, Owner, PruneLimits, RowId, Stale,
    Verdict,
};

use super::{
    StoreFactory,
    checked::Checked,
    sample::{
        ALL, advance, at, batch, event, full_batch, keys, lease_name, lease_of, no_limits, parked,
        row, settlements,
    },
};

/// Two handles on one store; `None` where it allows one only.
pub(super) async fn two(factory: &dyn StoreFactory) -> Option<[Checked; 2]> {
    let one = Checked::open(factory).await;
    let two = Checked::beside(factory, &one).await?;
    Some([one, two])
}

/// What is committed through one is read through the other, also what it asked for
/// before.
pub async fn what_one_commits_the_other_reads(factory: &dyn StoreFactory) {
    let Some([one, two]) = two(factory).await else {
        return;
    };
    let names = ["one", "two"];
    assert_eq!(two.contents(&names).await, one.contents(&names).await);
    for (writer, reader, name, from) in [(&one, &two, "one", 0), (&two, &one, "two", 1)] {
        let batch = Batch {
            advance: advance(from, name),
            ..full_batch(name)
        };
        writer.commit(batch).await;

        assert_eq!(reader.seen(&[name]).await, [true]);
        let last = [format!("{name}-last")];
        assert_eq!(reader.seen(&[&last[0]]).await, [true]);
        let expected = writer.contents(&names).await;
        assert_eq!(reader.contents(&names).await, expected);
    }
    one.settle_due(Verdict::Sent(Some(event("sent"))), 2).await;
    assert_eq!(two.contents(&names).await, one.contents(&names).await);
    let host = two.store.linked_host(&event("sent")).await;
    assert!(host.expect("links are readable").is_some());
}

/// What one forgets is forgotten for both.
pub async fn what_one_prunes_is_gone_for_the_other(factory: &dyn StoreFactory) {
    let Some([one, two]) = two(factory).await else {
        return;
    };
    one.commit(full_batch("one")).await;
    assert_eq!(two.seen(&["one"]).await, [true]);
    let everything = PruneLimits {
        marks_max: 0,
        parked_events_max: 0,
        ..no_limits()
    };
    one.prune(everything).await;

    assert_eq!(two.seen(&["one", "one-last"]).await, [false, true]);
    assert_eq!(two.parked_events().await, []);
}

/// Of two that computed from one generation the second to commit is stale.
pub async fn a_commit_through_one_makes_the_other_stale(factory: &dyn StoreFactory) {
    let Some([one, two]) = two(factory).await else {
        return;
    };
    let next = |from, name| Batch {
        advance: advance(from, name),
        ..full_batch(name)
    };
    one.commit(next(0, "one")).await;
    assert_eq!(two.checkpoint().await, one.checkpoint().await);
    two.commit(next(1, "two")).await;

    let outcome = one.try_commit(next(1, "late")).await;

    let now = two.checkpoint().await;
    assert_eq!(outcome, CommitOutcome::Stale(Stale::Source(now)));
    assert_eq!(two.seen(&["late"]).await, [false]);
}

/// A lease has one holder, whichever handle it asks through; the fence of a former one
/// commits nothing through any.
pub async fn a_lease_is_held_by_one_of_two(factory: &dyn StoreFactory) {
    let Some([one, two]) = two(factory).await else {
        return;
    };
    let asked = [(&one, "first"), (&two, "second")].map(|(handle, holder)| {
        let store = Arc::clone(&handle.store);
        tokio::spawn(async move { store.lease(lease_of(holder, 1)).await })
    });
    let mut held = Vec::new();
    for asked in asked {
        let outcome = asked.await.expect("the task ends").expect("leases work");
        if let LeaseOutcome::Held(fence) = outcome {
            held.push(fence);
        }
    }
    assert_eq!(held.len(), 1, "{held:?}");

    let later = two.held(lease_of("third", 5_000)).await;
    assert!(later > held[0]);
    for handle in [&one, &two] {
        let owner = Some(Owner {
            lease: lease_name(),
            fence: held[0],
        });
        let late = handle.try_commit(Batch { owner, ..batch() }).await;
        assert_eq!(late, CommitOutcome::Stale(Stale::Owner));
    }
    let taken = one.lease(lease_of("first", 5_001)).await;
    assert!(matches!(taken, LeaseOutcome::Taken { .. }), "{taken:?}");
    let released = one.store.release(&lease_name(), later).await;
    released.expect("releasing works");
    one.held(lease_of("first", 5_002)).await;
}

/// What one enqueues, the other can claim at once, and settle.
pub async fn rows_of_one_are_claimed_by_the_other(factory: &dyn StoreFactory) {
    let Some([one, two]) = two(factory).await else {
        return;
    };
    assert_eq!(two.claim(1).await, []);
    one.enqueue(vec![row("a", "lane"), row("b", "lane")]).await;
    assert_eq!(two.next_due().await, Some(at(1)));
    let claim = two.claim_one(1).await;
    assert_eq!(keys(&claim.rows), ["a", "b"]);
    assert_eq!(one.claim(1).await, []);
    two.settle_all(&claim, Verdict::Sent(None), 2).await;

    assert_eq!(one.depth().await.waiting, 0);
    assert_eq!(one.outcomes().await.len(), 2);
    one.enqueue(vec![row("c", "lane")]).await;
    assert_eq!(keys(&two.claim_one(3).await.rows), ["c"]);
}

/// A claim that ran out is taken over through the other; what its former holder then says
/// is lost.
pub async fn a_claim_is_taken_over_by_the_other(factory: &dyn StoreFactory) {
    let Some([one, two]) = two(factory).await else {
        return;
    };
    one.enqueue(vec![row("a", "lane")]).await;
    let former = one.claim_one(1).await;
    assert_eq!(two.claim(1_000).await, []);
    let claim = two.claim_one(1_001).await;
    assert!(claim.token > former.token);
    assert_eq!(claim.rows[0].first_attempt, Some(at(1)));

    let late = settlements(&former, &Verdict::Sent(Some(event("late"))), 1_002);
    assert_eq!(one.settle(late.clone()).await, [former.rows[0].id]);
    assert_eq!(two.settle(late).await, [former.rows[0].id]);
    assert_eq!(one.list(ListState::Sent).await, []);
    // Under the token of the other it makes no difference who says it.
    one.settle_all(&claim, Verdict::Sent(None), 1_003).await;
    assert_eq!(two.list(ListState::Sent).await.len(), 1);
}

/// What a person decides through one holds for the other.
pub async fn what_one_decides_holds_for_the_other(factory: &dyn StoreFactory) {
    let Some([one, two]) = two(factory).await else {
        return;
    };
    one.enqueue(vec![parked(row("a", "lane")), parked(row("b", "lane"))])
        .await;
    let rows: Vec<RowId> = two
        .list(ListState::Parked)
        .await
        .iter()
        .map(|row| row.id)
        .collect();
    assert_eq!(one.requeue(&rows[..1], 2).await, 1);
    assert_eq!(two.requeue(&rows[..1], 2).await, 0);
    assert_eq!(two.discard(&rows[1..]).await, 1);
    assert!(!one.replace(rows[1], row("c", "lane")).await);

    assert_eq!(keys(&two.claim_one(2).await.rows), ["a"]);
    assert_eq!(one.claim(2).await, []);
}

/// Closing one leaves the other as it is.
pub async fn one_goes_on_when_the_other_is_closed(factory: &dyn StoreFactory) {
    let Some([one, two]) = two(factory).await else {
        return;
    };
    one.enqueue(vec![row("a", "lane")]).await;
    let claim = two.claim_one(1).await;
    one.close().await;

    two.commit(full_batch("one")).await;
    two.settle_all(&claim, Verdict::Sent(None), 2).await;
    assert_eq!(
        two.store
            .outcomes(OutcomeCursor(0), ALL)
            .await
            .expect("readable")
            .len(),
        2
    );
    assert_eq!(two.seen(&["one"]).await, [true]);
}
