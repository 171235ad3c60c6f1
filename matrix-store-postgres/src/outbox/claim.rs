//! Handing rows to senders.

use matrix_bridge_core::{Claim, ClaimRequest, ClaimToken, LaneId, Row, RowState, Timestamp};

use super::row;
use crate::{
    config::LeaseClock,
    fault::Fault,
    fields::{Fields, from_time, limit, number, span, time},
    session::{Session, Tx},
    worker::Worker,
};

/// That this process counts as there, until the transaction ends, and the time.
const NOW: &str = "SELECT ms() AS now FROM worker WHERE id = $1 FOR KEY SHARE";
/// A lane that somebody else just changes is passed over; who changes it tells when it is
/// done. `$2` is the time by the clock that claims go by, `$3` and `$4` who is paused,
/// `$5` what is claimed already.
macro_rules! lanes {
    ($and:literal, $order:literal) => {
        concat!(
            "WITH due AS ( \
                SELECT lane, token FROM lane WHERE ready <= $1 \
                AND (until IS NULL OR until <= $2) ",
            $and,
            " AND NOT EXISTS (SELECT 1 FROM unnest($3::text[], $4::text[]) AS paused \
                    (sender, class) \
                    WHERE paused.sender = lane.sender AND paused.class = lane.class) \
                AND lane <> ALL ($5::bytea[]) ORDER BY ",
            $order,
            " LIMIT $6 FOR UPDATE SKIP LOCKED) \
            SELECT lane, token AS former, nextval('claim_token') AS token FROM due"
        )
    };
}
const READY: &str = lanes!("", "ready, head");
/// Those that had no turn since they last had no rows, the latest in front.
const NEW: &str = lanes!(
    "AND freed IS NULL AND token IS NULL",
    "ready DESC, head DESC"
);
/// A former claim that ran out ends for all its rows, also those not taken now.
const END_FORMER: &str = "UPDATE outbox SET token = NULL WHERE token = ANY ($1)";
/// As far as the first row that blocks the lane.
const FIRST_ROWS: &str = concat!(
    "SELECT wanted.nth, ",
    row::columns!(),
    " FROM unnest($1::bytea[]) WITH ORDINALITY AS wanted (wanted_lane, nth) \
    CROSS JOIN LATERAL (SELECT * FROM outbox WHERE lane = wanted_lane AND state = 0 \
        AND id < coalesce((SELECT min(id) FROM outbox \
            WHERE lane = wanted_lane AND state = 1 AND blocks), 9223372036854775807) \
        ORDER BY id LIMIT $2) AS first ORDER BY wanted.nth, id"
);
const TAKE_ROWS: &str = "\
    UPDATE outbox SET token = taken.token, is_first_claim = first_attempt IS NULL, \
        first_attempt = coalesce(first_attempt, $3) \
    FROM unnest($1::bigint[], $2::bigint[]) AS taken (id, token) WHERE outbox.id = taken.id";
/// The head is due, so the lane is free again when the claim runs out.
const TAKE_LANES: &str = "\
    UPDATE lane SET token = taken.token, worker = $3, held = $4, ready = $4, until = $5 \
    FROM unnest($1::bytea[], $2::bigint[]) AS taken (lane, token) \
    WHERE lane.lane = taken.lane";
/// By the caller's clock: `$1` is how far that of the database is ahead of it. Lanes under
/// a claim are few, and looked at one by one.
const NEXT_DUE: &str = "\
    SELECT least( \
        (SELECT ready FROM lane WHERE ready IS NOT NULL AND until IS NULL \
            ORDER BY ready LIMIT 1), \
        (SELECT min(greatest(ready, until - $1)) FROM lane \
            WHERE ready IS NOT NULL AND token IS NOT NULL AND until IS NOT NULL)) AS due";

/// A lane on its way into a claim.
struct Taken {
    lane: Vec<u8>,
    former: Option<i64>,
    token: i64,
}

/// What a call of [`claim`] found.
pub(crate) struct Claimed {
    pub(crate) claims: Vec<Claim>,
    /// How far the clock that claims go by is ahead of the caller's, in milliseconds.
    pub(crate) ahead: i64,
}

pub(crate) async fn claim(
    session: &mut Session,
    request: &ClaimRequest,
    worker: &Worker,
    clock: LeaseClock,
) -> Result<Claimed, Fault> {
    let tx = session.begin().await?;
    let theirs = now(&tx, worker).await?;
    let now = match clock {
        LeaseClock::Database => theirs,
        LeaseClock::Caller => time(request.now),
    };
    let ahead = now.saturating_sub(time(request.now));
    let lanes = match request.rows_per_lane {
        0 => Vec::new(),
        _ => turns(&tx, request, now).await?,
    };
    if lanes.is_empty() {
        tx.roll_back().await?;
        let claims = Vec::new();
        return Ok(Claimed { claims, ahead });
    }
    let former: Vec<i64> = lanes.iter().filter_map(|lane| lane.former).collect();
    if !former.is_empty() {
        tx.run(END_FORMER, &[&former]).await?;
    }
    let claims = first_rows(&tx, &lanes, request).await?;
    take(&tx, &lanes, &claims, request, worker, now).await?;
    tx.commit().await?;
    Ok(Claimed { claims, ahead })
}

