//! What is not a store of ours is refused, and left as it was.

use std::{fs, path::Path};

use matrix_bridge_core::{StateStore as _, StoreErrorKind, chain};
use matrix_bridge_store_sled::{OpenError, SledConfig, SledStore};

use crate::sample::{enqueue, filled, folder, row};

/// The names of what is in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn the_folder_of_another_program_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    fs::create_dir(&path).unwrap();
    fs::write(path.join("mail"), "dear diary").unwrap();

    let error = SledStore::open(&path).unwrap_err();

    assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
    assert!(!error.to_string().contains('\n'));
    assert_eq!(names(&path), ["mail"]);
}

#[test]
fn the_database_of_another_program_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    let other = sled::open(&path).unwrap();
    other.insert("mail", "dear diary").unwrap();
    drop(other);
    let before = names(&path);

    let error = SledStore::open(&path).unwrap_err();

    assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
    assert_eq!(names(&path), before);
}

#[test]
fn an_empty_folder_becomes_a_store() {
    let (_folder, path) = folder();
    fs::create_dir(&path).unwrap();

    SledStore::open(&path).unwrap();
}

#[test]
fn a_file_is_no_store() {
    let (_folder, path) = folder();
    fs::write(&path, "text").unwrap();

    let error = SledStore::open(&path).unwrap_err();

    assert!(matches!(error, OpenError::NotAFolder { .. }));
    assert_eq!(fs::read(&path).unwrap(), b"text");
}

#[test]
fn a_missing_folder_is_named() {
    let (folder, _path) = folder();
    let missing = folder.path().join("missing");

    let error = SledStore::open(missing.join("bridge.sled")).unwrap_err();

    assert!(matches!(&error, OpenError::NoFolder { folder, .. } if *folder == missing));
}

#[tokio::test]
async fn a_schema_from_the_future_is_refused() {
    let (_folder, path) = folder();
    filled(&path).await;
    let raw = sled::open(&path).unwrap();
    raw.insert(b"\0schema", &99_u64.to_be_bytes()).unwrap();
    drop(raw);

    for opened in [
        SledConfig::new(&path).open_engine(),
        SledConfig::new(&path).open_for_copy(),
    ] {
        let error = opened.unwrap_err();
        assert!(
            matches!(
                error,
                OpenError::NewerSchema {
                    found: 99,
                    known: 1,
                    ..
                }
            ),
            "{error:?}"
        );
        assert!(error.to_string().contains("found schema 99"));
    }
}

#[tokio::test]
async fn a_store_without_its_schema_is_corrupt() {
    let (_folder, path) = folder();
    filled(&path).await;
    let raw = sled::open(&path).unwrap();
    raw.remove(b"\0schema").unwrap();
    drop(raw);

    let error = SledStore::open(&path).unwrap_err();

    assert!(matches!(error, OpenError::Corrupt { .. }), "{error:?}");
    assert!(chain(&error).contains("no schema"), "{}", chain(&error));
}

/// A kill while sled wrote the summary with which it opens.
#[tokio::test]
async fn half_a_summary_does_not_keep_the_store_from_opening() {
    let (_folder, path) = folder();
    filled(&path).await;
    let half = path.join("snap.FFFFFFFFFFFFFFFF.generating");
    fs::write(&half, "half").unwrap();

    SledStore::open(&path).unwrap();

    assert!(!half.exists());
}

#[tokio::test]
async fn a_closed_store_answers_that_it_is() {
    let (_folder, path) = folder();
    for config in [SledConfig::new(&path), SledConfig::new(&path).inline()] {
        let store = config.open_engine().unwrap();
        store.close().await.unwrap();
        store.close().await.unwrap();

        let source = matrix_bridge_core::SourceId::new("s");
        let read = store.checkpoint(&source).await.unwrap_err();
        let written = store.commit(crate::sample::batch()).await.unwrap_err();

        assert_eq!(read.kind(), StoreErrorKind::Closed);
        assert_eq!(written.kind(), StoreErrorKind::Closed);
    }
}

/// sled closes its log in a thread of its own, a moment after it is told to.
#[tokio::test]
async fn a_store_that_was_closed_can_be_opened_at_once() {
    let (_folder, path) = folder();
    for n in 0..30 {
        let store = SledStore::open(&path).unwrap();
        let rows = vec![row(&n.to_string(), "lane", "text")];
        enqueue(&store, rows).await.unwrap();
        store.close().await.unwrap();
    }
}
