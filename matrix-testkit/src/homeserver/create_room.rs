//! `createRoom`, and the events a new room begins with.

use serde_json::{Value, json};

use super::{
    auth::Who,
    call::Call,
    errors::ApiError,
    event::Draft,
    json_check::request_object,
    reply::Reply,
    room::{Membership, Room},
    state::Homeserver,
};

/// The version of a room that asks for none.
const DEFAULT_VERSION: &str = "11";

impl Homeserver {
    pub(crate) fn create_room(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        let body = request_object(&call.body)?;
        let room_id = self.found(&who.user, &body)?;
        Ok(Reply::json(&json!({ "room_id": room_id })))
    }

    /// Creates a room for `creator` from the body of a `createRoom`.
    pub(crate) fn found(&mut self, creator: &str, body: &Value) -> Result<String, ApiError> {
        let version = body["room_version"].as_str().unwrap_or(DEFAULT_VERSION);
        if !(1..=12).any(|known: u8| known.to_string() == version) {
            return Err(ApiError::bad_request(
                "M_UNSUPPORTED_ROOM_VERSION",
                "Your homeserver does not support this room version",
            ));
        }
        let alias = match body["room_alias_name"]
            .as_str()
            .filter(|name| !name.is_empty())
        {
            Some(name) => Some(self.free_alias(name)?),
            None => None,
        };
        let invited = invited(body)?;
        let id = self.ids.room(&self.config.server_name, version);
        let room = Room::new(id.clone(), version.to_owned(), creator.to_owned());
        self.rooms.insert(id.clone(), room);
        self.add_first_events(&id, creator, body, version);
        if let Some(alias) = alias {
            let content = json!({ "alias": alias });
            self.append(
                &id,
                Draft::state(creator, "m.room.canonical_alias", "", content),
            );
            self.aliases.insert(alias, id.clone());
        }
        self.add_chosen_events(&id, creator, body);
        for user in invited {
            let mut content = self.member_content(&user, Membership::Invite);
            if body["is_direct"] == true {
                content["is_direct"] = json!(true);
            }
            self.append(&id, Draft::state(creator, "m.room.member", &user, content));
        }
        Ok(id)
    }

    /// What every room begins with.
    fn add_first_events(&mut self, room_id: &str, creator: &str, body: &Value, version: &str) {
        let mut create = object_or_empty(&body["creation_content"]);
        create["room_version"] = json!(version);
        let is_old = version.parse().is_ok_and(|number: u8| number < 11);
        if is_old {
            create["creator"] = json!(creator);
        }
        let preset = preset(body);
        // Measured: what the request brings along takes the preset's place.
        let is_chosen = |kind: &str| {
            let mut chosen = body["initial_state"].as_array().into_iter().flatten();
            chosen.any(|event| {
                let key = event["state_key"].as_str().unwrap_or_default();
                event["type"] == kind && key.is_empty()
            })
        };
        let guest_access = preset
            .guest_access
            .map(|access| json!({ "guest_access": access }));
        let joined = self.member_content(creator, Membership::Join);
        let first = [
            ("m.room.create", "", create),
            ("m.room.member", creator, joined),
            (
                "m.room.power_levels",
                "",
                power_levels(creator, body, version),
            ),
            (
                "m.room.join_rules",
                "",
                json!({ "join_rule": preset.join_rule }),
            ),
            (
                "m.room.history_visibility",
                "",
                json!({ "history_visibility": "shared" }),
            ),
        ];
        let guest_access = guest_access.map(|content| ("m.room.guest_access", "", content));
        for (kind, key, content) in first.into_iter().chain(guest_access) {
            if !is_chosen(kind) {
                self.append(room_id, Draft::state(creator, kind, key, content));
            }
        }
    }

    /// What the request asks for besides.
    fn add_chosen_events(&mut self, room_id: &str, creator: &str, body: &Value) {
        for event in body["initial_state"].as_array().into_iter().flatten() {
            let kind = event["type"].as_str().unwrap_or_default();
            let key = event["state_key"].as_str().unwrap_or_default();
            let content = object_or_empty(&event["content"]);
            self.append(room_id, Draft::state(creator, kind, key, content));
        }
        for field in ["name", "topic"] {
            if let Some(text) = body[field].as_str() {
                let kind = format!("m.room.{field}");
                let content = json!({ field: text });
                self.append(room_id, Draft::state(creator, &kind, "", content));
            }
        }
    }

    fn free_alias(&self, name: &str) -> Result<String, ApiError> {
        let alias = format!("#{name}:{}", self.config.server_name);
        if name.contains([' ', ':']) || alias.len() > 255 {
            return Err(ApiError::invalid("Invalid characters in room alias"));
        }
        if self.aliases.contains_key(&alias) {
            return Err(ApiError::bad_request(
                "M_ROOM_IN_USE",
                "Room alias already taken",
            ));
        }
        Ok(alias)
    }
}

#[derive(Clone, Copy, Debug)]
struct Preset {
    join_rule: &'static str,
    guest_access: Option<&'static str>,
}

fn preset(body: &Value) -> Preset {
    let is_public = match body["preset"].as_str() {
        Some(preset) => preset == "public_chat",
        None => body["visibility"] == "public",
    };
    if is_public {
        Preset {
            join_rule: "public",
            guest_access: None,
        }
    } else {
        Preset {
            join_rule: "invite",
            guest_access: Some("can_join"),
        }
    }
}

fn power_levels(creator: &str, body: &Value, version: &str) -> Value {
    let mut users = serde_json::Map::new();
    // From version 12 on the creator stands above the scale and must not be on it.
    if version != "12" {
        users.insert(creator.to_owned(), json!(100));
    }
    if body["preset"] == "trusted_private_chat" {
        let trusted = invited(body).unwrap_or_default();
        users.extend(trusted.into_iter().map(|user| (user, json!(100))));
    }
    let mut levels = json!({
        "users": users,
        "users_default": 0,
        "events": {
            "m.room.name": 50,
            "m.room.power_levels": 100,
            "m.room.history_visibility": 100,
            "m.room.canonical_alias": 50,
            "m.room.avatar": 50,
            "m.room.tombstone": 100,
            "m.room.server_acl": 100,
            "m.room.encryption": 100,
        },
        "events_default": 0,
        "state_default": 50,
        "ban": 50,
        "kick": 50,
        "redact": 50,
        "invite": 0,
        "historical": 100,
    });
    for (key, value) in body["power_level_content_override"]
        .as_object()
        .into_iter()
        .flatten()
    {
        levels[key] = value.clone();
    }
    levels
}

fn invited(body: &Value) -> Result<Vec<String>, ApiError> {
    let invites = body["invite"].as_array().into_iter().flatten();
    let valid = invites.map(|user| {
        let user = user
            .as_str()
            .filter(|user| user.starts_with('@') && user.contains(':'));
        user.map(str::to_owned)
            .ok_or_else(|| ApiError::invalid("Invalid user_id"))
    });
    valid.collect()
}

fn object_or_empty(value: &Value) -> Value {
    if value.is_object() {
        value.clone()
    } else {
        json!({})
    }
}
