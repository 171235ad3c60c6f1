//! Accounts and logins, and what the server says of itself.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{
    auth::{Standing, User, Who},
    call::Call,
    errors::{ApiError, milliseconds},
    json_check::request_object,
    reply::Reply,
    state::Homeserver,
};

impl Homeserver {
    pub(crate) fn versions(&mut self, _call: &Call) -> Result<Reply, ApiError> {
        let minor = (1..=12).map(|minor| format!("v1.{minor}"));
        let versions: Vec<_> = ["r0.6.1".to_owned()].into_iter().chain(minor).collect();
        Ok(Reply::json(
            &json!({ "versions": versions, "unstable_features": {} }),
        ))
    }

    pub(crate) fn capabilities(&mut self, _call: &Call, _who: &Who) -> Result<Reply, ApiError> {
        let versions: Map<_, _> = (1..=12)
            .map(|version| (format!("{version}"), json!("stable")))
            .collect();
        Ok(Reply::json(&json!({
            "capabilities": {
                "m.room_versions": { "default": "11", "available": versions },
                "m.change_password": { "enabled": true },
                "m.set_displayname": { "enabled": true },
                "m.set_avatar_url": { "enabled": true },
            }
        })))
    }

    pub(crate) fn register(&mut self, call: &Call) -> Result<Reply, ApiError> {
        let body = request_object(&call.body)?;
        let name = match body["username"].as_str() {
            Some(name) => name.to_lowercase(),
            None => format!("user{}", self.ids.next("user")),
        };
        let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"._=-/+".contains(&byte);
        if name.is_empty() || name.starts_with('_') || !name.bytes().all(is_fine) {
            return Err(ApiError::bad_request(
                "M_INVALID_USERNAME",
                "Invalid user name",
            ));
        }
        let user_id = self.user_id(&name);
        if self.users.contains_key(&user_id) {
            return Err(ApiError::bad_request(
                "M_USER_IN_USE",
                "User ID already taken.",
            ));
        }
        if self.config.asks_for_dummy_auth && body["auth"]["type"] != "m.login.dummy" {
            return Ok(Reply::json(&json!({
                "flows": [{ "stages": ["m.login.dummy"] }],
                "params": {},
                "session": format!("session{}", self.ids.next("session")),
            }))
            .with_status(StatusCode::UNAUTHORIZED));
        }
        let password = body["password"].as_str().map(str::to_owned);
        self.users.insert(
            user_id.clone(),
            User {
                password,
                ..User::default()
            },
        );
        self.changes += 1;
        if body["inhibit_login"] == true {
            return Ok(Reply::json(&json!({ "user_id": user_id })));
        }
        Ok(self.logged_in(&user_id, &body))
    }

    pub(crate) fn login_flows(&mut self, _call: &Call) -> Result<Reply, ApiError> {
        Ok(Reply::json(
            &json!({ "flows": [{ "type": "m.login.password" }] }),
        ))
    }

    pub(crate) fn login(&mut self, call: &Call) -> Result<Reply, ApiError> {
        let body = request_object(&call.body)?;
        self.count_login()?;
        if body["type"] != "m.login.password" {
            return Err(ApiError::unknown("Unknown login type"));
        }
        let name = body["identifier"]["user"]
            .as_str()
            .or_else(|| body["user"].as_str());
        let name = name.ok_or_else(|| ApiError::bad_json("Missing user"))?;
        let user_id = if name.starts_with('@') {
            name.to_owned()
        } else {
            self.user_id(name)
        };
        let is_right = self.users.get(&user_id).is_some_and(|user| {
            user.password.is_some() && user.password.as_deref() == body["password"].as_str()
        });
        if !is_right {
            return Err(ApiError::forbidden("Invalid username or password"));
        }
        if self
            .users
            .get(&user_id)
            .is_some_and(|user| user.standing == Standing::Deactivated)
        {
            return Err(ApiError::new(
                StatusCode::FORBIDDEN,
                "M_USER_DEACTIVATED",
                "This account has been deactivated",
            ));
        }
        Ok(self.logged_in(&user_id, &body))
    }

    /// A new token, on the device that was asked for or a new one.
    ///
    /// Older tokens of the device stay valid (measured, against the specification).
    fn logged_in(&mut self, user_id: &str, body: &Value) -> Reply {
        let device = body["device_id"].as_str().map(str::to_owned);
        let device = device.unwrap_or_else(|| self.ids.device());
        let mut answer = json!({
            "user_id": user_id,
            "device_id": device,
            "home_server": self.config.server_name,
        });
        if body["refresh_token"] == true {
            let pair = self.open_refreshable_session(user_id, Some(device));
            answer["access_token"] = json!(pair.access);
            answer["refresh_token"] = json!(pair.refresh);
            answer["expires_in_ms"] = json!(milliseconds(self.refreshes.lifetime));
        } else {
            answer["access_token"] = json!(self.open_session(user_id, Some(device)));
        }
        self.changes += 1;
        Reply::json(&answer)
    }

    pub(crate) fn logout(&mut self, call: &Call, _who: &Who) -> Result<Reply, ApiError> {
        self.end_session(call.token.as_deref().unwrap_or_default(), false);
        Ok(Reply::empty_object())
    }

    pub(crate) fn logout_all(&mut self, _call: &Call, who: &Who) -> Result<Reply, ApiError> {
        self.end_sessions(|other| other.user == who.user);
        Ok(Reply::empty_object())
    }

    pub(crate) fn whoami(&mut self, _call: &Call, who: &Who) -> Result<Reply, ApiError> {
        let mut answer = json!({ "user_id": who.user, "is_guest": false });
        if let Some(device) = &who.device {
            answer["device_id"] = json!(device);
        }
        Ok(Reply::json(&answer))
    }

    /// The full id of a local user.
    pub(crate) fn user_id(&self, localpart: &str) -> String {
        format!("@{localpart}:{}", self.config.server_name)
    }
}
