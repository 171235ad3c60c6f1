//! Gaps, read page by page, backwards.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ruma::{OwnedEventId, OwnedRoomId, RoomId};

use super::{
    membership::{Change, own_change},
    screen::note_state,
    sift::{self, Read, Sift},
    work::Work,
};
use crate::{
    Event, Gap, GapCause, GapEnd, HistoryPage, InboxEntry, InboxId, InboxItem, NewInboxEntry,
    NewParkedEvent, PageRequest, RoomFacts, RoomMode, Settings, SourceError, StoreError, Timestamp,
    encrypted::turns_encrypted, metrics, shared::Shared,
};

/// Among so many entries of a room's inbox it is looked for those of a page.
const MOST_MOVED: usize = 1_000;

/// Where there is most likely nothing, so many are enough to see that.
const SMALL_PAGE: u32 = 10;

/// One attempt to read a page of a gap.
#[derive(Debug)]
pub(super) struct GapPage {
    pub(super) room: OwnedRoomId,
    pub(super) id: InboxId,
    pub(super) gap: Gap,
    pub(super) result: Result<HistoryPage, SourceError>,
    pub(super) took: Duration,
}

/// Asks for the next page of a gap.
pub(super) async fn read(shared: Arc<Shared>, room: OwnedRoomId, id: InboxId, gap: Gap) -> GapPage {
    shared.history_rest.over(&shared).await;
    let started = shared.steady();
    let is_doubtful = gap.cause == GapCause::Doubt && gap.read == 0;
    let request = PageRequest {
        from: gap.from.clone(),
        limit: if is_doubtful {
            shared.settings.gap_page.min(SMALL_PAGE)
        } else {
            shared.settings.gap_page
        },
    };
    let result = shared.history.page(&room, request).await;
    GapPage {
        room,
        id,
        gap,
        result,
        took: shared.steady().since(started),
    }
}

/// What a page comes to.
#[derive(Debug, Default)]
pub(super) struct Filled {
    /// Events that will not be handled, and those that now wait in the inbox.
    pub(super) marks: Vec<OwnedEventId>,
    pub(super) parked: Vec<NewParkedEvent>,
    /// What is now known about the room, if that is new.
    pub(super) facts: Option<RoomFacts>,
    /// Events to handle, in order.
    pub(super) entries: Vec<NewInboxEntry>,
    /// Entries of the inbox that are among those now.
    pub(super) moved: Vec<InboxId>,
    /// Entries of the inbox that will not be handled: the room was encrypted by then.
    pub(super) silenced: Vec<InboxId>,
    /// What is still missing.
    pub(super) rest: Option<Gap>,
}

