//! What was reported is there, in full, however the server ended.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use matrix_bridge_core::{
    Batch, CommitOutcome, ListState, OutboundQueue as _, StateStore as _, StoreErrorKind,
    ValueChange, ValueKey,
};
use matrix_bridge_store_postgres::{PostgresConfig, PostgresStore};
use tokio::{sync::Notify, task::JoinSet};

use crate::{
    place::server,
    sample::{batch, event, row},
};

const ROUNDS: u64 = 5;
const TASKS: u64 = 4;

/// A batch with something in several tables.
fn numbered(n: u64) -> Batch {
    Batch {
        marks: vec![event(&format!("{n} a")), event(&format!("{n} b"))],
        rows: vec![row(&format!("{n} a"), "one"), row(&format!("{n} b"), "two")],
        values: vec![ValueChange {
            key: ValueKey::new("batch", n.to_string()),
            value: Some(n.to_string().into()),
        }],
        ..batch()
    }
}

/// Several tasks commit while the server is killed; they go on when it is back.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_reported_survives_a_kill_of_the_server() {
    let (mut server, folder) = server("kill").await;
    let config = PostgresConfig::new(&server.url()).unwrap();
    let store = Arc::new(config.max_connections(4).open().await.unwrap());
    let (next, mut reported, mut unknown) = (Arc::new(AtomicU64::new(0)), vec![], 0);

    for round in 0..ROUNDS {
        let enough = Arc::new(Notify::new());
        let mut tasks = JoinSet::new();
        for _ in 0..TASKS {
            let (store, next, enough) = (store.clone(), next.clone(), enough.clone());
            tasks.spawn(commit_until_it_fails(store, next, enough, 10 + round * 7));
        }
        enough.notified().await;
        server.kill9().await.unwrap();
        for (done, failure) in tasks.join_all().await {
            reported.extend(done);
            unknown += u64::from(failure == StoreErrorKind::Unknown);
        }
        server.restart().await.unwrap();
        while store.depth().await.is_err() {}
        assert_whole(&store, &reported).await;
    }

    assert!(
        reported.len() as u64 > ROUNDS * 10,
        "{} and {unknown}",
        reported.len()
    );
    store.close().await.unwrap();
    server.stop().await.unwrap();
    std::fs::remove_dir_all(folder).unwrap();
}

/// What was reported, and how it ended.
async fn commit_until_it_fails(
    store: Arc<PostgresStore>,
    next: Arc<AtomicU64>,
    enough: Arc<Notify>,
    many: u64,
) -> (Vec<u64>, StoreErrorKind) {
    let mut reported = Vec::new();
    loop {
        let n = next.fetch_add(1, Ordering::Relaxed);
        match store.commit(numbered(n)).await {
            Ok(outcome) => assert_eq!(outcome, CommitOutcome::Applied),
            Err(error) => {
                let kinds = [StoreErrorKind::Unavailable, StoreErrorKind::Unknown];
                assert!(kinds.contains(&error.kind()), "{error:?}");
                return (reported, error.kind());
            }
        }
        reported.push(n);
        if reported.len() as u64 == many {
            enough.notify_one();
        }
    }
}

/// Everything that was reported is there, and nothing only in part.
async fn assert_whole(store: &PostgresStore, reported: &[u64]) {
    let rows = store
        .list(ListState::Waiting, None, usize::MAX)
        .await
        .unwrap();
    let numbers = rows
        .iter()
        .filter_map(|row| row.key.as_str().split(' ').next());
    let written: BTreeSet<u64> = numbers.map(|n| n.parse().unwrap()).collect();
    assert!(
        reported.iter().all(|n| written.contains(n)),
        "a commit was lost"
    );
    assert_eq!(rows.len(), written.len() * 2, "half a batch");
    assert_eq!(
        store.depth().await.unwrap().waiting,
        rows.len() as u64,
        "miscounted"
    );
    for n in written {
        let Batch {
            marks,
            values,
            account,
            ..
        } = numbered(n);
        assert_eq!(
            store.seen(&account, &marks).await.unwrap(),
            [true, true],
            "marks of {n}"
        );
        let found = store
            .values(std::slice::from_ref(&values[0].key))
            .await
            .unwrap();
        assert_eq!(found, std::slice::from_ref(&values[0].value));
    }
}
