//! A file of an older schema is brought up to date and keeps everything.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use matrix_bridge_core::{
    Batch, CommitOutcome, Fence, HostLink, InboxItem, LeaseName, LeaseOutcome, LeaseRequest,
    ListState, OutboundQueue as _, ParkCode, ParkedRows, PruneLimits, RowKey, Settlement, SourceId,
    StateStore as _, Timestamp, ValueKey, Verdict, ruma::RoomId,
};
use matrix_bridge_store_sqlite::{OpenError, SqliteConfig, SqliteStore};
use rusqlite::{Connection, types::Value};
use tempfile::TempDir;

use crate::sample::{account, batch, claim_at, enqueue, folder, keys, row};

const FIRST_SCHEMA: &str = include_str!("../../migrations/0001_init.sql");

/// The steps to the later schemas but the last.
const LATER: [&str; 2] = [
    include_str!("../../migrations/0002_gaps_and_blocked_lanes.sql"),
    include_str!("../../migrations/0003_newcomers.sql"),
];

/// Something in every table. In the lane `one` a row is claimed until 9000, and one was
/// parked before it; the lane `blocked` has a row that is to block from now on. The
/// newest of each table with ids was removed.
const CONTENTS: &str = r#"
    PRAGMA auto_vacuum = INCREMENTAL;
    PRAGMA application_id = 0x4d784272;
    PRAGMA user_version = 1;
    INSERT INTO source VALUES ('sync', 's5', 5);
    INSERT INTO mark_segment VALUES (1, 7, 7, x'000102030405060708090a0b0c0d0e0f00000000');
    INSERT INTO room VALUES ('@bot:example.org', '!room:example.org', 'join', 3, 1,
        '!new:example.org', '$last', 4);
    INSERT INTO inbox VALUES
        (1, '@bot:example.org', '!room:example.org', '$one', 5, 0, 2, 6, CAST('{"n": 1}' AS BLOB)),
        (2, '@bot:example.org', '!room:example.org', '$two', 5, 1, 0, 5, CAST('{"n": 2}' AS BLOB)),
        (3, '@bot:example.org', '!room:example.org', '$gone', 5, 1, 0, 5, CAST('{}' AS BLOB));
    DELETE FROM inbox WHERE id = 3;
    INSERT INTO parked_event VALUES
        (1, '@bot:example.org', '!room:example.org', '$p', 'handler', 'no', 8, CAST('{}' AS BLOB)),
        (2, '@bot:example.org', '!room:example.org', NULL, 'unreadable', '', 9, CAST('1' AS BLOB)),
        (3, '@bot:example.org', '!room:example.org', '$gone', 'handler', '', 9, CAST('1' AS BLOB));
    DELETE FROM parked_event WHERE id = 3;
    INSERT INTO value VALUES ('host', 'key', x'00ff');
    INSERT INTO lease VALUES ('ingest', 7, 'former', 60000);
    INSERT INTO outbox (id, state, token, due, attempts, first_attempt, created, settled, event_id,
        park_code, park_detail, class, sender, device, transaction_id, lane, key, body) VALUES
        (1, 1, NULL, 1, 3, 2, 1, NULL, NULL, 'forbidden', 'no', 'event', '@bot:example.org', 'D',
            't1', 'one', 'parked', BODY(GoOn)),
        (2, 0, 5, 1, 1, 2, 1, NULL, NULL, NULL, NULL, 'event', '@bot:example.org', 'D',
            't2', 'one', 'claimed', BODY(Block)),
        (3, 0, NULL, 1, 0, NULL, 1, NULL, NULL, NULL, NULL, 'event', '@bot:example.org', 'D',
            't3', 'one', 'waiting', BODY(GoOn)),
        (4, 1, NULL, 1, 0, NULL, 1, NULL, NULL, 'too_large', '', 'event', '@bot:example.org', NULL,
            't4', 'blocked', 'blocking', BODY(Block)),
        (5, 0, NULL, 1, 0, NULL, 1, NULL, NULL, NULL, NULL, 'event', '@bot:example.org', NULL,
            't5', 'blocked', 'behind', BODY(GoOn)),
        (6, 2, NULL, 1, 0, NULL, 1, 3, NULL, NULL, NULL, 'event', '@bot:example.org', NULL,
            't6', 'three', 'shadow', BODY(GoOn)),
        (7, 3, NULL, 1, 0, 2, 1, 4, '$sent', NULL, NULL, 'event', '@bot:example.org', NULL,
            't7', 'three', 'sent', BODY(GoOn)),
        (8, 0, NULL, 1, 0, NULL, 1, NULL, NULL, NULL, NULL, 'event', '@bot:example.org', NULL,
            't8', 'three', 'gone', BODY(GoOn));
    DELETE FROM outbox WHERE id = 8;
    INSERT INTO lane VALUES
        ('one', 2, 9000, '@bot:example.org', 'event', 5, 9000),
        ('blocked', 5, 1, '@bot:example.org', 'event', NULL, NULL);
    UPDATE sequence SET value = 5;
    INSERT INTO outcome VALUES
        (1, 20, NULL, 'forbidden', 'no', 'parked'),
        (2, 30, NULL, 'forbidden', 'again', 'parked'),
        (3, 4, '$sent', NULL, NULL, 'sent');
    INSERT INTO link VALUES ('host', 'id', 0, 'primary', '$sent');