/// When something can next be claimed, by the clock of a caller that is so far behind.
pub(crate) async fn next_due(mut session: Session, ahead: i64) -> Result<Option<Timestamp>, Fault> {
    let rows = session.rows(NEXT_DUE, &[&ahead]).await?;
    let due: Option<i64> = match rows.first() {
        Some(row) => Fields::new(row, "lane").get("due")?,
        None => None,
    };
    Ok(due.map(from_time))
}

/// The database's time. Who was taken for gone is there again.
async fn now(tx: &Tx<'_>, worker: &Worker) -> Result<i64, Fault> {
    let id = worker.id();
    if let Some(row) = tx.row(NOW, &[&id]).await? {
        return Ok(row.try_get("now")?);
    }
    worker.rejoin(tx).await?;
    let row = tx.row(NOW, &[&id]).await?;
    Ok(row.ok_or(Fault::Slow)?.try_get("now")?)
}

/// The lanes to claim: newcomers, and then those that became free first.
async fn turns(tx: &Tx<'_>, request: &ClaimRequest, now: i64) -> Result<Vec<Taken>, Fault> {
    let paused = request.paused.iter();
    let (users, classes): (Vec<&str>, Vec<&str>) = paused
        .map(|(user, class)| (user.as_str(), class.as_str()))
        .unzip();
    let mut taken: Vec<Taken> = Vec::new();
    let newcomers = request.newcomers.min(request.lanes);
    for (sql, most) in [(NEW, newcomers), (READY, request.lanes)] {
        let left = most.saturating_sub(taken.len());
        if left == 0 {
            continue;
        }
        let known: Vec<&Vec<u8>> = taken.iter().map(|taken| &taken.lane).collect();
        let ready = time(request.now);
        let found = tx
            .rows(sql, &[&ready, &now, &users, &classes, &known, &limit(left)])
            .await?;
        for row in found {
            taken.push(Taken {
                lane: row.try_get("lane")?,
                former: row.try_get("former")?,
                token: row.try_get("token")?,
            });
        }
    }
    Ok(taken)
}

/// The first rows of each lane, as long as they are due, of one sender and of one class.
async fn first_rows(
    tx: &Tx<'_>,
    lanes: &[Taken],
    request: &ClaimRequest,
) -> Result<Vec<Claim>, Fault> {
    let names: Vec<&Vec<u8>> = lanes.iter().map(|taken| &taken.lane).collect();
    let found = tx
        .rows(FIRST_ROWS, &[&names, &limit(request.rows_per_lane)])
        .await?;
    let mut runs: Vec<Run> = lanes.iter().map(Run::new).collect();
    for row in &found {
        let fields = Fields::new(row, "outbox");
        let nth: i64 = fields.get("nth")?;
        let run = usize::try_from(nth - 1)
            .ok()
            .and_then(|nth| runs.get_mut(nth));
        if let Some(run) = run {
            run.push(row::read(row)?, fields.time("due")?, request.now);
        }
    }
    Ok(runs.into_iter().filter_map(Run::into_claim).collect())
}

/// The rows of one lane that go together.
struct Run {
    token: ClaimToken,
    rows: Vec<Row>,
    is_over: bool,
}

impl Run {
    const fn new(taken: &Taken) -> Self {
        Self {
            token: ClaimToken(taken.token.unsigned_abs()),
            rows: Vec::new(),
            is_over: false,
        }
    }

    fn push(&mut self, mut row: Row, due: Timestamp, now: Timestamp) {
        let head = self.rows.first();
        let is_of_run =
            head.is_none_or(|head| head.sender.user == row.sender.user && head.class == row.class);
        self.is_over |= !is_of_run || due > now;
        if !self.is_over {
            row.first_attempt.get_or_insert(now);
            row.state = RowState::Claimed { token: self.token };
            self.rows.push(row);
        }
    }

    fn into_claim(self) -> Option<Claim> {
        let lane: LaneId = self.rows.first()?.lane.clone();
        Some(Claim {
            token: self.token,
            lane,
            rows: self.rows,
        })
    }
}

async fn take(
    tx: &Tx<'_>,
    lanes: &[Taken],
    claims: &[Claim],
    request: &ClaimRequest,
    worker: &Worker,
    now: i64,
) -> Result<(), Fault> {
    let of_claim = |claim: &Claim| {
        let token = number(claim.token.0);
        let rows = claim.rows.iter().map(move |row| (number(row.id.0), token));
        rows.collect::<Vec<_>>()
    };
    let (ids, tokens): (Vec<i64>, Vec<i64>) = claims.iter().flat_map(of_claim).unzip();
    tx.run(TAKE_ROWS, &[&ids, &tokens, &time(request.now)])
        .await?;
    let names: Vec<&Vec<u8>> = lanes.iter().map(|taken| &taken.lane).collect();
    let tokens: Vec<i64> = lanes.iter().map(|taken| taken.token).collect();
    let held = time(request.now + request.ttl);
    let until = now.saturating_add(span(request.ttl));
    tx.run(TAKE_LANES, &[&names, &tokens, &worker.id(), &held, &until])
        .await?;
    Ok(())
}
