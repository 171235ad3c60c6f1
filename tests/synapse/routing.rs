//! R1: each answer lands where its question was.

use matrix_bridge_testkit::person::Person;

use crate::said::{Said, until_said};
use crate::world::{World, accept, joined, room};

const ROUNDS: usize = 3;

/// Two rooms, each with a thread; two people; everybody asks everywhere.
#[tokio::test]
async fn interleaved_questions_in_two_rooms_and_threads_are_answered_where_they_were_asked() {
    let world = World::shared("routing");
    let (ann, bob) = tokio::join!(world.person("ann"), world.person("bob"));
    let bot = world.account("bot").await;
    let guests = [bob.user_id(), &bot.user_id];
    let rooms = [room(&ann, &guests).await, room(&ann, &guests).await];
    let router = world.setup(&bot).active(&rooms).start().await;
    let mut roots = Vec::new();
    for room in &rooms {
        accept(&bob, room).await;
        joined(&ann, room, &bot.user_id).await;
        roots.push(ann.say(room, "a topic").await.unwrap());
    }

    let mut expected = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        for (person, name) in [(&ann, "ann"), (&bob, "bob")] {
            for (index, room) in rooms.iter().enumerate() {
                let text = format!("{name} {round} in {index}");
                let answers = ask_both_ways(person, room, &roots[index], &text).await;
                expected[index].extend(answers);
            }
        }
    }

    for (room, expected) in rooms.iter().zip(expected) {
        let seen = until_said(&bob, room, &bot.user_id, expected.len()).await;
        assert_eq!(seen, expected);
    }
    assert!(router.stop().await.success());
}

/// Asks in the room and in the thread, and returns what the answers must be.
async fn ask_both_ways(person: &Person, room: &str, root: &str, text: &str) -> [Said; 2] {
    let (plain, threaded) = (format!("{text} plain"), format!("{text} in a thread"));
    let question = person.say(room, &format!("!echo {plain}")).await.unwrap();
    let body = format!("!echo {threaded}");
    let deep = person.thread(room, root, &body, None).await.unwrap();
    [
        Said::plain(&plain, &question),
        Said::threaded(&threaded, &deep, root),
    ]
}
