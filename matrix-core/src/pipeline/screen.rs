//! What of a batch is to be handled: policy, dedupe, history, gaps.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ruma::{OwnedEventId, OwnedRoomId, RoomId};
use serde::Deserialize;

use super::{
    gap,
    membership::{Change, is_in_at_start, own_change},
    sift::{self, Read, Sift},
    work::Work,
};
use crate::{
    Continuity, Event, Gap, History, LastSeen, Membership, NewParkedEvent, Position, RoomBatch,
    RoomFacts, Section, SourceBatch, StoreError, Timestamp,
    encrypted::turns_encrypted,
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
    /// Events that are missing before those to handle, by room.
    pub(super) gaps: BTreeMap<OwnedRoomId, Gap>,
    /// Events to handle, by room, in order.
    pub(super) work: BTreeMap<OwnedRoomId, VecDeque<Work>>,
    /// Rooms that we are newly invited to.
    pub(super) invites: Vec<RoomFacts>,
    /// Whether a room turned out to be encrypted.
    pub(super) found_encrypted: bool,
}

/// What came for a room, its heads read.
pub(super) struct Timeline {
    pub(super) room: RoomBatch,
    pub(super) events: Vec<Read>,
    /// It is not from the batch: it is the room's newest event, for comparison.
    pub(super) is_head: bool,
}

/// How a batch is joined to the one before it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Joint {
    /// There was none before.
    First,
    Sure,
    Unsure,
    Lost,
}

/// Screens a batch. `position` is where the source stood before it.
pub(super) async fn screen(
    shared: &Shared,
    batch: SourceBatch,
    position: Option<&Position>,
) -> Result<Screened, StoreError> {
    for reason in &batch.skipped {
        metrics::skipped(Skip::Unreadable);
        tracing::warn!(reason, "part of a batch skipped");
    }
    let (joint, heads) = match batch.continuity {
        _ if position.is_none() => (Joint::First, Vec::new()),
        Continuity::Sure => (Joint::Sure, Vec::new()),
        Continuity::Unsure(heads) => (Joint::Unsure, heads),
        Continuity::Lost => (Joint::Lost, Vec::new()),
    };
    let received = batch.rooms.iter().map(|room| room.timeline.len());
    metrics::count(metrics::EVENTS_RECEIVED, received.sum());
    let timelines = timelines(batch.rooms, heads);
    let known = known_facts(shared, &timelines).await?;
    let sift = Sift::new(shared, timelines.iter().flat_map(|t| &t.events)).await?;
    let mut screen = Screen {
        joint,
        is_catch_up: batch.is_catch_up,
        sift,
        out: Screened::default(),
    };
    for (mut timeline, facts) in timelines.into_iter().zip(known) {
        if timeline.is_head {
            if !gap::is_news(&timeline, &screen.sift) {
                continue;
            }
            // It may still come with the next batch, after others. Only what is missing
            // before that is in order, so it is read like the rest, from the newest on.
            timeline.events.clear();
            timeline.room.prev_batch = None;
        }
        screen.room(timeline, facts);
    }
    let Screen { sift, mut out, .. } = screen;
    (out.marks, out.parked) = (sift.marks, sift.parked);
    Ok(out)
}

/// Those of the batch, and the heads of rooms that it does not name.
fn timelines(rooms: Vec<RoomBatch>, mut heads: Vec<RoomBatch>) -> Vec<Timeline> {
    let told: BTreeSet<&RoomId> = rooms.iter().map(|room| &*room.room).collect();
    heads.retain(|head| !told.contains(&*head.room));
    let read = |mut room: RoomBatch, is_head| {
        let events = sift::read(&room.room, std::mem::take(&mut room.timeline));
        Timeline {
            room,
            events,
            is_head,
        }
    };
    let rooms = rooms.into_iter().map(|room| read(room, false));
    let heads = heads.into_iter().map(|head| read(head, true));
    rooms.chain(heads).collect()
}

async fn known_facts(
    shared: &Shared,
    timelines: &[Timeline],
) -> Result<Vec<RoomFacts>, StoreError> {
    let ids: Vec<&RoomId> = timelines.iter().map(|t| &*t.room.room).collect();
    let known = shared.store.facts(&shared.account, &ids).await?;
    let or_unknown = |(facts, id): (Option<RoomFacts>, &&RoomId)| {
        facts.unwrap_or_else(|| RoomFacts::unknown((*id).to_owned()))
    };
    Ok(known.into_iter().zip(&ids).map(or_unknown).collect())
}

struct Screen<'a> {
    joint: Joint,
    is_catch_up: bool,
    sift: Sift<'a>,
    out: Screened,
}

