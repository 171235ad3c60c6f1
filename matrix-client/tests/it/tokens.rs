//! Tokens that are refused, and where the next one comes from.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use matrix_bridge_client::{
    Client, ClientError, FileToken, Homeserver, SecretString, TokenError, TokenSource,
};
use matrix_bridge_core::{AccountTrouble, Clock, ListState, Status, chain};
use matrix_bridge_testkit::homeserver::{Endpoint, Fault};
use ruma::api::client::membership::joined_rooms;
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinSet, time::Instant};

use crate::world::{Setup, World, pass};

const SECOND: Duration = Duration::from_secs(1);

/// A host's own source: it hands out what the test puts in, a second after it is asked.
#[derive(Debug)]
struct Handed {
    token: watch::Sender<Result<SecretString, TokenError>>,
    asked: AtomicUsize,
}

impl Handed {
    fn new(token: &str) -> Arc<Self> {
        Arc::new(Self {
            token: watch::Sender::new(Ok(token.into())),
            asked: AtomicUsize::new(0),
        })
    }

    fn set(&self, token: Result<&str, &str>) {
        let token = token.map(SecretString::from).map_err(TokenError::new);
        self.token.send_modify(|present| *present = token);
    }

    /// How often another token was asked for.
    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl TokenSource for Handed {
    async fn token(
        &self,
        refused: Option<&SecretString>,
        _: &Homeserver,
    ) -> Result<SecretString, TokenError> {
        if refused.is_some() {
            self.asked.fetch_add(1, Ordering::SeqCst);
            pass(SECOND).await;
        }
        self.token.borrow().clone()
    }

    async fn changed(&self, _: &dyn Clock) {
        std::future::pending::<()>().await;
    }
}

/// Never says anything after its first token.
#[derive(Debug)]
struct Mute(SecretString);

#[async_trait]
impl TokenSource for Mute {
    async fn token(
        &self,
        refused: Option<&SecretString>,
        _: &Homeserver,
    ) -> Result<SecretString, TokenError> {
        match refused {
            None => Ok(self.0.clone()),
            Some(_) => std::future::pending().await,
        }
    }

