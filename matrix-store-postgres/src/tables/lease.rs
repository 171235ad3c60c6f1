//! Who may do work that only one process may do at a time.

use std::time::Duration;

use matrix_bridge_core::{Fence, LeaseName, LeaseOutcome, LeaseRequest};

use crate::{
    config::LeaseClock,
    fault::Fault,
    fields::{Fields, from_time, number, span, time},
    session::{Session, Tx},
    text::{digest, encode},
};

/// One statement: whoever comes second waits for the first and then sees what it wrote.
/// `$4` is the time by which it goes, `NULL` for the database's. Also the former holder
/// gets a new number once its lease ran out.
const TAKE: &str = "\
    INSERT INTO lease AS l (id, name, fence, holder, until) \
    VALUES ($1, $2, 1, $3, coalesce($4::bigint, ms()) + $5) \
    ON CONFLICT (id) DO UPDATE SET \
        fence = CASE WHEN l.holder = excluded.holder AND l.until > coalesce($4::bigint, ms()) \
            THEN l.fence ELSE l.fence + 1 END, \
        holder = excluded.holder, until = excluded.until \
    WHERE l.holder IS NULL OR l.holder = excluded.holder \
        OR l.until <= coalesce($4::bigint, ms()) \
    RETURNING fence";
const TAKEN: &str = "\
    SELECT until, coalesce($2::bigint, ms()) AS now FROM lease \
    WHERE id = $1 AND holder IS NOT NULL";
const RELEASE: &str = "UPDATE lease SET holder = NULL, until = NULL WHERE id = $1 AND fence = $2";
/// Nobody takes it over before this transaction ends.
const HOLDS: &str = "\
    SELECT 1 FROM lease WHERE id = $1 AND fence = $2 AND holder IS NOT NULL FOR SHARE";

pub(crate) async fn take(
    mut session: Session,
    request: &LeaseRequest,
    clock: LeaseClock,
) -> Result<LeaseOutcome, Fault> {
    let LeaseRequest {
        name,
        holder,
        now,
        ttl,
    } = request;
    let id = digest(&[name.as_str()]);
    let theirs = match clock {
        LeaseClock::Database => None,
        LeaseClock::Caller => Some(time(*now)),
    };
    let ttl = span(*ttl);
    let (stored, holder) = (encode(name.as_str()), encode(holder));
    let taken = session
        .write(TAKE, &[&id, &stored, &holder, &theirs, &ttl])
        .await?;
    if let Some(row) = taken.first() {
        let fence = Fields::new(row, "lease").number("fence")?;
        return Ok(LeaseOutcome::Held(Fence(fence)));
    }
    let others = session.rows(TAKEN, &[&id, &theirs]).await?;
    let left = match others.first() {
        Some(row) => {
            let fields = Fields::new(row, "lease");
            let (until, now): (i64, i64) = (fields.get("until")?, fields.get("now")?);
            from_time(until.max(now)).since(from_time(now))
        }
        // Let go of meanwhile.
        None => Duration::ZERO,
    };
    // By the caller's clock, which may be another.
    let until = *now + left;
    Ok(LeaseOutcome::Taken { until })
}

pub(crate) async fn release(
    mut session: Session,
    name: &LeaseName,
    fence: Fence,
) -> Result<(), Fault> {
    let id = digest(&[name.as_str()]);
    session.write(RELEASE, &[&id, &number(fence.0)]).await?;
    Ok(())
}

/// Whether it is held under that number, and stays so for this transaction. That it ran
/// out does not matter while nobody took it over.
pub(super) async fn is_held(tx: &Tx<'_>, name: &LeaseName, fence: Fence) -> Result<bool, Fault> {
    let id = digest(&[name.as_str()]);
    let row = tx.row(HOLDS, &[&id, &number(fence.0)]).await?;
    Ok(row.is_some())
}
