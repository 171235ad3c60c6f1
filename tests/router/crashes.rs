//! How the bot ends, and that nothing is lost or said twice by it.

use std::time::Duration;

use super::{
    bot::{Bot, PATIENCE},
    world::{World, in_reply_to},
};

#[tokio::test]
async fn signals_stop_it_within_five_seconds_whatever_it_does() {
    for signal in ["TERM", "INT"] {
        let world = World::new().await;
        let [slow, room] = [world.room(), world.room()];
        world.configure(&[(&slow, "active"), (&room, "active")], "");
        let bot = world.start().await;
        let question = world.alice_says(&slow, "!slow 3600");
        assert_eq!(world.ask(&room, "!ping").await, "pong");

        bot.signal(signal).await;
        assert_eq!(bot.ended_within(Duration::from_secs(5)).await, Some(0));

        assert_eq!(world.server.last_event_id(&slow), Some(question));
    }
}

#[tokio::test]
async fn it_stops_while_it_is_still_connecting() {
    let world = World::new().await;
    world.configure(&[], "");
    world.server.go_down();
    let mut bot = Bot::start(world.command(&[]));
    bot.says("is away").await;

    bot.stop().await;

    assert!(!world.path("bot.db").exists());
}

#[tokio::test]
async fn after_kills_each_question_is_answered_once() {
    let world = World::new().await;
    let rooms = [world.room(), world.room(), world.room()];
    let listed = [0, 1, 2].map(|index: usize| (rooms[index].as_str(), "active"));
    world.configure(&listed, "");
    let mut questions = Vec::new();
    let mut ask = |count: usize| {
        for number in 0..count {
            let room = &rooms[number % rooms.len()];
            let body = format!("!echo {}", questions.len());
            questions.push((room.clone(), world.alice_says(room, &body)));
        }
    };
    let mut bot = world.start().await;

    for round in 1..=4_usize {
        ask(30);
        // In the middle of its work: some are answered and others are not.
        let some = |server: &matrix_bridge_testkit::homeserver::Homeserver| {
            let answers = rooms.iter().flat_map(|room| server.messages_in(room));
            let answers = answers.filter(|message| in_reply_to(message).is_some());
            answers.count() > 5 + (round - 1) * 40 + round
        };
        world.server.wait_for(some, PATIENCE).await.unwrap();
        bot.kill().await;
        ask(10);
        bot = world.start().await;
    }

    for (room, question) in &questions {
        assert_eq!(world.answers_to(room, question).await.len(), 1);
    }
    bot.stop().await;
    for room in &rooms {
        let answered: Vec<_> = world.server.messages_in(room);
        let answered = answered.iter().filter_map(in_reply_to);
        let asked = questions.iter().filter(|(asked, _)| asked == room);
        assert!(
            answered.eq(asked.map(|(_, question)| question.as_str())),
            "in order"
        );
    }
}
