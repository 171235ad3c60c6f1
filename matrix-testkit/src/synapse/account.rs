use std::fmt;

use serde_json::{Value, json};

use super::error::SynapseError;
use super::http::{self, Answer};

/// A registered user with a device of its own.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct Account {
    /// `@name:localhost`
    pub user_id: String,
    /// What the user logs in with.
    pub password: String,
    /// Belongs to the device.
    pub access_token: String,
    /// Made by the registration.
    pub device_id: String,
}

/// Without the secrets.
impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            user_id,
            password: _,
            access_token: _,
            device_id,
        } = self;
        f.debug_struct("Account")
            .field("user_id", user_id)
            .field("device_id", device_id)
            .finish_non_exhaustive()
    }
}

/// Registers a user at the server on a loopback port.
pub(super) async fn register(
    port: u16,
    name: &str,
    password: &str,
) -> Result<Account, SynapseError> {
    let dummy =
        json!({ "username": name, "password": password, "auth": { "type": "m.login.dummy" } });
    let body = post(port, "/_matrix/client/v3/register", &dummy).await?;
    Ok(Account {
        user_id: text(&body, "user_id"),
        password: password.to_owned(),
        access_token: text(&body, "access_token"),
        device_id: text(&body, "device_id"),
    })
}

async fn post(port: u16, path: &str, body: &Value) -> Result<Value, SynapseError> {
    let request = format!("POST {path}");
    match http::ask(port, "POST", path, Some(body)).await {
        Ok(Answer { status: 200, body }) => Ok(body),
        Ok(Answer { status, body }) => Err(SynapseError::Refused {
            request,
            status,
            errcode: text(&body, "errcode"),
            message: text(&body, "error"),
        }),
        Err(source) => Err(SynapseError::NoAnswer { request, source }),
    }
}

/// A string of an object; empty if it is not there.
fn text(body: &Value, key: &str) -> String {
    body[key].as_str().unwrap_or_default().to_owned()
}