    async fn changed(&self, _: &dyn Clock) {
        std::future::pending::<()>().await;
    }
}

async fn ask(client: Client) -> Result<(), ClientError> {
    client
        .call(joined_rooms::v3::Request::new())
        .await
        .map(drop)
}

/// The bot's requests of that kind with that status.
fn answered(world: &World, endpoint: Endpoint, status: u16) -> usize {
    let asked = world.asked(endpoint);
    asked.iter().filter(|r| r.status == Some(status)).count()
}

/// Another token of the bot's, on its device.
fn log_in_again(world: &World) -> String {
    let device = world.bot.device_id.as_deref().unwrap();
    world.server.log_in(&world.bot.user_id, device).access_token
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_refused_together_share_one_renewal_and_each_goes_again() {
    let world = World::new();
    let source = Handed::new(&world.bot.access_token);
    let client = world.client_from(source.clone()).await.unwrap();
    source.set(Ok(&log_in_again(&world)));
    world.server.revoke(&world.bot.access_token);
    // The first one hears of it when all the others have a new token already.
    let late = Fault::late_reply(Duration::from_secs(10));
    world.server.fault(late.on(Endpoint::JoinedRooms));

    let mut requests = JoinSet::new();
    for _ in 0..20 {
        requests.spawn(ask(client.clone()));
    }
    for result in requests.join_all().await {
        result.unwrap();
    }

    assert_eq!(source.asked(), 1);
    assert_eq!(answered(&world, Endpoint::JoinedRooms, 401), 20);
    assert_eq!(answered(&world, Endpoint::JoinedRooms, 200), 20);
    // One at the start, and the check of the new token.
    assert_eq!(world.asked(Endpoint::Whoami).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_failed_is_not_asked_for_again_at_once() {
    let world = World::new();
    let source = Handed::new(&world.bot.access_token);
    let client = world.client_from(source.clone()).await.unwrap();
    source.set(Err("the vault is sealed"));
    world.server.revoke(&world.bot.access_token);

    for _ in 0..10 {
        let error = ask(client.clone()).await.unwrap_err();
        assert_eq!(error.trouble(), Some(AccountTrouble::UnknownToken));
        assert!(chain(&error).contains("the vault is sealed"), "{error}");
        pass(SECOND).await;
    }
    assert_eq!(source.asked(), 1);

    source.set(Ok(&log_in_again(&world)));
    pass(Duration::from_secs(20)).await;
    ask(client).await.unwrap();
    assert_eq!(source.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_hangs_holds_nobody_up_for_ever() {
    let world = World::new();
    let token = Mute(world.bot.access_token.clone().into());
    let client = world.client_from(token).await.unwrap();
    world.server.revoke(&world.bot.access_token);

    let begun = Instant::now();
    let both = tokio::join!(ask(client.clone()), ask(client));

    for error in [both.0.unwrap_err(), both.1.unwrap_err()] {
        assert!(error.is_away() && error.trouble().is_none(), "{error}");
    }
    assert_eq!(begun.elapsed().as_secs(), 90);
}

#[tokio::test(start_paused = true)]
async fn only_a_token_of_the_same_user_and_device_is_taken() {
    let world = World::new();
    let client = world.client().await;
    let (server, bot) = (&world.server, &world.bot);
    let dead = log_in_again(&world);
    server.revoke(&dead);
    let bare = server.log_in_without_device(&bot.user_id).access_token;
    let other = server.log_in(&bot.user_id, "OTHER").access_token;
    let table = [
        (&world.alice.access_token, "log in as @bot:testkit.local"),
        (
            &other,
            "has the device OTHER, the old one the device DEVICE",
        ),
        (&bare, "has no device, the old one the device DEVICE"),
        (&dead, "refuses the new access token too"),
    ];
    for (token, message) in table {
        let error = client.set_token(token.as_str()).await.unwrap_err();

        assert!(chain(&error).contains(message), "{}", chain(&error));
        assert!(!format!("{error:?} {}", chain(&error)).contains(token.as_str()));
        ask(client.clone()).await.unwrap();
    }

    let next = log_in_again(&world);
    client.set_token(next).await.unwrap();
    server.revoke(&bot.access_token);
    ask(client).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_handed_over_ends_the_pause_at_once_and_nothing_is_lost() {
    let world = World::new();
    let room = world.room();
    let client = world.client().await;
    let bot = world.begin_as(client.clone(), Setup::default());
    world.synced().await;
    world.alice_says(&room, "!slow 2");
    pass(SECOND).await;
    world.server.revoke(&world.bot.access_token);
    world.alice_says(&room, "!ping");
    bot.until_reason("account", true).await;
    bot.until_reason("send_account", true).await;
    assert_eq!(bot.health().status, Status::Failed);
    pass(SECOND).await;

    let begun = Instant::now();
    client.set_token(log_in_again(&world)).await.unwrap();

    assert_eq!(world.until_said(&room, 2).await, ["slept 2 s", "pong"]);
    assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());
    bot.until_reason("", false).await;
    assert_eq!(world.rows(ListState::Parked).await, []);
    let sent = world.rows(ListState::Sent).await;
    assert!(sent.iter().all(|row| row.attempts == 0), "{sent:?}");
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_new_token_in_the_file_is_taken_up_within_seconds() {
    let world = World::new();
    let (room, folder) = (world.room(), TempDir::new().unwrap());
    let path = folder.path().join("token");
    fs::write(&path, format!(" {}\r\n", world.bot.access_token)).unwrap();
    let client = world.client_from(FileToken::new(&path)).await.unwrap();
    let bot = world.begin_as(client, Setup::default());
    world.synced().await;
    world.alice_says(&room, "!slow 2");
    pass(SECOND).await;
    world.server.revoke(&world.bot.access_token);
    world.alice_says(&room, "!ping");
    bot.until_reason("send_account", true).await;
    let said = format!("{:?}", bot.health());
    assert!(
        said.contains("still holds the refused access token"),
        "{said}"
    );

    let begun = Instant::now();
    let next = log_in_again(&world);
    fs::write(&path, &next).unwrap();

    assert_eq!(world.until_said(&room, 2).await, ["slept 2 s", "pong"]);
    assert!(begun.elapsed() < 3 * SECOND, "{:?}", begun.elapsed());
    bot.until_reason("", false).await;

    // One that is replaced before it is refused is refused never.
    world.server.clear_requests();
    fs::write(&path, log_in_again(&world)).unwrap();
    pass(3 * SECOND).await;
    world.server.revoke(&next);
    world.alice_says(&room, "!ping");
    world.until_said(&room, 3).await;
    assert!(
        world
            .asked(Endpoint::Sync)
            .iter()
            .all(|r| r.status != Some(401))
    );
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_the_file_is_told_and_the_present_token_stays() {
    let world = World::new();
    let (room, folder) = (world.room(), TempDir::new().unwrap());
    let path = folder.path().join("token");
    let table: [(&[u8], &str); 6] = [
        (b"", "token has nothing in it"),
        (b"\n \t", "token has nothing in it"),
        (b"syt_a\nsyt_b", "spaces or other characters"),
        (b"syt_\x07secret", "spaces or other characters"),
        (b"syt_\xff", "token cannot be read"),
        (b"syt_of_nobody", "refuses the access token"),
    ];
    for (content, message) in table {
        fs::write(&path, content).unwrap();
        let error = world.client_from(FileToken::new(&path)).await.unwrap_err();
        let said = chain(&error);
        assert!(said.contains(message), "{said}");
        assert!(!said.contains("syt_"), "{said}");
    }

    fs::write(&path, &world.bot.access_token).unwrap();
    let client = world.client_from(FileToken::new(&path)).await.unwrap();
    let bot = world.begin_as(client, Setup::default());
    world.synced().await;
    for (content, message) in &table[..5] {
        fs::write(&path, content).unwrap();
        bot.until_reason("token", true).await;
        pass(2 * SECOND).await;
        let health = bot.health();
        assert_eq!(health.status, Status::Degraded);
        assert!(health.reasons[0].message.contains(message), "{health:?}");
    }
    fs::remove_file(&path).unwrap();
    pass(2 * SECOND).await;
    world.alice_says(&room, "!ping");
    world.until_said(&room, 1).await;

    fs::write(&path, &world.bot.access_token).unwrap();
    bot.until_reason("", false).await;
    bot.stop().await;
}
