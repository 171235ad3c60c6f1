//! Judges what lies in the rooms and in the store against what people asked.

mod outputs;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
};

use matrix_bridge_core::{Account, ListState, ParkCode, Row, RowState};
use matrix_bridge_testkit::homeserver::TimelineEvent;

use self::outputs::output;
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

/// What the store lists.
struct Books {
    /// By the question that caused them.
    parked_rows: BTreeMap<String, Vec<Row>>,
    shadow_rows: BTreeMap<String, Vec<Row>>,
    parked_events: Vec<String>,
    /// By transaction id: the event of a row that counts as sent.
    sent: BTreeMap<String, String>,
    /// Transaction ids of rows that were tried and then put aside.
    tried: BTreeSet<String>,
}

/// Judges the day so far.
pub(crate) async fn judge(world: &World) -> Result<Verdict, String> {
    let mut verdict = Verdict::default();
    let books = Books::read(world, &mut verdict)
        .await
        .map_err(|error| error.to_string())?;
    for room in &world.rooms {
        let timeline = world.server.timeline(&room.id);
        let mut said: Vec<_> = timeline
            .iter()
            .filter(|event| is_own(world, event))
            .collect();
        said.retain(|event| event.transaction_id.is_some());
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

fn is_own(world: &World, event: &TimelineEvent) -> bool {
    event.sender == world.bot.user_id && event.kind != "m.room.member"
}

/// S2: at most one event for each transaction id.
fn once(room: &Room, said: &[&TimelineEvent], verdict: &mut Verdict) {
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

impl Books {
    async fn read(
        world: &World,
        verdict: &mut Verdict,
    ) -> Result<Self, matrix_bridge_core::StoreError> {
        const ALL: usize = 1_000_000;
        let store = world.store();
        let waiting = store.depth().await?.waiting;
        if waiting > 0 {
            verdict.missing.push(format!("{waiting} rows wait"));
        }
        let account = account(world);
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
                event_id.as_ref()?.to_string(),
            )),
            _ => None,
        };
        let parked_rows = store.list(ListState::Parked, None, ALL).await?;
        let tried = parked_rows.iter().filter(|row| row.first_attempt.is_some());
        Ok(Self {
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
    fn check(&self, room: &Room, said: &[&TimelineEvent], verdict: &mut Verdict) {
        for event in said {
            let id = event.transaction_id.clone().unwrap_or_default();
            match self.sent.get(&id) {
                Some(sent) if *sent == event.event_id => {}
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

fn account(world: &World) -> Account {
    Account::new(&world.bot.user_id)
}

fn by_cause(rows: Vec<Row>) -> BTreeMap<String, Vec<Row>> {
    let mut all: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in rows {
        let cause = row.body.cause.as_ref().map(ToString::to_string);
        all.entry(cause.unwrap_or_default()).or_default().push(row);
    }
    all
}

/// The judge of one room.
struct Judge<'a> {
    world: &'a World,
    room: &'a Room,
    books: &'a Books,
    verdict: &'a mut Verdict,
}

impl Judge<'_> {
    fn room(&mut self, said: &[&TimelineEvent]) {
        let outputs: Vec<Option<Output>> = said
            .iter()
            .map(|event| output(&self.world.watch, event))
            .collect();
        let said: Vec<Output> = outputs.into_iter().flatten().collect();
        match self.room.mode {
            Mode::Active => self.active(&said),
            Mode::Shadow => self.shadow(),
            Mode::Off => self.nothing(),
        }
    }

    /// S1 and S3: each question exactly once and whole, in the room's order; or put
    /// aside; or, where its room changed under it, not at all.
    fn active(&mut self, said: &[Output]) {
        let mut said = said.iter().peekable();
        let mut skipped: Option<&Question> = None;
        for question in &self.room.questions {
            self.parked(question);
            if !question.is_due {
                self.silent(question);
                continue;
            }
            let mut wanted = question.outputs();
            let parked = self.parked_rows(question);
            let mut found = 0;
            let all = wanted.len();
            wanted.retain(|output| {
                let is_there = said.next_if_eq(&output).is_some();
                found += usize::from(is_there);
                !is_there
            });
            let lost = wanted.len().saturating_sub(parked);
            if lost == 0 {
                if let Some(skipped) =
                    skipped.filter(|before| before.era == question.era && all > 0)
                {
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
        let mut rows = 0;
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
                ParkCode::Encrypted => fell,
                ParkCode::ServerError => self.world.watch.server_errors(id) >= 8,
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
