//! The state machine: one request in, one outcome out.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use http::{Request, StatusCode};

use super::{
    auth::{Session, User, Who},
    call::Call,
    config::HomeserverConfig,
    errors::ApiError,
    fault::Effect,
    ids::Ids,
    limiter::Limiter,
    media::Media,
    outcome::{Answer, Outcome, Waiting},
    refresh::Refreshes,
    reply::Reply,
    request_log::{RequestLog, RequestRecord},
    room::Room,
    route::{Handler, Miss},
    script::{Script, Target},
    sync::LastBatch,
    sync_cache::SyncCache,
    transactions::Transactions,
};

/// A Matrix homeserver as a plain state machine.
///
/// It has no clock, no socket, no thread and no chance: the same requests at the same
/// times give the same answers, byte for byte. Most tests take the handle
/// [`TestHomeserver`](super::TestHomeserver) around it.
#[derive(Debug)]
pub struct Homeserver {
    pub(crate) config: HomeserverConfig,
    pub(crate) ids: Ids,
    pub(crate) users: BTreeMap<String, User>,
    pub(crate) sessions: BTreeMap<String, Session>,
    pub(crate) refreshes: Refreshes,
    pub(crate) rooms: BTreeMap<String, Room>,
    pub(crate) aliases: BTreeMap<String, String>,
    pub(crate) media: BTreeMap<String, Media>,
    pub(crate) transactions: Transactions,
    pub(crate) limiter: Limiter,
    pub(crate) script: Script,
    pub(crate) log: RequestLog,
    pub(crate) last_batches: BTreeMap<String, LastBatch>,
    pub(crate) sync_cache: SyncCache,
    /// The last place given out in the stream of all that syncs tell.
    pub(crate) position: u64,
    pub(crate) now: Duration,
    pub(crate) is_down: bool,
    pub(crate) restarts: u64,
    pub(crate) news: u64,
    pub(crate) changes: u64,
}

impl Homeserver {
    /// A server without users or rooms.
    #[must_use]
    pub fn new(config: HomeserverConfig) -> Self {
        Self {
            ids: Ids::default(),
            users: BTreeMap::new(),
            sessions: BTreeMap::new(),
            refreshes: Refreshes::default(),
            rooms: BTreeMap::new(),
            aliases: BTreeMap::new(),
            media: BTreeMap::new(),
            transactions: Transactions::default(),
            limiter: Limiter::default(),
            script: Script::default(),
            log: RequestLog::new(config.log_capacity),
            last_batches: BTreeMap::new(),
            sync_cache: SyncCache::default(),
            position: 0,
            now: Duration::ZERO,
            is_down: false,
            restarts: 0,
            news: 0,
            changes: 0,
            config,
        }
    }

    /// Answers `request`, which arrives `now`, counted from the server's start.
    ///
    /// Only path, query, method, headers and body count; the host of the URI does not.
    /// Time never runs backwards: an earlier `now` than the last one is taken as that.
    pub fn handle(&mut self, request: &Request<Bytes>, now: Duration) -> Outcome {
        self.tick(now);
        if self.is_down {
            return Outcome::Done {
                delay: Duration::ZERO,
                answer: Answer::Refused,
            };
        }
        let call = Call::read(request);
        let who = self.identity(&call);
        let number = self.log.open(self.record(request, &call, who.as_ref()));
        self.changes += 1;
        let fault = self.script.take(&target(&call, who.as_ref()));
        if let Some(fault) = &fault {
            self.note_fault(number, fault.name());
        }
        let (deadline, restarts) = (self.now, self.restarts);
        let waiting = Waiting {
            deadline,
            ends_on_news: false,
            restarts,
            number,
            call,
            fault,
        };
        self.begin(waiting)
    }

    /// Looks again at a request that waits.
    pub fn resume(&mut self, waiting: Waiting, now: Duration) -> Outcome {
        self.tick(now);
        if waiting.restarts != self.restarts || self.is_down {
            return self.done(waiting.number, Duration::ZERO, Answer::Cut);
        }
        if !waiting.ends_on_news && self.now < waiting.deadline {
            return Outcome::Wait(Box::new(waiting));
        }
        self.act(waiting)
    }

    /// Changes whenever a request that waits may have its answer.
    #[must_use]
    pub const fn news(&self) -> u64 {
        self.news
    }

    /// Changes whenever anything a test can ask about has changed.
    #[must_use]
    pub const fn changes(&self) -> u64 {
        self.changes
    }

