//! Names and pictures of users.

use serde_json::{Value, json};

use super::{
    auth::Who, call::Call, errors::ApiError, event::Draft, json_check::request_object,
    reply::Reply, room::Membership, state::Homeserver,
};

impl Homeserver {
    pub(crate) fn profile(&mut self, call: &Call) -> Result<Reply, ApiError> {
        let not_found = || ApiError::not_found("Profile was not found");
        let user = self
            .users
            .get(call.argument("user"))
            .ok_or_else(not_found)?;
        let mut profile = json!({});
        for (field, value) in [
            ("displayname", &user.displayname),
            ("avatar_url", &user.avatar_url),
        ] {
            let is_asked = !call.arguments.contains_key("field") || call.argument("field") == field;
            if let (true, Some(value)) = (is_asked, value) {
                profile[field] = json!(value);
            }
        }
        Ok(Reply::json(&profile))
    }

    pub(crate) fn put_profile(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        if call.argument("user") != who.user {
            return Err(ApiError::forbidden("Cannot set another user's profile"));
        }
        let field = call.argument("field");
        if !matches!(field, "displayname" | "avatar_url") {
            return Err(ApiError::bad_request(
                "M_UNRECOGNIZED",
                "Unknown profile field",
            ));
        }
        let body = request_object(&call.body)?;
        let value = match &body[field] {
            Value::String(value) => Some(value.clone()).filter(|value| !value.is_empty()),
            Value::Null => None,
            _ => return Err(ApiError::invalid(format!("'{field}' must be a string"))),
        };
        let user = self.users.entry(who.user.clone()).or_default();
        match field {
            "displayname" => user.displayname = value,
            _ => user.avatar_url = value,
        }
        self.changes += 1;
        self.spread_profile(&who.user);
        Ok(Reply::empty_object())
    }

    /// A new name shows in every room, as a new member event.
    fn spread_profile(&mut self, user: &str) {
        let content = self.member_content(user, Membership::Join);
        let rooms = self.rooms.values().filter(|room| {
            room.is_joined(user)
                && room
                    .state_content("m.room.member", user)
                    .is_some_and(|old| *old != content)
        });
        let rooms: Vec<_> = rooms.map(|room| room.id.clone()).collect();
        for room_id in rooms {
            self.append(
                &room_id,
                Draft::state(user, "m.room.member", user, content.clone()),
            );
        }
    }
}
