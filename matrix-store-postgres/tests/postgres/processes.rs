//! Many processes on one store, by the database's clock.

use std::time::Duration;

use matrix_bridge_core::{
    Batch, ClaimRequest, CommitOutcome, LeaseOutcome, OutboundQueue as _, Owner, Settlement, Stale,
    StateStore as _, Timestamp, Verdict,
};
use matrix_bridge_store_postgres::PostgresStore;

use crate::{
    place::Place,
    sample::{NOW, batch, claim, enqueue, event, lease, row},
};

/// Soon enough for a test, and longer than a busy machine takes for nothing.
const TAKEOVER: Duration = Duration::from_secs(2);

/// Waits until the store is told of something, as long as a busy machine may take.
async fn told(store: &PostgresStore) {
    let told = tokio::time::timeout(Duration::from_secs(60), store.changed()).await;
    told.expect("the store is told");
}

/// What another process enqueues is heard of, not only found by looking.
#[tokio::test]
async fn rows_of_another_process_are_told() {
    let place = Place::new();
    let [one, other] =
        [place.config("a"), place.config("a")].map(|config| config.takeover(TAKEOVER));
    let (one, other) = (one.open().await.unwrap(), other.open().await.unwrap());
    // That it listens is the first thing that it tells itself.
    told(&other).await;

    // Who was alone a moment ago finds out that it no longer is.
    let telling = async {
        let mut n = 0;
        loop {
            enqueue(&one, vec![row(&n.to_string(), "lane")])
                .await
                .unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
            n += 1;
        }
    };
    tokio::select! {
        () = told(&other) => {}
        () = telling => {}
    }

    assert!(!other.claim(claim()).await.unwrap().is_empty());
}

/// The claims of who is gone are free within the span, not only when they run out.
#[tokio::test]
async fn who_is_gone_keeps_no_claims() {
    let place = Place::new();
    let gone = place.config("a").takeover(TAKEOVER).open().await.unwrap();
    enqueue(&gone, vec![row("1", "lane"), row("2", "lane")])
        .await
        .unwrap();
    let claimed = gone.claim(claim()).await.unwrap();
    let other = place.config("a").takeover(TAKEOVER).open().await.unwrap();
    told(&other).await;
    assert_eq!(other.claim(claim()).await.unwrap(), [], "it is claimed");

    // Not closed: as if it had been killed.
    drop(gone);
    told(&other).await;

    let again = other.claim(claim()).await.unwrap();
    assert_eq!(again.len(), 1);
    assert_ne!(again[0].token, claimed[0].token);
    let keys: Vec<_> = again[0].rows.iter().map(|row| row.key.as_str()).collect();
    assert_eq!(keys, ["1", "2"]);
    let late = Settlement {
        row: claimed[0].rows[0].id,
        token: claimed[0].token,
        verdict: Verdict::Sent(Some(event("late"))),
        at: NOW,
    };
    let settled = other.settle(vec![late.clone()]).await.unwrap();
    assert_eq!(
        settled.lost,
        [late.row],
        "what is settled under the old claim is refused"
    );
}

/// Who is there keeps its claims, however short the span is.
#[tokio::test]
async fn who_is_there_keeps_its_claims() {
    let place = Place::new();
    let one = place.config("a").takeover(TAKEOVER).open().await.unwrap();
    enqueue(&one, vec![row("1", "lane")]).await.unwrap();
    let claimed = one.claim(claim()).await.unwrap();
    let hasty = place.config("a").takeover(Duration::from_millis(90));
    let other = hasty.open().await.unwrap();
    let gone = place.config("a").takeover(TAKEOVER).open().await.unwrap();
    enqueue(&gone, vec![row("2", "second")]).await.unwrap();
    assert_eq!(gone.claim(claim()).await.unwrap().len(), 1);
    drop(gone);

    // Until the other one has found out who is gone, it looked at us many times.
    let found = loop {
        told(&other).await;
        let found = other.claim(claim()).await.unwrap();
        if !found.is_empty() {
            break found;
        }
    };

    assert_eq!(found.len(), 1);
    assert_eq!(found[0].rows[0].key.as_str(), "2");
    let sent = Settlement {
        row: claimed[0].rows[0].id,
        token: claimed[0].token,
        verdict: Verdict::Sent(Some(event("sent"))),
        at: NOW,
    };
    assert_eq!(one.settle(vec![sent]).await.unwrap().lost, []);
}

/// Whose clock is an hour ahead gets no lease for that, and no claim.
#[tokio::test]
async fn clocks_of_processes_do_not_matter() {
    let place = Place::new();
    let [one, other] = [place.config("a"), place.config("a")];
    let (one, other) = (one.open().await.unwrap(), other.open().await.unwrap());
    let ahead = Timestamp(NOW.0 + 60 * 60 * 1_000);
    let LeaseOutcome::Held(fence) = one.lease(lease("one", NOW)).await.unwrap() else {
        panic!("nobody else has it");
    };
    enqueue(&one, vec![row("1", "lane")]).await.unwrap();
    assert_eq!(one.claim(claim()).await.unwrap().len(), 1);

    let taken = other.lease(lease("other", ahead)).await.unwrap();
    let LeaseOutcome::Taken { until } = taken else {
        panic!("it was taken over: {taken:?}");
    };
    let left = until.since(ahead);
    assert!(
        left > Duration::from_secs(300) && left <= Duration::from_secs(600),
        "{left:?}"
    );
    let late = ClaimRequest {
        now: ahead,
        ..claim()
    };
    assert_eq!(other.claim(late).await.unwrap(), []);
    let due = other.next_due().await.unwrap().unwrap().since(ahead);
    assert!(
        due > Duration::from_secs(300),
        "it is not asked for again and again: {due:?}"
    );
    let owner = Owner {
        lease: lease("one", NOW).name,
        fence,
    };
    let mine = Batch {
        owner: Some(owner),
        ..batch()
    };
    assert_eq!(one.commit(mine).await.unwrap(), CommitOutcome::Applied);
}

/// A lease that ran out goes to who asks next, and its former holder writes nothing more.
#[tokio::test]
async fn a_stale_owner_writes_nothing() {
    let place = Place::new();
    let [one, other] = [place.config("a"), place.config("a")];
    let (one, other) = (one.open().await.unwrap(), other.open().await.unwrap());
    let mut short = lease("one", NOW);
    short.ttl = Duration::ZERO;
    let LeaseOutcome::Held(fence) = one.lease(short.clone()).await.unwrap() else {
        panic!("nobody else has it");
    };

    let taken = other.lease(lease("other", NOW)).await.unwrap();

    assert!(matches!(taken, LeaseOutcome::Held(newer) if newer > fence));
    let owner = Owner {
        lease: short.name,
        fence,
    };
    let stale = Batch {
        owner: Some(owner),
        marks: vec![event("1")],
        rows: vec![row("1", "lane")],
        ..batch()
    };
    let outcome = one.commit(stale).await.unwrap();
    assert_eq!(outcome, CommitOutcome::Stale(Stale::Owner));
    let seen = other.seen(&batch().account, &[event("1")]).await.unwrap();
    assert_eq!(seen, [false]);
    assert_eq!(other.depth().await.unwrap().waiting, 0);
}
