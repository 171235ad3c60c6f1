//! Records on their way in.

use matrix_bridge_core::{
    Account, Checkpoint, Digest, Identity, InboxEntry, NewParkedEvent, OrderPolicy, Outcome,
    OutcomeResult, ParkReason, ParkedEvent, Record, RoomFacts, Row, RowState, Timestamp,
    ValueChange,
};

use super::read::sequence;
use crate::{
    fault::{Fault, Reason},
    fields::{self, number, time},
    outbox::{lane, state},
    session::{Session, Tx},
    tables::{inbox, link, room, value},
    text::{digest, encode},
};

const LOCK: &str = "SELECT copy FROM matrix_bridge_store FOR UPDATE";
/// Also a store that gave out numbers, though nothing is left of what had them.
const IS_FULL: &str = "\
    SELECT 1 WHERE EXISTS (SELECT 1 FROM source) OR EXISTS (SELECT 1 FROM mark) \
    OR EXISTS (SELECT 1 FROM room) OR EXISTS (SELECT 1 FROM inbox) \
    OR EXISTS (SELECT 1 FROM parked_event) OR EXISTS (SELECT 1 FROM value) \
    OR EXISTS (SELECT 1 FROM lease) OR EXISTS (SELECT 1 FROM outbox) \
    OR EXISTS (SELECT 1 FROM outcome) OR EXISTS (SELECT 1 FROM link) \
    OR (SELECT is_called FROM row_id) OR (SELECT is_called FROM inbox_id) \
    OR (SELECT is_called FROM parked_event_id) OR (SELECT is_called FROM claim_token) \
    OR (SELECT is_called FROM outcome_cursor)";
/// Counters start anew with their tables.
const EMPTY: &str = "\
    TRUNCATE source, mark, room, inbox, parked_event, value, lease, outbox, lane, outcome, link, \
    tally RESTART IDENTITY";
const SET_COPY: &str = "UPDATE matrix_bridge_store SET copy = $1";
const SOURCE: &str = "INSERT INTO source (id, name, position, generation) VALUES ($1, $2, $3, $4)";
const MARKS: &str = "\
    INSERT INTO mark (digest, at) SELECT digest, at \
    FROM unnest($1::bytea[], $2::bigint[]) WITH ORDINALITY AS new (digest, at, nth) ORDER BY nth";
const INBOX: &str = "\
    INSERT INTO inbox (id, account, place, room, event_id, received, sent, is_catch_up, attempts, \
        due, raw, gap) \
    SELECT $1, $2, $3, * FROM unnest($4::text[], $5::text[], $6::bigint[], $7::bigint[], \
        $8::boolean[], $9::bigint[], $10::bigint[], $11::bytea[], $12::bytea[])";
/// Below the place of every new entry.
const FIRST_PLACE: i64 = i64::MIN / 2;
const PARKED_EVENT: &str = "\
    INSERT INTO parked_event (id, account, room, event_id, code, detail, at, raw) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const LEASE: &str = "INSERT INTO lease (id, name, fence) VALUES ($1, $2, $3)";
const ROW: &str = "\
    INSERT INTO outbox (id, state, due, attempts, first_attempt, created, settled, blocks, \
        event_id, park_code, park_detail, class, sender, device, transaction_id, lane, lane_name, \
        key, key_name, body) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, \
        $19, $20)";
const OUTCOME: &str = "\
    INSERT INTO outcome (cursor, at, event_id, code, detail, key) \
    VALUES ($1, $2, $3, $4, $5, $6)";
const LANES: &str = "\
    INSERT INTO lane (lane, head, ready, sender, class) \
    SELECT DISTINCT ON (lane) lane, id, CASE WHEN EXISTS ( \
            SELECT 1 FROM outbox AS parked WHERE parked.lane = first.lane AND state = 1 \
            AND blocks AND parked.id < first.id) THEN NULL ELSE due END, sender, class \
    FROM outbox AS first WHERE state = 0 ORDER BY lane, id";

