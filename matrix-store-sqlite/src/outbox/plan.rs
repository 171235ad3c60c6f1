//! A claim costs the same however long the backlog is.

use matrix_bridge_core::{ClaimRequest, ClaimToken, Settlement, Timestamp, Verdict, ruma::UserId};
use rusqlite::{Connection, StatementStatus};

use super::{claim, lane, prune, report, settle};
use crate::open::create_schema;

const READ_OFTEN: &[&str] = &[
    claim::READY,
    claim::FIRST_ROWS,
    claim::END_FORMER,
    claim::NEXT_DUE,
    lane::HEAD,
    lane::CLAIM,
    report::LIST,
    report::OLDEST,
    prune::RECORDS_BEFORE,
    prune::OLDEST_RECORDS,
    prune::OUTCOMES_BEFORE,
];

/// `rows` rows in ten lanes.
const FILL: &str = "\
    WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1) \
    INSERT INTO outbox (state, due, created, class, sender, transaction_id, lane, key, body) \
    SELECT 0, 1, 1, 'event', '@bot:example.org', n, 'lane ' || (n % 10), n, \
    CAST('{\"action\":\"Join\",\"address\":{\"Room\":\"!a:b\"},\"cause\":null,\"deadline\":null,' || \
    '\"order\":\"GoOn\",\"link\":null}' AS BLOB) FROM n";
const LANES: &str = "\
    INSERT INTO lane (lane, head, ready, sender, class) \
    SELECT lane, min(id), 1, '@bot:example.org', 'event' FROM outbox GROUP BY lane";

fn with_rows(rows: u32) -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    connection.set_prepared_statement_cache_capacity(96);
    create_schema(&mut connection).unwrap();
    connection.execute(FILL, [rows]).unwrap();
    connection.execute(LANES, []).unwrap();
    connection
}

/// The steps that SQLite's machine took for a claim of all lanes and its settlement.
fn steps(connection: &Connection) -> i32 {
    let request = ClaimRequest {
        now: Timestamp(5),
        ttl: std::time::Duration::from_secs(1),
        lanes: 20,
        rows_per_lane: 3,
        paused: vec![(
            UserId::parse("@other:example.org").unwrap(),
            matrix_bridge_core::EndpointClass::Event,
        )],
    };
    let claims = claim::claim(connection, &request).unwrap();
    assert_eq!(claims.len(), 10);
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
    let statements = READ_OFTEN.iter().map(|sql| {
        let statement = connection.prepare_cached(sql).unwrap();
        assert_eq!(
            statement.get_status(StatementStatus::FullscanStep),
            0,
            "{sql}"
        );
        statement.get_status(StatementStatus::VmStep)
    });
    statements.sum()
}

#[test]
fn no_statement_of_a_claim_looks_through_a_table() {
    let connection = with_rows(10);
    for sql in READ_OFTEN {
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
