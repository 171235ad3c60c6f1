//! What became of claimed rows.

use std::collections::BTreeMap;

use matrix_bridge_core::{
    ClaimToken, OutcomeResult, ParkReason, RowBody, RowId, RowKey, Settled, Settlement, Timestamp,
    Verdict,
};
use tokio_postgres::Row;

use super::{lane, outcome, state};
use crate::{
    fault::Fault,
    fields::{self, Fields, number, time},
    session::{Session, Tx},
    tables::link,
    text::encode,
};

/// Those whose lane is locked: nobody else claims or settles them meanwhile.
const CLAIMED: &str = "\
    SELECT id, token, due, attempts, first_attempt, is_first_claim, lane, key_name, body \
    FROM outbox WHERE id = ANY ($1) AND token IS NOT NULL";
const UPDATE: &str = "\
    UPDATE outbox SET state = new.state, token = new.token, due = new.due, \
        attempts = new.attempts, first_attempt = new.first_attempt, settled = new.settled, \
        event_id = new.event_id, park_code = new.park_code, park_detail = new.park_detail, \
        body = coalesce(new.body, outbox.body) \
    FROM unnest($1::bigint[], $2::smallint[], $3::bigint[], $4::bigint[], $5::bigint[], \
        $6::bigint[], $7::bigint[], $8::text[], $9::text[], $10::text[], $11::bytea[]) \
        AS new (id, state, token, due, attempts, first_attempt, settled, event_id, park_code, \
            park_detail, body) \
    WHERE outbox.id = new.id";

/// Writes down what became of rows, in the order given.
pub(crate) async fn settle(
    session: &mut Session,
    settlements: Vec<Settlement>,
) -> Result<Settled, Fault> {
    let ids: Vec<i64> = settlements.iter().map(|it| number(it.row.0)).collect();
    let tx = session.begin().await?;
    lane::lock_of(&tx, &ids).await?;
    let mut work = Work::default();
    for row in tx.rows(CLAIMED, &[&ids]).await? {
        let held = Held::read(&row)?;
        work.held.insert(held.id, held);
    }
    let mut settled = Settled::default();
    for settlement in settlements {
        let row = settlement.row;
        if !work.settle(settlement)? {
            settled.lost.push(row);
        }
    }
    work.write(&tx).await?;
    tx.commit().await?;
    Ok(settled)
}

/// The claimed rows, and what is to be written besides.
#[derive(Default)]
struct Work {
    held: BTreeMap<RowId, Held>,
    /// When a row of the lane was settled last; none where rows were only amended.
    lanes: BTreeMap<Vec<u8>, Option<Timestamp>>,
    outcomes: Vec<(RowKey, Timestamp, OutcomeResult)>,
    links: Vec<(
        matrix_bridge_core::HostLink,
        matrix_bridge_core::ruma::OwnedEventId,
    )>,
}

/// A row under a claim, and what becomes of it.
struct Held {
    id: RowId,
    token: Option<ClaimToken>,
    due: i64,
    attempts: i64,
    first_attempt: Option<i64>,
    is_first_claim: bool,
    lane: Vec<u8>,
    key: RowKey,
    body: RowBody,
    is_amended: bool,
    state: i16,
    settled: Option<i64>,
    event_id: Option<String>,
    reason: Option<ParkReason>,
}