/// Chooses what of a page is to be handled, and says where to go on.
pub(super) async fn fill(
    shared: &Shared,
    room: &RoomId,
    id: InboxId,
    gap: &Gap,
    page: HistoryPage,
    took: Duration,
) -> Result<Filled, StoreError> {
    let known = shared.store.facts(&shared.account, &[room]).await?;
    let before = known.into_iter().flatten().next();
    let before = before.unwrap_or_else(|| RoomFacts::unknown(room.to_owned()));
    let mut facts = before.clone();
    let HistoryPage { events, end } = page;
    let count = events.len() as u64;
    metrics::count(metrics::EVENTS_RECEIVED, events.len());
    let events = sift::read(room, events);
    let readable = || events.iter().filter_map(|read| read.as_ref().ok());
    for event in readable() {
        note_encryption(&mut facts, event);
    }
    let turns_encrypted = readable().any(turns_encrypted);
    let mut sift = Sift::new(shared, events.iter()).await?;
    let mut waiting = waiting(shared, room, gap, &events, &sift).await?;
    let mut silenced = if turns_encrypted && !gap.is_encrypted {
        behind(shared, room, id).await?
    } else {
        Vec::new()
    };
    let is_known = |id: &OwnedEventId| sift.has_seen(id) && !waiting.contains_key(id);
    let is_over = is_over(gap, &events, &sift, is_known) || end.is_none() || end == gap.from;
    let mut walk = Walk {
        is_out: gap.is_out,
        is_encrypted: gap.is_encrypted || turns_encrypted,
        ends_on_coming: gap.last_seen.is_none(),
        has_come: false,
    };
    let known_from = known_from(gap, &events, &sift, is_known);
    let last_commit = gap.last_seen.as_ref().map_or(Timestamp(0), |seen| seen.at);
    let (mut entries, mut moved) = (Vec::new(), Vec::new());
    let mut has_news = false;
    for read in events.into_iter().take(known_from) {
        let is_new = sift::id(&read).is_some_and(|id| !sift.has_seen(id));
        let Some(event) = sift.readable(read, room) else {
            has_news |= is_new;
            continue;
        };
        if !walk.is_said_to_us(&event, sift.me()) {
            if walk.has_come {
                break;
            }
            if is_new && event.sender() != sift.me() {
                sift.skip(&event, metrics::Skip::History);
            }
            continue;
        }
        if let Some((id, entry)) = waiting.remove(event.owned_id()) {
            if !walk.is_encrypted {
                moved.push(id);
                entries.push(entry);
            }
            continue;
        }
        if !sift.is_wanted(&event, walk.is_encrypted) {
            continue;
        }
        has_news = true;
        let work = Work::new(event, last_commit, sift.now, true);
        if let Some(work) = sift.in_time(work) {
            sift.marks.extend(work.event_id().map(Into::into));
            entries.push(work.into_inbox(0, sift.now));
        }
    }
    entries.reverse();
    silenced.retain(|id| !moved.contains(id));
    for _ in &silenced {
        metrics::skipped(metrics::Skip::Encrypted);
    }
    metrics::count(metrics::GAP_EVENTS, entries.len() - moved.len());
    let is_pointless = sift.policy.mode(room) == RoomMode::Off;
    // Where nothing says when we came, old events are from before.
    let is_history = gap.last_seen.is_none() && has_news && entries.is_empty();
    let is_done = is_over || is_pointless || is_history || walk.has_come;
    let rest = (!is_done).then(|| {
        let mut rest = gap.clone();
        rest.from = end;
        (rest.is_out, rest.is_encrypted) = (walk.is_out, walk.is_encrypted);
        rest.read += count.max(1);
        if has_news && rest.cause == GapCause::Doubt {
            rest.cause = GapCause::Skipped;
        }
        spend(&mut rest, took);
        rest
    });
    Ok(Filled {
        marks: sift.marks,
        parked: sift.parked,
        facts: (facts != before).then_some(facts),
        entries,
        moved,
        silenced,
        rest: rest.and_then(|rest| bounded(rest, &shared.settings)),
    })
}

/// Events of a page that came meanwhile, otherwise, and wait behind the gap: they belong
/// where the page has them. That happens where a homeserver answers a sync from its
/// cache, or where what the gap holds was on its way.
async fn waiting(
    shared: &Shared,
    room: &RoomId,
    gap: &Gap,
    page: &[Read],
    sift: &Sift<'_>,
) -> Result<BTreeMap<OwnedEventId, (InboxId, NewInboxEntry)>, StoreError> {
    let last_seen = gap.last_seen.as_ref().map(|seen| &seen.event_id);
    let mut newer = page
        .iter()
        .filter_map(sift::id)
        .take_while(|id| Some(*id) != last_seen);
    if !newer.any(|id| sift.has_seen(id)) {
        return Ok(BTreeMap::new());
    }
    let inbox = shared
        .store
        .inbox(&shared.account, room, MOST_MOVED)
        .await?;
    let by_id = |waiting: InboxEntry| match &waiting.entry.item {
        InboxItem::Event { event_id, .. } => Some((event_id.clone(), (waiting.id, waiting.entry))),
        InboxItem::Gap(_) => None,
    };
    Ok(inbox.into_iter().filter_map(by_id).collect())
}

