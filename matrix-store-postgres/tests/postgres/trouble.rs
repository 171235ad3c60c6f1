//! A server that is busy, away, or started anew.

use std::time::Duration;

use matrix_bridge_core::{OutboundQueue as _, StateStore as _, StoreErrorKind};
use matrix_bridge_store_postgres::PostgresConfig;

use crate::{
    place::{Place, server},
    sample::{batch, enqueue, row},
};

/// A call that finds no connection fails in time, and may be tried again; so does one that
/// the server does not answer.
#[tokio::test]
async fn a_pool_without_connections_is_unavailable() {
    let place = Place::new();
    let store = place.config("a").max_connections(1);
    let store = store
        .connect_timeout(Duration::from_millis(300))
        .call_timeout(Duration::from_secs(3));
    let store = store.without_listening().open().await.unwrap();
    let (locked, lock) = tokio::sync::oneshot::channel::<()>();
    let holding = async {
        // Holds the table until the statement is cancelled by its own limit.
        let lock = "BEGIN; LOCK TABLE outbox; SET LOCAL statement_timeout = 0; SELECT pg_sleep(5)";
        let _ = locked.send(());
        place.run("a", lock).await;
    };
    let asking = async {
        lock.await.unwrap();
        // Whichever comes first waits for the table, and the others for its connection.
        loop {
            let (one, two) = tokio::join!(store.depth(), store.depth());
            let errors = [one, two].map(|depth| depth.map_err(|error| error.kind()));
            if errors.contains(&Err(StoreErrorKind::Unavailable)) {
                return errors;
            }
        }
    };

    let ((), errors) = tokio::join!(holding, asking);

    let kinds = errors.into_iter().filter_map(Result::err);
    assert!(
        kinds
            .into_iter()
            .all(|kind| kind == StoreErrorKind::Unavailable)
    );
    assert_eq!(
        store.depth().await.unwrap().waiting,
        0,
        "it goes on afterwards"
    );
}

/// Calls fail while the server is away, and none has to be told that it is back.
#[tokio::test]
async fn a_server_that_was_restarted_is_found_again() {
    let (mut server, folder) = server("restart").await;
    let config = PostgresConfig::new(&server.url()).unwrap();
    let store = config
        .takeover(Duration::from_secs(2))
        .open()
        .await
        .unwrap();
    enqueue(&store, vec![row("1", "lane")]).await.unwrap();

    server.stop().await.unwrap();
    let away = store.commit(batch()).await.unwrap_err();
    assert_eq!(away.kind(), StoreErrorKind::Unavailable, "{away:?}");
    server.restart().await.unwrap();

    // The pool may hold connections to the old server; each is found out at most once.
    let mut failures = 0;
    while let Err(error) = enqueue(&store, vec![row("2", "lane")]).await {
        assert!(error.is_retryable(), "{error:?}");
        failures += 1;
        assert!(failures <= 10, "{error:?}");
    }
    assert_eq!(store.depth().await.unwrap().waiting, 2);
    store.close().await.unwrap();
    server.stop().await.unwrap();
    std::fs::remove_dir_all(folder).unwrap();
}
