//! A room's history, from `/messages`.

use async_trait::async_trait;
use bytes::Bytes;
use matrix_bridge_core::{
    HistoryPage, PageRequest, RawJson, RoomHistory, SourceError,
    ruma::{RoomId, UInt},
};
use ruma::api::{Direction, client::message::get_message_events};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{Client, ClientError, limits};

/// Reads rooms' history as the client's account sees it.
#[derive(Clone, Debug)]
pub struct ClientHistory {
    client: Client,
}

impl ClientHistory {
    /// The history that `client`'s account sees.
    #[must_use]
    pub const fn new(client: Client) -> Self {
        Self { client }
    }
}

#[async_trait]
impl RoomHistory for ClientHistory {
    async fn page(&self, room: &RoomId, request: PageRequest) -> Result<HistoryPage, SourceError> {
        let PageRequest { from, to, limit } = request;
        let mut request =
            get_message_events::v3::Request::new(room.to_owned(), Direction::Backward);
        (request.from, request.to) = (from, to);
        request.limit = UInt::from(limit);
        let body = self.client.call_raw(request, limits::SHORT).await;
        body.and_then(|body| read(&body)).map_err(classify)
    }
}

/// Reads a page event by event, each raw: one bad event harms only itself.
fn read(body: &Bytes) -> Result<HistoryPage, ClientError> {
    let page: WirePage<'_> =
        serde_json::from_slice(body).map_err(|error| ClientError::Answer(error.into()))?;
    let events = page.chunk.into_iter().map(RawJson::from).collect();
    Ok(HistoryPage {
        events,
        end: page.end,
    })
}

fn classify(error: ClientError) -> SourceError {
    if let Some(trouble) = error.trouble() {
        return SourceError::Account {
            trouble,
            source: error.into(),
        };
    }
    if error.api().is_some() && !error.is_retryable() {
        return SourceError::Refused {
            source: error.into(),
        };
    }
    SourceError::Away {
        retry_after: error.retry_after(),
        source: error.into(),
    }
}

#[derive(Deserialize)]
struct WirePage<'a> {
    #[serde(borrow)]
    chunk: Vec<&'a RawValue>,
    end: Option<String>,
}
