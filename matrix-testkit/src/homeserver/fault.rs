//! Faults by script: which request is hit, and by what.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde_json::json;

use super::{
    canned::{Canned, RateLimitForm},
    endpoint::Endpoint,
    script::Target,
};

/// One scripted fault: what happens, to which requests, how often.
///
/// A fault hits the first request that matches, once, unless told otherwise. Faults are
/// looked through in the order in which they were given; one request is hit by at most
/// one of them. The [`RequestRecord`](super::RequestRecord) names the fault that hit.
///
/// ```
/// use matrix_bridge_testkit::homeserver::{Endpoint, Fault, TestHomeserver};
///
/// let server = TestHomeserver::new();
/// // The third send of this run is done, but its answer is lost.
/// server.fault(Fault::cut_after_acting().on(Endpoint::Send).skip(2));
/// ```
#[derive(Clone, Debug)]
pub struct Fault {
    pub(crate) effect: Effect,
    acted: bool,
    endpoint: Option<Endpoint>,
    user: Option<String>,
    room: Option<String>,
    skip: u32,
    remaining: Option<u32>,
}

/// What a fault does.
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    Refuse,
    Cut,
    Silence,
    ReplyLate(Duration),
    ActLate(Duration),
    Answer(Canned),
    TearBody,
    HalveBody,
    DoubleBody,
    ActTwice,
    EndSession { soft: bool },
    Sync(SyncFault),
}

/// What a fault does to the next sync that has events.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SyncFault {
    RepeatBatch,
    Reverse,
    Limit { keep: usize },
}

/// What happens, and to a request before or after the server acted on it.
impl Fault {
    /// The connection is refused: the server sees nothing. On a socket it is a cut.
    #[must_use]
    pub const fn refused() -> Self {
        Self::new(Effect::Refuse)
    }

    /// The connection ends before the server acts.
    #[must_use]
    pub const fn cut_before_acting() -> Self {
        Self::new(Effect::Cut)
    }

    /// The server acts, and the connection ends before the answer.
    #[must_use]
    pub const fn cut_after_acting() -> Self {
        Self::new(Effect::Cut).after_acting()
    }

    /// No answer ever comes, and the server does not act.
    #[must_use]
    pub const fn silent_before_acting() -> Self {
        Self::new(Effect::Silence)
    }

    /// The server acts, and no answer ever comes.
    #[must_use]
    pub const fn silent_after_acting() -> Self {
        Self::new(Effect::Silence).after_acting()
    }

    /// The server acts at once and answers `time` later.
    #[must_use]
    pub const fn late_reply(time: Duration) -> Self {
        Self::new(Effect::ReplyLate(time)).after_acting()
    }

    /// The server acts only `time` later, and then answers.
    ///
    /// A client that has hung up by then has not been served.
    #[must_use]
    pub const fn late_action(time: Duration) -> Self {
        Self::new(Effect::ActLate(time))
    }

    /// 429 in one of its forms; the server does not act.
    #[must_use]
    pub fn rate_limited(form: RateLimitForm) -> Self {
        Self::new(Effect::Answer(form.canned()))
    }

    /// An error status with a JSON body as Synapse words it.
    #[must_use]
    pub fn error(status: StatusCode, errcode: &str) -> Self {
        let body = json!({ "errcode": errcode, "error": "scripted" }).to_string();
        Self::answer(status, "application/json", body)
    }

    /// A page of a proxy, as HTML: 502, 520, or even 200.
    #[must_use]
    pub fn page(status: StatusCode) -> Self {
        let title = status
            .canonical_reason()
            .unwrap_or("Web server is returning an unknown error");
        let body = format!("<!doctype html><title>{title}</title><h1>{title}</h1>");
        Self::answer(status, "text/html; charset=utf-8", body)
    }

    /// Any answer, in place of the server's own.
    #[must_use]
    pub fn answer(status: StatusCode, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self::new(Effect::Answer(Canned {
            status,
            content_type: content_type.to_owned(),
            body: body.into(),
            retry_after: None,
        }))
    }

    /// The server acts, and the connection ends in the middle of the answer's body.
    #[must_use]
    pub const fn torn_body() -> Self {
        Self::new(Effect::TearBody).after_acting()
    }

    /// The server acts and answers with the first half of the JSON, as if it were all.
    #[must_use]
    pub const fn half_body() -> Self {
        Self::new(Effect::HalveBody).after_acting()
    }

    /// The server acts and answers with its JSON twice, one after the other.
    #[must_use]
    pub const fn doubled_body() -> Self {
        Self::new(Effect::DoubleBody).after_acting()
    }

    /// The request reaches the server twice, as through a proxy that tries again: the
    /// server acts twice, and the second answer goes out.
    #[must_use]
    pub const fn doubled_request() -> Self {
        Self::new(Effect::ActTwice)
    }

