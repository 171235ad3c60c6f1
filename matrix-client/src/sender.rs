//! Rows as requests, and answers as what to do.

use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;
use matrix_bridge_core::{
    Action, Identity, MAX_ID, ParkCode, ParkReason, RawJson, Row, SendError, Sender, Target,
    ruma::{OwnedEventId, OwnedRoomId, RoomId, events::StateEventType, serde::Raw},
};
use ruma::api::client::{
    membership::{invite_user, join_room_by_id, leave_room},
    message::send_message_event,
    redact::redact_event,
    state::{get_state_event_for_key, send_state_event},
};
use serde_json::value::RawValue;

use crate::{ApiError, Client, ClientError, TransportError};

/// What is waited for after a 429 that does not say how long.
const UNSAID: Duration = Duration::from_secs(5);

/// Sends rows as one account.
#[derive(Clone, Debug)]
pub struct ClientSender {
    client: Client,
}

impl ClientSender {
    /// Sends as `client`'s account.
    #[must_use]
    pub const fn new(client: Client) -> Self {
        Self { client }
    }

    async fn request(&self, row: &Row) -> Result<Option<OwnedEventId>, ClientError> {
        let room = row.body.address.room().clone();
        match &row.body.action {
            Action::Message { event_type, .. } => {
                self.message(row, room, event_type).await.map(Some)
            }
            Action::State {
                event_type,
                state_key,
                content,
            } => self
                .state(room, event_type, state_key, content)
                .await
                .map(Some),
            Action::Redact { target, reason } => self
                .redact(row, room, target, reason.clone())
                .await
                .map(Some),
            Action::Join => {
                self.client
                    .call(join_room_by_id::v3::Request::new(room))
                    .await?;
                Ok(None)
            }
            Action::Leave => {
                self.client.call(leave_room::v3::Request::new(room)).await?;
                Ok(None)
            }
            Action::Invite { user } => {
                let recipient = invite_user::v3::InvitationRecipient::UserId(
                    invite_user::v3::InviteUserId::new(user.clone()),
                );
                self.client
                    .call(invite_user::v3::Request::new(room, recipient))
                    .await?;
                Ok(None)
            }
            _ => Err(ClientError::Request(
                "this client does not know the action".into(),
            )),
        }
    }

    async fn message(
        &self,
        row: &Row,
        room: OwnedRoomId,
        event_type: &str,
    ) -> Result<OwnedEventId, ClientError> {
        let content = row.marked_content().unwrap_or_default();
        let request = send_message_event::v3::Request::new_raw(
            room,
            row.transaction_id.clone(),
            event_type.into(),
            raw(content)?.cast_unchecked(),
        );
        Ok(self.client.call(request).await?.event_id)
    }

    async fn state(
        &self,
        room: OwnedRoomId,
        event_type: &str,
        state_key: &str,
        content: &RawJson,
    ) -> Result<OwnedEventId, ClientError> {
        let request = send_state_event::v3::Request::new_raw(
            room,
            event_type.into(),
            state_key.to_owned(),
            raw(content.as_str().to_owned())?.cast_unchecked(),
        );
        Ok(self.client.call(request).await?.event_id)
    }

    async fn redact(
        &self,
        row: &Row,
        room: OwnedRoomId,
        target: &Target,
        reason: Option<String>,
    ) -> Result<OwnedEventId, ClientError> {
        let Target::Event(event) = target else {
            return Err(ClientError::Request(
                "the redaction's target is not resolved".into(),
            ));
        };
        let txn = row.transaction_id.clone();
        let mut request = redact_event::v3::Request::new(room, event.clone(), txn);
        request.reason = reason;
        Ok(self.client.call(request).await?.event_id)
    }
}

#[async_trait]
impl Sender for ClientSender {
    async fn send(&self, row: &Row) -> Result<Option<OwnedEventId>, SendError> {
        match self.request(row).await {
            Ok(event_id) => Ok(event_id.filter(is_id)),
            Err(error) if is_done_already(&error, &row.body.action) => Ok(None),
            Err(error) => Err(classify(error, &row.body.action)),
        }
    }

    async fn is_encrypted(&self, _: &Identity, room: &RoomId) -> Result<bool, SendError> {
        let request = get_state_event_for_key::v3::Request::new(
            room.to_owned(),
            StateEventType::RoomEncryption,
            String::new(),
        );
        match self.client.call(request).await {
            Ok(_) => Ok(true),
            Err(error) if error.api().is_some_and(|e| e.is("M_NOT_FOUND")) => Ok(false),
            Err(error) => Err(classify(error, &Action::Join)),
        }
    }
}

/// Whether the id can be one. What was sent is sent; without an id that fits it only
/// cannot be edited later.
fn is_id(id: &OwnedEventId) -> bool {
    id.as_str().len() <= MAX_ID
}

fn raw(content: String) -> Result<Raw<serde_json::Value>, ClientError> {
    RawValue::from_string(content)
        .map(Raw::from_json)
        .map_err(|error| ClientError::Request(error.into()))
}

/// Whether the refusal says that what we want is so already.
fn is_done_already(error: &ClientError, action: &Action) -> bool {
    let Some(error) = error.api() else {
        return false;
    };
    match action {
        Action::Message { .. } => error.is("M_DUPLICATE_ANNOTATION"),
        Action::Redact { .. } => error.is("M_NOT_FOUND"),
        _ => false,
    }
}

fn classify(error: ClientError, action: &Action) -> SendError {
    if let Some(trouble) = error.trouble() {
        return SendError::Account {
            trouble,
            source: error.into(),
        };
    }
    if error.api().is_some_and(ApiError::is_rate_limit) {
        return SendError::RateLimited {
            retry_after: error.retry_after().unwrap_or(UNSAID),
        };
    }
    if error.is_away() {
        return SendError::Away {
            retry_after: error.retry_after(),
            source: error.into(),
        };
    }
    match &error {
        ClientError::Api(refusal) if refusal.status.is_server_error() => SendError::Server {
            source: error.into(),
        },
        ClientError::Api(refusal) => refused(refusal, action),
        ClientError::Transport(TransportError::TooLarge(_)) => SendError::Server {
            source: error.into(),
        },
        _ => SendError::Refused(ParkReason::new(
            ParkCode::BadContent,
            matrix_bridge_core::chain(&error),
        )),
    }
}

fn refused(refusal: &ApiError, action: &Action) -> SendError {
    let code = match refusal.status {
        StatusCode::PAYLOAD_TOO_LARGE => ParkCode::TooLarge,
        StatusCode::FORBIDDEN => ParkCode::Forbidden,
        StatusCode::NOT_FOUND => ParkCode::NotFound,
        _ => ParkCode::BadContent,
    };
    let reason = ParkReason::new(code, refusal.to_string());
    let is_message = matches!(action, Action::Message { .. });
    if is_message && refusal.status == StatusCode::BAD_REQUEST {
        // A relation to an unknown or foreign root is refused like bad content; the
        // dispatcher knows whether there is one.
        return SendError::Relation(reason);
    }
    SendError::Refused(reason)
}
