//! Carries a request through the state machine: the one place that waits.

use std::pin::pin;

use bytes::Bytes;
use http::Request;

use super::{
    handle::TestHomeserver,
    outcome::{Answer, Outcome},
};

impl TestHomeserver {
    /// Answers `request` in the runtime's time, virtual or real.
    pub(crate) async fn exchange(&self, request: &Request<Bytes>) -> Answer {
        let mut waiting = None;
        loop {
            // Before the look, so that no news falls in between.
            let mut news = pin!(self.news());
            news.as_mut().enable();
            let outcome = self.apply(|server, now| match waiting.take() {
                None => server.handle(request, now),
                Some(waiting) => server.resume(waiting, now),
            });
            match outcome {
                Outcome::Done { delay, answer } => {
                    if !delay.is_zero() {
                        tokio::time::sleep(delay).await;
                    }
                    return answer;
                }
                Outcome::Wait(waits) => {
                    let left = waits.deadline().saturating_sub(self.now());
                    // Both ends are fine: the state machine knows whether it is done.
                    let _ = tokio::time::timeout(left, news).await;
                    waiting = Some(*waits);
                }
            }
        }
    }
}
