//! Tokens that run out and are refreshed.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use matrix_bridge_client::{Client, ClientError, Limits, SessionFile, Transport, TransportError};
use matrix_bridge_core::{ListState, Status, chain};
use matrix_bridge_testkit::{
    homeserver::{Endpoint, Fault, MemoryTransport},
    virtual_time::VirtualClock,
};
use ruma::api::client::membership::joined_rooms;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{task::JoinSet, time::Instant};

use crate::world::{Running, Setup, World, pass};

const SECOND: Duration = Duration::from_secs(1);
const LIFETIME: Duration = Duration::from_secs(60);

/// A bot's file with a pair of tokens that runs out.
struct Session {
    folder: TempDir,
}

impl Session {
    fn new(world: &World) -> Self {
        let folder = TempDir::new().unwrap();
        let session = Self { folder };
        world.server.set_token_lifetime(LIFETIME);
        session.log_in(world);
        session
    }

    /// Puts in the answer of a new login.
    fn log_in(&self, world: &World) {
        let device = world.bot.device_id.as_deref().unwrap();
        let (account, refresh) = world.server.log_in_refreshable(&world.bot.user_id, device);
        let answer = json!({
            "user_id": account.user_id, "device_id": device, "expires_in_ms": 60_000,
            "access_token": account.access_token, "refresh_token": refresh,
        });
        fs::write(self.path(), answer.to_string()).unwrap();
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("session.json")
    }

    fn text(&self, key: &str) -> String {
        let json: Value = serde_json::from_slice(&fs::read(self.path()).unwrap()).unwrap();
        json[key].as_str().unwrap().to_owned()
    }

    /// Connects, and sees to it that no token is used that is not in the file.
    async fn client(&self, world: &World) -> Client {
        let transport = OnlyFromFile {
            inner: world.server.transport(),
            path: self.path(),
        };
        let source = SessionFile::new(self.path());
        let clock = Arc::new(VirtualClock::new());
        Client::connect_with(Arc::new(transport), clock, "http://testkit.local", source)
            .await
            .unwrap()
    }

    async fn start(&self, world: &World) -> Running {
        let client = self.client(world).await;
        world.server.clear_requests();
        let bot = world.begin_as(client, Setup::default());
        world.synced().await;
        bot
    }
}

#[derive(Debug)]
struct OnlyFromFile {
    inner: MemoryTransport,
    path: PathBuf,
}

#[async_trait]
impl Transport for OnlyFromFile {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        limits: Limits,
    ) -> Result<http::Response<Bytes>, TransportError> {
        if let Some(value) = request.headers().get(http::header::AUTHORIZATION)
            && request.uri().path().ends_with("/whoami")
        {
            let token = value.to_str().unwrap().trim_start_matches("Bearer ");
            let file = fs::read_to_string(&self.path).unwrap();
            assert!(file.contains(token), "used before it was written down");
        }
        self.inner.send(request, limits).await
    }
}

async fn ask(client: Client) -> Result<(), ClientError> {
    client
        .call(joined_rooms::v3::Request::new())
        .await
        .map(drop)
}

fn refreshes(world: &World) -> usize {
    let requests = world.server.requests();
    let refreshes = requests.iter().filter(|r| r.endpoint == Endpoint::Refresh);
    refreshes.count()
}