    /// The token is revoked as the request arrives, which is then refused.
    #[must_use]
    pub const fn token_revoked() -> Self {
        Self::new(Effect::EndSession { soft: false })
    }

    /// The token expires as the request arrives: refused with `soft_logout`.
    #[must_use]
    pub const fn token_expired() -> Self {
        Self::new(Effect::EndSession { soft: true })
    }

    /// A sync gives again the events of the device's last sync that had any.
    ///
    /// It waits for one that goes on where that ended.
    #[must_use]
    pub const fn repeated_batch() -> Self {
        Self::sync(SyncFault::RepeatBatch)
    }

    /// The next sync that has events gives each room's timeline backwards.
    #[must_use]
    pub const fn reversed_timeline() -> Self {
        Self::sync(SyncFault::Reverse)
    }

    /// The next sync that has events gives at most the `keep` last ones of each room,
    /// and says `limited`.
    #[must_use]
    pub const fn limited_timeline(keep: usize) -> Self {
        Self::sync(SyncFault::Limit { keep })
    }
}

/// Which requests.
impl Fault {
    /// Only requests to `endpoint`.
    #[must_use]
    pub const fn on(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = Some(endpoint);
        self
    }

    /// Only requests with a token of `user`.
    #[must_use]
    pub fn by(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Only requests whose path names `room`.
    #[must_use]
    pub fn in_room(mut self, room: impl Into<String>) -> Self {
        self.room = Some(room.into());
        self
    }

    /// Lets the first `requests` that match pass.
    #[must_use]
    pub const fn skip(mut self, requests: u32) -> Self {
        self.skip = requests;
        self
    }

    /// Hits that many requests; once by default.
    #[must_use]
    pub const fn times(mut self, requests: u32) -> Self {
        self.remaining = Some(requests);
        self
    }

    /// Hits every request that matches, until the faults are cleared.
    #[must_use]
    pub const fn forever(mut self) -> Self {
        self.remaining = None;
        self
    }

    /// The server acts before this fault takes the answer's place.
    ///
    /// For [`Fault::error`], [`Fault::page`], [`Fault::answer`] and
    /// [`Fault::rate_limited`], which otherwise happen instead of acting.
    #[must_use]
    pub const fn after_acting(mut self) -> Self {
        self.acted = true;
        self
    }
}

impl Fault {
    const fn new(effect: Effect) -> Self {
        Self {
            effect,
            acted: false,
            endpoint: None,
            user: None,
            room: None,
            skip: 0,
            remaining: Some(1),
        }
    }

    const fn sync(fault: SyncFault) -> Self {
        Self::new(Effect::Sync(fault)).on(Endpoint::Sync)
    }

    /// Whether the server acts first.
    pub(crate) const fn acts_first(&self) -> bool {
        self.acted
    }

    pub(crate) const fn is_used_up(&self) -> bool {
        matches!(self.remaining, Some(0))
    }

    pub(crate) fn matches(&self, target: &Target<'_>) -> bool {
        !self.is_used_up()
            && self
                .endpoint
                .is_none_or(|endpoint| endpoint == target.endpoint)
            && self
                .user
                .as_deref()
                .is_none_or(|user| Some(user) == target.user)
            && self
                .room
                .as_deref()
                .is_none_or(|room| Some(room) == target.room)
    }

    /// Counts a request that matches; says whether it is hit.
    pub(crate) const fn strike(&mut self) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        if let Some(remaining) = &mut self.remaining {
            *remaining -= 1;
        }
        true
    }

    /// The name in the log.
    pub(crate) const fn name(&self) -> &'static str {
        match (&self.effect, self.acted) {
            (Effect::Refuse, _) => "refused",
            (Effect::Cut, false) => "cut before acting",
            (Effect::Cut, true) => "cut after acting",
            (Effect::Silence, false) => "silent before acting",
            (Effect::Silence, true) => "silent after acting",
            (Effect::ReplyLate(_), _) => "late reply",
            (Effect::ActLate(_), _) => "late action",
            (Effect::Answer(_), false) => "answer instead of acting",
            (Effect::Answer(_), true) => "answer after acting",
            (Effect::TearBody, _) => "torn body",
            (Effect::HalveBody, _) => "half body",
            (Effect::DoubleBody, _) => "doubled body",
            (Effect::ActTwice, _) => "doubled request",
            (Effect::EndSession { soft: false }, _) => "token revoked",
            (Effect::EndSession { soft: true }, _) => "token expired",
            (Effect::Sync(SyncFault::RepeatBatch), _) => "repeated batch",
            (Effect::Sync(SyncFault::Reverse), _) => "reversed timeline",
            (Effect::Sync(SyncFault::Limit { .. }), _) => "limited timeline",
        }
    }
}
