//! Judges what lies in the rooms and in the store against what people asked.

mod books;
mod outputs;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
};

use matrix_bridge_core::{ParkCode, Row, RowState};
use matrix_bridge_testkit::homeserver::{Account, TestHomeserver, TimelineEvent};

use self::{books::Books, outputs::output};
use crate::{
    question::{Output, Question},
    room::{Mode, Room},
    watch::Watch,
    world::World,
};

/// What is wrong, and what is not done yet.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Broken promises: nothing will mend them.
    broken: Vec<String>,
    /// What may still come.
    missing: Vec<String>,
}

impl Verdict {
    pub(crate) const fn is_settled(&self) -> bool {
        self.missing.is_empty()
    }

    pub(crate) fn report(self, watch: &Watch) {
        for objection in self.broken.into_iter().chain(self.missing) {
            watch.object(objection);
        }
    }
}

/// Judges the day so far.
pub(crate) async fn judge(world: &World) -> Result<Verdict, String> {
    let mut verdict = Verdict::default();
    let books = Books::read(world, &mut verdict)
        .await
        .map_err(|error| error.to_string())?;
    for room in &world.rooms {
        let said = said(&world.server, &world.bot, room);
        once(room, &said, &mut verdict);
        books.check(room, &said, &mut verdict);
        Judge {
            world,
            room,
            books: &books,
            verdict: &mut verdict,
        }
        .room(&said);
    }
    Ok(verdict)
}

/// What the bot said in a room, in order; also what a homeserver that was restored from a
/// backup has forgotten, unless it was said again since under the same transaction id.
pub(crate) fn said(server: &TestHomeserver, bot: &Account, room: &Room) -> Vec<TimelineEvent> {
    let is_own =
        |event: &TimelineEvent| event.kind != "m.room.member" && event.transaction_id.is_some();
    let mut now = server.timeline_of(&room.id, &bot.user_id);
    now.retain(is_own);
    let left: BTreeSet<_> = now.iter().map(|event| event.event_id.clone()).collect();
    let past: BTreeSet<_> = room.past.iter().map(|event| &event.event_id).collect();
    now.retain(|event| !past.contains(&event.event_id));
    let again: BTreeSet<_> = now.iter().map(|event| &event.transaction_id).collect();
    let kept = room
        .past
        .iter()
        .filter(|event| left.contains(&event.event_id) || !again.contains(&event.transaction_id));
    let mut said: Vec<_> = kept.chain(&now).cloned().collect();
    // To redact twice is the same as once, so nobody looks before doing it again.
    let mut redacted = BTreeSet::new();
    said.retain(|event| {
        event.kind != "m.room.redaction" || redacted.insert(event.transaction_id.clone())
    });
    said
}

/// S2: at most one event for each transaction id.
fn once(room: &Room, said: &[TimelineEvent], verdict: &mut Verdict) {
    let mut ids = BTreeSet::new();
    for event in said {
        if let Some(id) = &event.transaction_id
            && !ids.insert(id)
        {
            let what = format!("{} in {}: a second event of {id}", event.event_id, room.id);
            verdict.broken.push(what);
        }
    }
}

/// The judge of one room.
struct Judge<'a> {
    world: &'a World,
    room: &'a Room,
    books: &'a Books,
    verdict: &'a mut Verdict,
}