"#;

/// Folders with a file of each older schema.
fn older_versions(is_running: bool) -> Vec<(TempDir, PathBuf)> {
    let older = (0..=LATER.len()).map(|steps| {
        let (folder, path) = folder();
        let old = first_version(&path, is_running);
        for (step, version) in LATER.iter().zip(2..).take(steps) {
            old.execute_batch(step).unwrap();
            old.pragma_update(None, "user_version", version).unwrap();
        }
        (folder, path)
    });
    older.collect()
}

/// Writes a file as the first version left it, closed or not.
fn first_version(path: &Path, is_running: bool) -> Connection {
    let old = Connection::open(path).unwrap();
    old.execute_batch(FIRST_SCHEMA).unwrap();
    let body = |order| {
        format!(
            r#"CAST('{{"action":"Join","address":{{"Room":"!a:b"}},"cause":null,"deadline":null,"order":"{order}","link":null}}' AS BLOB)"#
        )
    };
    let contents = CONTENTS
        .replace("BODY(GoOn)", &body("GoOn"))
        .replace("BODY(Block)", &body("Block"));
    old.execute_batch(&contents).unwrap();
    old.execute("UPDATE engine SET is_running = ?1", [is_running])
        .unwrap();
    old
}

type Table = Vec<BTreeMap<String, Value>>;

/// All tables of the first schema, row by row.
fn tables(connection: &Connection) -> BTreeMap<String, Table> {
    let first = Connection::open_in_memory().unwrap();
    first.execute_batch(FIRST_SCHEMA).unwrap();
    let mut names = first
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
        .unwrap();
    let names = names.query_map([], |row| row.get(0)).unwrap();
    let names = names.map(Result::<String, _>::unwrap);
    names
        .map(|name| {
            let columns = first.prepare(&format!("SELECT * FROM {name}")).unwrap();
            let columns: Vec<String> = columns
                .column_names()
                .iter()
                .map(|name| (*name).to_owned())
                .collect();
            let sql = format!("SELECT {} FROM {name} ORDER BY 1", columns.join(", "));
            let mut rows = connection.prepare(&sql).unwrap();
            let rows = rows.query_map([], |row| {
                let columns = columns.iter().enumerate();
                columns
                    .map(|(n, name)| Ok((name.clone(), row.get(n)?)))
                    .collect()
            });
            (name, rows.unwrap().map(Result::unwrap).collect())
        })
        .collect()
}

#[tokio::test]
async fn everything_is_kept() {
    let (_folder, path) = folder();
    let old = first_version(&path, false);
    let mut expected = tables(&old);
    drop(old);
    assert!(
        expected.values().all(|rows| !rows.is_empty()),
        "{expected:?}"
    );

    SqliteStore::open(&path).unwrap().close().await.unwrap();

    // What is new: parked rows have the time of their state, and a row may block a lane.
    let outbox = expected.get_mut("outbox").unwrap();
    outbox[0].insert("settled".to_owned(), Value::Integer(30));
    outbox[3].insert("settled".to_owned(), Value::Integer(1));
    let lane = expected.get_mut("lane").unwrap();
    lane[0].insert("ready".to_owned(), Value::Null);
    let new = Connection::open(&path).unwrap();
    assert_eq!(tables(&new), expected);
    let check: String = new
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
}

