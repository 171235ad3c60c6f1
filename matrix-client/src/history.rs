//! A room's history, from `/messages`.

use async_trait::async_trait;
use bytes::Bytes;
use matrix_bridge_core::{
    HistoryPage, PageRequest, RoomHistory, SourceError,
    ruma::{RoomId, UInt},
};
use ruma::api::{Direction, client::message::get_message_events};
use serde::Deserialize;

use crate::{
    Client, ClientError, limits,
    sync_body::{Events, check_token},
};

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
        let PageRequest { from, limit } = request;
        let mut request =
            get_message_events::v3::Request::new(room.to_owned(), Direction::Backward);
        request.from = from;
        request.limit = UInt::from(limit);
        let body = self.client.call_raw(request, limits::SHORT).await;
        body.and_then(|body| read(&body)).map_err(classify)
    }
}

/// Reads a page event by event, each raw: one bad event harms only itself.
fn read(body: &Bytes) -> Result<HistoryPage, ClientError> {
    let page: WirePage =
        serde_json::from_slice(body).map_err(|error| ClientError::Answer(error.into()))?;
    let WirePage { chunk, end } = page;
    // An end that cannot be asked for is none of history's: what lies before it is missing.
    check_token(end.as_deref().unwrap_or_default())?;
    Ok(HistoryPage {
        events: chunk.0,
        end,
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
struct WirePage {
    chunk: Events,
    end: Option<String>,
}
