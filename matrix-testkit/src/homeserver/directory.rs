//! Room aliases and reading a room's state.

use http::StatusCode;
use serde_json::json;

use super::{
    auth::Who,
    call::Call,
    errors::ApiError,
    json_check::request_object,
    reply::{Reply, array},
    room::Room,
    state::Homeserver,
};

impl Homeserver {
    pub(crate) fn resolve_alias(&mut self, call: &Call) -> Result<Reply, ApiError> {
        let alias = call.argument("alias");
        match self.aliases.get(alias) {
            Some(room) => Ok(Reply::json(
                &json!({ "room_id": room, "servers": [self.config.server_name] }),
            )),
            None => Err(ApiError::not_found(format!("Room alias {alias} not found"))),
        }
    }

    pub(crate) fn put_alias(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        let alias = call.argument("alias");
        let is_ours = alias
            .strip_prefix('#')
            .and_then(|rest| rest.split_once(':'))
            .is_some_and(|(_, server)| server == self.config.server_name);
        if !is_ours || alias.contains(' ') || alias.len() > 255 {
            return Err(ApiError::invalid("Room alias invalid"));
        }
        let body = request_object(&call.body)?;
        let room_id = body["room_id"]
            .as_str()
            .ok_or_else(|| ApiError::bad_json("Missing room_id"))?;
        self.joined_room(room_id, &who.user)?;
        // Measured: the code of this conflict is plain M_UNKNOWN.
        if self.aliases.contains_key(alias) {
            return Err(ApiError::new(
                StatusCode::CONFLICT,
                "M_UNKNOWN",
                format!("Room alias {alias} already exists"),
            ));
        }
        self.aliases.insert(alias.to_owned(), room_id.to_owned());
        self.changes += 1;
        Ok(Reply::empty_object())
    }

    pub(crate) fn delete_alias(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        let alias = call.argument("alias");
        let room_id = self
            .aliases
            .get(alias)
            .ok_or_else(|| ApiError::not_found(format!("Room alias {alias} not found")))?;
        self.joined_room(room_id, &who.user)?;
        self.aliases.remove(alias);
        self.changes += 1;
        Ok(Reply::empty_object())
    }

    pub(crate) fn room_aliases(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        let room = self.joined_room(call.argument("room"), &who.user)?;
        let aliases: Vec<_> = self
            .aliases
            .iter()
            .filter(|(_, id)| **id == room.id)
            .map(|(alias, _)| alias)
            .collect();
        Ok(Reply::json(&json!({ "aliases": aliases })))
    }

    pub(crate) fn whole_state(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        let room = self.known_room(call, who)?;
        let end = room.index_after(room.readable_until(&who.user).unwrap_or_default());
        let viewer = self.viewer(who, Some(&room.id));
        let state = room.state_changes(0, end);
        Ok(Reply::raw_json(array(
            state.into_iter().map(|event| room.render(event, viewer)),
        )))
    }

    pub(crate) fn single_state(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        let room = self.known_room(call, who)?;
        let (kind, key) = (call.argument("type"), call.argument("key"));
        let event = if room.is_joined(&who.user) {
            room.state_event(kind, key)
        } else {
            let end = room.index_after(room.readable_until(&who.user).unwrap_or_default());
            let mut state = room.state_changes(0, end).into_iter();
            state.find(|event| event.kind == kind && event.state_key.as_deref() == Some(key))
        };
        let event = event.ok_or_else(|| ApiError::not_found("Event not found."))?;
        if call.query("format") == Some("event") {
            let viewer = self.viewer(who, Some(&room.id));
            return Ok(Reply::raw_json(room.render(event, viewer)));
        }
        Ok(Reply::json(&event.content))
    }

    /// The room, if `who` is or was in it.
    pub(crate) fn known_room(&self, call: &Call, who: &Who) -> Result<&Room, ApiError> {
        let room_id = call.argument("room");
        self.rooms
            .get(room_id)
            .filter(|room| room.readable_until(&who.user).is_some())
            .ok_or_else(|| ApiError::forbidden(format!("User {} not in room {room_id}", who.user)))
    }
}
