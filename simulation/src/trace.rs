//! All that happened, line by line, for those who want to know.

use std::fmt::{Arguments, Write as _};

use tokio::time::Instant;

/// The lines; none are kept unless somebody asked for them.
#[derive(Debug)]
pub(crate) struct Trace {
    start: Instant,
    lines: Option<String>,
}

impl Trace {
    pub(crate) fn new(is_wanted: bool) -> Self {
        Self {
            start: Instant::now(),
            lines: is_wanted.then(String::new),
        }
    }

    pub(crate) fn note(&mut self, what: Arguments<'_>) {
        if let Some(lines) = &mut self.lines {
            let at = self.start.elapsed().as_secs_f64();
            // Writing into a string cannot fail.
            let _ = writeln!(lines, "{at:10.3} {what}");
        }
    }

    pub(crate) fn take(&mut self) -> Option<String> {
        self.lines.take()
    }
}
