//! How many rows there are of a kind, without looking at them.

use matrix_bridge_core::ParkCode;

use crate::{
    fault::Fault,
    fields::Fields,
    session::{Session, Tx},
};

const COUNT: &str = "SELECT coalesce(sum(n), 0)::bigint AS n FROM tally WHERE kind = $1";
const ALL: &str = "SELECT kind, sum(n)::bigint AS n FROM tally GROUP BY kind";
const PARKED: &str = "\
    SELECT code, sum(n)::bigint AS n, \
    (SELECT min(created) FROM outbox WHERE state = 1 AND park_code = code) AS oldest \
    FROM tally WHERE kind = 'parked' GROUP BY code HAVING sum(n) > 0";

/// How many rows of the outbox are in each state.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) waiting: u64,
    pub(crate) parked: u64,
    pub(crate) shadow: u64,
}

pub(crate) async fn counts(session: &mut Session) -> Result<Counts, Fault> {
    let mut counts = Counts::default();
    for row in session.rows(ALL, &[]).await? {
        let fields = Fields::new(&row, "tally");
        let n = fields.number("n")?;
        match fields.get::<&str>("kind")? {
            "waiting" => counts.waiting = n,
            "parked" => counts.parked = n,
            "shadow" => counts.shadow = n,
            _ => {}
        }
    }
    Ok(counts)
}

/// How many rows there are of one kind.
pub(crate) async fn count(tx: &Tx<'_>, kind: &str) -> Result<u64, Fault> {
    match tx.row(COUNT, &[&kind]).await? {
        Some(row) => Fields::new(&row, "tally").number("n"),
        None => Ok(0),
    }
}

/// How many rows are parked, by reason.
pub(crate) async fn parked(
    mut session: Session,
) -> Result<Vec<matrix_bridge_core::ParkedRows>, Fault> {
    let mut list = Vec::new();
    for row in session.rows(PARKED, &[]).await? {
        let fields = Fields::new(&row, "tally");
        list.push(matrix_bridge_core::ParkedRows {
            code: fields.name("code", ParkCode::from_name)?,
            rows: fields.number("n")?,
            oldest: fields.time("oldest")?,
        });
    }
    list.sort_by_key(|parked| ParkCode::ALL.iter().position(|code| *code == parked.code));
    Ok(list)
}
