//! What became of rows, for the host to read.

use matrix_bridge_core::{
    Outcome, OutcomeCursor, OutcomeResult, ParkCode, ParkReason, RowKey, Timestamp,
    ruma::OwnedEventId,
};
use tokio_postgres::Row;

use crate::{
    fault::Fault,
    fields::{Fields, limit, number, time},
    session::{Session, Tx},
    text::encode,
};

const PUSH: &str = "\
    INSERT INTO outcome (at, event_id, code, detail, key) \
    SELECT at, event_id, code, detail, key FROM unnest($1::bigint[], $2::text[], $3::text[], \
        $4::text[], $5::text[]) WITH ORDINALITY AS new (at, event_id, code, detail, key, nth) \
    ORDER BY nth";
const HAS_NEW: &str = "SELECT 1 FROM outcome WHERE cursor IS NULL LIMIT 1";
const LOCK: &str = "SELECT 1 FROM numbering FOR UPDATE";
/// Those that came to light since the last time get the next cursors.
const NUMBER: &str = "\
    UPDATE outcome SET cursor = numbered.cursor FROM ( \
        SELECT id, nextval('outcome_cursor') AS cursor FROM ( \
            SELECT id FROM outcome WHERE cursor IS NULL ORDER BY id LIMIT $1 \
        ) AS new \
    ) AS numbered WHERE outcome.id = numbered.id";
const LIST: &str = "\
    SELECT id, cursor, at, event_id, code, detail, key FROM outcome \
    WHERE cursor > $1 ORDER BY cursor LIMIT $2";
/// How many get their cursor at once.
const NUMBERED_AT_ONCE: i64 = 10_000;

/// Writes outcomes, in their order.
pub(crate) async fn push(
    tx: &Tx<'_>,
    outcomes: &[(RowKey, Timestamp, OutcomeResult)],
) -> Result<(), Fault> {
    if outcomes.is_empty() {
        return Ok(());
    }
    let stored = |text: &str| encode(text).into_owned();
    let (mut at, mut events, mut codes) = (vec![], vec![], vec![]);
    let (mut details, mut keys) = (vec![], vec![]);
    for (key, when, result) in outcomes {
        let (event, reason) = match result {
            OutcomeResult::Sent(event) => (event.as_ref(), None),
            OutcomeResult::Parked(reason) => (None, Some(reason)),
        };
        at.push(time(*when));
        events.push(event.map(|event| stored(event.as_str())));
        codes.push(reason.map(|ParkReason { code, .. }| code.as_str()));
        details.push(reason.map(|ParkReason { detail, .. }| stored(detail)));
        keys.push(stored(key.as_str()));
    }
    tx.run(PUSH, &[&at, &events, &codes, &details, &keys])
        .await?;
    Ok(())
}

pub(crate) async fn list(
    mut session: Session,
    after: OutcomeCursor,
    most: usize,
) -> Result<Vec<Outcome>, Fault> {
    if !session.rows(HAS_NEW, &[]).await?.is_empty() {
        number_new(&mut session).await?;
    }
    let rows = session
        .rows(LIST, &[&number(after.0), &limit(most)])
        .await?;
    rows.iter().map(read).collect()
}

/// Gives cursors to the outcomes that have none yet.
pub(crate) async fn number_new(session: &mut Session) -> Result<(), Fault> {
    let tx = session.begin().await?;
    tx.rows(LOCK, &[]).await?;
    tx.run(NUMBER, &[&NUMBERED_AT_ONCE]).await?;
    tx.commit().await
}

pub(crate) fn read(row: &Row) -> Result<Outcome, Fault> {
    let fields = Fields::new(row, "outcome");
    let result = match fields.optional_text("code")? {
        Some(_) => OutcomeResult::Parked(ParkReason {
            code: fields.name("code", ParkCode::from_name)?,
            detail: fields.text("detail")?,
        }),
        None => OutcomeResult::Sent(fields.parse_optional("event_id", OwnedEventId::try_from)?),
    };
    Ok(Outcome {
        cursor: OutcomeCursor(fields.number("cursor")?),
        key: RowKey::new(fields.text("key")?),
        at: fields.time("at")?,
        result,
    })
}