    /// What the fault does before the server acts.
    fn begin(&mut self, mut waiting: Waiting) -> Outcome {
        let number = waiting.number;
        if waiting.call.body.len() > self.config.max_upload {
            return self.done(number, Duration::ZERO, Answer::Cut);
        }
        let Some(fault) = waiting.fault.as_ref().filter(|fault| !fault.acts_first()) else {
            return self.act(waiting);
        };
        match &fault.effect {
            Effect::Refuse => self.done(number, Duration::ZERO, Answer::Refused),
            Effect::Cut => self.done(number, Duration::ZERO, Answer::Cut),
            Effect::Silence => self.done(number, Duration::ZERO, Answer::Silence),
            Effect::Answer(canned) => {
                let reply = canned.reply(|wait| self.date(wait));
                self.answer(number, reply, Duration::ZERO)
            }
            Effect::ActLate(time) => {
                waiting.deadline = self.now + *time;
                Outcome::Wait(Box::new(waiting))
            }
            Effect::EndSession { soft } => {
                let soft = *soft;
                if let Some(token) = waiting.call.token.clone() {
                    self.end_session(&token, soft);
                }
                self.act(waiting)
            }
            Effect::ActTwice => match self.act(waiting.again()) {
                Outcome::Done { .. } => self.act(waiting),
                wait @ Outcome::Wait(_) => wait,
            },
            Effect::DoubleBody
            | Effect::ReplyLate(_)
            | Effect::TearBody
            | Effect::HalveBody
            | Effect::Sync(_) => self.act(waiting),
        }
    }

    fn act(&mut self, mut waiting: Waiting) -> Outcome {
        let result = match waiting.call.route {
            Err(Miss::Path) => Err(unrecognized(StatusCode::NOT_FOUND)),
            Err(Miss::Method) => Err(unrecognized(StatusCode::METHOD_NOT_ALLOWED)),
            Ok(route) => match route.handler {
                Handler::Open(handler) => handler(self, &waiting.call),
                Handler::Authed(handler) => self.act_within_limits(&waiting.call, handler),
                Handler::Sync => match self.poll(&mut waiting) {
                    Ok(Some(reply)) => Ok(reply),
                    Ok(None) => return Outcome::Wait(Box::new(waiting)),
                    Err(error) => Err(error),
                },
            },
        };
        let reply = result.unwrap_or_else(ApiError::into_reply);
        self.finish(&waiting, reply)
    }

    /// What the fault does after the server acted.
    fn finish(&mut self, waiting: &Waiting, reply: Reply) -> Outcome {
        let number = waiting.number;
        let Some(fault) = waiting.fault.as_ref().filter(|fault| fault.acts_first()) else {
            return self.answer(number, reply, Duration::ZERO);
        };
        match &fault.effect {
            Effect::Refuse => self.done(number, Duration::ZERO, Answer::Refused),
            Effect::Cut => self.done(number, Duration::ZERO, Answer::Cut),
            Effect::Silence => self.done(number, Duration::ZERO, Answer::Silence),
            Effect::Answer(canned) => {
                let reply = canned.reply(|wait| self.date(wait));
                self.answer(number, reply, Duration::ZERO)
            }
            Effect::ReplyLate(time) => self.answer(number, reply, *time),
            Effect::DoubleBody => self.answer(number, reply.doubled(), Duration::ZERO),
            Effect::HalveBody => self.answer(number, reply.halved(), Duration::ZERO),
            Effect::TearBody => {
                let response = reply.into_response(&self.date(Duration::ZERO));
                self.done(number, Duration::ZERO, Answer::Torn(response))
            }
            Effect::ActTwice | Effect::ActLate(_) | Effect::EndSession { .. } | Effect::Sync(_) => {
                self.answer(number, reply, Duration::ZERO)
            }
        }
    }

    fn answer(&mut self, number: u64, reply: Reply, late: Duration) -> Outcome {
        let delay = reply.takes() + late;
        let response = reply.into_response(&self.date(Duration::ZERO));
        self.done(number, delay, Answer::Whole(response))
    }

    fn done(&mut self, number: u64, delay: Duration, answer: Answer) -> Outcome {
        let status = match &answer {
            Answer::Whole(response) | Answer::Torn(response) => Some(response.status().as_u16()),
            Answer::Cut | Answer::Refused | Answer::Silence => None,
        };
        if let Some(record) = self.log.find(number) {
            record.status = status;
        }
        self.changes += 1;
        Outcome::Done { delay, answer }
    }

    fn record(&self, request: &Request<Bytes>, call: &Call, who: Option<&Who>) -> RequestRecord {
        let argument = |name| call.arguments.get(name).cloned();
        RequestRecord {
            number: 0,
            at: self.now,
            method: call.method.to_string(),
            path: call.path.clone(),
            query: Call::query_without_token(request),
            endpoint: call.endpoint(),
            user: who.map(|who| who.user.clone()),
            device: who.and_then(|who| who.device.clone()),
            room: argument("room"),
            transaction_id: argument("txn"),
            body_length: call.body.len(),
            status: None,
            fault: None,
        }
    }

    pub(crate) fn note_fault(&mut self, number: u64, name: &'static str) {
        if let Some(record) = self.log.find(number) {
            record.fault = Some(name);
        }
    }
}

/// What faults can go by in `call`.
pub(crate) fn target<'a>(call: &'a Call, who: Option<&'a Who>) -> Target<'a> {
    Target {
        endpoint: call.endpoint(),
        user: who.map(|who| &*who.user),
        room: call.arguments.get("room").map(String::as_str),
    }
}

fn unrecognized(status: StatusCode) -> ApiError {
    ApiError::new(status, "M_UNRECOGNIZED", "Unrecognized request")
}
