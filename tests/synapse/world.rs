//! A homeserver and the people of one test.

use std::path::PathBuf;
use std::process;

use matrix_bridge_testkit::person::{NewRoom, Person, Wanted};
use matrix_bridge_testkit::python::PythonEnvironment;
use matrix_bridge_testkit::synapse::{
    AccessLogLine, Account, SharedSynapse, Synapse, SynapseConfig,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::http;
use crate::setup::Setup;
use crate::until::SOON;

const PASSWORD: &str = "secret";

/// A homeserver, a folder, and names that no other test uses.
#[derive(Debug)]
pub(crate) struct World {
    home: Home,
    python: PythonEnvironment,
    base_url: String,
    name: &'static str,
    folder: TempDir,
}

#[derive(Debug)]
enum Home {
    Shared(SharedSynapse),
    Own(Box<Synapse>),
}

impl World {
    /// On the server of the whole run.
    pub(crate) fn shared(name: &'static str) -> Self {
        let shared = shared_server();
        Self {
            python: shared.python().clone(),
            base_url: shared.base_url().to_owned(),
            home: Home::Shared(shared),
            name,
            folder: TempDir::new().unwrap(),
        }
    }

    /// On a server of its own, which may be set up, stopped and killed.
    pub(crate) async fn own(
        name: &'static str,
        set_up: impl FnOnce(SynapseConfig) -> SynapseConfig,
    ) -> Self {
        let python = shared_server().python().clone();
        let folder = TempDir::new().unwrap();
        let config = SynapseConfig::new(&python, folder.path().join("synapse"));
        let synapse = Synapse::start(set_up(config)).await.unwrap();
        Self {
            python,
            base_url: synapse.base_url().to_owned(),
            home: Home::Own(Box::new(synapse)),
            name,
            folder,
        }
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// A file or folder that no other test uses.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The server, if it is this test's own.
    pub(crate) fn synapse(&mut self) -> &mut Synapse {
        match &mut self.home {
            Home::Own(synapse) => synapse,
            Home::Shared(_) => panic!("the server belongs to all tests"),
        }
    }

    /// The files of the bot `account`, in no room yet.
    pub(crate) fn setup(&self, account: &Account) -> Setup {
        Setup::new(
            &self.base_url,
            &account.user_id,
            &account.access_token,
            self.folder.path(),
        )
    }

    /// What has been asked of the server, by everybody.
    pub(crate) fn requests(&self) -> Vec<AccessLogLine> {
        match &self.home {
            Home::Shared(synapse) => synapse.requests().unwrap(),
            Home::Own(synapse) => synapse.requests().unwrap(),
        }
    }

    /// What `user` has asked of the server.
    pub(crate) fn requests_of(&self, user: &str) -> Vec<AccessLogLine> {
        let mut requests = self.requests();
        requests.retain(|request| request.user.as_deref() == Some(user));
        requests
    }

    /// A registered user with a device, who does nothing.
    pub(crate) async fn account(&self, name: &str) -> Account {
        let name = self.user_name(name);
        let registered = match &self.home {
            Home::Shared(synapse) => synapse.register(&name, PASSWORD).await,
            Home::Own(synapse) => synapse.register(&name, PASSWORD).await,
        };
        registered.unwrap()
    }

    /// What a login of the account answers, on that device or on its own.
    pub(crate) async fn log_in(
        &self,
        account: &Account,
        device: Option<&str>,
        is_refreshable: bool,
    ) -> Value {
        let login = json!({
            "type": "m.login.password", "password": account.password,
            "device_id": device.unwrap_or(&account.device_id),
            "identifier": { "type": "m.id.user", "user": account.user_id },
            "refresh_token": is_refreshable,
        });
        let path = "/_matrix/client/v3/login";
        let answer = http::ask(self.base_url(), "POST", path, None, Some(&login)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// Somebody who is logged in.
    pub(crate) async fn person(&self, name: &str) -> Person {
        let account = self.account(name).await;
        Person::start(&self.python, &self.base_url, &account.user_id, PASSWORD)
            .await
            .unwrap()
    }

    /// The token of somebody who may use the admin API.
    pub(crate) async fn administrator(&self) -> String {
        const PATH: &str = "/_synapse/admin/v1/register";
        const MAC: &str = "import hmac, sys\n\
            key, *rest = [part.encode() for part in sys.argv[1:]]\n\
            print(hmac.new(key, b'\\0'.join(rest), 'sha1').hexdigest())";
        let (base_url, name) = (self.base_url(), self.user_name("admin"));
        let nonce = http::get(base_url, PATH).await.json()["nonce"].clone();
        let mut python = Command::new(self.python.python());
        python.args(["-c", MAC, SynapseConfig::REGISTRATION_SECRET]);
        python.args([nonce.as_str().unwrap(), &name, PASSWORD, "admin"]);
        let mac = python.output().await.unwrap();
        assert!(mac.status.success(), "{mac:?}");
        let mac = String::from_utf8(mac.stdout).unwrap();
        let body = json!({
            "nonce": nonce, "username": name, "password": PASSWORD, "admin": true,
            "mac": mac.trim(),
        });
        let answer = http::ask(base_url, "POST", PATH, None, Some(&body)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// The shared server may have served an earlier run.
    fn user_name(&self, name: &str) -> String {
        format!("{}-{name}-{}", self.name, process::id())
    }
}

fn shared_server() -> SharedSynapse {
    let shared = SharedSynapse::from_env().unwrap_or_else(|error| panic!("{error}"));
    shared.expect("no homeserver to test against: run `cargo xtask test synapse`, which starts one")
}

/// A room that `host` made and to which everybody in `guests` is invited.
pub(crate) async fn room(host: &Person, guests: &[&str]) -> String {
    let mut room = NewRoom::named("A room");
    for guest in guests {
        room = room.invite(*guest);
    }
    host.create_room(room).await.unwrap()
}

/// Waits until `who` has joined, as `witness` sees it.
pub(crate) async fn joined(witness: &Person, room: &str, who: &str) {
    let wanted = Wanted::new().event_type("m.room.member").sender(who);
    witness.sync_until(room, &wanted, SOON).await.unwrap();
}

/// Lets a person accept the invite to a room.
pub(crate) async fn accept(guest: &Person, room: &str) {
    guest.sync_until_invited(room, SOON).await.unwrap();
    guest.join(room).await.unwrap();
}
