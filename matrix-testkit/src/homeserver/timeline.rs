//! The timeline of one room in one sync: which events, whether `limited`, and from where
//! to walk back.

use serde_json::json;

use super::{
    event::Event,
    reply::{array, object, text},
    stream_token::StreamToken,
    sync_room::{RoomView, Shape},
};

/// The default of the specification, and of Synapse.
const DEFAULT_LIMIT: usize = 10;
/// How often Synapse looks further back for events that pass the filter.
const MOST_LOOKS: usize = 5;

/// What a timeline is cut from, as indices of the room's events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    /// The first event that may be shown.
    pub(crate) start: usize,
    /// The first event since the last sync, if only what is new is asked for.
    pub(crate) news: Option<usize>,
    /// After the last event.
    pub(crate) end: usize,
    /// The position in the stream after the last event.
    pub(crate) end_at: u64,
    /// The user came in since the last sync.
    pub(crate) is_new: bool,
}

/// A room's timeline.
#[derive(Debug)]
pub(crate) struct Timeline<'a> {
    pub(crate) events: Vec<&'a Event>,
    /// The index in the room of the first event that is given.
    pub(crate) start: usize,
    pub(crate) limited: bool,
    prev_batch: u64,
}

/// Events with their indices, in the room's order.
type Shown<'a> = Vec<(usize, &'a Event)>;

impl<'a> RoomView<'a> {
    /// The last events of `span` that the filter and the room let the user see.
    ///
    /// Measured: what came since the last sync is looked at first. If that is all, the
    /// batch before it starts there; only where the limit cuts something off, it starts
    /// at the first event shown. So the walk back from the `prev_batch` of a first sync
    /// that is not cut gives its events once more.
    pub(crate) fn timeline(self, span: Span) -> Timeline<'a> {
        let limit = match self.shape {
            Shape::Limited { keep } => keep,
            Shape::Plain | Shape::Reversed => self.filter.timeline.limit.unwrap_or(DEFAULT_LIMIT),
        };
        let floor = span.start.max(self.room.purged);
        let news = span.news.map(|news| news.max(floor));
        let first_news = news.map(|news| news.max(span.end.saturating_sub(limit + 1)));
        let mut shown = first_news.map_or(Vec::new(), |first| self.shown(first, span.end));
        let upto = first_news.unwrap_or(span.end);
        let news_count = first_news.map(|first| span.end - first);
        let mut limited = span.is_new || news_count.is_none_or(|count| count > limit);
        let is_plain = !limited;
        let (mut looks, mut at) = (MOST_LOOKS, upto);
        while limited && shown.len() < limit && looks > 0 {
            let start = at.saturating_sub((limit * 2).max(10)).max(floor);
            limited = start > floor;
            let mut earlier = self.shown(start, at);
            earlier.append(&mut shown);
            (shown, at, looks) = (earlier, start, looks - 1);
        }
        let is_cut = shown.len() > limit;
        // Measured: a limit of 0 cuts nothing off, and gives the one event looked at.
        let is_whole = limit == 0 && self.shape != (Shape::Limited { keep: 0 });
        let left_out = if is_whole {
            0
        } else {
            shown.len().saturating_sub(limit)
        };
        let shown = shown.split_off(left_out);
        let is_forced = matches!(self.shape, Shape::Limited { .. }) && !shown.is_empty();
        let first = shown.first().copied();
        let before_first = first.map(|(_, event)| event.position - 1);
        let before = before_first.filter(|_| is_plain || is_cut || is_forced);
        Timeline {
            start: first.map_or(span.end, |(at, _)| at),
            events: shown.into_iter().map(|(_, event)| event).collect(),
            limited: limited || is_cut || is_forced || span.is_new,
            prev_batch: before.unwrap_or_else(|| self.position_before(upto, span)),
        }
    }

    /// The events between two indices that pass the filter and may be read; state that
    /// still holds may always be.
    fn shown(self, start: usize, end: usize) -> Shown<'a> {
        let Self {
            room,
            filter,
            viewer,
            ..
        } = self;
        let range = room.events.get(start..end).unwrap_or_default();
        let may_see = |at: usize, event: &Event| {
            room.visibility.admits(viewer.user, at) || room.is_current_state(at, event)
        };
        (start..end)
            .zip(range)
            .filter(|(_, event)| filter.timeline.admits(&room.id, event))
            .filter(|(at, event)| may_see(*at, event))
            .collect()
    }

    fn position_before(self, index: usize, span: Span) -> u64 {
        let event = self.room.events.get(index).filter(|_| index < span.end);
        event.map_or(span.end_at, |event| event.position - 1)
    }
}

impl Timeline<'_> {
    pub(crate) fn into_json(self, view: RoomView<'_>) -> Vec<u8> {
        let Self {
            mut events,
            start: _,
            limited,
            prev_batch,
        } = self;
        if view.shape == Shape::Reversed {
            events.reverse();
        }
        let rendered = events
            .into_iter()
            .map(|event| view.room.render(event, view.viewer));
        // Measured: a token of the sync kind, good as `since` too.
        let prev_batch = StreamToken::Live(prev_batch).to_string();
        object([
            ("events", array(rendered)),
            ("limited", text(&json!(limited))),
            ("prev_batch", text(&json!(prev_batch))),
        ])
    }
}
