//! What is written to stdout: text, and JSON, one object a line.

use std::io::{self, ErrorKind, Write};

use matrix_bridge::StoreError;
use serde::Serialize;

use super::Fatal;

/// Why something ended before its end.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// Nobody reads what is written, or it cannot be written.
    Output(io::Error),
    /// The store failed.
    Store(StoreError),
    /// What was asked for was not done, in words.
    Undone(String),
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// How the program ends after that.
pub(crate) fn finished(result: Result<(), Stopped>) -> Result<(), Fatal> {
    match result {
        Ok(()) => Ok(()),
        // Such as `head`, which has seen enough.
        Err(Stopped::Output(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(Stopped::Output(error)) => Err(Fatal::failed("writing to stdout", &error)),
        Err(Stopped::Store(error)) => Err(Fatal::failed("using the store", &error)),
        Err(Stopped::Undone(message)) => Err(Fatal::Failed(message)),
    }
}

/// A text on stdout.
pub(crate) fn print_text(text: &str) -> Result<(), Fatal> {
    let written = io::stdout().write_all(text.as_bytes());
    finished(written.map_err(Stopped::Output))
}

/// A value as a line of JSON.
pub(crate) fn line(out: &mut impl Write, value: &impl Serialize) -> Result<(), Stopped> {
    let written = serde_json::to_writer(&mut *out, value).map_err(io::Error::from);
    let written = written.and_then(|()| out.write_all(b"\n"));
    written.map_err(Stopped::Output)
}

/// All that was written is out.
pub(crate) fn flush(out: &mut impl Write) -> Result<(), Stopped> {
    out.flush().map_err(Stopped::Output)
}
