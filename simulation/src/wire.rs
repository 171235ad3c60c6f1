//! The bot's way to the homeserver, with somebody listening.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use matrix_bridge_client::{Limits, Transport, TransportError};
use matrix_bridge_testkit::homeserver::MemoryTransport;

use crate::{
    mortal::{Mortal, Step},
    watch::{Asked, Watch},
};

/// The connections of one process.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) inner: MemoryTransport,
    pub(crate) mortal: Arc<Mortal>,
    pub(crate) watch: Arc<Watch>,
}

#[async_trait]
impl Transport for Wire {
    async fn send(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> Result<Response<Bytes>, TransportError> {
        let step = self.mortal.step().await;
        let asked = Asked::read(self.mortal.number, &request);
        self.watch.asked(&asked);
        let mut flight = Flight(Some((&self.watch, asked.process())));
        let result = tokio::select! {
            biased;
            result = self.inner.send(request, limits) => result,
            () = self.mortal.death() => std::future::pending().await,
        };
        if step == Step::DiesAfter {
            self.mortal.die();
            return std::future::pending().await;
        }
        flight.0 = None;
        self.watch.answered(&asked, &result);
        result
    }
}

/// Tells of a request that is given up.
struct Flight<'a>(Option<(&'a Watch, u32)>);

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if let Some((watch, process)) = self.0 {
            watch.dropped(process);
        }
    }
}
