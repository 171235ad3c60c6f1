//! What only a file can do wrong when it is copied.

use matrix_bridge_core::{
    Contents as _, ListState, MemoryStore, OutboundQueue as _, Place, Record, StateStore as _,
    StoreErrorKind, copy,
};
use matrix_bridge_store_sqlite::{OpenError, SqliteConfig, SqliteStore};

use crate::sample::{claim_at, enqueue, event, filled, folder, keys, row};

#[tokio::test]
async fn an_unfinished_copy_is_refused_until_it_is_made_again() {
    let (_folder, path) = folder();
    let (_other_folder, other) = folder();
    filled(&other).await;
    let from = SqliteConfig::new(&other).open_for_copy().unwrap();
    let to = SqliteConfig::new(&path).open_for_copy().unwrap();
    to.begin().await.unwrap();
    drop(to);

    let refused = [
        SqliteStore::open(&path).unwrap_err(),
        SqliteConfig::new(&path).open_reader().unwrap_err(),
    ];
    for error in refused {
        assert!(
            matches!(error, OpenError::UnfinishedCopy { .. }),
            "{error:?}"
        );
        assert!(error.to_string().contains("run the copy again"));
    }

    let to = SqliteConfig::new(&path).open_for_copy().unwrap();
    copy(&from, &to, |_| ()).await.unwrap();
    drop(to);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(keys(&store, ListState::Waiting).await, ["a"]);
}

#[tokio::test]
async fn a_store_that_is_copied_has_no_engine() {
    let (_folder, path) = folder();
    let copied = SqliteConfig::new(&path).open_for_copy().unwrap();

    let error = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error:?}");
    let error = SqliteConfig::new(&path).open_for_copy().unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error:?}");

    copied.close().await.unwrap();
    SqliteStore::open(&path).unwrap();
}

#[tokio::test]
async fn a_store_does_only_what_it_was_opened_for() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(kind(store.begin().await), StoreErrorKind::Invalid);
    assert_eq!(kind(store.write(Vec::new()).await), StoreErrorKind::Invalid);
    assert_eq!(kind(store.finish().await), StoreErrorKind::Invalid);
    store.read(Place::default(), 10).await.unwrap();
    store.close().await.unwrap();

    let copied = SqliteConfig::new(&path).open_for_copy().unwrap();
    let account = crate::sample::account();
    assert_eq!(
        kind(copied.seen(&account, &[event("a")]).await),
        StoreErrorKind::Invalid
    );
    assert_eq!(kind(copied.depth().await), StoreErrorKind::Invalid);
    assert_eq!(
        kind(copied.claim(claim_at(1)).await),
        StoreErrorKind::Invalid
    );
    assert_eq!(kind(copied.discard(&[]).await), StoreErrorKind::Invalid);
    assert_eq!(
        kind(copied.write(Vec::new()).await),
        StoreErrorKind::Invalid
    );
}

fn kind<T: std::fmt::Debug>(answer: Result<T, matrix_bridge_core::StoreError>) -> StoreErrorKind {
    answer.unwrap_err().kind()
}

#[tokio::test]
async fn a_place_that_nobody_told_is_refused() {
    let (_folder, path) = folder();
    filled(&path).await;
    let store = SqliteConfig::new(&path).open_for_copy().unwrap();
    let beyond = Place {
        part: 99,
        after: String::new(),
    };
    assert!(store.read(beyond, 10).await.unwrap().next.is_none());

    let unknown = Place {
        part: 0,
        after: "?".to_owned(),
    };
    assert_eq!(kind(store.read(unknown, 10).await), StoreErrorKind::Invalid);
}

#[tokio::test]
async fn what_a_crashed_engine_held_is_copied_without_its_claims() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    enqueue(&store, vec![row("a", "lane", "hello")])
        .await
        .unwrap();
    assert_eq!(store.claim(claim_at(1)).await.unwrap().len(), 1);
    // Its file as a crash leaves it.
    let (_other_folder, crashed) = folder();
    store.back_up(&crashed).await.unwrap();

    let from = SqliteConfig::new(&crashed).open_for_copy().unwrap();
    let to = MemoryStore::new();
    copy(&from, &to, |_| ()).await.unwrap();

    let claims = to.claim(claim_at(1)).await.unwrap();
    assert_eq!(claims[0].rows[0].key.as_str(), "a");
}

#[tokio::test]
async fn a_large_store_is_read_page_by_page() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    for n in 0..5 {
        let rows = (0..500).map(|m| row(&format!("{n} {m}"), &format!("lane {m}"), "hello"));
        enqueue(&store, rows.collect()).await.unwrap();
    }
    let mut next = Some(Place::default());
    let mut rows = Vec::new();
    while let Some(place) = next {
        let page = store.read(place, 300).await.unwrap();
        assert!(page.records.len() <= 300);
        rows.extend(page.records.into_iter().filter_map(|record| match record {
            Record::Row { row, .. } => Some(row.id.0),
            _ => None,
        }));
        next = page.next;
    }

    assert_eq!(rows, (1..=2500).collect::<Vec<_>>());
}