/// Empties what a copy has left, or makes sure that there is nothing.
pub(super) async fn begin(mut session: Session, copy: i64) -> Result<(), Fault> {
    let tx = session.begin().await?;
    let former = under_way(&tx).await?;
    if former.is_none() && tx.row(IS_FULL, &[]).await?.is_some() {
        tx.roll_back().await?;
        let reason = Reason("there is something in the store already");
        return Err(Fault::Invalid(reason.into()));
    }
    tx.script(EMPTY).await?;
    tx.run(SET_COPY, &[&Some(copy)]).await?;
    tx.commit().await
}

pub(super) async fn records(
    mut session: Session,
    copy: i64,
    records: Vec<Record>,
) -> Result<(), Fault> {
    let tx = session.begin().await?;
    refuse_other(&tx, copy).await?;
    let mut marks = Vec::new();
    for record in records {
        match record {
            // One statement for all: there are many, and nothing but their own order counts.
            Record::Mark { digest, at } => marks.push((digest, at)),
            other => write(&tx, other).await?,
        }
    }
    write_marks(&tx, &marks).await?;
    tx.commit().await
}

/// The lanes follow from their rows.
pub(super) async fn finish(mut session: Session, copy: i64) -> Result<(), Fault> {
    let tx = session.begin().await?;
    refuse_other(&tx, copy).await?;
    tx.run(LANES, &[]).await?;
    tx.run(SET_COPY, &[&None::<i64>]).await?;
    tx.commit().await
}

/// Whoever began another copy has removed what this one wrote.
async fn refuse_other(tx: &Tx<'_>, copy: i64) -> Result<(), Fault> {
    let reason = match under_way(tx).await? {
        Some(found) if found == copy => return Ok(()),
        Some(_) => "another copy into this store was begun meanwhile",
        None => "no copy was begun",
    };
    Err(Fault::Invalid(Reason(reason).into()))
}

/// The number of the copy that was begun and not finished; nobody else begins or ends one
/// before this transaction ends.
async fn under_way(tx: &Tx<'_>) -> Result<Option<i64>, Fault> {
    let row = tx.row(LOCK, &[]).await?.ok_or(Fault::Slow)?;
    Ok(row.try_get("copy")?)
}

async fn write(tx: &Tx<'_>, record: Record) -> Result<(), Fault> {
    match record {
        Record::Source { source, checkpoint } => {
            let Checkpoint {
                position,
                generation,
            } = checkpoint;
            let position = position.as_ref().map(|position| encode(position.as_str()));
            let id = digest(&[source.as_str()]);
            let name = encode(source.as_str());
            let generation = number(generation.0);
            tx.run(SOURCE, &[&id, &name, &position, &generation])
                .await?;
        }
        Record::Mark { digest, at } => write_marks(tx, &[(digest, at)]).await?,
        Record::Room { account, facts } => write_room(tx, &account, facts).await?,
        Record::Inbox {
            account,
            place,
            entry,
        } => write_entry(tx, &account, place, &entry).await?,
        Record::ParkedEvent { account, event } => write_event(tx, &account, &event).await?,
        Record::Value { key, value } => {
            let value = Some(value);
            value::change(tx, &[ValueChange { key, value }]).await?;
        }
        Record::Lease { name, fence } => {
            let id = digest(&[name.as_str()]);
            let fence = number(fence.0);
            tx.run(LEASE, &[&id, &encode(name.as_str()), &fence])
                .await?;
        }
        Record::Row { row, settled } => write_row(tx, &row, settled).await?,
        Record::Outcome(outcome) => write_outcome(tx, &outcome).await?,
        Record::Link { link, event } => link::set(tx, &[(link, event)]).await?,
        Record::Last { of: _, number: 0 } => {}
        Record::Last { of, number: last } => {
            let sql = format!("SELECT setval('{}', $1)", sequence(of));
            tx.rows(&sql, &[&number(last)]).await?;
        }
    }
    Ok(())
}

async fn write_marks(tx: &Tx<'_>, marks: &[(Digest, Timestamp)]) -> Result<(), Fault> {
    if marks.is_empty() {
        return Ok(());
    }
    let digests: Vec<&[u8]> = marks.iter().map(|(mark, _)| &mark.as_bytes()[..]).collect();
    let times: Vec<i64> = marks.iter().map(|(_, at)| time(*at)).collect();
    tx.run(MARKS, &[&digests, &times]).await?;
    Ok(())
}

