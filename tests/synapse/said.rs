//! What is said in a room, as the people there read it.

use matrix_bridge_testkit::person::{Person, SeenEvent, Wanted};

use crate::until::{SOON, within};

/// More than any test says in one room.
const ALL: usize = 2_000;

/// An answer: what it says and where it stands.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Said {
    pub(crate) body: String,
    pub(crate) in_reply_to: Option<String>,
    pub(crate) thread: Option<String>,
}

impl Said {
    /// An answer to a question outside of any thread.
    pub(crate) fn plain(body: &str, question: &str) -> Self {
        Self {
            body: body.to_owned(),
            in_reply_to: Some(question.to_owned()),
            thread: None,
        }
    }

    /// An answer to a question in a thread.
    pub(crate) fn threaded(body: &str, question: &str, root: &str) -> Self {
        Self {
            thread: Some(root.to_owned()),
            ..Self::plain(body, question)
        }
    }

    fn of(event: &SeenEvent) -> Self {
        Self {
            body: event.body.clone().unwrap_or_default(),
            in_reply_to: event.in_reply_to().map(str::to_owned),
            thread: event.thread_root().map(str::to_owned),
        }
    }
}

/// Everything that `who` has said in the room, asked of the server now.
pub(crate) async fn events(witness: &Person, room: &str, who: &str) -> Vec<SeenEvent> {
    let mut events = witness.timeline(room, ALL).await.unwrap();
    events.retain(|event| event.sender == who && event.source["type"] == "m.room.message");
    events
}

/// The same, as answers.
pub(crate) async fn said(witness: &Person, room: &str, who: &str) -> Vec<Said> {
    events(witness, room, who)
        .await
        .iter()
        .map(Said::of)
        .collect()
}

/// The texts alone.
pub(crate) async fn texts(witness: &Person, room: &str, who: &str) -> Vec<String> {
    said(witness, room, who)
        .await
        .into_iter()
        .map(|said| said.body)
        .collect()
}

/// Waits until `who` has answered the question, and returns the answer as it was synced.
pub(crate) async fn answer(witness: &Person, room: &str, who: &str, question: &str) -> SeenEvent {
    let wanted = Wanted::new()
        .sender(who)
        .event_type("m.room.message")
        .relates_to(question);
    witness
        .sync_until(room, &wanted, SOON)
        .await
        .unwrap()
        .remove(0)
}

/// Waits until `who` has said at least `count` things in the room, then returns all.
pub(crate) async fn until_said(witness: &Person, room: &str, who: &str, count: usize) -> Vec<Said> {
    within(SOON, &format!("{count} messages of {who}"), async || {
        let said = said(witness, room, who).await;
        (said.len() >= count).then_some(said)
    })
    .await
}