#[tokio::test(start_paused = true)]
async fn a_bot_lives_across_expiries_and_answers_everything_once() {
    let world = World::new();
    let (room, session) = (world.room(), Session::new(&world));
    let bot = session.start(&world).await;

    let mut expected = Vec::new();
    for number in 0..100 {
        world.alice_says(&room, &format!("!echo {number}"));
        expected.push(number.to_string());
        pass(Duration::from_secs(7)).await;
        assert_eq!(bot.reasons(), [""; 0], "after {number}");
    }

    assert_eq!(world.until_said(&room, 100).await, expected);
    assert_eq!(refreshes(&world), 11);
    assert_eq!(world.rows(ListState::Parked).await, []);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn requests_that_meet_an_expiry_together_refresh_once() {
    let world = World::new();
    let session = Session::new(&world);
    let client = session.client(&world).await;
    pass(LIFETIME).await;
    let slow = Fault::late_reply(SECOND);
    world.server.fault(slow.on(Endpoint::Refresh).forever());

    let mut requests = JoinSet::new();
    for _ in 0..20 {
        requests.spawn(ask(client.clone()));
    }

    for result in requests.join_all().await {
        result.unwrap();
    }
    assert_eq!(refreshes(&world), 1);
}

#[tokio::test(start_paused = true)]
async fn a_crash_anywhere_in_a_refresh_costs_nothing() {
    let world = World::new();
    let session = Session::new(&world);
    let (client, old) = (session.client(&world).await, session.text("refresh_token"));
    pass(LIFETIME).await;

    // Before the answer came: the old pair is there, and good.
    world
        .server
        .fault(Fault::cut_after_acting().on(Endpoint::Refresh));
    let error = ask(client).await.unwrap_err();
    assert!(error.is_away() && error.trouble().is_none(), "{error}");
    assert_eq!(session.text("refresh_token"), old);
    // After it was written down, before it was used: the new pair is there, and good.
    let cut = Fault::cut_before_acting().on(Endpoint::Whoami).skip(1);
    world.server.fault(cut);
    let source = SessionFile::new(session.path());
    world.client_from(source).await.unwrap_err();
    assert_ne!(session.text("refresh_token"), old);

    let client = session.client(&world).await;
    ask(client).await.unwrap();
    assert_eq!(refreshes(&world), 2);
}

#[tokio::test(start_paused = true)]
async fn a_pair_that_cannot_be_written_down_is_not_used() {
    let world = World::new();
    let session = Session::new(&world);
    let client = session.client(&world).await;
    let [access, refresh] = ["access_token", "refresh_token"].map(|key| session.text(key));
    pass(LIFETIME).await;
    // In the way of the file that is to take the place of the old one.
    let in_the_way = session.folder.path().join("session.json.new");
    fs::create_dir(&in_the_way).unwrap();

    let error = ask(client.clone()).await.unwrap_err();

    let said = chain(&error);
    assert!(said.contains("session.json cannot be written"), "{said}");
    assert!(error.trouble().is_some());
    assert_eq!(session.text("access_token"), access);
    fs::remove_dir(&in_the_way).unwrap();
    pass(20 * SECOND).await;
    ask(client).await.unwrap();
    assert_ne!(session.text("refresh_token"), refresh);
    assert!(only_the_owner_may_read(&session.path()));
    assert!(!in_the_way.exists());
}

#[cfg(unix)]
fn only_the_owner_may_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777 == 0o600
}

#[cfg(not(unix))]
fn only_the_owner_may_read(_: &Path) -> bool {
    true
}

#[tokio::test(start_paused = true)]
async fn a_refused_refresh_says_what_to_do_and_a_new_login_resumes_at_once() {
    let world = World::new();
    let (room, session) = (world.room(), Session::new(&world));
    let bot = session.start(&world).await;
    let old = fs::read_to_string(session.path()).unwrap();
    let [access, refresh] = ["access_token", "refresh_token"].map(|key| session.text(key));
    fs::write(session.path(), old.replace(&refresh, "syr_of_nobody")).unwrap();
    world.alice_says(&room, "!slow 120");
    pass(SECOND).await;
    pass(LIFETIME).await;
    world.alice_says(&room, "!ping");
    bot.until_reason("send_account", true).await;

    world.server.clear_requests();
    pass(Duration::from_secs(600)).await;
    let requests = world.server.requests().len();
    assert!(requests <= 80, "{requests} requests in ten minutes");
    let health = bot.health();
    let said = format!("{health:?}");
    assert_eq!(health.status, Status::Failed);
    assert!(said.contains("put the answer into"), "{said}");
    for secret in [&*access, &*refresh, "syr_of_nobody"] {
        assert!(!said.contains(secret), "{said}");
    }

    let begun = Instant::now();
    session.log_in(&world);
    assert_eq!(world.until_said(&room, 2).await, ["slept 120 s", "pong"]);
    assert!(begun.elapsed() < 3 * SECOND, "{:?}", begun.elapsed());
    bot.until_reason("", false).await;
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_none_is_told_without_its_secrets() {
    let world = World::new();
    let session = Session::new(&world);
    for text in [
        "",
        "syt_secret",
        r#"{"access_token":"syt_secret"}"#,
        r#"{"access_token":"syt_secret","refresh_token":["syr_secret"]}"#,
        r#"{"access_token":"syt_secret","refresh_token":" "}"#,
        r#"{"access_token":"syt_secret\u0007","refresh_token":"syr_secret"}"#,
    ] {
        fs::write(session.path(), text).unwrap();
        let source = SessionFile::new(session.path());
        let error = world.client_from(source).await.unwrap_err();
        let said = format!("{error:?} {}", chain(&error));
        assert!(said.contains("session.json "), "{said}");
        assert!(!said.contains("secret"), "{said}");
    }
}
