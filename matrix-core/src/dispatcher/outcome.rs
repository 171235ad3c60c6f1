//! What the answers to rows mean.

use std::time::Duration;

use ruma::OwnedEventId;

use super::Work;
use crate::{
    EndpointClass, ParkCode, ParkReason, Row, RowKey, SendError, Status, Timestamp, Verdict, chain,
    metrics,
};

/// A troubled account is tried again this often: no hot loop, and no restart needed.
pub(super) const ACCOUNT_RETRY: Duration = Duration::from_secs(30);

/// The reason in the health while the account cannot send.
pub(super) const ACCOUNT: &str = "send_account";

/// The reason in the health when a transaction id turned out to be used.
pub(super) const CONFUSED: &str = "transaction_used";

/// What to do after a row.
#[derive(Debug)]
pub(super) enum Next {
    /// Settle it so, and go on with the lane.
    GoOn(Verdict),
    /// Settle it so; the rest of the lane waits.
    Wait(Verdict),
}

/// The row was sent.
pub(super) fn sent(work: &Work, row: &Row, event_id: Option<OwnedEventId>) -> Next {
    let shared = &work.shared;
    metrics::count(metrics::SEND_SUCCESS, 1);
    if work.pauses().success(&row.sender.user, shared.now()) {
        tracing::info!("sending again");
        for code in ["send", ACCOUNT] {
            shared.health.clear(code);
        }
    }
    Next::GoOn(Verdict::Sent(event_id))
}

/// The row had been sent before: its answer was lost.
pub(super) fn found(row: &Row, event_id: OwnedEventId) -> Next {
    tracing::info!(%event_id, transaction_id = %row.transaction_id, "it was sent before");
    metrics::count(metrics::FOUND, 1);
    Next::GoOn(Verdict::Sent(Some(event_id)))
}

/// The homeserver answered with the event of another row: it did nothing.
pub(super) fn confused(work: &Work, row: &Row, other: &RowKey) -> Next {
    let shared = &work.shared;
    let message = format!(
        "the homeserver answered to row {} with the event of row {other}: its transaction id {} \
         was used before, and nothing was sent; retry the parked row under a new one",
        row.key, row.transaction_id
    );
    tracing::error!("{message}");
    let detail = format!("the homeserver takes it for row {other}");
    shared
        .health
        .raise(CONFUSED, Status::Degraded, message, shared.now());
    park(ParkReason::new(ParkCode::TransactionUsed, detail))
}

/// What a failed attempt means. `resumes` is how often the sender had been resumed when
/// it began.
pub(super) fn after(work: &Work, row: &Row, error: SendError, resumes: u64) -> Next {
    let shared = &work.shared;
    let now = shared.now();
    let user = &row.sender.user;
    if !matches!(error, SendError::Away { .. } | SendError::Account { .. })
        && work.pauses().let_in(user)
    {
        shared.health.clear(ACCOUNT);
    }
    let wait = || {
        Next::Wait(Verdict::Retry {
            due: now,
            counted: false,
        })
    };
    match error {
        SendError::Away {
            retry_after,
            source,
        } => {
            metrics::count_reason(metrics::SEND_FAILURE, metrics::AWAY);
            work.pauses().away(shared.steady(), |failures| {
                shared
                    .reconnect_delay(failures)
                    .max(retry_after.unwrap_or_default())
            });
            let message = format!("the homeserver is away, sending waits: {}", chain(&*source));
            if shared.health.raise("send", Status::Degraded, &message, now) {
                tracing::warn!("{message}");
            }
            wait()
        }
        // Not from sending, which waits for its turn: from a step before it.
        SendError::RateLimited { retry_after } => Next::Wait(Verdict::Retry {
            due: now + retry_after,
            counted: false,
        }),
        SendError::Account { trouble, source } => {
            metrics::count_reason(metrics::SEND_FAILURE, trouble.as_str());
            let until = shared.steady() + ACCOUNT_RETRY;
            if !work.pauses().trouble(user.clone(), until, resumes) {
                // Something was done about it while this attempt was under way.
                return wait();
            }
            let cause = chain(&*source);
            let message = format!(
                "{user} cannot send: {trouble} ({cause}); {}",
                trouble.advice()
            );
            if shared.health.raise(ACCOUNT, Status::Failed, &message, now) {
                tracing::error!("{message}");
            }
            wait()
        }
        SendError::Server { source } => server_failed(work, row, &chain(&*source)),
        SendError::Relation(reason) | SendError::Refused(reason) => park(reason),
    }
}

