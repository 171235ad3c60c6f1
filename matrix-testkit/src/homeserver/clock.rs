//! The server's time and the places in its stream.

use std::time::{Duration, UNIX_EPOCH};

use super::{errors::milliseconds, state::Homeserver};

impl Homeserver {
    /// Moves the clock, and ends what time ends.
    pub(crate) fn tick(&mut self, now: Duration) {
        self.now = self.now.max(now);
        self.end_stale_typing();
    }

    /// The next place in the stream.
    pub(crate) fn next_position(&mut self) -> u64 {
        self.position += 1;
        self.note_news();
        self.position
    }

    /// Has all requests that wait looked at again.
    pub(crate) const fn note_news(&mut self) {
        self.news += 1;
        self.changes += 1;
    }

    /// Milliseconds since 1970.
    pub(crate) fn timestamp(&self) -> u64 {
        milliseconds(self.config.epoch + self.now)
    }

    /// The moment that far from now, as HTTP words it.
    pub(crate) fn date(&self, ahead: Duration) -> String {
        httpdate::fmt_http_date(UNIX_EPOCH + self.config.epoch + self.now + ahead)
    }
}
