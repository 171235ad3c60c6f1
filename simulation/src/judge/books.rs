//! What the store lists of the day.

use std::collections::{BTreeMap, BTreeSet};

use matrix_bridge_core::{Account, Action, ListState, Row, RowState};
use matrix_bridge_testkit::homeserver::TimelineEvent;

use super::Verdict;
use crate::{room::Room, world::World};

/// What the store lists.
pub(super) struct Books {
    /// By the question that caused them.
    pub(super) parked_rows: BTreeMap<String, Vec<Row>>,
    pub(super) shadow_rows: BTreeMap<String, Vec<Row>>,
    pub(super) parked_events: Vec<String>,
    /// By transaction id: the event of a row that counts as sent; none where there was
    /// nothing left to redact.
    pub(super) sent: BTreeMap<String, Option<String>>,
    /// How many of the latter there are, by the question that caused them.
    pub(super) pointless: BTreeMap<String, usize>,
    /// Transaction ids of rows that were tried and then put aside.
    pub(super) tried: BTreeSet<String>,
}

impl Books {
    pub(super) async fn read(
        world: &World,
        verdict: &mut Verdict,
    ) -> Result<Self, matrix_bridge_core::StoreError> {
        const ALL: usize = 1_000_000;
        let store = world.store();
        let waiting = store.depth().await?.waiting;
        if waiting > 0 {
            verdict.missing.push(format!("{waiting} rows wait"));
        }
        let account = Account::new(&world.bot.user_id);
        let lanes = store.inbox_lanes(&account, None, ALL).await?;
        if !lanes.is_empty() {
            verdict
                .missing
                .push(format!("{} rooms wait in the inbox", lanes.len()));
        }
        let parked = store.parked_events(&account, None, ALL).await?;
        let sent = store.list(ListState::Sent, None, ALL).await?;
        let event = |row: &Row| match &row.state {
            RowState::Sent { event_id } => Some((
                row.transaction_id.to_string(),
                event_id.as_ref().map(ToString::to_string),
            )),
            _ => None,
        };
        let parked_rows = store.list(ListState::Parked, None, ALL).await?;
        let tried = parked_rows.iter().filter(|row| row.first_attempt.is_some());
        let mut pointless = BTreeMap::new();
        for row in &sent {
            if let (RowState::Sent { event_id: None }, Some(cause)) = (&row.state, &row.body.cause)
                && matches!(row.body.action, Action::Redact { .. })
            {
                *pointless.entry(cause.to_string()).or_default() += 1;
            }
        }
        Ok(Self {
            pointless,
            tried: tried.map(|row| row.transaction_id.to_string()).collect(),
            parked_rows: by_cause(parked_rows),
            shadow_rows: by_cause(store.list(ListState::Shadow, None, ALL).await?),
            parked_events: parked
                .into_iter()
                .filter_map(|parked| parked.event.event_id)
                .map(|id| id.to_string())
                .collect(),
            sent: sent.iter().filter_map(event).collect(),
        })
    }

    /// What lies in the room and what counts as sent is the same. What was tried and
    /// then put aside may be there too: the answer was lost, and the room changed.
    pub(super) fn check(&self, room: &Room, said: &[TimelineEvent], verdict: &mut Verdict) {
        for event in said {
            let id = event.transaction_id.clone().unwrap_or_default();
            match self.sent.get(&id) {
                Some(Some(sent)) if *sent == event.event_id => {}
                // It was done, or was to be done, once more: the answer was lost.
                Some(_) if event.kind == "m.room.redaction" => {}
                Some(None) if event.kind == "m.reaction" => {}
                None if self.tried.contains(&id) => {}
                other => {
                    let event = &event.event_id;
                    let what = format!("{event} in {} counts as {other:?}", room.id);
                    verdict.missing.push(what);
                }
            }
        }
    }
}

fn by_cause(rows: Vec<Row>) -> BTreeMap<String, Vec<Row>> {
    let mut all: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in rows {
        let cause = row.body.cause.as_ref().map(ToString::to_string);
        all.entry(cause.unwrap_or_default()).or_default().push(row);
    }
    all
}
