//! Sends the rows of one claim, in order.

use std::{sync::Arc, time::Duration};

use ruma::OwnedEventId;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{
    Work,
    flight::Flight,
    gate::Held,
    look::{Found, Look, doubles},
    outcome::{ACCOUNT_RETRY, Next, after, confused, found, park, sent},
    settler,
    target::{Done, Resolved, resolve},
};
use crate::{
    Action, Claim, ClaimToken, OrderPolicy, ParkCode, ParkReason, RawJson, Row, SendError,
    Settlement, StoreError, Timestamp, Verdict, chain, message, metrics, shared::Shared,
};

/// Sends one claim's rows until one has to wait; gives the claim's token back. `claimed`
/// is the time of the claim.
pub(super) async fn send(
    work: Arc<Work>,
    claim: Claim,
    claimed: Timestamp,
    settlements: mpsc::Sender<Settlement>,
    stop: CancellationToken,
) -> ClaimToken {
    let Claim {
        token,
        lane: _,
        rows,
    } = claim;
    let mut lane = Lane {
        work: &work,
        token,
        claimed,
        stop: &stop,
        look: Look::default(),
        done: Done::new(),
    };
    // Later the claim might run out while a request is under way.
    let latest = work.shared.steady() + work.shared.settings.claim_ttl / 2;
    let mut is_waiting = false;
    for mut row in rows {
        let may_send = !is_waiting && !stop.is_cancelled() && work.shared.steady() < latest;
        let verdict = if may_send {
            let span = tracing::debug_span!(
                "send", lane = %row.lane, transaction_id = %row.transaction_id,
                attempt = row.attempts + 1
            );
            let next = lane.attempt(&mut row).instrument(span).await;
            let (verdict, goes_on) = lane.settle(&row, next);
            is_waiting = !goes_on;
            verdict
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

/// A claimed lane on its way.
struct Lane<'a> {
    work: &'a Work,
    token: ClaimToken,
    claimed: Timestamp,
    stop: &'a CancellationToken,
    look: Look,
    done: Done,
}

/// Why a row is not sent now, or not at all.
enum Unready {
    Send(SendError),
    Next(Next),
}

impl From<Next> for Unready {
    fn from(next: Next) -> Self {
        Self::Next(next)
    }
}

const RELEASE: Unready = Unready::Next(Next::Wait(Verdict::Release));

impl Lane<'_> {
    async fn attempt(&mut self, row: &mut Row) -> Next {
        let resumes = self.work.pauses().resumes();
        match self.try_send(row).await {
            Ok(next) | Err(Unready::Next(next)) => next,
            Err(Unready::Send(error)) => after(self.work, row, error, resumes),
        }
    }

    /// What to write down, and whether the lane goes on.
    fn settle(&mut self, row: &Row, next: Next) -> (Verdict, bool) {
        let (verdict, goes_on) = match next {
            Next::GoOn(verdict) => (verdict, true),
            Next::Wait(verdict) => (verdict, false),
        };
        match &verdict {
            Verdict::Sent(event_id) => {
                self.done.insert(row.key.clone(), event_id.clone());
            }
            Verdict::Park(_) | Verdict::Shadow => {
                self.done.insert(row.key.clone(), None);
            }
            _ => {}
        }
        let blocks = matches!(verdict, Verdict::Park(_)) && row.body.order == OrderPolicy::Block;
        if blocks {
            self.work.note_blocked(row);
        }
        (verdict, goes_on && !blocks)
    }

    async fn try_send(&mut self, row: &mut Row) -> Result<Next, Unready> {
        let shared = &self.work.shared;
        self.may_begin(row).await?;
        self.resolve(row).await?;
        self.look_back(row).await?;
        loop {
            self.prepare(row).await?;
            let key = (row.sender.user.clone(), row.class);
            let Some(flight) = Flight::begin(self.work, key, self.stop).await else {
                return Err(RELEASE);
            };
            if let Err(reason) = self.work.gate.still_passes(shared, row) {
                drop(flight);
                return Err(self.give_up(row, reason).await);
            }
            let error = match shared.sender.send(row).await {
                Ok(event_id) => {
                    flight.accepted();
                    return Ok(self.answered(row, event_id));
                }
                Err(error) => error,
            };
            match error {
                SendError::RateLimited { retry_after } => {
                    let is_long = flight.refused(retry_after);
                    self.work.note_limit(row, retry_after, is_long);
                    // It was refused: it is as if it had not been tried.
                    return Err(RELEASE);
                }
                SendError::Relation(reason) => {
                    metrics::count_reason(metrics::SEND_FAILURE, metrics::RELATION);
                    let action = plain_reply(&row.body.action).ok_or_else(|| park(reason))?;
                    self.amend(row, action).await?;
                }
                error => return Err(Unready::Send(error)),
            }
        }
    }

    /// What needs no attempt to be known.
    async fn may_begin(&mut self, row: &Row) -> Result<(), Unready> {
        let shared = &self.work.shared;
        let now = shared.steady();
        if shared
            .policy()
            .is_silent(row.body.address.room(), row.class)
        {
            metrics::count(metrics::SHADOWED, 1);
            return Err(Next::GoOn(Verdict::Shadow).into());
        }
        let key = (row.sender.user.clone(), row.class);
        if self.work.paces().waits(&key, now) {
            return Err(RELEASE);
        }
        let may_send = self
            .work
            .pauses()
            .enter(&row.sender.user, now, now + ACCOUNT_RETRY);
        if !may_send {
            return Err(RELEASE);
        }
        if row
            .body
            .deadline
            .is_some_and(|deadline| deadline <= shared.now())
        {
            let reason = ParkReason::new(ParkCode::Expired, "its deadline passed");
            return Err(self.give_up(row, reason).await);
        }
        Ok(())
    }

    /// Puts the event that another row became into the row, where it changes that one.
    async fn resolve(&mut self, row: &mut Row) -> Result<(), Unready> {
        let resolved = resolve(&self.work.shared, row, &self.done).await;
        let now = self.work.shared.now();
        match resolved.map_err(|error| unreadable("rows", &error, now))? {
            Resolved::Ready => Ok(()),
            Resolved::As(action) => self.amend(row, action).await,
            Resolved::Later(due) => {
                let counted = false;
                Err(Next::Wait(Verdict::Retry { due, counted }).into())
            }
            Resolved::Park(reason) => Err(park(reason).into()),
        }
    }

    /// Looks whether the row was sent before, where the homeserver may not know its
    /// transaction id any more.
    async fn look_back(&mut self, row: &Row) -> Result<(), Unready> {
        let shared = &self.work.shared;
        let Some(since) = self.may_be_sent_since(row) else {
            return Ok(());
        };
        let is_other_device = self.is_tried(row) && row.sender.device != shared.identity.device;
        let memory = shared.settings.memory_of(&shared.identity);
        if !is_other_device && shared.now().since(since) < memory {
            return Ok(());
        }
        match self.find(row, since).await? {
            Found::Sent(event_id) => Err(found(row, event_id).into()),
            Found::Absent => Ok(()),
            Found::Untold => {
                let reason = "it may have been sent, and the room's history does not tell: look \
                              into the room, then retry or drop it";
                Err(park(ParkReason::new(ParkCode::UnknownOutcome, reason)).into())
            }
        }
    }

    /// Gives a row up that no attempt of now was about. It may have been sent before.
    async fn give_up(&mut self, row: &Row, reason: ParkReason) -> Unready {
        let Some(since) = self.may_be_sent_since(row) else {
            return park(reason).into();
        };
        let next = match self.find(row, since).await {
            Ok(Found::Sent(event_id)) => found(row, event_id),
            Ok(Found::Absent) => park(reason),
            Ok(Found::Untold) => {
                let detail = format!("it may have been sent; else: {reason}");
                park(ParkReason::new(ParkCode::UnknownOutcome, detail))
            }
            Err(unready) => return unready,
        };
        next.into()
    }

    async fn find(&mut self, row: &Row, since: Timestamp) -> Result<Found, Unready> {
        metrics::count(metrics::LOOKS, 1);
        self.look
            .find(&self.work.shared, row, since)
            .await
            .map_err(Unready::Send)
    }

    /// From when on the row may have been sent already, if it may and that would show:
    /// by an attempt whose answer was lost, or by a former life of the store.
    fn may_be_sent_since(&self, row: &Row) -> Option<Timestamp> {
        if !doubles(&row.body.action) {
            return None;
        }
        let tried = row.first_attempt.filter(|_| self.is_tried(row));
        tried.into_iter().chain(row.body.caused_at).min()
    }

    /// Whether it was handed out before this claim.
    fn is_tried(&self, row: &Row) -> bool {
        row.first_attempt.is_some_and(|first| first != self.claimed)
    }

    /// Takes the row through the steps before an attempt.
    async fn prepare(&mut self, row: &mut Row) -> Result<(), Unready> {
        let work = self.work;
        for step in &work.steps {
            if let Some(action) = step.prepare(row).await.map_err(Unready::Send)? {
                self.amend(row, action).await?;
            }
        }
        match work.gate.pass(&work.shared, row).await {
            Ok(()) => Ok(()),
            Err(Held::Encrypted(reason)) => Err(self.give_up(row, reason).await),
            Err(Held::Send(error)) => Err(Unready::Send(error)),
            Err(Held::Store(error)) => Err(unreadable("a room's facts", &error, work.shared.now())),
        }
    }

    /// Replaces the row's action, durably.
    async fn amend(&self, row: &mut Row, action: Action) -> Result<(), Unready> {
        let shared: &Shared = &self.work.shared;
        let settlement = Settlement {
            row: row.id,
            token: self.token,
            verdict: Verdict::Amend(action.clone()),
            at: shared.now(),
        };
        row.body.action = action;
        if settler::write(shared, vec![settlement]).await {
            Ok(())
        } else {
            Err(RELEASE)
        }
    }

    fn answered(&self, row: &Row, event_id: Option<OwnedEventId>) -> Next {
        let other = event_id.as_ref().and_then(|event_id| {
            self.work
                .answers()
                .note(&row.key, &row.body.action, event_id)
        });
        match other {
            None => sent(self.work, row, event_id),
            Some(other) => confused(self.work, row, &other),
        }
    }
}

fn unreadable(what: &str, error: &StoreError, now: Timestamp) -> Unready {
    tracing::warn!("{what} cannot be read: {}", chain(error));
    let due = now + Duration::from_secs(1);
    let counted = false;
    Next::Wait(Verdict::Retry { due, counted }).into()
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
