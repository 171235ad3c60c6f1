//! Carries a request through the state machine: the one place that waits.

use bytes::Bytes;
use http::Request;

use super::{
    handle::TestHomeserver,
    outcome::{Answer, Outcome},
};

impl TestHomeserver {
    /// Answers `request` in the runtime's time, virtual or real.
    pub(crate) async fn exchange(&self, request: &Request<Bytes>) -> Answer {
        // Subscribed before the first look, so that no news falls in between.
        let mut news = self.subscribe_news();
        let mut outcome = self.apply(|server, now| server.handle(request, now));
        loop {
            match outcome {
                Outcome::Done { delay, answer } => {
                    if !delay.is_zero() {
                        tokio::time::sleep(delay).await;
                    }
                    return answer;
                }
                Outcome::Wait(waiting) => {
                    let left = waiting.deadline().saturating_sub(self.now());
                    // Both ends are fine: the state machine knows whether it is done.
                    let _ = tokio::time::timeout(left, news.changed()).await;
                    outcome = self.apply(|server, now| server.resume(*waiting, now));
                }
            }
        }
    }
}