/// The homeserver failed on this row: after enough tries, and if others went through
/// meanwhile, the row is the cause.
fn server_failed(work: &Work, row: &Row, cause: &str) -> Next {
    let shared = &work.shared;
    metrics::count_reason(metrics::SEND_FAILURE, metrics::SERVER);
    let attempts = row.attempts + 1;
    let first = row.first_attempt.unwrap_or(row.created);
    if attempts >= shared.settings.send_attempts && work.pauses().succeeded_since(first) {
        let detail = format!("the homeserver failed on it {attempts} times: {cause}");
        return park(ParkReason::new(ParkCode::ServerError, detail));
    }
    tracing::warn!(attempts, "the homeserver failed on a row: {cause}");
    let delay = shared
        .settings
        .retry
        .delay(attempts, shared.random.next_u64());
    // A jitter of nothing is no pause at all.
    let due = shared.now() + delay.max(Duration::from_millis(100));
    Next::Wait(Verdict::Retry { due, counted: true })
}

/// The row is kept for a person.
pub(super) fn park(reason: ParkReason) -> Next {
    tracing::warn!(%reason, "row parked");
    metrics::count_reason(metrics::SEND_FAILURE, reason.code.as_str());
    metrics::count_reason(metrics::PARKED, reason.code.as_str());
    Next::GoOn(Verdict::Park(reason))
}

/// The reason in the health while a class of endpoint waits for long.
pub(super) fn long_wait(class: EndpointClass) -> String {
    format!("rate_limited:{}", class.as_str())
}

impl Work {
    /// The homeserver asked to wait, for `is_long` so long that operators should know.
    pub(super) fn note_limit(&self, row: &Row, asked: Duration, is_long: bool) {
        let (user, class) = (&row.sender.user, row.class.as_str());
        if self.pauses().let_in(user) {
            self.shared.health.clear(ACCOUNT);
        }
        metrics::count_reason(metrics::SEND_FAILURE, metrics::RATE);
        metrics::count(metrics::RATE_LIMITED, 1);
        tracing::info!(%user, class, ?asked, "rate limited");
        if is_long {
            let now: Timestamp = self.shared.now();
            let until = now + asked;
            let message = format!(
                "the homeserver lets {user} wait for {asked:?}, until {until}, before the next \
                 {class}; what is of another class goes on"
            );
            let code = long_wait(row.class);
            self.shared
                .health
                .raise(code, Status::Degraded, message, now);
        }
    }

    /// A row was parked and blocks its lane.
    pub(super) fn note_blocked(&self, row: &Row) {
        let room = row.body.address.room();
        let message = format!(
            "{room} waits, since row {} of it cannot be sent and blocks the room: retry, replace \
             or drop it",
            row.id.0
        );
        let now = self.shared.now();
        let code = blocked(row);
        if self
            .shared
            .health
            .raise(code, Status::Degraded, &message, now)
        {
            tracing::warn!("{message}");
        }
    }
}

/// What the reason in the health begins with while a row blocks its room.
pub(super) const BLOCKED: &str = "blocked_room:";

/// The reason in the health while `row` blocks its room.
pub(super) fn blocked(row: &Row) -> String {
    format!("{BLOCKED}{}", row.body.address.room())
}
