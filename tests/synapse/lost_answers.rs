//! R3: a message was sent and the answer never came, or it never arrived; beyond what the server remembers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Bytes;
use axum::http::{Method, Request, Response};
use matrix_bridge::{
    Client, Limits, ReqwestTransport, SecretString, Settings, SystemClock, Transport,
    TransportError,
};
use matrix_bridge_testkit::person::Person;
use matrix_bridge_testkit::synapse::Account;

use crate::load::{all_are_answered_once_in_order, ask};
use crate::parlor::{Parlor, source};
use crate::until::{SOON, within};
use crate::world::{World, joined, room};

/// The server remembers transaction ids for longer, but nobody counts on it.
fn forgetful() -> Settings {
    Settings {
        transaction_memory: Duration::ZERO,
        ..Settings::default()
    }
}

/// What becomes of messages.
#[derive(Clone, Copy, Debug)]
enum Loss {
    /// The answer to the first is lost.
    Answer,
    /// The first is lost itself.
    Message,
    /// The answer to the first, and whatever comes then.
    AnswerAndMore,
}

/// A connection that loses something once.
#[derive(Debug)]
struct Lossy {
    inner: ReqwestTransport,
    loss: Loss,
    has_lost: AtomicBool,
}

#[async_trait]
impl Transport for Lossy {
    async fn send(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> Result<Response<Bytes>, TransportError> {
        let is_send = request.method() == Method::PUT && request.uri().path().contains("/send/");
        if !is_send {
            return self.inner.send(request, limits).await;
        }
        let is_first = !self.has_lost.swap(true, Ordering::Relaxed);
        let lost = Err(TransportError::Cut("lost on purpose".into()));
        match self.loss {
            Loss::Answer | Loss::AnswerAndMore if is_first => {
                self.inner.send(request, limits).await?;
                lost
            }
            Loss::Message if is_first => lost,
            Loss::AnswerAndMore => lost,
            Loss::Answer | Loss::Message => self.inner.send(request, limits).await,
        }
    }
}

/// A bot that is in a room with Ann.
struct Scene {
    world: World,
    ann: Person,
    bot: Account,
    room: String,
    parlor: Parlor,
}

impl Scene {
    async fn new(name: &'static str) -> Self {
        let world = World::shared(name);
        let (ann, bot) = (world.person("ann").await, world.account("bot").await);
        let room = room(&ann, &[&bot.user_id]).await;
        let parlor = Parlor::new(&room, world.path("lost.db"));
        Self {
            world,
            ann,
            bot,
            room,
            parlor,
        }
    }

    /// The bot's client over a connection that loses something.
    async fn lossy(&self, loss: Loss) -> Client {
        let base_url = self.world.base_url();
        let transport = Arc::new(Lossy {
            inner: ReqwestTransport::new(base_url).unwrap(),
            loss,
            has_lost: AtomicBool::new(false),
        });
        let token = SecretString::from(self.bot.access_token.as_str());
        let client = Client::connect_with(transport, Arc::new(SystemClock), base_url, token);
        client.await.unwrap()
    }

    /// Runs the bot beside `scene`.
    async fn live(&self, client: &Client, settings: Settings, scene: impl Future<Output = ()>) {
        let source = source(client);
        self.parlor.play(client, source, settings, scene).await;
    }

    async fn joined_and_asked(&self) {
        joined(&self.ann, &self.room, &self.bot.user_id).await;
        ask(&self.ann, &self.room, &self.bot.user_id, "once").await;
    }

    /// How often the bot asked the server to send something, and for the room's history.
    fn sends_and_looks(&self) -> (usize, usize) {
        let requests = self.world.requests_of(&self.bot.user_id);
        let count = |part: &str| requests.iter().filter(|r| r.path.contains(part)).count();
        (count("/send/m.room.message/"), count("/messages"))
    }

    async fn until_looked(&self) {
        within(SOON, "a look into the room's history", async || {
            (self.sends_and_looks().1 > 0).then_some(())
        })
        .await;
    }

    /// One more question, so that what went before is settled, and then the end.
    async fn answered(&self, client: &Client, settings: Settings) -> usize {
        let scene = async {
            ask(&self.ann, &self.room, &self.bot.user_id, "after all").await;
        };
        self.live(client, settings, scene).await;
        let (ann, bot) = (&self.ann, &self.bot.user_id);
        all_are_answered_once_in_order(ann, &self.room, ann.user_id(), bot).await
    }
}

#[tokio::test]
async fn what_was_sent_is_found_under_its_transaction_id_and_not_sent_again() {
    let scene = Scene::new("answer-lost").await;
    let client = scene.lossy(Loss::Answer).await;

    let asked = async {
        scene.joined_and_asked().await;
        scene.until_looked().await;
    };
    scene.live(&client, forgetful(), asked).await;

    assert_eq!(scene.sends_and_looks(), (1, 1));
    assert_eq!(scene.answered(&client, forgetful()).await, 2);
    assert_eq!((scene.sends_and_looks().0, scene.parlor.calls()), (2, 2));
}

#[tokio::test]
async fn what_never_arrived_is_looked_for_and_sent_once() {
    let scene = Scene::new("message-lost").await;
    let client = scene.lossy(Loss::Message).await;

    let asked = scene.joined_and_asked();
    scene.live(&client, forgetful(), asked).await;

    assert_eq!(scene.sends_and_looks(), (1, 1));
    assert_eq!(scene.answered(&client, forgetful()).await, 2);
}

/// Synapse tells a transaction id to the device only that used it.
#[tokio::test]
async fn on_another_device_our_marker_tells_what_was_sent() {
    let scene = Scene::new("device-changed").await;
    let client = scene.lossy(Loss::AnswerAndMore).await;
    let asked = scene.joined_and_asked();
    scene.live(&client, Settings::default(), asked).await;
    let world = &scene.world;
    let session = world.log_in(&scene.bot, Some("OTHER"), false).await;
    let token = session["access_token"].as_str().unwrap();

    let other = Client::connect(world.base_url(), token).await.unwrap();

    assert_eq!(scene.answered(&other, Settings::default()).await, 2);
    let (sends, looks) = scene.sends_and_looks();
    assert_eq!((sends, scene.parlor.calls()), (2, 2));
    assert!(looks > 0, "nobody looked");
}
