//! Whether a row was sent, as its room's history tells.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use ruma::{OwnedEventId, RoomId};
use serde::Deserialize;

use crate::{
    Action, Event, PageRequest, RawJson, Row, SendError, SourceError, Timestamp, marker,
    shared::Shared,
};

/// So many events are asked for at once, and so many pages are read at most.
const PAGE: u32 = 100;
const PAGES: u32 = 50;

/// Our clock and the homeserver's may differ so much.
const CLOCKS: Duration = Duration::from_secs(10 * 60);

/// What the history of one room tells, as far as it was read: newest first, and no
/// further than somebody asked. It is kept for the rows of one claim.
#[derive(Debug, Default)]
pub(super) struct Look {
    from: Option<String>,
    pages: u32,
    /// Whether there is nothing before what was read.
    is_whole: bool,
    is_refused: bool,
    seen: BTreeSet<OwnedEventId>,
    /// What we sent, by transaction id.
    ours: BTreeMap<String, OwnedEventId>,
    /// The oldest time of an event that our own homeserver gave it.
    oldest: Option<Timestamp>,
}

/// What a look came to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Found {
    /// The row was sent, as this event.
    Sent(OwnedEventId),
    /// It was not sent.
    Absent,
    /// History does not reach back far enough to tell.
    Untold,
}

/// Whether people see it when `action` is done twice.
///
/// A reaction done twice is refused, and redactions, state, joins, leaves and invites
/// that are so already change nothing.
pub(super) fn doubles(action: &Action) -> bool {
    match action {
        Action::Message { event_type, .. } | Action::Relate { event_type, .. } => {
            event_type != "m.reaction"
        }
        Action::State { .. }
        | Action::Redact { .. }
        | Action::Join
        | Action::Leave
        | Action::Invite { .. } => false,
    }
}

impl Look {
    /// Looks for `row`, which may have been sent from `since` on.
    ///
    /// # Errors
    ///
    /// When the homeserver cannot be asked now.
    pub(super) async fn find(
        &mut self,
        shared: &Shared,
        row: &Row,
        since: Timestamp,
    ) -> Result<Found, SendError> {
        loop {
            if let Some(event_id) = self.ours.get(row.transaction_id.as_str()) {
                return Ok(Found::Sent(event_id.clone()));
            }
            if self.reaches(row, since) {
                return Ok(Found::Absent);
            }
            if self.is_refused || self.pages >= PAGES {
                return Ok(Found::Untold);
            }
            self.read_page(shared, row.body.address.room()).await?;
        }
    }

    /// Whether everything was read that came after the row could first be sent: its
    /// cause, which is older, or something from before that time.
    fn reaches(&self, row: &Row, since: Timestamp) -> bool {
        let cause = row.body.cause.as_ref();
        self.is_whole
            || cause.is_some_and(|cause| self.seen.contains(cause))
            || self.oldest.is_some_and(|oldest| oldest < since - CLOCKS)
    }

    async fn read_page(&mut self, shared: &Shared, room: &RoomId) -> Result<(), SendError> {
        let request = PageRequest {
            from: self.from.take(),
            limit: PAGE,
        };
        let page = match shared.history.page(room, request.clone()).await {
            Ok(page) => page,
            Err(error) => {
                self.from = request.from;
                return self.failed(error);
            }
        };
        self.pages += 1;
        for event in &page.events {
            self.note(shared, room, event);
        }
        self.is_whole = page.end.is_none();
        self.from = page.end;
        Ok(())
    }

    fn failed(&mut self, error: SourceError) -> Result<(), SendError> {
        match error {
            SourceError::Away {
                retry_after,
                source,
            } => Err(SendError::Away {
                retry_after,
                source,
            }),
            SourceError::Account { trouble, source } => Err(SendError::Account { trouble, source }),
            error => {
                tracing::warn!("a room's history cannot be read: {}", crate::chain(&error));
                self.is_refused = true;
                Ok(())
            }
        }
    }

    fn note(&mut self, shared: &Shared, room: &RoomId, raw: &RawJson) {
        let Ok(event) = Event::read(room, raw) else {
            return;
        };
        self.seen.insert(event.id().to_owned());
        let me = &shared.identity.user;
        // Other homeservers can name any time.
        if event.sender().server_name() == me.server_name()
            && let Some(time) = event.origin_server_ts()
        {
            self.oldest = Some(self.oldest.map_or(time, |oldest| oldest.min(time)));
        }
        // Anybody can copy our marker into their events.
        if event.sender() == me {
            for id in transaction_ids(raw) {
                self.ours.insert(id, event.id().to_owned());
            }
        }
    }
}

/// The ids under which an event of ours was sent: as the homeserver tells the device
/// that sent it, and as we wrote it into the content.
fn transaction_ids(raw: &RawJson) -> impl Iterator<Item = String> {
    #[derive(Default, Deserialize)]
    struct Parts {
        unsigned: Option<RawJson>,
        content: Option<RawJson>,
    }
    #[derive(Deserialize)]
    struct Unsigned {
        transaction_id: Option<String>,
    }
    let Parts { unsigned, content } = raw.decode().unwrap_or_default();
    let unsigned = unsigned.and_then(|unsigned| unsigned.decode::<Unsigned>().ok());
    let told = unsigned.and_then(|unsigned| unsigned.transaction_id);
    let marked = content.and_then(|content| marker::transaction_id_in(&content));
    told.into_iter().chain(marked)
}
