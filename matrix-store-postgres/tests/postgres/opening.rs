//! From an address to a store.

use matrix_bridge_core::{
    Contents as _, MemoryStore, OutboundQueue as _, StateStore as _, StoreErrorKind, copy,
};
use matrix_bridge_store_postgres::{OpenError, PostgresConfig};

use crate::{
    place::{self, Place},
    sample::{enqueue, row},
};

/// All find the tables made, by one of them.
#[tokio::test]
async fn processes_that_start_together_make_the_tables_once() {
    let place = Place::new();
    let open = || place.config("a").open();

    let (one, two, three, four) = tokio::join!(open(), open(), open(), open());

    enqueue(&one.unwrap(), vec![row("1", "lane")])
        .await
        .unwrap();
    for other in [two, three, four] {
        assert_eq!(other.unwrap().depth().await.unwrap().waiting, 1);
    }
}

#[tokio::test]
async fn tables_of_a_later_version_are_refused_and_stay() {
    let place = Place::new();
    place.open("a").await.close().await.unwrap();
    place
        .run("a", "UPDATE matrix_bridge_store SET version = 99")
        .await;

    let refused = place.config("a").open().await.unwrap_err();

    assert!(
        matches!(refused, OpenError::NewerSchema { found: 99, .. }),
        "{refused}"
    );
    assert!(
        refused.to_string().contains(&place.schema("a")),
        "{refused}"
    );
    place
        .run("a", "UPDATE matrix_bridge_store SET version = 1")
        .await;
    place.config("a").open().await.unwrap();
}

#[tokio::test]
async fn tables_of_somebody_else_are_refused() {
    let place = Place::new();
    let schema = place.schema("a");
    place
        .run(
            "a",
            &format!("CREATE SCHEMA {schema}; CREATE TABLE theirs (n int)"),
        )
        .await;

    let refused = place.config("a").open().await.unwrap_err();

    assert!(
        matches!(refused, OpenError::ForeignSchema { .. }),
        "{refused}"
    );
    place.run("a", "SELECT n FROM theirs").await;
}

/// A schema that somebody has made for us, empty, is ours.
#[tokio::test]
async fn an_empty_schema_is_taken() {
    let place = Place::new();
    let schema = place.schema("a");
    place.run("a", &format!("CREATE SCHEMA {schema}")).await;

    place.config("a").open().await.unwrap();
}

#[tokio::test]
async fn stores_of_two_schemas_share_nothing() {
    let place = Place::new();
    let (one, other) = (place.open("a").await, place.open("b").await);

    enqueue(&one, vec![row("1", "lane")]).await.unwrap();

    assert_eq!(other.depth().await.unwrap().waiting, 0);
}

/// Neither an error nor `Debug` shows it.
#[tokio::test]
async fn the_password_is_never_shown() {
    let config = PostgresConfig::new("postgres://bot:hunter2@127.0.0.1:1/bridge").unwrap();
    let shown = format!("{config:?}");
    let refused = config.open().await.unwrap_err();
    let wrong = PostgresConfig::new("postgres://bot:hunter2@host:port/db?x=hunter2").unwrap_err();

    for text in [
        shown,
        format!("{refused:?} {refused}"),
        format!("{wrong:?} {wrong}"),
    ] {
        assert!(!text.contains("hunter2"), "{text}");
    }
    assert!(matches!(refused, OpenError::Unavailable(error) if error.is_retryable()));
}

#[tokio::test]
async fn a_copy_that_was_not_finished_is_refused_until_it_is() {
    let place = Place::new();
    let filled = MemoryStore::new();
    let unfinished = place.config("a").open_for_copy().await.unwrap();
    unfinished.begin().await.unwrap();
    let error = unfinished.depth().await.unwrap_err();
    assert_eq!(
        error.kind(),
        StoreErrorKind::Invalid,
        "it is for a copy only"
    );
    unfinished.close().await.unwrap();

    let refused = place.config("a").open().await.unwrap_err();
    assert!(
        matches!(refused, OpenError::UnfinishedCopy { .. }),
        "{refused}"
    );

    let again = place.config("a").open_for_copy().await.unwrap();
    copy(&filled, &again, |_| {}).await.unwrap();
    again.close().await.unwrap();
    place.config("a").open().await.unwrap();
}

/// Somebody who works on it would miss what is copied, or spoil it.
#[tokio::test]
async fn a_copy_wants_the_store_alone() {
    let place = Place::new();
    let worker = place.config("a").open().await.unwrap();

    let refused = place.config("a").open_for_copy().await.unwrap_err();

    assert!(
        matches!(refused, OpenError::InUse { workers: 1, .. }),
        "{refused}"
    );
    worker.close().await.unwrap();
    place.config("a").open_for_copy().await.unwrap();
}

#[tokio::test]
async fn a_wrong_name_of_a_schema_is_refused() {
    let config = PostgresConfig::new(&place::url()).unwrap();

    let refused = config
        .schema("Robert'); DROP TABLE")
        .open()
        .await
        .unwrap_err();

    assert!(matches!(refused, OpenError::SchemaName { .. }), "{refused}");
}
