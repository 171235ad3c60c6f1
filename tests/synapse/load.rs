//! Questions, and that all of them are answered.

use matrix_bridge_testkit::person::{Person, Wanted};

use crate::said::{Said, events, until_said};
use crate::until::SOON;

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
