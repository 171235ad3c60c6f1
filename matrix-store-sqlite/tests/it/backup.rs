//! A copy of the store, made while it is in use.

use std::{fs, sync::Arc};

use matrix_bridge_core::{ListState, OutboundQueue as _, StateStore as _, Verdict};
use matrix_bridge_store_sqlite::{BackupError, OpenError, SqliteConfig, SqliteStore};
use rusqlite::Connection;

use crate::sample::{claim_at, enqueue, filled, folder, keys, row};

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_the_store_at_one_moment() {
    let (folder, path) = folder();
    let store = Arc::new(SqliteStore::open(&path).unwrap());
    let writer = store.clone();
    let writing = tokio::spawn(async move {
        for n in 0..400 {
            // Both or neither are in a copy.
            let rows = ["a", "b"].map(|part| row(&format!("{n:03}{part}"), part, ""));
            enqueue(&writer, rows.to_vec()).await.unwrap();
        }
    });
    let mut sizes = Vec::new();
    for n in 0..4 {
        let copy = folder.path().join(format!("{n}.db"));
        store.back_up(&copy).await.unwrap();

        let copy = SqliteStore::open(&copy).unwrap();
        let keys = keys(&copy, ListState::Waiting).await;
        let whole = (0..keys.len() / 2).flat_map(|n| [format!("{n:03}a"), format!("{n:03}b")]);
        assert_eq!(keys, whole.collect::<Vec<_>>());
        sizes.push(keys.len());
    }
    writing.await.unwrap();
    assert!(sizes.is_sorted(), "{sizes:?}");
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_restored_backup_begins_as_after_a_crash() {
    let (folder, path) = folder();
    let copy = folder.path().join("copy.db");
    let store = SqliteStore::open(&path).unwrap();
    enqueue(&store, vec![row("one", "lane", "")]).await.unwrap();
    assert_eq!(store.claim(claim_at(1)).await.unwrap().len(), 1);
    // A person's command may make it too.
    let reader = SqliteConfig::new(&path).open_reader().unwrap();
    reader.back_up(&copy).await.unwrap();
    reader.close().await.unwrap();
    store.close().await.unwrap();
    fs::rename(&copy, &path).unwrap();

    let restored = SqliteStore::open(&path).unwrap();

    // Whoever had claimed it is gone.
    let claims = restored.claim(claim_at(2)).await.unwrap();
    assert_eq!(claims[0].rows[0].key.as_str(), "one");
    let settled = claims[0]
        .rows
        .iter()
        .map(|row| matrix_bridge_core::Settlement {
            row: row.id,
            token: claims[0].token,
            verdict: Verdict::Sent(None),
            at: matrix_bridge_core::Timestamp(3),
        });
    let settled = restored.settle(settled.collect()).await.unwrap();
    assert_eq!(settled.lost, []);
}

#[tokio::test]
async fn a_backup_is_for_its_owner_and_shrinks_like_the_store() {
    let (folder, path) = folder();
    filled(&path).await;
    let copy = folder.path().join("copy.db");
    for config in [SqliteConfig::new(&path), SqliteConfig::new(&path).inline()] {
        let store = config.open_engine().unwrap();
        store.back_up(&copy).await.unwrap();
        store.close().await.unwrap();

        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&copy).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let [original, copied] = [&path, &copy].map(|path| {
            let file = Connection::open(path).unwrap();
            ["application_id", "user_version", "auto_vacuum"].map(|name| -> i64 {
                file.pragma_query_value(None, name, |row| row.get(0))
                    .unwrap()
            })
        });
        assert_eq!(copied, original);
        fs::remove_file(&copy).unwrap();
    }
}

#[tokio::test]
async fn nothing_is_overwritten_and_nothing_half_made_is_left() {
    let (folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    let taken = folder.path().join("taken.db");
    fs::write(&taken, "mine").unwrap();
    // As one leaves it that was broken off.
    let interrupted = folder.path().join("copy.db.partial");
    fs::write(&interrupted, "half").unwrap();

    for taken in [&taken, &path] {
        let error = store.back_up(taken).await.unwrap_err();
        assert!(matches!(error, BackupError::Exists { .. }), "{error:?}");
        assert!(error.to_string().contains("choose another name"));
    }
    let error = store.back_up(folder.path().join("no/copy.db")).await;
    let error = error.unwrap_err();
    let is_told = |source: &OpenError| matches!(source, OpenError::NoFolder { .. });
    assert!(
        matches!(&error, BackupError::Failed { source, .. } if is_told(source)),
        "{error:?}"
    );
    store.back_up(folder.path().join("copy.db")).await.unwrap();

    assert_eq!(fs::read(&taken).unwrap(), b"mine");
    assert!(!interrupted.exists());
    store.close().await.unwrap();
}
