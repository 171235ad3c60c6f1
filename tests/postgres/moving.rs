//! Moving house: from a file to a database, with work under way.

use std::{fs, path::Path};

use matrix_bridge::{
    ListState, OutboundQueue as _, PostgresConfig, SqliteConfig, StateStore as _, copy,
};
use matrix_bridge_harness::{Answer, Question, Router, Setup, judge, until::SOON};
use matrix_bridge_testkit::{
    homeserver::{Endpoint, Fault, Homeserver, TestHomeserver, TimelineEvent},
    postgres::{Binaries, Postgres, PostgresConfig as ServerConfig},
    python::testkit_folder,
};

const ROOMS: usize = 4;
/// Asked in each room before it is killed, while nobody can answer, and after the move.
const ASKED: [std::ops::Range<usize>; 3] = [0..20, 20..60, 60..80];

/// A bot that is killed with a full outbox goes on in a database: each question gets its
/// one answer, in order.
#[tokio::test]
async fn a_loaded_bot_moves_from_sqlite_to_postgres_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (mut database, data) = database().await;
    let home = TestHomeserver::new();
    let [alice, bot] = ["alice", "bot"].map(|name| home.register(name));
    let socket = home.serve().await.unwrap();
    let rooms: Vec<String> = (0..ROOMS)
        .map(|_| home.create_room(&alice.user_id))
        .collect();
    for room in &rooms {
        home.join(room, &bot.user_id);
    }
    let setup = Setup::new(
        &socket.base_url(),
        &bot.user_id,
        &bot.access_token,
        folder.path(),
    );
    let setup = setup.active(&rooms);
    let ask = |numbers: std::ops::Range<usize>| {
        for (number, room) in numbers.flat_map(|n| rooms.iter().map(move |room| (n, room))) {
            home.send_text(room, &alice.user_id, &format!("!echo {number}"));
        }
    };
    let answered = |count: usize| {
        let (rooms, bot) = (rooms.clone(), bot.user_id.clone());
        move |server: &Homeserver| {
            let by_bot = |room: &String| {
                let messages = server.messages_in(room).into_iter();
                messages.filter(|message| message.sender == bot).count()
            };
            rooms.iter().map(by_bot).sum::<usize>() >= count
        }
    };

    let mut router = setup.start().await;
    // What was said before is history.
    router.until_logged("followed from now on").await;
    ask(ASKED[0].clone());
    let all = home.wait_for(answered(ROOMS * ASKED[0].len()), SOON).await;
    all.expect("the first questions are answered");
    // From now on answers pile up, and some are on their way when it dies.
    home.fault(Fault::refused().on(Endpoint::Send).times(u32::MAX));
    ask(ASKED[1].clone());
    router
        .until_metric("matrix_outbox_depth", (ROOMS * ASKED[1].len()) as f64)
        .await;
    router.kill9().await;

    let waiting = move_house(setup.store_path(), &database.url()).await;
    assert_eq!(waiting, (ROOMS * ASKED[1].len()) as u64);
    // Nobody shall start it there again.
    fs::remove_file(setup.store_path()).unwrap();
    home.clear_faults();
    ask(ASKED[2].clone());
    let setup = setup.store(database.url().into());
    let router = setup.start().await;
    let all = home.wait_for(answered(ROOMS * ASKED[2].end), SOON).await;
    all.expect("every question is answered");
    stop(router).await;

    for room in &rooms {
        let messages = home.look(|server| server.messages_in(room));
        let verdict = judge(&questions(&messages), &answers(&messages, &bot.user_id));
        assert!(verdict.is_good(), "{verdict:?}");
        assert_eq!(verdict.questions, ASKED[2].end as u64);
    }
    database.stop().await.unwrap();
    fs::remove_dir_all(data).unwrap();
}

/// Copies the store; returns how many rows wait in the new one.
async fn move_house(file: &Path, url: &str) -> u64 {
    let from = SqliteConfig::new(file).open_for_copy().unwrap();
    let to = PostgresConfig::new(url).unwrap();
    let copying = to.clone().open_for_copy().await.unwrap();
    let copied = copy(&from, &copying, |_| {}).await.unwrap();
    assert!(copied.records > 0);
    from.close().await.unwrap();
    copying.close().await.unwrap();
    let store = to.open().await.unwrap();
    let rows = store.list(ListState::Waiting, None, usize::MAX).await;
    let waiting = store.depth().await.unwrap().waiting;
    assert_eq!(rows.unwrap().len() as u64, waiting);
    store.close().await.unwrap();
    waiting
}

async fn stop(router: Router) {
    let status = router.stop().await;
    assert!(status.success(), "{status}");
}

async fn database() -> (Postgres, std::path::PathBuf) {
    let testkit = testkit_folder().unwrap();
    let folder = testkit.join(format!("postgres-moving-{}", std::process::id()));
    let binaries = Binaries::find(&testkit, |_| {}).await.unwrap();
    let server = Postgres::start(ServerConfig::new(&binaries, &folder)).await;
    (server.unwrap(), folder)
}

fn questions(messages: &[TimelineEvent]) -> Vec<Question> {
    let question = |message: &TimelineEvent| {
        let text = message.body().strip_prefix("!echo ")?;
        Some(Question {
            event: message.event_id.clone(),
            text: text.to_owned(),
            thread: None,
        })
    };
    messages.iter().filter_map(question).collect()
}

fn answers(messages: &[TimelineEvent], bot: &str) -> Vec<Answer> {
    let of_bot = messages.iter().filter(|message| message.sender == bot);
    let answer = |message: &TimelineEvent| {
        let replied = &message.content["m.relates_to"]["m.in_reply_to"]["event_id"];
        Answer {
            text: message.body().to_owned(),
            in_reply_to: replied.as_str().map(str::to_owned),
            thread: None,
        }
    };
    of_bot.map(answer).collect()
}