async fn write_room(tx: &Tx<'_>, account: &Account, facts: RoomFacts) -> Result<(), Fault> {
    room::set(tx, account, &[facts]).await
}

async fn write_entry(
    tx: &Tx<'_>,
    account: &Account,
    place: u64,
    entry: &InboxEntry,
) -> Result<(), Fault> {
    let mut columns = inbox::Columns::default();
    columns.push(&entry.entry)?;
    let inbox::Columns {
        rooms,
        event_ids,
        received,
        sent,
        is_catch_up,
        attempts,
        due,
        raw,
        gaps,
    } = columns;
    let place = FIRST_PLACE.saturating_add_unsigned(place);
    tx.run(
        INBOX,
        &[
            &number(entry.id.0),
            &encode(account.as_str()),
            &place,
            &rooms,
            &event_ids,
            &received,
            &sent,
            &is_catch_up,
            &attempts,
            &due,
            &raw,
            &gaps,
        ],
    )
    .await?;
    Ok(())
}

async fn write_event(tx: &Tx<'_>, account: &Account, event: &ParkedEvent) -> Result<(), Fault> {
    let NewParkedEvent {
        room,
        event_id,
        raw,
        reason: ParkReason { code, detail },
        at,
    } = &event.event;
    tx.run(
        PARKED_EVENT,
        &[
            &number(event.id.0),
            &encode(account.as_str()),
            &encode(room.as_str()),
            &event_id.as_ref().map(|id| encode(id.as_str())),
            &code.as_str(),
            &encode(detail),
            &time(*at),
            &raw.as_str().as_bytes(),
        ],
    )
    .await?;
    Ok(())
}

async fn write_row(tx: &Tx<'_>, row: &Row, settled: Option<Timestamp>) -> Result<(), Fault> {
    let Row {
        id,
        key,
        lane,
        sender: Identity { user, device },
        class,
        transaction_id,
        body,
        created,
        attempts,
        first_attempt,
        state,
    } = row;
    let (state, due, event, reason) = match state {
        RowState::Waiting { due } => (state::WAITING, *due, None, None),
        RowState::Claimed { .. } => (state::WAITING, *created, None, None),
        RowState::Parked { reason } => (state::PARKED, *created, None, Some(reason)),
        RowState::Shadow => (state::SHADOW, *created, None, None),
        RowState::Sent { event_id } => (state::SENT, *created, event_id.as_ref(), None),
    };
    tx.run(
        ROW,
        &[
            &number(id.0),
            &state,
            &time(due),
            &i64::from(*attempts),
            &first_attempt.map(time),
            &time(*created),
            &settled.map(time),
            &(body.order == OrderPolicy::Block),
            &event.map(|id| encode(id.as_str())),
            &reason.map(|reason| reason.code.as_str()),
            &reason.map(|reason| encode(&reason.detail)),
            &class.as_str(),
            &encode(user.as_str()),
            &device.as_ref().map(|device| encode(device.as_str())),
            &encode(transaction_id.as_str()),
            &lane::of(lane),
            &lane::name(lane),
            &digest(&[key.as_str()]),
            &encode(key.as_str()),
            &fields::encode(body)?,
        ],
    )
    .await?;
    Ok(())
}

async fn write_outcome(tx: &Tx<'_>, outcome: &Outcome) -> Result<(), Fault> {
    let (event, reason) = match &outcome.result {
        OutcomeResult::Sent(event) => (event.as_ref(), None),
        OutcomeResult::Parked(reason) => (None, Some(reason)),
    };
    tx.run(
        OUTCOME,
        &[
            &number(outcome.cursor.0),
            &time(outcome.at),
            &event.map(|event| encode(event.as_str())),
            &reason.map(|reason| reason.code.as_str()),
            &reason.map(|reason| encode(&reason.detail)),
            &encode(outcome.key.as_str()),
        ],
    )
    .await?;
    Ok(())
}
