//! A homeserver, and the people there who ask the bot.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use matrix_bridge_harness::until::SOON;
use matrix_bridge_testkit::homeserver::{
    Endpoint, Fault, HomeserverSocket, Membership, TestHomeserver,
};
use matrix_bridge_testkit::person::{NewRoom, Person, Wanted};
use matrix_bridge_testkit::python::PythonEnvironment;
use matrix_bridge_testkit::synapse::Synapse;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::failure::Failure;
use crate::synapse::server;

const PASSWORD: &str = "secret";
/// More than is said in a room in one round.
const ALL: usize = 20_000;

/// Where rounds are played.
#[derive(Debug)]
pub(crate) enum Place {
    /// A homeserver of the testkit for each round.
    Testkit,
    /// One Synapse for all, and Ann who lives there.
    Synapse(Box<SynapsePlace>),
}

/// A Synapse that is ours.
#[derive(Debug)]
pub(crate) struct SynapsePlace {
    base_url: String,
    ann: Person,
    server: Mutex<Synapse>,
    is_mortal: bool,
}

impl Place {
    /// Moves Ann in. Whether the server is killed as well is `is_mortal`.
    pub(crate) async fn synapse(
        python: &PythonEnvironment,
        synapse: Synapse,
        is_mortal: bool,
    ) -> Result<Self, Failure> {
        let name = format!("ann-{}", fastrand::u32(..));
        let account = synapse.register(&name, PASSWORD).await.map_err(server)?;
        let base_url = synapse.base_url().to_owned();
        let ann = Person::start(python, &base_url, &account.user_id, PASSWORD).await;
        Ok(Self::Synapse(Box::new(SynapsePlace {
            base_url,
            ann: ann.map_err(server)?,
            server: Mutex::new(synapse),
            is_mortal,
        })))
    }

    pub(crate) fn is_mortal(&self) -> bool {
        matches!(self, Self::Synapse(place) if place.is_mortal)
    }

    /// Ends the Synapse in order.
    pub(crate) async fn stop(&self) -> Result<(), Failure> {
        match self {
            Self::Testkit => Ok(()),
            Self::Synapse(place) => place.server.lock().await.stop().await.map_err(server),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Testkit => "the testkit's homeserver",
            Self::Synapse(place) if place.is_mortal => "a Synapse that is killed too",
            Self::Synapse(_) => "Synapse",
        })
    }
}

/// Something that was said in a room.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) event: String,
    pub(crate) sender: String,
    pub(crate) content: Value,
}

impl Said {
    /// The event that it replies to.
    pub(crate) fn in_reply_to(&self) -> Option<String> {
        let event = &self.relates_to()["m.in_reply_to"]["event_id"];
        event.as_str().map(str::to_owned)
    }

    /// The root of the thread that it is in.
    pub(crate) fn thread(&self) -> Option<String> {
        let relation = self.relates_to();
        let root = relation["event_id"].as_str();
        root.filter(|_| relation["rel_type"] == "m.thread")
            .map(str::to_owned)
    }

    fn relates_to(&self) -> &Value {
        &self.content["m.relates_to"]
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            event,
            sender,
            content,
        } = self;
        write!(f, "{event} {sender} {content}")
    }
}

/// The homeserver of one round, and the bot's account there.
pub(crate) struct Home {
    pub(crate) base_url: String,
    pub(crate) bot: String,
    pub(crate) token: String,
    kind: Kind,
}

enum Kind {
    Testkit {
        server: TestHomeserver,
        people: [String; 2],
        _socket: HomeserverSocket,
    },
    Synapse(Arc<Place>),
}

impl Home {
    /// A homeserver, with a bot that nobody else has.
    pub(crate) async fn open(place: Arc<Place>, seed: u64) -> Self {
        match &*place {
            Place::Testkit => {
                let server = TestHomeserver::new();
                let [alice, ben, bot] = ["alice", "ben", "bot"].map(|name| server.register(name));
                let socket = server.serve().await.expect("a loopback port is free");
                Self {
                    base_url: socket.base_url(),
                    bot: bot.user_id,
                    token: bot.access_token,
                    kind: Kind::Testkit {
                        server,
                        people: [alice.user_id, ben.user_id],
                        _socket: socket,
                    },
                }
            }
            Place::Synapse(synapse) => {
                let name = format!("bot-{seed}-{}", fastrand::u32(..));
                let registered = synapse.server.lock().await.register(&name, PASSWORD).await;
                let bot = registered.expect("Synapse registers the bot");
                Self {
                    base_url: synapse.base_url.clone(),
                    bot: bot.user_id,
                    token: bot.access_token,
                    kind: Kind::Synapse(place),
                }
            }
        }
    }

