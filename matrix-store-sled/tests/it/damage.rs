//! Data that somebody else has changed is named, not guessed at.

use std::{
    fs::{self, OpenOptions},
    io::{Seek as _, SeekFrom, Write as _},
    path::Path,
};

use matrix_bridge_core::{
    ListState, OutboundQueue as _, RowKey, StateStore as _, StoreErrorKind, chain,
};
use matrix_bridge_store_sled::{OpenError, SledStore};

use crate::sample::{claim_at, enqueue, filled, folder, row};

/// Changes a value behind the store's back.
fn change(path: &Path, key: &[u8], value: &[u8]) {
    let raw = sled::open(path).unwrap();
    assert!(raw.insert(key, value).unwrap().is_some());
}

/// The key of what a table holds under a number.
fn key(table: u8, number: u64) -> Vec<u8> {
    [&[table][..], &number.to_be_bytes()].concat()
}

#[tokio::test]
async fn a_row_that_does_not_read_back_is_named() {
    for (table, value, place) in [
        (30, &b"\0{}"[..], "reading Row 1"),
        (30, b"", "reading Row 1"),
        (30, b"\x07", "reading Row 1"),
        (31, b"\0{", "reading Body 1"),
        (31, b"\x01\xff\xff\xff\xff\xff\xff\xff\xff", "reading Piece"),
    ] {
        let (_folder, path) = folder();
        filled(&path).await;
        change(&path, &key(table, 1), value);
        let store = SledStore::open(&path).unwrap();

        let listed = store.list(ListState::Waiting, None, 10).await.unwrap_err();
        let claimed = store.claim(claim_at(5)).await.unwrap_err();

        for error in [listed, claimed] {
            assert_eq!(error.kind(), StoreErrorKind::Corrupt);
            let text = chain(&error);
            assert!(text.contains(place), "{text}");
        }
    }
}

#[tokio::test]
async fn a_row_that_is_missing_is_named() {
    let (_folder, path) = folder();
    filled(&path).await;
    let raw = sled::open(&path).unwrap();
    raw.remove(key(30, 1)).unwrap();
    drop(raw);
    let store = SledStore::open(&path).unwrap();

    let error = store.rows(&[RowKey::new("a")]).await.unwrap_err();

    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    assert!(chain(&error).contains("reading Row 1"), "{}", chain(&error));
}

#[tokio::test]
async fn a_claim_that_fails_claims_nothing() {
    let (_folder, path) = folder();
    filled(&path).await;
    let store = SledStore::open(&path).unwrap();
    let rows = vec![row("b", "other lane", "text")];
    enqueue(&store, rows).await.unwrap();
    store.close().await.unwrap();
    let raw = sled::open(&path).unwrap();
    let whole = raw.insert(key(31, 2), b"\0{").unwrap().unwrap();
    drop(raw);

    let store = SledStore::open(&path).unwrap();
    let error = store.claim(claim_at(5)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    store.close().await.unwrap();

    change(&path, &key(31, 2), &whole);
    let store = SledStore::open(&path).unwrap();
    assert_eq!(store.claim(claim_at(5)).await.unwrap().len(), 2);
}

/// Bytes of the log that went bad: all that was written is there, or it is an error. sled
/// alone would go back to what comes before.
#[tokio::test]
async fn a_log_with_bad_bytes_is_not_taken_for_its_end() {
    for reopenings in [0, 2] {
        let (folder, path) = folder();
        for part in 0..=reopenings {
            let store = SledStore::open(&path).unwrap();
            for n in 0..30 {
                let rows = vec![row(&format!("{part} {n}"), "lane", &"long ".repeat(500))];
                enqueue(&store, rows).await.unwrap();
            }
            store.close().await.unwrap();
        }
        let length = fs::metadata(path.join("db")).unwrap().len();
        let mut refused = 0;
        for n in 0..12 {
            let copy = folder.path().join(format!("copy-{n}"));
            copy_folder(&path, &copy);
            spoil(&copy.join("db"), n * length / 12);
            match read_all(&copy).await {
                Ok(rows) => assert_eq!(rows, 30 * (reopenings + 1), "at {n} of 12"),
                Err(_refused) => refused += 1,
            }
        }
        assert!(refused > 0, "none of it was noticed");
    }
}

#[tokio::test]
async fn a_log_that_is_gone_is_noticed() {
    let (_folder, path) = folder();
    filled(&path).await;
    fs::remove_file(path.join("db")).unwrap();
    for summary in fs::read_dir(&path).unwrap() {
        let summary = summary.unwrap();
        if summary.file_name().to_string_lossy().starts_with("snap.") {
            fs::remove_file(summary.path()).unwrap();
        }
    }

    let error = SledStore::open(&path).unwrap_err();

    assert!(matches!(error, OpenError::Lost { found: 0, .. }));
    fs::remove_file(path.join("commits")).unwrap();
    SledStore::open(&path).unwrap();
}

/// How many rows there are, if anything can be said.
async fn read_all(path: &Path) -> Result<usize, String> {
    let store = SledStore::open(path).map_err(|error| error.to_string())?;
    let listed = store.list(ListState::Waiting, None, 1_000).await;
    let listed = listed.map(|rows| rows.len()).map_err(|error| chain(&error));
    let _whatever = store.claim(claim_at(5)).await;
    store.close().await.unwrap();
    listed
}

fn spoil(log: &Path, at: u64) {
    let mut log = OpenOptions::new().write(true).open(log).unwrap();
    log.seek(SeekFrom::Start(at)).unwrap();
    log.write_all(&[0x5a; 64]).unwrap();
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_folder(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}
