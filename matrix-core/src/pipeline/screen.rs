//! What of a batch is to be handled: heads, policy, dedupe, history.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ruma::{OwnedEventId, OwnedRoomId, RoomId, UserId};
use serde::Deserialize;

use super::work::Work;
use crate::{
    Event, History, LastSeen, Membership, NewParkedEvent, Policy, RawJson, RoomBatch, RoomFacts,
    RoomMode, Section, SourceBatch, Status, StoreError, Timestamp,
    event::Unreadable,
    metrics::{self, Skip},
    shared::Shared,
};

/// A batch after screening: what to write down at once, and what to handle.
#[derive(Debug, Default)]
pub(super) struct Screened {
    /// Events that count as seen and are not handled.
    pub(super) marks: Vec<OwnedEventId>,
    pub(super) parked: Vec<NewParkedEvent>,
    pub(super) facts: Vec<RoomFacts>,
    /// Events to handle, by room, in order.
    pub(super) work: BTreeMap<OwnedRoomId, VecDeque<Work>>,
    /// Rooms that we are newly invited to.
    pub(super) invites: Vec<RoomFacts>,
    /// Whether a room turned out to be encrypted.
    pub(super) found_encrypted: bool,
}

/// Screens a batch. `is_first` tells that the source had no position before.
pub(super) async fn screen(
    shared: &Shared,
    batch: SourceBatch,
    is_first: bool,
) -> Result<Screened, StoreError> {
    for reason in &batch.skipped {
        metrics::skipped(Skip::Unreadable);
        tracing::warn!(reason, "part of a batch skipped");
    }
    let rooms: Vec<(RoomBatch, Vec<Read>)> = batch.rooms.into_iter().map(read_timeline).collect();
    let known = known_facts(shared, &rooms).await?;
    let seen = seen_events(shared, &rooms).await?;
    let mut screen = Screen {
        shared,
        policy: shared.policy(),
        now: shared.now(),
        is_first,
        is_catch_up: batch.is_catch_up,
        seen,
        out: Screened::default(),
    };
    for ((room, events), facts) in rooms.into_iter().zip(known) {
        screen.room(&room, events, facts);
    }
    Ok(screen.out)
}

type Read = Result<Event, (Unreadable, RawJson)>;

fn read_timeline(mut room: RoomBatch) -> (RoomBatch, Vec<Read>) {
    let timeline = std::mem::take(&mut room.timeline);
    metrics::count(metrics::EVENTS_RECEIVED, timeline.len());
    let read = |raw: RawJson| Event::read(&room.room, &raw).map_err(|error| (error, raw));
    let events = timeline.into_iter().map(read).collect();
    (room, events)
}

async fn known_facts(
    shared: &Shared,
    rooms: &[(RoomBatch, Vec<Read>)],
) -> Result<Vec<RoomFacts>, StoreError> {
    let ids: Vec<&RoomId> = rooms.iter().map(|(room, _)| &*room.room).collect();
    let known = shared.store.facts(&shared.account, &ids).await?;
    let or_unknown = |(facts, id): (Option<RoomFacts>, &&RoomId)| {
        facts.unwrap_or_else(|| RoomFacts::unknown((*id).to_owned()))
    };
    Ok(known.into_iter().zip(&ids).map(or_unknown).collect())
}

async fn seen_events(
    shared: &Shared,
    rooms: &[(RoomBatch, Vec<Read>)],
) -> Result<BTreeSet<OwnedEventId>, StoreError> {
    let id = |read: &Read| match read {
        Ok(event) => Some(event.id().to_owned()),
        Err((error, _)) => error.event_id.clone(),
    };
    let ids: Vec<OwnedEventId> = rooms
        .iter()
        .flat_map(|(_, events)| events)
        .filter_map(id)
        .collect();
    let seen = shared.store.seen(&shared.account, &ids).await?;
    Ok(ids
        .into_iter()
        .zip(seen)
        .filter_map(|(id, seen)| seen.then_some(id))
        .collect())
}