/// The events behind a gap: in a gap in which the room turned encrypted, they are from after
/// that. Where a position was lost, no sync said so when they came.
async fn behind(shared: &Shared, room: &RoomId, gap: InboxId) -> Result<Vec<InboxId>, StoreError> {
    let inbox = shared
        .store
        .inbox(&shared.account, room, MOST_MOVED)
        .await?;
    let behind = inbox
        .into_iter()
        .skip_while(|waiting| waiting.id != gap)
        .filter(|waiting| matches!(waiting.entry.item, InboxItem::Event { .. }));
    Ok(behind.map(|waiting| waiting.id).collect())
}

/// Counts time that went into reading a gap.
pub(super) fn spend(gap: &mut Gap, took: Duration) {
    let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    gap.spent = gap.spent.saturating_add(took);
}

/// The gap, given up if it is past its bounds; `None` if nobody misses it then.
pub(super) fn bounded(gap: Gap, settings: &Settings) -> Option<Gap> {
    if gap.read >= settings.gap_events {
        given_up(gap, GapEnd::Events)
    } else if u128::from(gap.spent) >= settings.gap_time.as_millis() {
        given_up(gap, GapEnd::Time)
    } else {
        Some(gap)
    }
}

/// The gap, given up; `None` if it is not known to be one.
pub(super) fn given_up(mut gap: Gap, end: GapEnd) -> Option<Gap> {
    gap.end = Some(end);
    (gap.cause != GapCause::Doubt).then_some(gap)
}

/// Whether what lies further back was received: the last event before the gap is here,
/// or nothing but what was seen.
///
/// One event that was seen is no end: pages overlap with each other and with what sync
/// gave, and the order of a room's history is not the order in which sync gives it.
fn is_over(
    gap: &Gap,
    events: &[Read],
    sift: &Sift<'_>,
    is_known: impl Fn(&OwnedEventId) -> bool,
) -> bool {
    let last_seen = gap.last_seen.as_ref().map(|seen| &seen.event_id);
    if last_seen.is_some() && events.iter().any(|read| sift::id(read) == last_seen) {
        return true;
    }
    let is_own = |read: &Read| read.as_ref().is_ok_and(|event| event.sender() == sift.me());
    let foreign = events.iter().filter(|read| !is_own(read));
    let (mut seen, mut new) = (0, 0);
    for id in foreign.filter_map(sift::id) {
        *(if is_known(id) { &mut seen } else { &mut new }) += 1;
    }
    let is_overlap = seen < 2 || gap.from.is_none();
    new == 0 && seen > 0 && !is_overlap
}

/// Where in the last page the known part begins: behind the last event before the gap, or
/// the oldest one that was seen, marks may have been dropped, or there were none, as for
/// what we say ourselves; before it, an unmarked event is one that never came.
fn known_from(
    gap: &Gap,
    events: &[Read],
    sift: &Sift<'_>,
    is_known: impl Fn(&OwnedEventId) -> bool,
) -> usize {
    if !is_over(gap, events, sift, &is_known) {
        return events.len();
    }
    let last_seen = gap.last_seen.as_ref().map(|seen| &seen.event_id);
    let is_seen =
        |read: &Read| sift::id(read).is_some_and(|id| Some(id) == last_seen || is_known(id));
    events.iter().rposition(is_seen).unwrap_or(events.len())
}

fn note_encryption(facts: &mut RoomFacts, event: &Event) {
    let successor = facts.successor.take();
    note_state(facts, event);
    // A newer tombstone than one of history may be known.
    facts.successor = successor.or(facts.successor.take());
}

/// Goes backwards through times in which we were in the room, and others, and to where
/// it was not encrypted yet.
struct Walk {
    is_out: bool,
    is_encrypted: bool,
    /// What lies before our coming is not of interest.
    ends_on_coming: bool,
    has_come: bool,
}

impl Walk {
    fn is_said_to_us(&mut self, event: &Event, me: &ruma::UserId) -> bool {
        self.is_encrypted &= !turns_encrypted(event);
        match own_change(event, me) {
            Some(Change::Came) => {
                self.is_out = true;
                self.has_come = self.ends_on_coming;
            }
            // It is seen from within, as the last thing there.
            Some(Change::Went) => self.is_out = false,
            None => {}
        }
        !self.is_out
    }
}