#[tokio::test]
async fn what_is_kept_works() {
    for (_folder, path) in older_versions(false) {
        let store = SqliteStore::open(&path).unwrap();

        let checkpoint = store.checkpoint(&SourceId::new("sync")).await.unwrap();
        assert_eq!(checkpoint.generation.0, 5);
        let value = store.values(&[ValueKey::new("host", "key")]).await.unwrap();
        assert_eq!(value[0].as_deref(), Some(&[0, 255][..]));
        let link = HostLink {
            namespace: "host".to_owned(),
            id: "id".to_owned(),
            part: 0,
            kind: "primary".to_owned(),
        };
        let event = store.linked_event(&link).await.unwrap();
        assert_eq!(event.as_deref().map(|id| id.as_str()), Some("$sent"));
        let counted = |code| ParkedRows {
            code,
            rows: 1,
            oldest: Timestamp(1),
        };
        let parked = [ParkCode::TooLarge, ParkCode::Forbidden].map(counted);
        assert_eq!(store.parked().await.unwrap(), parked);
        assert_eq!(keys(&store, ListState::Shadow).await, ["shadow"]);
        assert_eq!(keys(&store, ListState::Sent).await, ["sent"]);

        // The claim of before still holds its lane, and its token settles.
        assert_eq!(store.next_due().await.unwrap(), Some(Timestamp(9000)));
        assert_eq!(store.claim(claim_at(8999)).await.unwrap(), []);
        let claimed = store.rows(&[RowKey::new("claimed")]).await.unwrap();
        let settlement = Settlement {
            row: claimed[0].as_ref().unwrap().id,
            token: matrix_bridge_core::ClaimToken(5),
            verdict: Verdict::Sent(None),
            at: Timestamp(50),
        };
        assert_eq!(store.settle(vec![settlement]).await.unwrap().lost, []);
        let claims = store.claim(claim_at(50)).await.unwrap();
        assert_eq!(claims[0].rows[0].key.as_str(), "waiting");
        assert_eq!(
            (claims.len(), claims[0].token.0),
            (1, 6),
            "one lane is blocked"
        );

        // Parked rows go by the time when they were parked; the blocking one stays.
        let limits = PruneLimits {
            marks_before: Timestamp(0),
            marks_max: u64::MAX,
            records_before: Timestamp(0),
            records_max: u64::MAX,
            parked_events_max: u64::MAX,
            parked_rows_max: 0,
        };
        assert_eq!(store.prune(limits).await.unwrap().parked_rows, 1);
        assert_eq!(keys(&store, ListState::Parked).await, ["blocking"]);
    }
}

#[tokio::test]
async fn no_id_comes_back() {
    for (_folder, path) in older_versions(false) {
        let store = SqliteStore::open(&path).unwrap();
        let room = RoomId::parse("!room:example.org").unwrap();
        let before = store.inbox(&account(), &room, 10).await.unwrap();
        let given_up = store.parked_events(&account(), None, 10).await.unwrap();

        let again = Batch {
            inbox: vec![before[1].entry.clone()],
            parked: vec![given_up[0].event.clone()],
            ..batch()
        };
        assert_eq!(store.commit(again).await.unwrap(), CommitOutcome::Applied);
        enqueue(&store, vec![row("new", "new", "")]).await.unwrap();

        let inbox = store.inbox(&account(), &room, 10).await.unwrap();
        let ids: Vec<u64> = inbox.iter().map(|entry| entry.id.0).collect();
        assert_eq!(ids, [1, 2, 4], "in their order");
        assert!(
            matches!(&inbox[0].entry.item, InboxItem::Event { raw, .. } if raw.as_str() == r#"{"n": 1}"#)
        );
        let given_up = store.parked_events(&account(), None, 1).await.unwrap();
        assert_eq!(given_up[0].id.0, 4);
        let new = store.rows(&[RowKey::new("new")]).await.unwrap();
        assert_eq!(new[0].as_ref().unwrap().id.0, 9);
    }
}

#[tokio::test]
async fn after_a_crash_claims_and_leases_end_as_ever() {
    for (_folder, path) in older_versions(true) {
        let store = SqliteStore::open(&path).unwrap();

        let claims = store.claim(claim_at(1)).await.unwrap();
        let keys = claims[0].rows.iter().map(|row| row.key.as_str());
        assert_eq!(keys.collect::<Vec<_>>(), ["claimed", "waiting"]);
        assert_eq!(claims.len(), 1, "one lane is blocked");
        let request = LeaseRequest {
            name: LeaseName::new("ingest"),
            holder: "next".to_owned(),
            now: Timestamp(1),
            ttl: std::time::Duration::from_secs(60),
        };
        let held = store.lease(request).await.unwrap();
        assert_eq!(held, LeaseOutcome::Held(Fence(8)));
    }
}

#[test]
fn a_reader_waits_for_the_engine_that_brings_it_up_to_date() {
    let (_folder, path) = folder();
    drop(first_version(&path, false));
    let older = SqliteConfig::new(&path).open_reader().unwrap_err();
    let is_told = matches!(
        older,
        OpenError::OlderSchema {
            found: 1,
            known: 4,
            ..
        }
    );
    assert!(is_told, "{older:?}");

    drop(SqliteStore::open(&path).unwrap());

    SqliteConfig::new(&path).open_reader().unwrap();
}