struct Screen<'a> {
    shared: &'a Shared,
    policy: std::sync::Arc<Policy>,
    now: Timestamp,
    is_first: bool,
    is_catch_up: bool,
    /// Grows, because a batch may name an event twice.
    seen: BTreeSet<OwnedEventId>,
    out: Screened,
}

impl Screen<'_> {
    fn room(&mut self, room: &RoomBatch, events: Vec<Read>, mut facts: RoomFacts) {
        let before = facts.clone();
        let limited = room.limited && before.last_seen.is_some() && !self.is_first;
        self.note_membership(&mut facts, room.section);
        for raw in &room.state {
            // Stripped state of an invite is whatever the inviting server says.
            if room.section != Section::Invite
                && let Ok(event) = Event::read(&room.room, raw)
            {
                self.note_state(&mut facts, &event);
            }
        }
        if room.section == Section::Invite && before.membership != Membership::Invite {
            self.out.invites.push(facts.clone());
        }
        if limited && before.membership == Membership::Join {
            self.note_limited(&room.room);
        }
        let start = self.live_from(&events, &before);
        self.timeline(events, start, &mut facts, &before);
        if facts.encrypted && !before.encrypted {
            self.out.found_encrypted = true;
        }
        if facts != before {
            self.out.facts.push(facts);
        }
    }

    fn timeline(
        &mut self,
        events: Vec<Read>,
        live_from: usize,
        facts: &mut RoomFacts,
        before: &RoomFacts,
    ) {
        let mut history = Vec::new();
        let mut live = VecDeque::new();
        for (index, read) in events.into_iter().enumerate() {
            let Some(event) = self.readable(read, facts) else {
                continue;
            };
            facts.last_seen = Some(LastSeen {
                event_id: event.id().to_owned(),
                at: self.now,
            });
            self.note_state(facts, &event);
            if !self.is_wanted(&event, facts) {
                continue;
            }
            let last_commit = before
                .last_seen
                .as_ref()
                .map_or(Timestamp(0), |seen| seen.at);
            let is_history = index < live_from;
            let is_old = is_history || self.is_catch_up;
            let work = Work::new(event, last_commit, self.now, is_old);
            if is_history {
                history.push(work);
            } else {
                live.push_back(work);
            }
        }
        let mut work = self.wanted_history(history);
        work.extend(live);
        if !work.is_empty() {
            self.out.work.insert(facts.room.clone(), work);
        }
    }

    /// The event, unless it cannot be read; then it is parked or counted.
    fn readable(&mut self, read: Read, facts: &RoomFacts) -> Option<Event> {
        let (error, raw) = match read {
            Ok(event) => return Some(event),
            Err(error) => error,
        };
        let Unreadable { event_id, reason } = error;
        tracing::warn!(room = %facts.room, ?event_id, %reason, "event cannot be read");
        let Some(event_id) = event_id else {
            // Without an id it cannot be told from its own redelivery.
            metrics::skipped(Skip::Unreadable);
            return None;
        };
        if self.is_new(&event_id) && self.policy.mode(&facts.room) != RoomMode::Off {
            self.out.marks.push(event_id.clone());
            self.out.parked.push(NewParkedEvent {
                room: facts.room.clone(),
                event_id: Some(event_id),
                raw,
                reason,
                at: self.now,
            });
        }
        None
    }

    /// Whether the event is for the handler. One that is not is counted and, where it
    /// must not be handled later either, marked.
    fn is_wanted(&mut self, event: &Event, facts: &RoomFacts) -> bool {
        if event.sender() == self.me() {
            metrics::skipped(Skip::Own);
            return false;
        }
        if !self.is_new(event.id()) {
            return false;
        }
        let reason = if self.policy.mode(event.room()) == RoomMode::Off {
            Skip::RoomOff
        } else if facts.encrypted || event.kind() == "m.room.encrypted" {
            self.warn_encrypted(event.room());
            Skip::Encrypted
        } else {
            return true;
        };
        self.skip(event.id().to_owned(), reason);
        false
    }

    fn is_new(&mut self, id: &ruma::EventId) -> bool {
        let is_new = self.seen.insert(id.to_owned());
        if !is_new {
            metrics::count(metrics::DUPLICATES, 1);
        }
        is_new
    }

    fn skip(&mut self, id: OwnedEventId, reason: Skip) {
        metrics::skipped(reason);
        self.out.marks.push(id);
    }

    fn wanted_history(&mut self, mut history: Vec<Work>) -> VecDeque<Work> {
        let wanted = match self.policy.history {
            History::Skip => 0,
            History::Last(count) => usize::try_from(count).unwrap_or(usize::MAX),
        };
        // State is where a room stands, not something said that wants an answer.
        let (state, mut said): (Vec<_>, Vec<_>) = history
            .drain(..)
            .partition(|work| work.event.state_key().is_some());
        let kept = said.split_off(said.len().saturating_sub(wanted));
        for work in state.into_iter().chain(said) {
            self.skip(work.event.id().to_owned(), Skip::History);
        }
        kept.into()
    }

    /// Where history ends: everything before this index was said before we came.
    fn live_from(&self, events: &[Read], before: &RoomFacts) -> usize {
        if self.is_first {
            return events.len();
        }
        let own = |read: &Read| own_membership(read.as_ref().ok()?, self.me());
        let was_out = before.membership != Membership::Join
            || events
                .iter()
                .any(|event| own(event) == Some(Membership::Leave));
        let last_join = events
            .iter()
            .rposition(|event| own(event) == Some(Membership::Join));
        last_join.filter(|_| was_out).unwrap_or(0)
    }

    fn note_membership(&self, facts: &mut RoomFacts, section: Section) {
        let membership = match section {
            Section::Join => Membership::Join,
            Section::Invite => Membership::Invite,
            Section::Leave => Membership::Leave,
        };
        if facts.membership != membership {
            (facts.membership, facts.since) = (membership, self.now);
        }
    }

    fn note_state(&self, facts: &mut RoomFacts, event: &Event) {
        match (event.kind(), event.state_key()) {
            // Whatever its content: it never goes back, and a broken one is still a wish.
            ("m.room.encryption", Some("")) => facts.encrypted = true,
            ("m.room.tombstone", Some("")) => {
                facts.successor = event.decode::<Tombstone>().ok().map(|t| t.replacement_room);
            }
            _ => {}
        }
    }

    fn note_limited(&self, room: &RoomId) {
        metrics::count(metrics::LIMITED_TIMELINES, 1);
        let message = format!(
            "events are missing before the newest ones in {room}: more came at once than a sync \
             holds; read the room's history by hand"
        );
        tracing::warn!(%room, "timeline came with events missing");
        self.shared
            .health
            .raise("limited_timeline", Status::Degraded, message, self.now);
    }

    fn warn_encrypted(&self, room: &RoomId) {
        warn_encrypted(self.shared, room, self.now);
    }

    fn me(&self) -> &UserId {
        &self.shared.identity.user
    }
}

/// Says once for each room that nothing is handled or sent there.
pub(crate) fn warn_encrypted(shared: &Shared, room: &RoomId, now: Timestamp) {
    let message = format!(
        "{room} is encrypted: nothing is handled or sent there; use an unencrypted room, or take \
         it off the list"
    );
    let code = format!("encrypted_room:{room}");
    if shared.health.raise(code, Status::Degraded, &message, now) {
        tracing::warn!(%room, "{message}");
    }
}

/// Our own membership that `event` sets, if it is such an event.
fn own_membership(event: &Event, me: &UserId) -> Option<Membership> {
    if event.kind() != "m.room.member" || event.state_key() != Some(me.as_str()) {
        return None;
    }
    match event.decode::<MemberContent>().ok()?.membership.as_str() {
        "join" => Some(Membership::Join),
        "leave" | "ban" => Some(Membership::Leave),
        _ => None,
    }
}

#[derive(Deserialize)]
struct MemberContent {
    membership: String,
}

#[derive(Deserialize)]
struct Tombstone {
    replacement_room: OwnedRoomId,
}