impl Screen<'_> {
    fn room(&mut self, timeline: Timeline, mut facts: RoomFacts) {
        let Timeline {
            room,
            events,
            is_head,
        } = &timeline;
        let before = facts.clone();
        note_membership(&mut facts, room.section, self.sift.now);
        for raw in &room.state {
            // Stripped state of an invite is whatever the inviting server says.
            if room.section != Section::Invite
                && let Ok(event) = Event::read(&room.room, raw)
            {
                note_state(&mut facts, &event);
            }
        }
        if room.section == Section::Invite && before.membership != Membership::Invite {
            self.out.invites.push(facts.clone());
        }
        let is_in = self.joint != Joint::First && {
            let readable = events.iter().filter_map(|read| read.as_ref().ok());
            let is_joined_to =
                !room.limited && !is_head && matches!(self.joint, Joint::Sure | Joint::Unsure);
            is_in_at_start(readable, self.sift.me(), &before, is_joined_to)
        };
        let place = gap::Place {
            joint: self.joint,
            before: &before,
            is_in,
        };
        let section = room.section;
        let gap = gap::find(&timeline, &place, facts.encrypted, &self.sift);
        self.timeline(timeline, is_in, &mut facts, &before);
        if let Some(gap) = gap {
            self.out.gaps.insert(facts.room.clone(), gap);
        }
        if section == Section::Leave {
            // All that was said to us there was seen, or is in the gap.
            facts.last_seen = None;
        }
        if facts.encrypted && !before.encrypted {
            self.out.found_encrypted = true;
        }
        if facts != before {
            self.out.facts.push(facts);
        }
    }

    fn timeline(
        &mut self,
        timeline: Timeline,
        mut is_in: bool,
        facts: &mut RoomFacts,
        before: &RoomFacts,
    ) {
        let is_late = self.is_catch_up || self.joint == Joint::Lost;
        let known_until = self.known_until(&timeline.events);
        let last_commit = last_commit(before);
        let mut chosen = Vec::new();
        let mut last = None;
        for (index, read) in timeline.events.into_iter().enumerate() {
            let Some(event) = self.sift.readable(read, &facts.room) else {
                continue;
            };
            let now = self.sift.now;
            last = Some(event.clone());
            note_state(facts, &event);
            match own_change(&event, self.sift.me()) {
                Some(Change::Came) => is_in = self.joint != Joint::First,
                Some(Change::Went) => is_in = false,
                None => {}
            }
            if !self.sift.is_wanted(&event, facts.encrypted) {
                continue;
            }
            if index < known_until {
                // No mark: if it never came, it is in a gap that is still to be read.
                metrics::skipped(Skip::History);
                continue;
            }
            let is_history = !is_in;
            let work = Work::new(event, last_commit, now, is_history || is_late);
            chosen.push((is_history, work));
        }
        if let Some(last) = last {
            facts.last_seen = Some(LastSeen {
                event_id: last.id().to_owned(),
                at: self.sift.now,
            });
        }
        let work = self.wanted(chosen);
        if !work.is_empty() {
            // A homeserver may name a room in two sections.
            let room = self.out.work.entry(facts.room.clone()).or_default();
            room.extend(work);
        }
    }

    /// A batch that was read without a position begins anywhere: what lies before an
    /// event that was seen is known, though its mark may have been dropped, or is in a
    /// gap that was found when that event came.
    fn known_until(&self, events: &[Read]) -> usize {
        if self.joint != Joint::Lost {
            return 0;
        }
        let is_seen = |read: &Read| sift::id(read).is_some_and(|id| self.sift.has_seen(id));
        events.iter().position(is_seen).unwrap_or(0)
    }

    /// Live events, and as much history as is wanted.
    fn wanted(&mut self, chosen: Vec<(bool, Work)>) -> VecDeque<Work> {
        let mut history = match self.sift.policy.history {
            History::Skip => 0,
            History::Last(count) => usize::try_from(count).unwrap_or(usize::MAX),
        };
        let mut kept = VecDeque::new();
        // Backwards, since the last ones of history are the wanted ones.
        for (is_history, work) in chosen.into_iter().rev() {
            if !is_history {
                kept.extend(self.sift.in_time(work));
                continue;
            }
            // State is where a room stands, not something said that wants an answer.
            if history == 0 || work.is_state() {
                self.sift.skip_work(&work, Skip::History);
            } else {
                history -= 1;
                kept.push_back(work);
            }
        }
        kept.into_iter().rev().collect()
    }
}

/// When something was last received in a room.
pub(super) fn last_commit(facts: &RoomFacts) -> Timestamp {
    let seen = facts.last_seen.as_ref();
    seen.map_or(Timestamp(0), |seen| seen.at)
}

fn note_membership(facts: &mut RoomFacts, section: Section, now: Timestamp) {
    let membership = match section {
        Section::Join => Membership::Join,
        Section::Invite => Membership::Invite,
        Section::Leave => Membership::Leave,
    };
    if facts.membership != membership {
        (facts.membership, facts.since) = (membership, now);
    }
}

/// Notes what a state event says about how to act in its room.
pub(super) fn note_state(facts: &mut RoomFacts, event: &Event) {
    facts.encrypted |= turns_encrypted(event);
    if event.kind() == "m.room.tombstone" && event.state_key() == Some("") {
        facts.successor = event.decode::<Tombstone>().ok().map(|t| t.replacement_room);
    }
}

#[derive(Deserialize)]
struct Tombstone {
    replacement_room: OwnedRoomId,
}
