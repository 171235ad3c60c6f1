//! A room replaced by another.

use serde_json::{Value, json};

use super::{
    auth::Who, call::Call, errors::ApiError, event::Draft, handle::TestHomeserver,
    json_check::request_object, reply::Reply, state::Homeserver,
};

impl TestHomeserver {
    /// `by` replaces a room by a new one of version 11, whose id this gives.
    ///
    /// # Panics
    ///
    /// If the server refuses.
    #[must_use]
    #[track_caller]
    pub fn upgrade_room(&self, room: &str, by: &str) -> String {
        let replaced = self.with(|server| server.replace(room, by, "11"));
        replaced.unwrap_or_else(|error| panic!("the homeserver refused: {}", error.message()))
    }
}

impl Homeserver {
    pub(crate) fn upgrade(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        let body = request_object(&call.body)?;
        let version = body["new_version"].as_str();
        let version = version.ok_or_else(|| ApiError::bad_json("'new_version' is missing"))?;
        let new = self.replace(call.argument("room"), &who.user, version)?;
        Ok(Reply::json(&json!({ "replacement_room": new })))
    }

    /// Measured: after it members cannot send to the old room, and whoever stands above
    /// them still can.
    fn replace(&mut self, old: &str, by: &str, version: &str) -> Result<String, ApiError> {
        let room = self.joined_room(old, by)?;
        let content = |kind| room.state_content(kind, "").cloned().unwrap_or(Value::Null);
        let (rules, mut levels) = (content("m.room.join_rules"), content("m.room.power_levels"));
        let body = json!({
            "preset": if rules["join_rule"] == "public" { "public_chat" } else { "private_chat" },
            "room_version": version,
            "creation_content": { "predecessor": { "room_id": old } },
        });
        let new = self.found(by, &body)?;
        let tombstone = json!({ "body": "This room has been replaced", "replacement_room": new });
        self.post(old, Draft::state(by, "m.room.tombstone", "", tombstone))?;
        let above = levels["users_default"]
            .as_i64()
            .unwrap_or(0)
            .saturating_add(1)
            .max(50);
        for field in ["events_default", "invite"] {
            levels[field] = json!(levels[field].as_i64().unwrap_or(0).max(above));
        }
        self.post(old, Draft::state(by, "m.room.power_levels", "", levels))?;
        Ok(new)
    }
}
