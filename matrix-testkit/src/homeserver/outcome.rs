//! What becomes of a request, in the words of a plain state machine.

use std::time::Duration;

use bytes::Bytes;
use http::Response;

use super::{call::Call, fault::Fault};

/// What [`Homeserver::handle`](super::Homeserver::handle) says about a request.
#[derive(Debug)]
pub enum Outcome {
    /// The server is done; the answer goes out after `delay`.
    Done {
        /// How long the answer takes to come out.
        delay: Duration,
        /// What goes out.
        answer: Answer,
    },
    /// Not yet: call [`Homeserver::resume`](super::Homeserver::resume) at the deadline,
    /// or earlier if [`Waiting::ends_on_news`].
    Wait(Box<Waiting>),
}

/// What goes out on the connection.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A whole answer.
    Whole(Response<Bytes>),
    /// The head and half of the body, then the connection ends.
    Torn(Response<Bytes>),
    /// The connection ends without a byte of an answer.
    Cut,
    /// There was no connection to begin with.
    Refused,
    /// Nothing, for ever.
    Silence,
}

/// A request that is not answered yet.
#[derive(Debug)]
pub struct Waiting {
    pub(crate) deadline: Duration,
    pub(crate) ends_on_news: bool,
    /// The restart after which the request came; a later one cuts it.
    pub(crate) restarts: u64,
    pub(crate) number: u64,
    pub(crate) call: Call,
    pub(crate) fault: Option<Fault>,
}

impl Waiting {
    /// The same request once more, without its fault.
    pub(crate) fn again(&self) -> Self {
        Self {
            call: self.call.clone(),
            fault: None,
            ..*self
        }
    }

    /// When to resume at the latest, since the server's start.
    #[must_use]
    pub const fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Whether to resume as soon as [`Homeserver::news`](super::Homeserver::news) changes.
    #[must_use]
    pub const fn ends_on_news(&self) -> bool {
        self.ends_on_news
    }
}

impl Outcome {
    /// The whole answer, if there is one already.
    #[must_use]
    pub fn into_response(self) -> Option<Response<Bytes>> {
        match self {
            Self::Done {
                answer: Answer::Whole(response),
                ..
            } => Some(response),
            Self::Done { .. } | Self::Wait(_) => None,
        }
    }
}
