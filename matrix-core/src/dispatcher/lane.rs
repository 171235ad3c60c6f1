//! Sends the rows of one claim, in order.

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{Work, gate::Held, settler};
use crate::{
    Action, Claim, ClaimToken, ParkCode, ParkReason, RawJson, Row, SendError, Settlement, Status,
    Timestamp, Verdict, backoff, chain, message, metrics, shared::Shared,
};

/// A troubled account is tried again this often: no hot loop, and no restart needed.
const ACCOUNT_RETRY: Duration = Duration::from_secs(30);

/// The reason in the health while the account cannot send.
pub(super) const ACCOUNT: &str = "send_account";

/// What to do after a row.
enum Next {
    /// Settle it so, and go on with the lane.
    GoOn(Verdict),
    /// Settle it so; the rest of the lane waits.
    Wait(Verdict),
}

/// Sends one claim's rows until one has to wait; gives the claim's token back.
pub(super) async fn send(
    work: Arc<Work>,
    claim: Claim,
    settlements: mpsc::Sender<Settlement>,
    stop: CancellationToken,
) -> ClaimToken {
    let Claim {
        token,
        lane: _,
        rows,
    } = claim;
    // Later the claim might run out while a request is under way.
    let latest = work.shared.now() + work.shared.settings.claim_ttl / 2;
    let mut is_waiting = false;
    for mut row in rows {
        let may_send = !is_waiting && !stop.is_cancelled() && work.shared.now() < latest;
        let verdict = if may_send {
            let span = tracing::debug_span!(
                "send", lane = %row.lane, transaction_id = %row.transaction_id,
                attempt = row.attempts + 1
            );
            match attempt(&work, &mut row, token).instrument(span).await {
                Next::GoOn(verdict) => verdict,
                Next::Wait(verdict) => {
                    is_waiting = true;
                    verdict
                }
            }
        } else {
            Verdict::Release
        };
        let settlement = Settlement {
            row: row.id,
            token,
            verdict,
            at: work.shared.now(),
        };
        if settlements.send(settlement).await.is_err() {
            break;
        }
    }
    token
}

async fn attempt(work: &Work, row: &mut Row, token: ClaimToken) -> Next {
    let shared = &work.shared;
    if let Some(verdict) = before(work, row) {
        return verdict;
    }
    loop {
        let resumes = work.pauses().resumes();
        let result = match ready(work, row, token).await {
            Ok(()) => shared.sender.send(row).await,
            Err(Unready::Send(error)) => Err(error),
            Err(Unready::Wait) => return Next::Wait(Verdict::Release),
        };
        let error = match result {
            Ok(event_id) => {
                sent(work, row);
                return Next::GoOn(Verdict::Sent(event_id));
            }
            Err(error) => error,
        };
        if let SendError::Relation(reason) = error {
            metrics::count_reason(metrics::SEND_FAILURE, metrics::RELATION);
            let Some(action) = plain_reply(&row.body.action) else {
                return park(reason);
            };
            if amend(shared, row, token, action).await {
                continue;
            }
            return Next::Wait(Verdict::Release);
        }
        return after(work, row, error, resumes);
    }
}

/// What needs no attempt to be known.
fn before(work: &Work, row: &Row) -> Option<Next> {
    let shared = &work.shared;
    let now = shared.now();
    if shared
        .policy()
        .is_silent(row.body.address.room(), row.class)
    {
        metrics::count(metrics::SHADOWED, 1);
        return Some(Next::GoOn(Verdict::Shadow));
    }
    if row.body.deadline.is_some_and(|deadline| deadline <= now) {
        return Some(park(ParkReason::new(
            ParkCode::Expired,
            "its deadline passed",
        )));
    }
    let may_send = work
        .pauses()
        .enter(&row.sender.user, row.class, now, now + ACCOUNT_RETRY);
    (!may_send).then_some(Next::Wait(Verdict::Release))
}

enum Unready {
    Send(SendError),
    Wait,
}

/// Takes the row through the steps before an attempt.
async fn ready(work: &Work, row: &mut Row, token: ClaimToken) -> Result<(), Unready> {
    let shared = &work.shared;
    for step in &work.steps {
        if let Some(action) = step.prepare(row).await.map_err(Unready::Send)?
            && !amend(shared, row, token, action).await
        {
            return Err(Unready::Wait);
        }
    }
    work.gate
        .pass(shared, row)
        .await
        .map_err(|held| match held {
            Held::Send(error) => Unready::Send(error),
            Held::Store(error) => {
                tracing::warn!("a room's facts cannot be read: {}", chain(&error));
                Unready::Wait
            }
        })
}

/// Replaces the row's action, durably; false if it could not be written.
async fn amend(shared: &Shared, row: &mut Row, token: ClaimToken, action: Action) -> bool {
    let verdict = Verdict::Amend(action.clone());
    let settlement = Settlement {
        row: row.id,
        token,
        verdict,
        at: shared.now(),
    };
    let is_written = settler::write(shared, vec![settlement]).await;
    row.body.action = action;
    is_written
}

/// The action without its thread, if it has one.
fn plain_reply(action: &Action) -> Option<Action> {
    let Action::Message {
        event_type,
        content,
    } = action
    else {
        return None;
    };
    let content = message::without_thread(content.as_str())?;
    let content = RawJson::from_value(&content).ok()?;
    Some(Action::Message {
        event_type: event_type.clone(),
        content,
    })
}

fn sent(work: &Work, row: &Row) {
    let shared = &work.shared;
    metrics::count(metrics::SEND_SUCCESS, 1);
    if work.pauses().success(&row.sender.user, shared.now()) {
        tracing::info!("sending again");
        for code in ["send", ACCOUNT] {
            shared.health.clear(code);
        }
    }
    shared.health.clear("rate_limited");
}

/// What a failed attempt means. `resumes` is how often the sender had been resumed when
/// it began.
fn after(work: &Work, row: &Row, error: SendError, resumes: u64) -> Next {
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
            work.pauses().away(now, |failures| {
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
        SendError::RateLimited { retry_after } => {
            metrics::count_reason(metrics::SEND_FAILURE, metrics::RATE);
            metrics::count(metrics::RATE_LIMITED, 1);
            let until = now + retry_after + jitter(shared, retry_after);
            work.pauses().limit(user.clone(), row.class, until);
            note_limit(shared, row, retry_after, now);
            wait()
        }
        SendError::Account { trouble, source } => {
            metrics::count_reason(metrics::SEND_FAILURE, trouble.as_str());
            let until = now + ACCOUNT_RETRY;
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

fn park(reason: ParkReason) -> Next {
    tracing::warn!(%reason, "row parked");
    metrics::count_reason(metrics::SEND_FAILURE, reason.code.as_str());
    metrics::count_reason(metrics::PARKED, reason.code.as_str());
    Next::GoOn(Verdict::Park(reason))
}

/// Waiting exactly as long as asked gives one refusal for each success.
fn jitter(shared: &Shared, asked: Duration) -> Duration {
    let longest = (asked / 10).clamp(Duration::from_millis(100), Duration::from_secs(5));
    Duration::from_millis(50) + backoff::scaled(longest, shared.random.next_u64())
}

fn note_limit(shared: &Shared, row: &Row, asked: Duration, now: Timestamp) {
    const LONG: Duration = Duration::from_secs(15 * 60);
    let (user, class) = (&row.sender.user, row.class.as_str());
    tracing::info!(%user, class, ?asked, "rate limited");
    if asked > LONG {
        let message = format!("the homeserver lets {user} wait for {asked:?} before {class}");
        shared
            .health
            .raise("rate_limited", Status::Degraded, message, now);
    }
}
