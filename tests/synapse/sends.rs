//! What the homeserver's access log tells of a bot's sends, and what the server's limit makes of that.

use std::time::{Duration, SystemTime};

use matrix_bridge_testkit::synapse::AccessLogLine;

/// One bot's sends, oldest answer first.
#[derive(Debug)]
pub(crate) struct Sends {
    accepted: Vec<AccessLogLine>,
    refused: Vec<AccessLogLine>,
}

impl Sends {
    /// Takes the sends out of everything that a bot has asked for.
    pub(crate) fn of(mut requests: Vec<AccessLogLine>) -> Self {
        requests.retain(|request| request.method == "PUT" && request.path.contains("/send/"));
        requests.sort_by_key(|request| request.answered);
        let (accepted, others): (Vec<_>, _) = requests.into_iter().partition(|r| r.status == 200);
        let refused = others.into_iter().inspect(|request| {
            assert_eq!(request.status, 429, "{request:?}");
        });
        Self {
            refused: refused.collect(),
            accepted,
        }
    }

    pub(crate) fn accepted(&self) -> usize {
        self.accepted.len()
    }

    pub(crate) fn refused(&self) -> usize {
        self.refused.len()
    }

    /// When each wait began. A refusal belongs to the wait before it if its request was under way when that
    /// began.
    ///
    /// # Panics
    ///
    /// When the bot has asked within a wait: the log does not hold the time that the server named, but before
    /// it the server accepts nothing. It counts from when the refused request came, though the refusal is held
    /// back for half a second.
    pub(crate) fn waits(&self) -> Vec<SystemTime> {
        let mut waits: Vec<&AccessLogLine> = Vec::new();
        for refusal in &self.refused {
            if let Some(last) = waits.last() {
                if refusal.began() <= last.answered {
                    continue;
                }
                let is_over = self.accepted.iter().any(|accepted| {
                    accepted.began() > last.began() && accepted.answered < refusal.answered
                });
                assert!(is_over, "within the wait from {last:?}: {refusal:?}");
            }
            waits.push(refusal);
        }
        waits.iter().map(|wait| wait.answered).collect()
    }

    /// How many were accepted from the first refusal on, and how long until the last of them.
    pub(crate) fn since_first_refusal(&self) -> (usize, Duration) {
        let first = self.refused.first().expect("a refusal").answered;
        let mut later = self.accepted.iter().map(|accepted| accepted.answered);
        let sends = later.clone().filter(|answered| *answered > first).count();
        let span = later.next_back().expect("a send").duration_since(first);
        (sends, span.expect("a send after the first refusal"))
    }
}
