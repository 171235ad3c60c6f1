//! A file as the last version with schema 3 left it, found by this one.

use std::path::Path;

use matrix_bridge_core::{
    Account, ClaimToken, Fence, InboxEntry, InboxItem, LeaseName, LeaseOutcome, LeaseRequest,
    ListState, OutboundQueue as _, RowKey, Settlement, StateStore as _, Timestamp, Verdict,
    ruma::RoomId,
};
use matrix_bridge_store_sqlite::{OpenError, SqliteConfig, SqliteStore};
use rusqlite::{Connection, types::Value};

use crate::sample::{account, claim_at, event, folder, keys};

const FILE: &str = include_str!("../fixtures/schema_3.sql");

fn write(path: &Path) -> Connection {
    let old = Connection::open(path).unwrap();
    old.execute_batch(FILE).unwrap();
    old
}

/// The tables and their columns.
fn columns(connection: &Connection) -> Vec<(String, String)> {
    let mut columns = connection
        .prepare(
            "SELECT tables.name, group_concat(columns.name, ', ') \
             FROM sqlite_master AS tables, pragma_table_info(tables.name) AS columns \
             WHERE tables.type = 'table' GROUP BY tables.name",
        )
        .unwrap();
    let columns = columns.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    columns.unwrap().map(Result::unwrap).collect()
}

/// What is in these columns.
fn contents(connection: &Connection, columns: &[(String, String)]) -> Vec<Vec<Vec<Value>>> {
    let tables = columns.iter().map(|(table, columns)| {
        let sql = format!("SELECT {columns} FROM {table} ORDER BY {columns}");
        let mut rows = connection.prepare(&sql).unwrap();
        let count = rows.column_count();
        let rows = rows.query_map([], |row| (0..count).map(|n| row.get(n)).collect());
        rows.unwrap().map(Result::unwrap).collect()
    });
    tables.collect()
}

#[tokio::test]
async fn everything_is_kept() {
    let (_folder, path) = folder();
    let old = write(&path);
    let columns = columns(&old);
    let expected = contents(&old, &columns);
    assert!(expected.iter().all(|rows| !rows.is_empty()));
    drop(old);

    SqliteStore::open(&path).unwrap().close().await.unwrap();

    let new = Connection::open(&path).unwrap();
    assert_eq!(contents(&new, &columns), expected);
    let check: String = new
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
}

#[tokio::test]
async fn what_is_kept_works() {
    let (_folder, path) = folder();
    drop(write(&path));
    let store = SqliteStore::open(&path).unwrap();

    assert_eq!(
        names(&inbox(&store).await),
        ["gap", "f1", "f2", "f3", "f4", "after"]
    );
    let seen = ["one", "four", "last", "new"].map(event);
    let seen = store.seen(&account(), &seen).await.unwrap();
    assert_eq!(seen, [true, true, true, false]);
    let other = Account::new("@other:example.org");
    let seen = store
        .seen(&other, &["one", "two"].map(event))
        .await
        .unwrap();
    assert_eq!(seen, [true, false]);
    assert_eq!(keys(&store, ListState::Blocking).await, ["blocking"]);
    // The claim of before still holds its lane, and its token settles.
    let claims = store.claim(claim_at(100)).await.unwrap();
    let claimed: Vec<_> = claims
        .iter()
        .map(|claim| claim.rows[0].key.as_str())
        .collect();
    assert_eq!(claimed, ["before", "retried"]);
    let row = store.rows(&[RowKey::new("claimed")]).await.unwrap();
    let settlement = Settlement {
        row: row[0].as_ref().unwrap().id,
        token: ClaimToken(1),
        verdict: Verdict::Sent(None),
        at: Timestamp(100),
    };
    assert_eq!(store.settle(vec![settlement]).await.unwrap().lost, []);
    let request = LeaseRequest {
        name: LeaseName::new("ingest"),
        holder: "c".to_owned(),
        now: Timestamp(150),
        ttl: std::time::Duration::from_secs(1),
    };
    let held = store.lease(request).await.unwrap();
    assert_eq!(held, LeaseOutcome::Held(Fence(3)));
}

#[test]
fn no_reader_reads_it_before_an_engine_did() {
    let (_folder, path) = folder();
    drop(write(&path));

    let older = SqliteConfig::new(&path).open_reader().unwrap_err();

    assert!(matches!(older, OpenError::OlderSchema { found: 3, .. }));
}

async fn inbox(store: &SqliteStore) -> Vec<InboxEntry> {
    let room = RoomId::parse("!one:example.org").unwrap();
    store.inbox(&account(), &room, 10).await.unwrap()
}

/// The names of events in an inbox.
fn names(entries: &[InboxEntry]) -> Vec<&str> {
    let names = entries.iter().map(|entry| match &entry.entry.item {
        InboxItem::Event { event_id, .. } => event_id.as_str(),
        InboxItem::Gap(_) => "gap",
    });
    names
        .map(|name| name.trim_start_matches("$event-"))
        .collect()
}
