//! What is not a store of ours is refused, and left as it was.

use std::{fs, path::Path};

use matrix_bridge_core::StateStore as _;
use matrix_bridge_store_sqlite::{OpenError, SqliteConfig, SqliteStore};
use rusqlite::Connection;

use crate::sample::{filled, folder};

/// Both ways of opening refuse the file, for that reason, and change no byte of it.
fn refused(path: &Path, is_expected: impl Fn(&OpenError) -> bool) -> OpenError {
    let before = fs::read(path).unwrap();
    let as_engine = SqliteStore::open(path).unwrap_err();
    let as_reader = SqliteConfig::new(path).open_reader().unwrap_err();
    assert!(is_expected(&as_engine), "{as_engine:?}");
    assert!(is_expected(&as_reader), "{as_reader:?}");
    assert!(!as_engine.to_string().contains('\n'));
    assert!(fs::read(path).unwrap() == before, "the file was changed");
    as_engine
}

#[test]
fn a_database_of_another_program_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("CREATE TABLE mail (body TEXT); PRAGMA application_id = 77;")
        .unwrap();
    drop(other);

    let error = refused(&path, |error| {
        matches!(error, OpenError::ForeignSchema { .. })
    });

    assert!(error.to_string().contains("application id 0x4d"));
}

#[test]
fn the_journal_of_another_program_is_not_moved_into_its_file() {
    let (_folder, path) = folder();
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE mail (body TEXT);")
        .unwrap();
    let journal = path.with_extension("db-wal");
    let before = fs::read(&journal).unwrap();
    // It goes without tidying up, as in a crash.
    let keep = rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    other.set_db_config(keep, true).unwrap();
    drop(other);

    refused(&path, |error| {
        matches!(error, OpenError::ForeignSchema { .. })
    });

    assert!(fs::read(&journal).unwrap() == before);
}

#[test]
fn what_is_no_database_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    for content in [
        "{\"not\": \"a database\"}".to_owned(),
        "x".to_owned(),
        "SQLite format 3".to_owned(),
        "\0".repeat(10_000),
    ] {
        fs::write(&path, content).unwrap();

        refused(&path, |error| {
            matches!(error, OpenError::NotADatabase { .. })
        });
    }
}

#[tokio::test]
async fn half_a_store_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    filled(&path).await;
    let whole = fs::read(&path).unwrap();
    for length in [50, 4096, whole.len() / 2, whole.len() - 100] {
        fs::write(&path, &whole[..length]).unwrap();

        refused(&path, |error| {
            matches!(error, OpenError::NotADatabase { .. })
        });
    }
}

#[tokio::test]
async fn a_page_that_was_overwritten_is_found_after_a_crash() {
    let (_folder, path) = folder();
    filled(&path).await;
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("UPDATE engine SET is_running = 1")
        .unwrap();
    let root: usize = other
        .query_row(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'inbox_by_room'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    drop(other);
    let mut content = fs::read(&path).unwrap();
    content[(root - 1) * 4096..root * 4096].fill(0xaa);
    fs::write(&path, content).unwrap();

    let error = SqliteStore::open(&path).unwrap_err();

    assert!(matches!(error, OpenError::NotADatabase { .. }), "{error:?}");
}

#[tokio::test]
async fn a_schema_from_the_future_is_refused() {
    let (_folder, path) = folder();
    filled(&path).await;
    let other = Connection::open(&path).unwrap();
    other.pragma_update(None, "user_version", 99).unwrap();
    drop(other);

    let error = refused(&path, |error| {
        matches!(
            error,
            OpenError::NewerSchema {
                found: 99,
                known: 4,
                ..
            }
        )
    });

    assert!(error.to_string().contains("found schema 99"));
}

#[test]
fn a_file_that_was_created_and_no_more_is_taken() {
    let (_folder, path) = folder();
    fs::write(&path, "").unwrap();
    assert!(matches!(
        SqliteConfig::new(&path).open_reader().unwrap_err(),
        OpenError::Missing { .. }
    ));

    SqliteStore::open(&path).unwrap();
}

#[test]
fn a_reader_creates_nothing() {
    let (folder, path) = folder();

    let error = SqliteConfig::new(&path).open_reader().unwrap_err();

    assert!(matches!(error, OpenError::Missing { .. }));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_missing_folder_is_named() {
    let (folder, _path) = folder();
    let missing = folder.path().join("missing");

    let error = SqliteStore::open(missing.join("bridge.db")).unwrap_err();

    assert!(matches!(&error, OpenError::NoFolder { folder, .. } if *folder == missing));
}

#[test]
fn a_folder_is_no_store() {
    let (folder, _path) = folder();

    let error = SqliteStore::open(folder.path()).unwrap_err();

    assert!(matches!(error, OpenError::NotAFile { .. }));
}

#[tokio::test]
async fn closing_leaves_one_file_and_its_lock() {
    let (folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    store
        .checkpoint(&matrix_bridge_core::SourceId::new("s"))
        .await
        .unwrap();
    store.close().await.unwrap();
    store.close().await.unwrap();

    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();

    assert_eq!(names, ["bridge.db", "bridge.db.lock"]);
}
