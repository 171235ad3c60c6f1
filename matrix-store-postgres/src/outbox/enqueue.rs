//! Rows on their way in.

use std::collections::{BTreeMap, BTreeSet};

use matrix_bridge_core::{
    Disposition, Identity, NewRow, OrderPolicy, OutcomeResult, ParkReason, RowId, Timestamp,
};

use super::{lane, outcome, state};
use crate::{
    fault::Fault,
    fields::{self, number, time},
    session::Tx,
    text::{digest, encode},
};

/// The ids are in the order of the rows, and taken while the lanes are locked: in a lane
/// ids have the order of commits. A key that is there in any state changes nothing.
const INSERT: &str = "\
    INSERT INTO outbox (id, state, due, created, settled, park_code, park_detail, class, sender, \
        device, transaction_id, lane, lane_name, key, key_name, blocks, body) \
    SELECT coalesce($1, nextval('row_id')), state, created, created, settled, park_code, \
        park_detail, class, sender, device, transaction_id, lane, lane_name, key, key_name, \
        blocks, body \
    FROM (SELECT * FROM unnest($2::smallint[], $3::bigint[], $4::bigint[], $5::text[], \
        $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::bytea[], $12::text[], \
        $13::bytea[], $14::text[], $15::boolean[], $16::bytea[]) WITH ORDINALITY AS new (state, \
        created, settled, park_code, park_detail, class, sender, device, transaction_id, lane, \
        lane_name, key, key_name, blocks, body, nth) ORDER BY nth) AS new \
    ON CONFLICT (key) DO NOTHING RETURNING key";

/// Takes rows in, each at the end of its lane.
pub(crate) async fn rows(tx: &Tx<'_>, rows: &[NewRow], now: Timestamp) -> Result<(), Fault> {
    if rows.is_empty() {
        return Ok(());
    }
    let lanes: BTreeMap<_, _> = rows.iter().map(|row| (lane::of(&row.lane), None)).collect();
    let names: Vec<_> = lanes.keys().cloned().collect();
    lane::lock(tx, &names).await?;
    insert(tx, None, rows, now).await?;
    lane::refresh(tx, &lanes).await
}

/// Writes rows, under a new id if none is given, with the outcomes that they have already.
/// The lanes are locked. Returns how many were new.
pub(super) async fn insert(
    tx: &Tx<'_>,
    id: Option<RowId>,
    rows: &[NewRow],
    now: Timestamp,
) -> Result<usize, Fault> {
    let mut columns = Columns::default();
    for row in rows {
        columns.push(row, now)?;
    }
    let new = columns.insert(tx, id).await?;
    let mut told = BTreeSet::new();
    let parked = rows.iter().filter_map(|row| match &row.disposition {
        Disposition::Park(reason) => Some((row, reason)),
        Disposition::Send | Disposition::Shadow => None,
    });
    let mut outcomes = Vec::new();
    for (row, reason) in parked {
        let key = digest(&[row.key.as_str()]);
        if new.contains(&key) && told.insert(key) {
            let result = OutcomeResult::Parked(reason.clone());
            outcomes.push((row.key.clone(), now, result));
        }
    }
    outcome::push(tx, &outcomes).await?;
    Ok(new.len())
}

#[derive(Default)]
struct Columns<'a> {
    states: Vec<i16>,
    created: Vec<i64>,
    settled: Vec<Option<i64>>,
    park_codes: Vec<Option<&'a str>>,
    park_details: Vec<Option<String>>,
    classes: Vec<&'a str>,
    senders: Vec<&'a str>,
    devices: Vec<Option<String>>,
    transaction_ids: Vec<String>,
    lanes: Vec<Vec<u8>>,
    lane_names: Vec<String>,
    keys: Vec<Vec<u8>>,
    key_names: Vec<String>,
    blocks: Vec<bool>,
    bodies: Vec<Vec<u8>>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, row: &'a NewRow, now: Timestamp) -> Result<(), Fault> {
        let NewRow {
            key,
            lane,
            sender: Identity { user, device },
            class,
            transaction_id,
            body,
            disposition,
            created,
        } = row;
        let (state, settled, reason) = match disposition {
            Disposition::Send => (state::WAITING, None, None),
            Disposition::Shadow => (state::SHADOW, Some(time(now)), None),
            Disposition::Park(reason) => (state::PARKED, Some(time(now)), Some(reason)),
        };
        let stored = |text: &str| encode(text).into_owned();
        self.states.push(state);
        self.created.push(time(*created));
        self.settled.push(settled);
        self.park_codes
            .push(reason.map(|ParkReason { code, .. }| code.as_str()));
        self.park_details
            .push(reason.map(|ParkReason { detail, .. }| stored(detail)));
        self.classes.push(class.as_str());
        self.senders.push(user.as_str());
        self.devices
            .push(device.as_ref().map(|device| stored(device.as_str())));
        self.transaction_ids.push(stored(transaction_id.as_str()));
        self.lanes.push(lane::of(lane));
        self.lane_names.push(lane::name(lane));
        self.keys.push(digest(&[key.as_str()]));
        self.key_names.push(stored(key.as_str()));
        self.blocks.push(body.order == OrderPolicy::Block);
        self.bodies.push(fields::encode(body)?);
        Ok(())
    }

    /// Returns the keys that were new.
    async fn insert(self, tx: &Tx<'_>, id: Option<RowId>) -> Result<BTreeSet<Vec<u8>>, Fault> {
        let Self {
            states,
            created,
            settled,
            park_codes,
            park_details,
            classes,
            senders,
            devices,
            transaction_ids,
            lanes,
            lane_names,
            keys,
            key_names,
            blocks,
            bodies,
        } = self;
        let id = id.map(|id| number(id.0));
        let new = tx
            .rows(
                INSERT,
                &[
                    &id,
                    &states,
                    &created,
                    &settled,
                    &park_codes,
                    &park_details,
                    &classes,
                    &senders,
                    &devices,
                    &transaction_ids,
                    &lanes,
                    &lane_names,
                    &keys,
                    &key_names,
                    &blocks,
                    &bodies,
                ],
            )
            .await?;
        new.iter().map(|row| Ok(row.try_get("key")?)).collect()
    }
}
