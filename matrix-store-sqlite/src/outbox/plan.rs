//! A claim costs the same however long the backlog is.

use matrix_bridge_core::{
    Account, ClaimRequest, ClaimToken, LaneId, Settlement, Timestamp, Verdict,
    ruma::{RoomId, UserId},
};
use rusqlite::{Connection, StatementStatus};

use super::{claim, lane, prune, report, settle};
use crate::{open::create_schema, tables::inbox};

const READ_OFTEN: &[&str] = &[
    claim::READY,
    claim::NEW,
    claim::FIRST_ROWS,
    claim::END_FORMER,
    claim::NEXT_DUE,
    lane::HEAD,
    lane::CLAIM,
    lane::BLOCKING,
    report::LIST,
    report::OLDEST,
    report::BY_KEY,
    prune::RECORDS_BEFORE,
    prune::OLDEST_RECORDS,
    prune::OUTCOMES_BEFORE,
    inbox::ENTRIES,
    inbox::IS_OPEN_GAP,
];

/// Go through a table, but not through all of it, or one with a row for each reason.
const READ_IN_PART: &[&str] = &[
    prune::OLDEST_OUTCOMES,
    prune::OLDEST_PARKED,
    report::PARKED,
    prune::PARKED,
];

/// `rows` waiting rows in ten lanes, as many parked ones in these and in ten blocked
/// lanes, then a lane whose rows are the last of all, as many outcomes, and as many entries
/// of one inbox.
const FILL: &str = "\
    CREATE TEMP TABLE n AS WITH RECURSIVE n (n) AS \
    (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {rows}) SELECT n FROM n; \
    INSERT INTO outbox (state, settled, park_code, park_detail, blocks, due, created, class, \
    sender, transaction_id, lane, key, body) \
    SELECT 1, n, iif(n % 3 = 0, 'forbidden', 'expired'), '', n % 2, 1, n, 'event', \
    '@bot:example.org', n, iif(n % 2 = 1, 'blocked ', 'lane ') || (n % 20 / 2), 'parked ' || n, \
    CAST('' AS BLOB) FROM n; \
    INSERT INTO outbox (state, due, created, class, sender, transaction_id, lane, key, body) \
    SELECT 0, 1, 1, 'event', '@bot:example.org', n, \
    iif(n % 5 = 0, 'blocked ', 'lane ') || (n / 5 % 10), n, \
    CAST('{\"action\":\"Join\",\"address\":{\"Room\":\"!a:b\"},\"cause\":null,\"deadline\":null,' || \
    '\"order\":\"GoOn\",\"link\":null}' AS BLOB) FROM n; \
    INSERT INTO outbox (state, due, created, class, sender, transaction_id, lane, key, body) \
    SELECT state, due, created, class, sender, 'late ' || id, 'late', 'late ' || id, body \
    FROM outbox WHERE key IN ('1', '2', '3'); \
    INSERT INTO outcome (at, key) SELECT n, n FROM n; \
    INSERT INTO inbox (account, room, received, sent, is_catch_up, attempts, due, gap) \
    VALUES ('@bot:example.org', '!a:b', 1, 1, 0, 0, 1, CAST('{\"from\":null,\"to\":null,' || \
    '\"last_seen\":null,\"cause\":\"limited\",\"read\":0,\"found\":0}' AS BLOB)); \
    INSERT INTO inbox (account, room, received, sent, is_catch_up, attempts, due, event_id, raw) \
    SELECT '@bot:example.org', '!a:b', 1, 1, 0, 0, 1, '$' || n, CAST('{}' AS BLOB) FROM n;";

fn with_rows(rows: u32) -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    connection.set_prepared_statement_cache_capacity(96);
    create_schema(&mut connection).unwrap();
    let fill = FILL.replace("{rows}", &rows.to_string());
    connection.execute_batch(&fill).unwrap();
    for n in 0..10 {
        for kind in ["lane", "blocked"] {
            let lane = LaneId::new(format!("{kind} {n}"));
            lane::refresh(&connection, &lane, None).unwrap();
        }
    }
    lane::refresh(&connection, &LaneId::new("late"), None).unwrap();
    connection
}

/// The steps that SQLite's machine took for a claim of all lanes and its settlement.
fn steps(connection: &Connection) -> i32 {
    let request = ClaimRequest {
        now: Timestamp(5),
        ttl: std::time::Duration::from_secs(1),
        lanes: 20,
        newcomers: 5,
        rows_per_lane: 3,
        paused: vec![(
            UserId::parse("@other:example.org").unwrap(),
            matrix_bridge_core::EndpointClass::Event,
        )],
    };
    let claims = claim::claim(connection, &request).unwrap();
    assert_eq!(claims.len(), 11);
    let settlements = claims.iter().flat_map(|claim| {
        claim.rows.iter().map(|row| Settlement {
            row: row.id,
            token: ClaimToken(claim.token.0),
            verdict: Verdict::Sent(None),
            at: Timestamp(6),
        })
    });
    let settled = settle::settle(connection, settlements.collect()).unwrap();
    assert_eq!(settled.lost, []);
    claim::next_due(connection).unwrap();
    report::depth(connection).unwrap();
    assert_eq!(report::parked(connection).unwrap().len(), 2);
    // As many as are pruned at once.
    assert_eq!(prune::parked(connection, 1, 5).unwrap(), 5);
    prune::outcomes(connection, Timestamp(0), 1, 5).unwrap();
    let room = RoomId::parse("!a:b").unwrap();
    let account = Account::new("@bot:example.org");
    let entries = inbox::entries(connection, &account, &room, 5).unwrap();
    assert_eq!(entries.len(), 5);
    assert!(inbox::is_open_gap(connection, &account, entries[0].id).unwrap());
    let scanned = READ_OFTEN.iter().map(|sql| {
        let statement = connection.prepare_cached(sql).unwrap();
        statement.get_status(StatementStatus::FullscanStep)
    });
    assert_eq!(scanned.sum::<i32>(), 0);
    let all = READ_OFTEN.iter().chain(READ_IN_PART);
    let steps = all.map(|sql| {
        let statement = connection.prepare_cached(sql).unwrap();
        statement.get_status(StatementStatus::VmStep)
    });
    steps.sum()
}

#[test]
fn no_statement_of_a_claim_looks_through_a_table() {
    let connection = with_rows(10);
    for sql in READ_OFTEN.iter().chain(&[prune::OLDEST_PARKED]) {
        let mut plan = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap();
        let steps: Vec<String> = plan
            .query_map(
                rusqlite::params_from_iter(vec![1; plan.parameter_count()]),
                |row| row.get("detail"),
            )
            .unwrap()
            .map(Result::unwrap)
            .collect();
        for step in &steps {
            let is_scan = step.starts_with("SCAN")
                && !step.contains("USING INDEX")
                && !step.contains("USING COVERING INDEX");
            assert!(!is_scan && !step.contains("TEMP B-TREE"), "{sql}: {step}");
        }
    }
}

#[test]
fn a_claim_takes_as_many_steps_from_a_hundred_rows_as_from_a_hundred_thousand() {
    assert_eq!(steps(&with_rows(100)), steps(&with_rows(100_000)));
}
