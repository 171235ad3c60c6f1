//! The homeserver's limits: learned, kept to and used.

use std::{sync::Arc, time::Duration};

use matrix_bridge_core::{
    Command, Context, Effects, HandlerError, ListState, ParkCode, Parked, RoomMode, Router, Status,
    Store,
};
use matrix_bridge_testkit::homeserver::{
    Endpoint, Fault, Membership, RateLimit, RateLimitForm, RequestRecord,
};

use crate::{
    policies::listed,
    world::{Running, Setup, World, pass},
};

const SECOND: Duration = Duration::from_secs(1);

/// A bot that counts, a message for each number.
pub(crate) fn counting() -> Setup {
    let count = |command: Command, _: Context| async move {
        let to: usize = command.arguments().parse().unwrap_or(0);
        let replies = (0..to).map(|number| command.reply(number.to_string()));
        Ok::<_, HandlerError>(replies.fold(Effects::none(), Effects::reply))
    };
    Setup {
        handler: Arc::new(Router::new().command("!count", count)),
        ..Setup::default()
    }
}

/// Ten at once, and then five a second.
fn five_a_second() -> RateLimit {
    RateLimit {
        refusal_takes: SECOND / 2,
        ..RateLimit::new(10, 5.0)
    }
}

/// What a burst over three rooms came to.
struct Burst {
    sends: Vec<RequestRecord>,
    limit: RateLimit,
}

impl Burst {
    /// Lets the bot give `count` answers in three rooms, and checks them.
    async fn run(limit: RateLimit, count: usize) -> Self {
        let world = World::new();
        let rooms = [world.room(), world.room(), world.room()];
        world.server.exempt_from_limits(&world.alice.user_id);
        let bot = world.start(counting()).await;
        world.server.set_rate_limit(Some(limit));

        for room in &rooms {
            world.alice_says(room, &format!("!count {}", count / 3));
        }

        let expected: Vec<String> = (0..count / 3).map(|number| number.to_string()).collect();
        for room in &rooms {
            assert_eq!(world.until_said(room, count / 3).await, expected);
        }
        bot.stop().await;
        let sends = world.asked(Endpoint::Send);
        Self { sends, limit }
    }

    fn refusals(&self) -> Vec<&RequestRecord> {
        let sends = self.sends.iter();
        sends.filter(|send| send.status == Some(429)).collect()
    }

    /// The part of what was allowed that was used, from the first refusal to the last
    /// send.
    fn part_used(&self) -> f64 {
        let first = self.refusals()[0].at;
        let last = self.sends.last().unwrap().at;
        let sent = self.sends.iter().filter(|send| send.at > first);
        let sent = sent.filter(|send| send.status == Some(200)).count();
        sent as f64 / ((last - first).as_secs_f64() * self.limit.per_second)
    }

    /// How many waits there were: refusals of requests that were under way together
    /// count as one.
    fn waits(&self) -> usize {
        let mut waits = 0;
        let mut known = Duration::ZERO;
        for refusal in self.refusals() {
            if refusal.at >= known {
                waits += 1;
                known = refusal.at + self.limit.refusal_takes;
            }
        }
        waits
    }
}

#[tokio::test(start_paused = true)]
async fn a_burst_over_a_default_limit_uses_it_with_one_refusal_for_each_wait() {
    let burst = Burst::run(RateLimit::synapse_default(), 30).await;

    let used = burst.part_used();
    assert!((0.95..=1.01).contains(&used), "{used}");
    assert!(burst.waits() <= 6, "{} waits", burst.waits());
    assert!(burst.refusals().len() <= burst.waits() + 2);
}

#[tokio::test(start_paused = true)]
async fn a_burst_over_a_limit_of_five_a_second_uses_it_too() {
    let burst = Burst::run(five_a_second(), 600).await;

    let used = burst.part_used();
    assert!((0.95..=1.01).contains(&used), "{used}");
    assert!(burst.waits() <= 12, "{} waits", burst.waits());
}

