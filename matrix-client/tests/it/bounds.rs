//! However much comes, so much is held or done at once and no more.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use std::time::Duration;

use matrix_bridge_core::{
    Account, Batch, CommitOutcome, Context, Effects, Event, HandlerError, ListState, Settings,
    StateStore, Timestamp,
    ruma::{OwnedEventId, UserId},
};
use matrix_bridge_testkit::homeserver::{Endpoint, Fault};

use crate::world::{Setup, World, pass};

#[tokio::test(start_paused = true)]
async fn so_many_rooms_are_handled_at_once_and_no_more() {
    let world = World::new();
    let rooms: Vec<String> = (0..200).map(|_| world.room()).collect();
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let handler = {
        let (running, most) = (running.clone(), most.clone());
        move |_: Event, _: Context| {
            let (running, most) = (running.clone(), most.clone());
            async move {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(100)).await;
                running.fetch_sub(1, Ordering::SeqCst);
                Ok::<_, HandlerError>(Effects::none())
            }
        }
    };
    let settings = Settings {
        parallel_rooms: 20,
        grace: Duration::from_secs(60),
        ..Settings::default()
    };
    let bot = world
        .start(Setup {
            handler: Arc::new(handler),
            settings,
            ..Setup::default()
        })
        .await;

    for room in &rooms {
        world.alice_says(room, "hello");
    }
    pass(Duration::from_secs(30)).await;

    assert_eq!(most.load(Ordering::SeqCst), 20);
    assert_eq!(running.load(Ordering::SeqCst), 0);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn so_many_requests_are_under_way_at_once_and_no_more() {
    let world = World::new();
    let rooms: Vec<String> = (0..40).map(|_| world.room()).collect();
    let bot = world.start(Setup::default()).await;
    let silent = Fault::silent_before_acting().on(Endpoint::Send);
    world.server.fault(silent.by(&world.bot.user_id).forever());

    for room in &rooms {
        world.alice_says(room, "!ping");
    }
    pass(Duration::from_secs(30)).await;

    assert_eq!(world.rows(ListState::Waiting).await.len(), 40);
    assert_eq!(
        world.asked(Endpoint::Send).len(),
        Settings::default().in_flight
    );
    bot.kill().await;
}

#[tokio::test(start_paused = true)]
async fn marks_beyond_their_count_are_forgotten_while_it_runs() {
    let world = World::new();
    let room = world.room();
    let settings = Settings {
        marks_max: 10,
        ..Settings::default()
    };
    let bot = world
        .start(Setup {
            settings,
            ..Setup::default()
        })
        .await;
    let mut said = Vec::new();

    for number in 0..40 {
        let id = world.alice_says(&room, &number.to_string());
        said.push(OwnedEventId::try_from(id).unwrap());
        pass(Duration::from_secs(1)).await;
    }
    pass(Duration::from_secs(180)).await;

    let user = UserId::parse(&world.bot.user_id).unwrap();
    let seen = world.store.seen(&Account::from(&*user), &said).await;
    let seen = seen.unwrap().into_iter().filter(|seen| *seen).count();
    assert!((10..=11).contains(&seen), "{seen} of 40 are remembered");
    bot.stop().await;
}

/// A bot that receives thousands of events a second makes more marks in a minute than a store forgets in one call.
#[tokio::test(start_paused = true)]
async fn marks_beyond_what_one_call_forgets_are_forgotten_soon() {
    const MANY: usize = 250_000;
    let world = World::new();
    let user = UserId::parse(&world.bot.user_id).unwrap();
    let account = Account::from(&*user);
    let event = |number: usize| OwnedEventId::try_from(format!("$old{number}")).unwrap();
    let mut batch = Batch::new(account.clone(), Timestamp(0));
    batch.marks = (0..MANY).map(event).collect();
    let outcome = world.store.commit(batch).await.unwrap();
    assert_eq!(outcome, CommitOutcome::Applied);

    let bot = world.start(Setup::default()).await;
    pass(Duration::from_secs(70)).await;

    let last = world.store.seen(&account, &[event(MANY - 1)]).await;
    assert_eq!(last.unwrap(), [false]);
    bot.stop().await;
}
