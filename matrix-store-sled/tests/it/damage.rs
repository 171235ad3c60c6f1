//! Data that somebody else has changed is named, not guessed at.

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::FileExt as _,
    path::Path,
};

use matrix_bridge_core::{
    ListState, OutboundQueue as _, RowKey, StateStore as _, StoreErrorKind, chain,
};
use matrix_bridge_store_sled::SledStore;

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

/// Bytes of the log that went bad: whatever sled makes of them, it is an answer.
#[tokio::test]
async fn a_log_with_bad_bytes_is_no_panic() {
    let (folder, path) = folder();
    let store = SledStore::open(&path).unwrap();
    for n in 0..50 {
        let rows = vec![row(&format!("{n}"), "lane", &"long ".repeat(500))];
        enqueue(&store, rows).await.unwrap();
    }
    store.close().await.unwrap();
    let length = fs::metadata(path.join("db")).unwrap().len();
    let mut refused = 0;
    for n in 0..40 {
        let copy = folder.path().join(format!("copy-{n}"));
        copy_folder(&path, &copy);
        let log = OpenOptions::new()
            .write(true)
            .open(copy.join("db"))
            .unwrap();
        log.write_all_at(&[0x5a; 64], n * length / 40).unwrap();

        let Ok(store) = SledStore::open(&copy) else {
            refused += 1;
            continue;
        };
        let listed = store.list(ListState::Waiting, None, 100).await;
        refused += u32::from(listed.is_err());
        let _whatever = store.claim(claim_at(5)).await;
        let _whatever = store.close().await;
    }
    assert!(refused > 0, "none of it was noticed");
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
