//! One round: people ask, the bot is killed and started again, and at the end it is judged.

use std::fs;
use std::io;
use std::iter;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use futures_util::future::join_all;
use matrix_bridge_harness::router::Signal;
use matrix_bridge_harness::{Answer, Question, Router, Setup, Verdict, judge};
use tokio_util::sync::CancellationToken;

use super::home::{Home, Place, Said};
use super::plan::{self, Step};
use super::report::{Acts, Report};

const ROOMS: usize = 4;
/// So many questions are asked by everybody, however slow the homeserver is.
const LEAST: usize = 3;
/// The pause between two questions of a room, in milliseconds.
const BREATH: Range<u64> = 1..60;
const COMMAND: &str = "!echo ";
/// Longer than any claim, pause or backoff lasts.
const PATIENCE: Duration = Duration::from_secs(120);
/// The bot gives itself a little less.
const END: Duration = Duration::from_secs(10);
const GLANCE: Duration = Duration::from_millis(100);

/// Plays the round of that seed; its files are in `folder`.
pub(crate) async fn play(place: Arc<Place>, seed: u64, folder: PathBuf) -> Report {
    make_empty(&folder);
    let mut random = Rng::with_seed(seed);
    let steps = plan::draw(&mut random, place.is_mortal());
    let home = Home::open(place, seed).await;
    let mut rooms = Vec::new();
    for _ in 0..ROOMS {
        rooms.push(Room {
            id: home.new_room().await,
            threads: Vec::new(),
        });
    }
    let mut setup = Setup::new(&home.base_url, &home.bot, &home.token, &folder);
    for room in &rooms {
        setup = setup.room(&room.id, "active");
    }
    let mut round = Round {
        home: &home,
        config: setup.path(),
        router: setup.start().await,
        random: random.fork(),
        acts: Acts::default(),
    };
    for room in &mut rooms {
        home.until_joined(&room.id).await;
        for topic in ["a topic", "another topic"] {
            let root = home.say(&mut random, &room.id, None, topic).await;
            room.threads.push(root);
        }
    }

    let stop = CancellationToken::new();
    let asking = rooms
        .iter()
        .flat_map(|room| iter::repeat_n(room, home.askers()))
        .map(|room| ask(&home, room, random.fork(), BREATH, &stop));
    let killing = async {
        for step in steps {
            round.take(step).await;
        }
        stop.cancel();
    };
    tokio::join!(join_all(asking), killing);
    for room in &rooms {
        until_answered(&home, &room.id).await;
    }
    // What it would still say a second time it has said when it has ended in order.
    end_in_order(&mut round.router).await;

    let (mut verdict, mut transcript) = (Verdict::default(), String::new());
    for Room { id: room, .. } in &rooms {
        let messages = home.messages(room).await;
        verdict += judge(&questions(&messages), &answers(&messages, &home.bot));
        transcript.extend(messages.iter().map(|said| format!("{room} {said}\n")));
    }
    fs::write(folder.join("rooms.txt"), transcript).expect("the round's folder can be written to");
    Report {
        verdict,
        acts: round.acts,
    }
}

pub(super) fn make_empty(folder: &Path) {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            panic!("{}: {error}", folder.display())
        }
        _ => fs::create_dir_all(folder).expect("the round's folder can be made"),
    }
}

pub(super) struct Room {
    pub(super) id: String,
    /// Their roots.
    pub(super) threads: Vec<String>,
}

struct Round<'a> {
    home: &'a Home,
    config: &'a Path,
    router: Router,
    random: Rng,
    acts: Acts,
}

impl Round<'_> {
    /// Takes a step; the bot runs before and after it.
    async fn take(&mut self, step: Step) {
        self.home.trouble(&mut self.random);
        match step {
            Step::Kill { after } => self.kill_after(after).await,
            Step::KillTwice { after, again } => {
                self.kill_after(after).await;
                self.kill_after(again).await;
            }
            Step::Stop { after } => {
                tokio::time::sleep(after).await;
                end_in_order(&mut self.router).await;
                self.acts.stops += 1;
                self.router = Router::begin(self.config);
            }
            Step::Pause { after, span, then } => {
                tokio::time::sleep(after).await;
                self.router.signal(Signal::STOP);
                tokio::time::sleep(span).await;
                self.router.signal(Signal::CONT);
                self.acts.pauses += 1;
                self.kill_after(then).await;
            }
            Step::KillHomeserver { after } => {
                tokio::time::sleep(after).await;
                self.home.kill().await;
                self.acts.homeserver_kills += 1;
            }
        }
    }

    async fn kill_after(&mut self, after: Duration) {
        tokio::time::sleep(after).await;
        assert!(!self.router.has_ended(), "the bot ended by itself");
        self.router.kill().await;
        self.acts.kills += 1;
        self.router = Router::begin(self.config);
    }
}

/// SIGTERM. One that is only just starting may not catch it yet, and that is an end as well.
pub(super) async fn end_in_order(router: &mut Router) {
    assert!(!router.has_ended(), "the bot ended by itself");
    router.signal(Signal::TERM);
    let ended = tokio::time::timeout(END, router.ended()).await;
    let status = ended.expect("the bot ends in time");
    assert!(
        status.success() || status.code().is_none(),
        "the bot ended with {status}"
    );
}

/// Somebody asks in the room again and again, in its threads and outside of them, until `stop`.
pub(super) async fn ask(
    home: &Home,
    room: &Room,
    mut random: Rng,
    breath: Range<u64>,
    stop: &CancellationToken,
) {
    let Room { id: room, threads } = room;
    let mut number = 0;
    while !stop.is_cancelled() || number < LEAST {
        let thread = random.choice(threads).filter(|_| random.u8(..3) == 0);
        let body = format!("{COMMAND}{number}");
        home.say(&mut random, room, thread.map(String::as_str), &body)
            .await;
        number += 1;
        home.breathe(&mut random, breath.clone()).await;
    }
}

/// What stands in the room once there are as many answers as questions, or once patience is over.
pub(super) async fn until_answered(home: &Home, room: &str) -> Vec<Said> {
    let mut looks = PATIENCE.as_millis() / GLANCE.as_millis();
    loop {
        let messages = home.messages(room).await;
        let (asked, answered) = (questions(&messages), answers(&messages, &home.bot));
        if answered.len() >= asked.len() || looks == 0 {
            return messages;
        }
        looks -= 1;
        tokio::time::sleep(GLANCE).await;
    }
}

pub(super) fn questions(messages: &[Said]) -> Vec<Question> {
    let question = |said: &Said| {
        let text = said.content["body"].as_str()?.strip_prefix(COMMAND)?;
        Some(Question {
            event: said.event.clone(),
            text: text.to_owned(),
            thread: said.thread(),
        })
    };
    messages.iter().filter_map(question).collect()
}

pub(super) fn answers(messages: &[Said], bot: &str) -> Vec<Answer> {
    let of_bot = messages.iter().filter(|said| said.sender == bot);
    let answer = |said: &Said| Answer {
        text: said.content["body"].as_str().unwrap_or_default().to_owned(),
        in_reply_to: said.in_reply_to(),
        thread: said.thread(),
    };
    of_bot.map(answer).collect()
}
