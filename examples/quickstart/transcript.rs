//! What was said, for people to read, and whether every answer is where it belongs.

use std::collections::BTreeMap;

use matrix_bridge_testkit::homeserver::{TestHomeserver, TimelineEvent};
use serde_json::{Value, json};

/// What something said is to the bot.
#[derive(Clone, Copy)]
pub(crate) enum Line {
    /// Nothing.
    Chat,
    /// A question, with the answer that it has to have.
    Question(&'static str),
}

enum Entry {
    Aside(&'static str),
    Said(Said),
}

struct Said {
    line: Line,
    room: String,
    root: Option<String>,
    event: String,
}

/// The scene as it was played.
pub(crate) struct Transcript {
    rooms: BTreeMap<String, &'static str>,
    entries: Vec<Entry>,
}

impl Transcript {
    pub(crate) fn new(rooms: [(&String, &'static str); 2]) -> Self {
        let rooms = rooms
            .into_iter()
            .map(|(id, name)| (id.clone(), name))
            .collect();
        Self {
            rooms,
            entries: Vec::new(),
        }
    }

    pub(crate) fn aside(&mut self, text: &'static str) {
        self.entries.push(Entry::Aside(text));
    }

    pub(crate) fn note(&mut self, line: Line, room: &str, root: Option<&str>, event: &str) {
        let root = root.map(ToOwned::to_owned);
        let (room, event) = (room.to_owned(), event.to_owned());
        self.entries.push(Entry::Said(Said {
            line,
            room,
            root,
            event,
        }));
    }

    /// How many questions were asked.
    pub(crate) fn questions(&self) -> usize {
        self.said().filter(|said| said.expected().is_some()).count()
    }

    /// The first thing said in `room`.
    pub(crate) fn first_in(&self, room: &str) -> String {
        let mut said = self.said();
        said.find(|said| said.room == room)
            .map(|said| said.event.clone())
            .unwrap_or_default()
    }

    /// Prints what was said: each answer under its question, and those to questions
    /// that the bot was not there to hear, when it is back.
    pub(crate) fn print(&self, homeserver: &TestHomeserver) {
        let mut is_there = true;
        let mut unheard = Vec::new();
        println!();
        for entry in &self.entries {
            match entry {
                Entry::Aside(text) => {
                    println!("\n   -- {text} --\n");
                    is_there = !is_there;
                    for said in unheard.drain(..) {
                        self.print_answers(homeserver, said);
                    }
                }
                Entry::Said(said) => {
                    self.print_said(homeserver, said);
                    if is_there {
                        self.print_answers(homeserver, said);
                    } else {
                        unheard.push(said);
                    }
                }
            }
        }
        println!();
    }

    /// Whether each question has its one answer, in its room and thread, and the bot
    /// said nothing else.
    pub(crate) fn check(&self, homeserver: &TestHomeserver, bot: &str) -> Result<(), String> {
        for said in self.said() {
            let Some(expected) = said.expected() else {
                continue;
            };
            let event = &said.event;
            let messages = homeserver.messages_in(&said.room);
            let own: Vec<_> = messages.iter().filter(|m| answers(m, event)).collect();
            let [answer] = own.as_slice() else {
                return Err(format!("{event} has {} answers instead of one", own.len()));
            };
            if answer.body() != expected {
                return Err(format!("{event} was answered with {:?}", answer.body()));
            }
            let relation = &answer.content["m.relates_to"];
            if *relation != relation_to(event, said.root.as_ref()) {
                return Err(format!("the answer to {event} relates to {relation}"));
            }
        }
        let all = self
            .rooms
            .keys()
            .flat_map(|room| homeserver.messages_in(room));
        let said = all.filter(|message| message.sender == bot).count();
        match self.questions() {
            asked if asked == said => Ok(()),
            asked => Err(format!(
                "{asked} questions were asked, the bot said {said} things"
            )),
        }
    }

    fn said(&self) -> impl Iterator<Item = &Said> {
        self.entries.iter().filter_map(Entry::said)
    }

    fn print_said(&self, homeserver: &TestHomeserver, said: &Said) {
        let messages = homeserver.messages_in(&said.room);
        for message in messages
            .iter()
            .filter(|message| message.event_id == said.event)
        {
            println!("{}{}: {}", self.margin(said), name(message), message.body());
        }
    }

    fn print_answers(&self, homeserver: &TestHomeserver, said: &Said) {
        let messages = homeserver.messages_in(&said.room);
        for message in messages
            .iter()
            .filter(|message| answers(message, &said.event))
        {
            println!(
                "{}   -> {}: {}",
                self.margin(said),
                name(message),
                message.body()
            );
        }
    }

    fn margin(&self, said: &Said) -> String {
        let thread = if said.root.is_some() { "  |  " } else { "" };
        format!("{:>9}  {thread}", self.rooms[&said.room])
    }
}

fn name(message: &TimelineEvent) -> &str {
    message.sender.split(':').next().unwrap_or(&message.sender)
}

impl Entry {
    fn said(&self) -> Option<&Said> {
        match self {
            Self::Said(said) => Some(said),
            Self::Aside(_) => None,
        }
    }
}

impl Said {
    /// The answer that it has to have, if it is a question.
    fn expected(&self) -> Option<&'static str> {
        match self.line {
            Line::Question(answer) => Some(answer),
            Line::Chat => None,
        }
    }
}

fn answers(message: &TimelineEvent, event: &str) -> bool {
    let relation = &message.content["m.relates_to"];
    let is_falling_back = relation["is_falling_back"] == true;
    relation["m.in_reply_to"]["event_id"] == event && !is_falling_back
}

fn relation_to(event: &str, root: Option<&String>) -> Value {
    let mut relation = json!({"m.in_reply_to": {"event_id": event}});
    if let Some(root) = root {
        relation["rel_type"] = "m.thread".into();
        relation["event_id"] = root.as_str().into();
        relation["is_falling_back"] = false.into();
    }
    relation
}
