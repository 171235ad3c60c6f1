//! People who ask all the time.

use matrix_bridge_testkit::person::{Person, Wanted};
use tokio_util::sync::CancellationToken;

use crate::said::{Said, events, until_said};
use crate::until::SOON;

/// Asks in all rooms at once, each question after the one before it, until `stop`. Returns how many were asked.
pub(crate) async fn ask_until(
    person: &Person,
    rooms: &[String; 4],
    stop: &CancellationToken,
) -> usize {
    let [a, b, c, d] = rooms.each_ref().map(|room| ask_in(person, room, stop));
    let (a, b, c, d) = tokio::join!(a, b, c, d);
    a + b + c + d
}

async fn ask_in(person: &Person, room: &str, stop: &CancellationToken) -> usize {
    let mut asked = 0;
    while !stop.is_cancelled() {
        person.say(room, &format!("!echo {asked}")).await.unwrap();
        asked += 1;
    }
    asked
}

/// Waits until every question that `asker` has asked in the room is answered, and checks that each has exactly
/// one answer, in the order of the questions. Returns how many there are.
pub(crate) async fn all_are_answered_once_in_order(
    witness: &Person,
    room: &str,
    asker: &str,
    bot: &str,
) -> usize {
    let expected: Vec<Said> = events(witness, room, asker)
        .await
        .iter()
        .map(|question| {
            let body = question.body.as_deref().unwrap();
            Said::plain(body.strip_prefix("!echo ").unwrap(), &question.event_id)
        })
        .collect();
    let seen = until_said(witness, room, bot, expected.len()).await;
    assert_eq!(seen, expected);
    expected.len()
}

/// Asks, and waits for the answer: what came before it in the room is answered by then.
pub(crate) async fn ask(person: &Person, room: &str, bot: &str, text: &str) -> String {
    let question = person.say(room, &format!("!echo {text}")).await.unwrap();
    let wanted = Wanted::new().sender(bot).relates_to(&question);
    person.sync_until(room, &wanted, SOON).await.unwrap();
    question
}