#[tokio::test(start_paused = true)]
async fn a_backlog_drains_steadily_and_a_new_room_is_served_soon() {
    let (world, bot, rooms) = behind_a_limit(5, 100).await;
    let (new, busy) = (&rooms[0], &rooms[60..]);

    world.alice_says(new, "!count 1");
    pass(10 * SECOND).await;

    assert_eq!(world.said(new), ["0"]);
    let said: Vec<usize> = busy.iter().map(|room| world.said(room).len()).collect();
    let (least, most) = (said.iter().min().unwrap(), said.iter().max().unwrap());
    // One room may have used up what was allowed at once.
    assert!(most - least <= 10 + 5, "{said:?}");
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_new_conversation_waits_for_no_round_through_a_backlog() {
    let (world, bot, rooms) = behind_a_limit(60, 10).await;

    world.alice_says(&rooms[0], "!count 1");
    pass(3 * SECOND).await;

    assert_eq!(world.said(&rooms[0]), ["0"]);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn new_conversations_do_not_hold_up_a_backlog() {
    let (world, bot, rooms) = behind_a_limit(5, 100).await;
    let (new, busy) = rooms.split_at(60);
    let sent = || {
        busy.iter()
            .map(|room| world.said(room).len())
            .sum::<usize>()
    };
    let before = sent();

    // As many as may be sent.
    for asked in new.chunks(5) {
        for room in asked {
            world.alice_says(room, "!count 1");
        }
        pass(SECOND).await;
    }

    let sent = sent() - before;
    assert!(sent >= 10, "{sent} of the backlog in {} s", new.len() / 5);
    bot.stop().await;
}

/// Sixty rooms in which nothing was said yet, and then so many with a backlog of so many
/// messages each, of which five a second may be sent. For half a minute they were.
async fn behind_a_limit(busy: usize, messages: usize) -> (World, Running, Vec<String>) {
    let world = World::new();
    let rooms: Vec<String> = (0..60 + busy).map(|_| world.room()).collect();
    world.server.exempt_from_limits(&world.alice.user_id);
    let bot = world.start(counting()).await;
    world.server.set_rate_limit(Some(five_a_second()));
    for room in &rooms[60..] {
        world.alice_says(room, &format!("!count {messages}"));
    }
    pass(30 * SECOND).await;
    (world, bot, rooms)
}

#[tokio::test(start_paused = true)]
async fn a_wait_of_a_day_is_told_holds_back_its_class_only_and_is_over_in_the_end() {
    let world = World::new();
    let room = world.room();
    let invited = world.server.create_room(&world.alice.user_id);
    let rooms = [(&*room, RoomMode::Active), (&*invited, RoomMode::Active)];
    let setup = Setup {
        policy: listed(&rooms),
        ..Setup::default()
    };
    let bot = world.start(setup).await;
    let day = 24 * 60 * 60 * SECOND;
    let refusal = Fault::rate_limited(RateLimitForm::BodyOnly(day));
    world.server.fault(refusal.on(Endpoint::Join));

    world
        .server
        .invite(&invited, &world.alice.user_id, &world.bot.user_id);
    bot.until_reason("rate_limited:join", true).await;
    world.alice_says(&room, "!ping");

    assert_eq!(world.until_said(&room, 1).await, ["pong"]);
    let health = bot.health();
    assert_eq!(health.status, Status::Degraded);
    let reason = &health.reasons[0];
    assert!(
        reason.message.contains("before the next join"),
        "{reason:?}"
    );
    pass(day - 60 * SECOND).await;
    assert_eq!(bot.reasons(), ["rate_limited:join"]);
    assert_eq!(world.asked(Endpoint::Join).len(), 1);

    pass(120 * SECOND).await;
    assert!(bot.reasons().is_empty(), "{:?}", bot.health());
    let membership = world.server.membership(&invited, &world.bot.user_id);
    assert_eq!(membership, Some(Membership::Join));
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_late_is_parked_as_expired_and_a_person_may_send_it_all_the_same() {
    let world = World::new();
    let room = world.room();
    let handler = Router::new().command("!news", |command: Command, _: Context| async move {
        let late = command.reply("old news").expires_in(600 * SECOND);
        Ok::<_, HandlerError>(late.and(command.reply("no deadline")))
    });
    let setup = Setup {
        handler: Arc::new(handler),
        ..Setup::default()
    };
    let bot = world.start(setup).await;
    let away = Fault::refused().on(Endpoint::Send).forever();
    world.server.fault(away);
    world.alice_says(&room, "!news");
    pass(3_600 * SECOND).await;
    world.server.clear_faults();

    assert_eq!(world.until_said(&room, 1).await, ["no deadline"]);
    let reason = world.only_parked_row().await;
    assert_eq!(reason.code, ParkCode::Expired);
    let parked = Parked::new(world.store.clone() as Arc<dyn Store>);
    let [row] = &world.rows(ListState::Parked).await[..] else {
        panic!("one row");
    };
    assert!(parked.retry(row.id, world.now()).await.unwrap());

    let said = world.until_said(&room, 2).await;
    assert_eq!(said, ["no deadline", "old news"]);
    bot.stop().await;
}
