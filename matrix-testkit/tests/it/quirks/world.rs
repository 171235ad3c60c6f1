//! The server that a quirk is shown on.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::Method;
use matrix_bridge_client::Transport;
use matrix_bridge_testkit::homeserver::{Account, Backup, HomeserverConfig, TestHomeserver};
use serde_json::json;

use crate::client::{ANY_HOST, Client, Got, LIMITS, got, request_to};

/// What a quirk asks of its server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Needs {
    /// No limits, and others may use it at the same time.
    Anything,
    /// No limits, and nobody else: it is stopped, or its disk is changed.
    ItsOwn,
    /// The limits of a Synapse without settings, except those on making users.
    Limits,
    /// Tokens with a refresh token hold for two seconds.
    ShortTokens,
}

/// A server, and names that no other test uses.
#[derive(Debug)]
pub(crate) struct World {
    transport: Arc<dyn Transport>,
    base_url: String,
    prefix: String,
    home: Home,
}

#[derive(Debug)]
enum Home {
    Model(TestHomeserver, Option<Backup>),
    #[cfg(feature = "real-server")]
    Synapse(super::real::Home),
}

impl World {
    pub(crate) fn model(needs: Needs) -> Self {
        let server = match needs {
            Needs::Anything | Needs::ItsOwn => TestHomeserver::new(),
            Needs::ShortTokens => {
                let server = TestHomeserver::new();
                server.set_token_lifetime(Duration::from_secs(2));
                server
            }
            Needs::Limits => {
                TestHomeserver::with_config(HomeserverConfig::default().synapse_limits())
            }
        };
        Self {
            transport: Arc::new(server.transport()),
            base_url: ANY_HOST.to_owned(),
            prefix: String::new(),
            home: Home::Model(server, None),
        }
    }

    #[cfg(feature = "real-server")]
    pub(crate) async fn synapse(name: &str, needs: Needs) -> Self {
        let home = super::real::Home::new(name, needs).await;
        let base_url = home.base_url().to_owned();
        let transport = matrix_bridge_client::ReqwestTransport::new(&base_url).unwrap();
        Self {
            transport: Arc::new(transport),
            base_url,
            prefix: format!("{name}-{}-", std::process::id()),
            home: Home::Synapse(home),
        }
    }

    /// A new user with a device.
    pub(crate) async fn user(&self, name: &str) -> Client {
        let body = json!({
            "username": format!("{}{name}", self.prefix),
            "password": name,
            "auth": { "type": "m.login.dummy" },
        });
        let entered = self.ask("/register", &body).await;
        self.client(&entered)
    }

    /// Another token of a user of this test, on a device of that id.
    pub(crate) async fn log_in(&self, name: &str, device: &str) -> Client {
        self.client(&self.ask_to_log_in(name, device, false).await)
    }

    /// The answer to a login.
    pub(crate) async fn ask_to_log_in(&self, name: &str, device: &str, refresh: bool) -> Got {
        let body = json!({
            "type": "m.login.password",
            "identifier": { "type": "m.id.user", "user": format!("{}{name}", self.prefix) },
            "password": name,
            "device_id": device,
            "refresh_token": refresh,
        });
        self.ask("/login", &body).await
    }

    /// Posts without a token.
    pub(crate) async fn ask(&self, path: &str, body: &serde_json::Value) -> Got {
        let body = Bytes::from(body.to_string());
        let request = request_to(&self.base_url, Method::POST, path, None, body);
        got(self.transport.send(request, LIMITS).await.unwrap())
    }

    /// Whoever a registration or a login has let in.
    pub(crate) fn client(&self, entered: &Got) -> Client {
        assert_eq!(entered.status, 200, "{:?}", entered.body);
        let account = Account {
            user_id: entered.text("user_id"),
            device_id: Some(entered.text("device_id")),
            access_token: entered.text("access_token"),
        };
        Client::at(Arc::clone(&self.transport), &self.base_url, account)
    }

    /// Keeps a copy of the server's disk.
    pub(crate) async fn back_up(&mut self) {
        match &mut self.home {
            Home::Model(server, backup) => *backup = Some(server.back_up()),
            #[cfg(feature = "real-server")]
            Home::Synapse(home) => home.own().back_up().await,
        }
    }

    /// Restarts the server with the disk of the last backup.
    pub(crate) async fn roll_back(&mut self) {
        match &mut self.home {
            Home::Model(server, backup) => server.roll_back(backup.as_ref().unwrap()),
            #[cfg(feature = "real-server")]
            Home::Synapse(home) => home.own().roll_back().await,
        }
    }

    /// Takes what came before `event` out of the room's history; `who` gets an administrator's rights for it.
    pub(crate) async fn purge_history(&mut self, who: &Client, room: &str, event: &str) {
        match &mut self.home {
            Home::Model(server, _) => server.purge_history(room, event),
            #[cfg(feature = "real-server")]
            Home::Synapse(home) => home.own().purge_history(who, room, event).await,
        }
        #[cfg(not(feature = "real-server"))]
        let _ = who;
    }

    /// Another token of `who`, without a device.
    pub(crate) async fn log_in_without_device(&mut self, who: &Client) -> Client {
        let token = match &mut self.home {
            Home::Model(server, _) => server.log_in_without_device(who.user()).access_token,
            #[cfg(feature = "real-server")]
            Home::Synapse(home) => home.own().log_in_without_device(who).await,
        };
        who.with_token(&token)
    }

    /// Ends the server's process and starts it again.
    pub(crate) async fn restart(&mut self) {
        match &mut self.home {
            Home::Model(server, _) => server.restart(),
            #[cfg(feature = "real-server")]
            Home::Synapse(home) => home.own().restart().await,
        }
    }
}
