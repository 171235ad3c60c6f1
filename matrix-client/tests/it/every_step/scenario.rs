//! What happens around a bot, and what has to come of it.

use std::{pin::Pin, time::Duration};

use matrix_bridge_core::{Row, Settings};

use super::stage::Stage;
use crate::world::Setup;

/// One story, played again and again with trouble at another place.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) rooms: usize,
    /// What the bot is, in each of its lives.
    pub(crate) setup: fn() -> Setup,
    /// What there is before the bot comes.
    pub(crate) before: fn(&Stage),
    /// What happens between the bot's first sync and the story.
    pub(crate) between: fn(&Stage),
    /// Whether the bot's first sync is part of the story.
    pub(crate) is_first_sync: bool,
    /// What people, the homeserver and the host do.
    pub(crate) play: fn(Stage) -> Playing,
    /// What the bot says in each room, in order.
    pub(crate) said: &'static [&'static [&'static str]],
    /// Whether that is all that may be parked of rows.
    pub(crate) parked_rows: fn(&[Row]) -> bool,
    pub(crate) parked_events: usize,
    /// What else has to hold at the end.
    pub(crate) check: fn(&Stage, &str),
}

pub(crate) type Playing = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Scenario {
    /// A story in one room that leaves nothing parked.
    pub(crate) const fn new(
        name: &'static str,
        said: &'static [&'static [&'static str]],
        play: fn(Stage) -> Playing,
    ) -> Self {
        Self {
            name,
            rooms: said.len(),
            setup,
            before: |_| {},
            between: |_| {},
            is_first_sync: false,
            play,
            said,
            parked_rows: |parked| parked.is_empty(),
            parked_events: 0,
            check: |_, _| {},
        }
    }

    pub(crate) const fn with_setup(mut self, setup: fn() -> Setup) -> Self {
        self.setup = setup;
        self
    }

    pub(crate) const fn after(mut self, before: fn(&Stage)) -> Self {
        self.before = before;
        self
    }

    pub(crate) const fn between(mut self, between: fn(&Stage)) -> Self {
        self.between = between;
        self
    }

    pub(crate) const fn with_the_first_sync(mut self) -> Self {
        self.is_first_sync = true;
        self
    }

    pub(crate) const fn parking_events(mut self, events: usize) -> Self {
        self.parked_events = events;
        self
    }

    pub(crate) const fn checked_rows(mut self, is_right: fn(&[Row]) -> bool) -> Self {
        self.parked_rows = is_right;
        self
    }

    pub(crate) const fn checked(mut self, check: fn(&Stage, &str)) -> Self {
        self.check = check;
        self
    }
}

/// A bot with short waits, so that a story is short too.
pub(crate) fn setup() -> Setup {
    Setup {
        settings: Settings {
            grace: Duration::from_millis(500),
            claim_ttl: Duration::from_secs(60),
            ..Settings::default()
        },
        ..Setup::default()
    }
}