    /// A room of the people's, with the bot invited.
    pub(crate) async fn new_room(&self) -> String {
        match &self.kind {
            Kind::Testkit { server, people, .. } => {
                let room = server.create_room(&people[0]);
                server.join(&room, &people[1]);
                server.invite(&room, &people[0], &self.bot);
                room
            }
            Kind::Synapse(place) => {
                let room = NewRoom::named("A room").invite(&self.bot);
                ann(place)
                    .create_room(room)
                    .await
                    .expect("Ann makes a room")
            }
        }
    }

    /// Waits until the bot is in the room.
    pub(crate) async fn until_joined(&self, room: &str) {
        match &self.kind {
            Kind::Testkit { server, .. } => {
                let is_in = |server: &matrix_bridge_testkit::homeserver::Homeserver| {
                    server.membership(room, &self.bot) == Some(Membership::Join)
                };
                let joined = server.wait_for(is_in, SOON).await;
                joined.expect("the bot joins");
            }
            Kind::Synapse(place) => {
                let wanted = Wanted::new().event_type("m.room.member").sender(&self.bot);
                let joined = ann(place).sync_until(room, &wanted, SOON).await;
                joined.expect("the bot joins");
            }
        }
    }

    /// Somebody says something, in a thread or not. Returns the event.
    pub(crate) async fn say(
        &self,
        random: &mut Rng,
        room: &str,
        thread: Option<&str>,
        body: &str,
    ) -> String {
        match &self.kind {
            Kind::Testkit { server, people, .. } => {
                let who = &people[random.usize(..2)];
                match thread {
                    Some(root) => server.send_in_thread(room, who, root, body),
                    None => server.send_text(room, who, body),
                }
            }
            Kind::Synapse(place) => {
                let said = match thread {
                    Some(root) => ann(place).thread(room, root, body, None).await,
                    None => ann(place).say(room, body).await,
                };
                said.expect("Ann may speak")
            }
        }
    }

    /// How many ask in a room at once: the testkit's homeserver takes a question in no time, Synapse takes long.
    pub(crate) const fn askers(&self) -> usize {
        match self.kind {
            Kind::Testkit { .. } => 1,
            Kind::Synapse(_) => 3,
        }
    }

    /// The pause after a question, in milliseconds, where the server makes none.
    pub(crate) async fn breathe(&self, random: &mut Rng, breath: Range<u64>) {
        if let Kind::Testkit { .. } = self.kind {
            tokio::time::sleep(Duration::from_millis(random.u64(breath))).await;
        }
    }

    /// What was said in the room, asked of the server now, in its order.
    pub(crate) async fn messages(&self, room: &str) -> Vec<Said> {
        match &self.kind {
            Kind::Testkit { server, .. } => {
                let messages = server.messages_in(room).into_iter();
                let said = messages.map(|message| Said {
                    event: message.event_id,
                    sender: message.sender,
                    content: message.content,
                });
                said.collect()
            }
            Kind::Synapse(place) => {
                let events = ann(place).timeline(room, ALL).await;
                let events = events.expect("Ann may read").into_iter();
                let messages = events.filter(|event| event.source["type"] == "m.room.message");
                let said = messages.map(|event| Said {
                    event: event.event_id,
                    sender: event.sender,
                    content: event.source["content"].clone(),
                });
                said.collect()
            }
        }
    }

    /// Makes the bot's sends slow, so that some are under way at any moment, and some of their answers lost.
    /// Synapse is slow enough.
    pub(crate) fn trouble(&self, random: &mut Rng) {
        let Kind::Testkit { server, .. } = &self.kind else {
            return;
        };
        let on_send = |fault: Fault| fault.on(Endpoint::Send).by(&self.bot);
        let millis = |random: &mut Rng, most| Duration::from_millis(random.u64(1..most));
        server.clear_faults();
        for _ in 0..random.u32(..3) {
            let fault = match random.u8(..4) {
                0 => Fault::cut_after_acting(),
                1 => Fault::torn_body(),
                2 => Fault::late_reply(millis(random, 2_000)),
                _ => Fault::late_action(millis(random, 500)),
            };
            server.fault(on_send(fault).skip(random.u32(..60)));
        }
        // The last one, for it takes every request that is left.
        server.fault(on_send(Fault::late_reply(millis(random, 60))).forever());
    }

    /// Kills the homeserver and starts it again.
    pub(crate) async fn kill(&self) {
        if let Kind::Synapse(place) = &self.kind
            && let Place::Synapse(place) = &**place
        {
            let mut server = place.server.lock().await;
            server.kill9().await.expect("Synapse can be killed");
            server.restart().await.expect("Synapse starts again");
        }
    }
}

fn ann(place: &Place) -> &Person {
    match place {
        Place::Synapse(place) => &place.ann,
        Place::Testkit => unreachable!("its homes are of another kind"),
    }
}