impl Work {
    /// False when the row is not under that claim (any more).
    fn settle(&mut self, settlement: Settlement) -> Result<bool, Fault> {
        let Settlement {
            row,
            token,
            verdict,
            at,
        } = settlement;
        let held = self.held.get_mut(&row);
        let Some(held) = held.filter(|held| held.token == Some(token)) else {
            return Ok(false);
        };
        if let Verdict::Amend(action) = verdict {
            held.body.action = action;
            held.is_amended = true;
            self.lanes.entry(held.lane.clone()).or_default();
            return Ok(true);
        }
        held.token = None;
        self.lanes.insert(held.lane.clone(), Some(at));
        match verdict {
            Verdict::Retry { due, counted } => {
                held.due = time(due);
                held.attempts += i64::from(counted);
            }
            Verdict::Release => {
                if held.is_first_claim {
                    held.first_attempt = None;
                }
            }
            Verdict::Sent(event) => {
                held.leave(state::SENT, at);
                held.event_id = event.as_ref().map(|id| encode(id.as_str()).into_owned());
                if let (Some(event), Some(link)) = (&event, &held.body.link) {
                    self.links.push((link.clone(), event.clone()));
                }
                let result = OutcomeResult::Sent(event);
                self.outcomes.push((held.key.clone(), at, result));
            }
            Verdict::Park(reason) => {
                held.leave(state::PARKED, at);
                held.reason = Some(reason.clone());
                let result = OutcomeResult::Parked(reason);
                self.outcomes.push((held.key.clone(), at, result));
            }
            Verdict::Shadow => held.leave(state::SHADOW, at),
            // Answered above.
            Verdict::Amend(_) => {}
        }
        Ok(true)
    }

    async fn write(self, tx: &Tx<'_>) -> Result<(), Fault> {
        let Self {
            held,
            lanes,
            outcomes,
            links,
        } = self;
        if lanes.is_empty() {
            return Ok(());
        }
        let mut columns = Columns::default();
        for held in held.into_values() {
            columns.push(held)?;
        }
        columns.update(tx).await?;
        link::set(tx, &links).await?;
        outcome::push(tx, &outcomes).await?;
        lane::refresh(tx, &lanes).await
    }
}

impl Held {
    fn read(row: &Row) -> Result<Self, Fault> {
        let fields = Fields::new(row, "outbox");
        Ok(Self {
            id: RowId(fields.number("id")?),
            token: Some(ClaimToken(fields.number("token")?)),
            due: fields.get("due")?,
            attempts: fields.get("attempts")?,
            first_attempt: fields.get("first_attempt")?,
            is_first_claim: fields.get("is_first_claim")?,
            lane: fields.get("lane")?,
            key: RowKey::new(fields.text("key_name")?),
            body: fields.value("body")?,
            is_amended: false,
            state: state::WAITING,
            settled: None,
            event_id: None,
            reason: None,
        })
    }

    fn leave(&mut self, state: i16, at: Timestamp) {
        self.state = state;
        self.settled = Some(time(at));
    }
}

#[derive(Default)]
struct Columns {
    ids: Vec<i64>,
    states: Vec<i16>,
    tokens: Vec<Option<i64>>,
    due: Vec<i64>,
    attempts: Vec<i64>,
    first_attempts: Vec<Option<i64>>,
    settled: Vec<Option<i64>>,
    event_ids: Vec<Option<String>>,
    park_codes: Vec<Option<&'static str>>,
    park_details: Vec<Option<String>>,
    bodies: Vec<Option<Vec<u8>>>,
}

impl Columns {
    fn push(&mut self, held: Held) -> Result<(), Fault> {
        let reason = held.reason.as_ref();
        self.ids.push(number(held.id.0));
        self.states.push(held.state);
        self.tokens.push(held.token.map(|token| number(token.0)));
        self.due.push(held.due);
        self.attempts.push(held.attempts);
        self.first_attempts.push(held.first_attempt);
        self.settled.push(held.settled);
        self.park_codes
            .push(reason.map(|reason| reason.code.as_str()));
        self.park_details
            .push(reason.map(|reason| encode(&reason.detail).into_owned()));
        self.event_ids.push(held.event_id);
        let body = held.is_amended.then(|| fields::encode(&held.body));
        self.bodies.push(body.transpose()?);
        Ok(())
    }

    async fn update(self, tx: &Tx<'_>) -> Result<(), Fault> {
        let Self {
            ids,
            states,
            tokens,
            due,
            attempts,
            first_attempts,
            settled,
            event_ids,
            park_codes,
            park_details,
            bodies,
        } = self;
        tx.run(
            UPDATE,
            &[
                &ids,
                &states,
                &tokens,
                &due,
                &attempts,
                &first_attempts,
                &settled,
                &event_ids,
                &park_codes,
                &park_details,
                &bodies,
            ],
        )
        .await?;
        Ok(())
    }
}
