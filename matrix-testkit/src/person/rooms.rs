use serde::Serialize;
use serde_json::{Value, json};

use super::error::PersonError;
use super::{PATIENCE, Person};

/// A room to create; private, unencrypted and empty unless told otherwise.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NewRoom {
    name: Option<String>,
    alias: Option<String>,
    invite: Vec<String>,
    encrypted: bool,
    public: bool,
}

impl NewRoom {
    /// A room with this name.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            ..Self::default()
        }
    }

    /// Gives it an alias; only the part between `#` and `:`.
    #[must_use]
    pub fn alias(mut self, localpart: impl Into<String>) -> Self {
        self.alias = Some(localpart.into());
        self
    }

    /// Invites one more user.
    #[must_use]
    pub fn invite(mut self, user_id: impl Into<String>) -> Self {
        self.invite.push(user_id.into());
        self
    }

    /// Marks it as encrypted from the start.
    #[must_use]
    pub fn encrypted(mut self) -> Self {
        self.encrypted = true;
        self
    }

    /// Lets everybody join.
    #[must_use]
    pub fn public(mut self) -> Self {
        self.public = true;
        self
    }
}

/// Rooms and who is in them. Every error is a [`PersonError`]; `Refused` has the server's errcode.
impl Person {
    /// Creates a room and returns its id.
    ///
    /// # Errors
    ///
    /// When the homeserver refuses, or the process is gone.
    pub async fn create_room(&self, room: NewRoom) -> Result<String, PersonError> {
        let NewRoom {
            name,
            alias,
            invite,
            encrypted,
            public,
        } = room;
        let params = json!({
            "name": name, "alias": alias, "invite": invite, "encrypted": encrypted, "public": public,
        });
        self.ask_id("create_room", params).await
    }

    /// Joins a room by id or alias, and returns its id.
    ///
    /// # Errors
    ///
    /// When the homeserver refuses, or the process is gone.
    pub async fn join(&self, room: &str) -> Result<String, PersonError> {
        self.ask_id("join", json!({ "room": room })).await
    }

    /// Leaves a room, or turns an invite down.
    ///
    /// # Errors
    ///
    /// When the homeserver refuses, or the process is gone.
    pub async fn leave(&self, room: &str) -> Result<(), PersonError> {
        self.ask("leave", json!({ "room": room })).await
    }

    /// Invites a user.
    ///
    /// # Errors
    ///
    /// When the homeserver refuses, or the process is gone.
    pub async fn invite(&self, room: &str, user_id: &str) -> Result<(), PersonError> {
        self.ask("invite", json!({ "room": room, "user": user_id }))
            .await
    }

    /// Sets a state event and returns its id.
    ///
    /// # Errors
    ///
    /// When the homeserver refuses, or the process is gone.
    pub async fn put_state(
        &self,
        room: &str,
        event_type: &str,
        state_key: &str,
        content: &Value,
    ) -> Result<String, PersonError> {
        let params =
            json!({ "room": room, "type": event_type, "state_key": state_key, "content": content });
        self.ask_id("put_state", params).await
    }

    /// The ids of all who have joined, sorted.
    ///
    /// # Errors
    ///
    /// When the homeserver refuses, or the process is gone.
    pub async fn members(&self, room: &str) -> Result<Vec<String>, PersonError> {
        let members = self
            .channel
            .call("members", json!({ "room": room }), PATIENCE)
            .await?;
        let members = members
            .as_array()
            .ok_or(PersonError::Unexpected { op: "members" })?;
        members
            .iter()
            .map(|member| super::text("members", member))
            .collect()
    }
}
