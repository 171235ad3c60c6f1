//! A person on the other side of the bridge, played by matrix-nio: a Matrix client that we did not write.
//!
//! What our code sends is judged by what this person [sees](SeenEvent), and what this person says is made by a
//! client that people really use.
//!
//! ```no_run
//! # async fn example(python: &matrix_bridge_testkit::python::PythonEnvironment) -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use matrix_bridge_testkit::person::{NewRoom, Person, Wanted};
//!
//! let ann = Person::start(python, "http://127.0.0.1:8008", "ann", "secret").await?;
//! let room = ann.create_room(NewRoom::named("Tea").invite("@bot:localhost")).await?;
//! let question = ann.say(&room, "!ping").await?;
//! let wanted = Wanted::new().sender("@bot:localhost").relates_to(&question);
//! let answers = ann.sync_until(&room, &wanted, Duration::from_secs(10)).await?;
//! assert_eq!(answers[0].body.as_deref(), Some("pong"));
//! # Ok(())
//! # }
//! ```

mod channel;
mod error;
mod event;
mod messages;
mod rooms;

use std::time::Duration;

use serde_json::{Value, json};

pub use error::PersonError;
pub use event::{SeenEvent, Wanted};
pub use rooms::NewRoom;

use crate::python::PythonEnvironment;
use channel::Channel;

/// For everything that does not wait for somebody else.
const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody who is logged in and syncs. Dropping it ends the process behind it.
#[derive(Debug)]
pub struct Person {
    channel: Channel,
    user_id: String,
    device_id: String,
}

impl Person {
    /// Logs a registered user in with a new device, and starts to sync.
    ///
    /// # Errors
    ///
    /// When Python does not run, or when the homeserver refuses the login.
    pub async fn start(
        python: &PythonEnvironment,
        homeserver: &str,
        user: &str,
        password: &str,
    ) -> Result<Self, PersonError> {
        let channel = Channel::open(python)?;
        let who = json!({ "homeserver": homeserver, "user": user, "password": password });
        let login = channel.call("login", who, PATIENCE).await?;
        let [user_id, device_id] = ["user_id", "device_id"].map(|key| text("login", &login[key]));
        Ok(Self {
            channel,
            user_id: user_id?,
            device_id: device_id?,
        })
    }

    /// The full id, for example `@ann:localhost`.
    #[must_use]
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// The device that the login made.
    #[must_use]
    pub fn device_id(&self) -> &str {
        &self.device_id
    }

    /// Asks for an operation whose answer is an id.
    async fn ask_id(&self, op: &'static str, params: Value) -> Result<String, PersonError> {
        text(op, &self.channel.call(op, params, PATIENCE).await?)
    }

    /// Asks for an operation that has no answer but that it is done.
    async fn ask(&self, op: &'static str, params: Value) -> Result<(), PersonError> {
        self.channel.call(op, params, PATIENCE).await.map(drop)
    }
}

fn text(op: &'static str, value: &Value) -> Result<String, PersonError> {
    value
        .as_str()
        .map(str::to_owned)
        .ok_or(PersonError::Unexpected { op })
}
