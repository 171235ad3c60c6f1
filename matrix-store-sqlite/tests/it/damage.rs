//! Data that somebody else has changed is named, not guessed at.

use std::path::Path;

use matrix_bridge_core::{ListState, OutboundQueue as _, StoreErrorKind, chain};
use matrix_bridge_store_sqlite::{OpenError, SqliteStore};
use rusqlite::{Connection, types::ValueRef};

use crate::sample::{claim_at, enqueue, filled, folder, row};

/// Changes the file behind the store's back.
fn change(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

#[tokio::test]
async fn a_row_that_does_not_read_back_is_named() {
    for (column, value) in [
        ("body", "x'7b00'"),
        ("class", "'postage'"),
        ("sender", "'nobody'"),
        ("created", "-1"),
        ("attempts", "-1"),
    ] {
        let (_folder, path) = folder();
        filled(&path).await;
        change(&path, &format!("UPDATE outbox SET {column} = {value}"));
        let store = SqliteStore::open(&path).unwrap();

        let error = store.list(ListState::Waiting, None, 10).await.unwrap_err();

        assert_eq!(error.kind(), StoreErrorKind::Corrupt);
        let text = chain(&error);
        let place = format!("reading column {column} of outbox 1");
        assert!(text.contains(&place), "{text}");
    }
}

#[tokio::test]
async fn a_claim_that_fails_claims_nothing() {
    let (_folder, path) = folder();
    filled(&path).await;
    let store = SqliteStore::open(&path).unwrap();
    let rows = vec![row("b", "other lane", "text")];
    enqueue(&store, rows).await.unwrap();
    change(&path, "UPDATE outbox SET body = x'7b00' WHERE id = 2");

    let error = store.claim(claim_at(5)).await.unwrap_err();

    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    change(
        &path,
        "UPDATE outbox SET body = (SELECT body FROM outbox WHERE id = 1)",
    );
    assert_eq!(store.claim(claim_at(5)).await.unwrap().len(), 2);
}

#[tokio::test]
async fn damaged_marks_keep_the_store_from_opening() {
    let (_folder, path) = folder();
    filled(&path).await;
    change(
        &path,
        "INSERT INTO mark_segment (first_at, last_at, marks) VALUES (1, 1, x'0102')",
    );

    let error = SqliteStore::open(&path).unwrap_err();

    assert!(matches!(error, OpenError::Corrupt { .. }));
    assert!(chain(&error).contains("reading column marks of mark_segment 1"));
}

#[tokio::test]
async fn the_file_says_what_it_is_and_how_it_is_kept() {
    let (_folder, path) = folder();
    filled(&path).await;
    let other = Connection::open(&path).unwrap();
    let pragma = |name| -> String {
        other
            .pragma_query_value(None, name, |row| {
                row.get_ref(0).map(|value| match value {
                    ValueRef::Integer(number) => number.to_string(),
                    other => other.as_str().unwrap().to_owned(),
                })
            })
            .unwrap()
    };

    let names = [
        "application_id",
        "user_version",
        "auto_vacuum",
        "journal_mode",
    ];
    let expected = [
        0x4d78_4272.to_string(),
        "4".into(),
        "2".into(),
        "wal".into(),
    ];
    assert_eq!(names.map(pragma), expected);
}