impl Judge<'_> {
    fn room(&mut self, said: &[TimelineEvent]) {
        let outputs: Vec<Option<Output>> = said
            .iter()
            .map(|event| output(&self.world.watch, event))
            .collect();
        let said: Vec<Output> = outputs.into_iter().flatten().collect();
        match self.room.mode {
            Mode::Active if self.world.watch.has_hole(&self.room.id) => self.holey(&said),
            Mode::Active => self.active(&said),
            Mode::Shadow => self.shadow(),
            Mode::Off => self.nothing(),
        }
    }

    /// S1 and S3: each question exactly once and whole, in the room's order; or put
    /// aside; or, where its room changed under it, not at all.
    fn active(&mut self, said: &[Output]) {
        let (loose, said): (Vec<_>, Vec<_>) = said
            .iter()
            .cloned()
            .partition(|output| self.is_loose(output));
        let said = self.without_gone(said);
        let mut said = said.iter().peekable();
        let mut skipped: Option<&Question> = None;
        for question in &self.room.questions {
            self.parked(question);
            let parked = self.parked_rows(question);
            if question.is_gone {
                continue;
            }
            if !question.is_due {
                self.silent(question);
                continue;
            }
            let mut wanted = question.outputs();
            let mut found = 0;
            wanted.retain(|output| !question.is_brief_text(output) && !loose.contains(output));
            wanted.retain(|output| {
                let is_there = said.next_if_eq(&output).is_some();
                found += usize::from(is_there);
                !is_there
            });
            let lost = wanted.len().saturating_sub(parked);
            if lost == 0 {
                // What was taken in before a night is answered after it, but what lay in a
                // gap is too old by then; and whoever is banned cannot read what a timeline
                // left out, nor answer what it has.
                let is_passed_over = |before: &&Question| {
                    before.era == question.era && before.era >= self.room.morning
                };
                if let Some(skipped) = skipped.filter(is_passed_over).filter(|_| found > 0) {
                    let (before, after) = (&skipped.event, &question.event);
                    self.broken(format!("{before} was passed over before {after}"));
                }
                continue;
            }
            let may_be_skipped = found == 0 && question.era < self.room.era;
            if may_be_skipped {
                skipped = Some(question);
            } else {
                let next = said.peek();
                let event = &question.event;
                self.missing(format!("{event} lacks {wanted:?}; next is {next:?}"));
            }
        }
        if let Some(more) = said.next() {
            self.broken(format!("{more:?} was not asked for, or is not in order"));
        }
    }

    /// Whether its place says nothing. To redact twice is the same as once, so it is done
    /// again whenever the answer was lost; and what is given up because it is too late may
    /// still arrive, where the homeserver acts on a request long after it.
    fn is_loose(&self, output: &Output) -> bool {
        let mut questions = self.room.questions.iter();
        matches!(output, Output::Redact { .. })
            || questions.any(|question| question.is_brief_text(output))
    }

    /// What is left besides the answers to questions that are gone with a backup. They
    /// may be missing, also where those after them were answered, and come late: their
    /// place in the room's history, where they would have been read, is gone too.
    fn without_gone(&self, mut said: Vec<Output>) -> Vec<Output> {
        let gone = self.room.questions.iter().filter(|q| q.is_gone && q.is_due);
        let mut gone: Vec<Output> = gone.flat_map(Question::outputs).collect();
        said.retain(|output| {
            let place = gone.iter().position(|gone| gone == output);
            place.map(|place| gone.swap_remove(place)).is_none()
        });
        said
    }

    /// Where handlers were told that something could not be read, it may be missing, or
    /// have come later after all: but once, and only what was asked for.
    fn holey(&mut self, said: &[Output]) {
        let mut wanted: Vec<Output> = Vec::new();
        for question in &self.room.questions {
            self.parked(question);
            self.parked_rows(question);
            if question.is_due {
                wanted.extend(question.outputs());
            } else {
                self.silent(question);
            }
        }
        for output in said {
            match wanted.iter().position(|wanted| wanted == output) {
                Some(place) => drop(wanted.swap_remove(place)),
                None => self.broken(format!("{output:?} was not asked for, or not twice")),
            }
        }
    }

    /// Whatever is put aside for a person was to be, once.
    fn parked(&mut self, question: &Question) {
        let events = &self.books.parked_events;
        let times = events.iter().filter(|id| **id == question.event).count();
        let event = &question.event;
        let is_to_be = question.is_parked() && question.is_due && self.room.mode != Mode::Off;
        match times {
            0 if is_to_be && question.era == self.room.era => {
                self.missing(format!("{event} is not put aside"));
            }
            0 => {}
            1 if is_to_be => {}
            _ => self.broken(format!("{event} is put aside {times} times")),
        }
    }

    /// How many of the answer's requests are put aside for a reason.
    fn parked_rows(&mut self, question: &Question) -> usize {
        let pointless = self.books.pointless.get(&question.event);
        let mut rows = pointless.copied().unwrap_or_default();
        let mut too_large = 0;
        let parked = self.books.parked_rows.get(&question.event);
        for row in parked.into_iter().flatten() {
            let RowState::Parked { reason } = &row.state else {
                continue;
            };
            let fell = question.era < self.room.era;
            let id = row.transaction_id.as_str();
            let is_right = match reason.code {
                ParkCode::TooLarge => {
                    too_large += 1;
                    continue;
                }
                ParkCode::Forbidden => fell || self.room.is_replaced,
                // What it changes or answers may be gone with a backup.
                ParkCode::Encrypted | ParkCode::UnknownOutcome | ParkCode::BadContent => fell,
                ParkCode::Expired => question.is_brief(),
                ParkCode::ServerError => self.world.watch.server_errors(id, &self.room.id) >= 8,
                _ => false,
            };
            rows += 1;
            if !is_right {
                let event = &question.event;
                self.broken(format!("an answer to {event} is put aside: {reason}"));
            }
        }
        if too_large > question.parked_rows() {
            let event = &question.event;
            self.broken(format!("{too_large} answers to {event} were too large"));
        }
        rows
    }

    /// What nobody was there to hear leads to nothing.
    fn silent(&mut self, question: &Question) {
        let has_rows = |rows: &BTreeMap<String, Vec<Row>>| rows.contains_key(&question.event);
        if has_rows(&self.books.parked_rows) || has_rows(&self.books.shadow_rows) {
            let event = &question.event;
            self.broken(format!("{event} was not for the bot, and led to something"));
        }
    }

    /// Everything is decided and recorded, and nothing more.
    fn shadow(&mut self) {
        for question in &self.room.questions {
            self.parked(question);
            if !question.is_due {
                self.silent(question);
                continue;
            }
            let recorded = self.books.shadow_rows.get(&question.event);
            let recorded = recorded.map_or(0, Vec::len);
            let wanted = question.outputs().len() + question.parked_rows();
            let may_be_skipped = recorded == 0 && question.era < self.room.era;
            let event = &question.event;
            if recorded > wanted {
                self.broken(format!("{event} led to {recorded} records, not {wanted}"));
            } else if recorded < wanted && !may_be_skipped {
                self.missing(format!("{event} led to {recorded} records, not {wanted}"));
            }
        }
    }

    fn nothing(&mut self) {
        for question in &self.room.questions {
            self.silent(question);
            self.parked(question);
        }
    }

    fn broken(&mut self, what: impl Display) {
        self.verdict
            .broken
            .push(format!("{}: {what}", self.room.id));
    }

    fn missing(&mut self, what: impl Display) {
        self.verdict
            .missing
            .push(format!("{}: {what}", self.room.id));
    }
}
