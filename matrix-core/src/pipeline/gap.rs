//! Where events are missing before a timeline.

use super::{
    screen::{Joint, Timeline},
    sift::{self, Read, Sift},
};
use crate::{Gap, GapCause, RoomFacts, RoomMode, Section};

/// What is known of the place before a timeline.
pub(super) struct Place<'a> {
    pub(super) joint: Joint,
    /// What was known about the room before.
    pub(super) before: &'a RoomFacts,
    /// Whether we were in the room where the timeline begins.
    pub(super) is_in: bool,
}

/// Whether a room's newest event is one that never came.
pub(super) fn is_news(head: &Timeline, sift: &Sift<'_>) -> bool {
    let newest = head.events.iter().rev().find_map(sift::id);
    newest.is_some_and(|id| !sift.has_seen(id))
}

/// The gap before a timeline, if events are missing there that were said to us.
/// `is_encrypted` says how the room was where the timeline begins.
pub(super) fn find(
    timeline: &Timeline,
    place: &Place<'_>,
    is_encrypted: bool,
    sift: &Sift<'_>,
) -> Option<Gap> {
    let Place {
        joint,
        before,
        is_in,
    } = place;
    let room = &timeline.room;
    let last_seen = before.last_seen.clone();
    // Without a last event only what followed our own coming was said to us: nothing, if
    // that is in the timeline, or if we are not in the room any more.
    let is_ours = match room.section {
        Section::Join => *is_in || last_seen.is_some(),
        Section::Leave => last_seen.is_some(),
        Section::Invite => false,
    };
    let is_handled = sift.policy.mode(&room.room) != RoomMode::Off && !before.encrypted;
    if *joint == Joint::First || !is_ours || !is_handled {
        return None;
    }
    let cause = cause(timeline, *joint, last_seen.is_some())?;
    let is_seen = |read: &Read| sift::id(read).is_some_and(|id| sift.has_seen(id));
    if cause != GapCause::Limited && timeline.events.iter().any(is_seen) {
        return None;
    }
    // Where the source stood says nothing of where the gap ends: a homeserver that was
    // restored from a backup has other places under the same name.
    Some(Gap {
        from: room.prev_batch.clone(),
        last_seen,
        cause,
        found: sift.now,
        read: 0,
        spent: 0,
        is_out: !is_in,
        is_encrypted,
        end: None,
    })
}

fn cause(timeline: &Timeline, joint: Joint, has_last_seen: bool) -> Option<GapCause> {
    let room = &timeline.room;
    let can_be_checked = has_last_seen && room.prev_batch.is_some() && !timeline.events.is_empty();
    match joint {
        _ if timeline.is_head => Some(GapCause::Skipped),
        Joint::Lost if room.limited => Some(GapCause::PositionLost),
        _ if room.limited => Some(GapCause::Limited),
        Joint::Unsure if can_be_checked => Some(GapCause::Doubt),
        _ => None,
    }
}
