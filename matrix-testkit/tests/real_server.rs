//! The launchers against the real thing: Synapse as the homeserver, matrix-nio as the people.
//!
//! Run by `cargo xtask test synapse`, or alone with
//! `cargo test -p matrix-bridge-testkit --features real-server --test real_server`.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of tests that cannot help must fail the test"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use matrix_bridge_testkit::person::{NewRoom, Person, PersonError, Wanted};
use matrix_bridge_testkit::python::{PythonEnvironment, testkit_folder};
use matrix_bridge_testkit::synapse::{SharedSynapse, Synapse, SynapseConfig, SynapseError};

const SOON: Duration = Duration::from_secs(20);

/// The environment of the run if there is one, else one made here.
async fn python() -> PythonEnvironment {
    match SharedSynapse::from_env().unwrap() {
        Some(shared) => shared.python().clone(),
        None => PythonEnvironment::prepare(testkit_folder().unwrap(), |_| ())
            .await
            .unwrap(),
    }
}

/// A folder of this test's own, empty.
fn empty_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    folder
}

async fn synapse_in(name: &str) -> (PythonEnvironment, Synapse) {
    let python = python().await;
    let config = SynapseConfig::new(&python, empty_folder(name));
    (python, Synapse::start(config).await.unwrap())
}

async fn person(python: &PythonEnvironment, synapse: &Synapse, name: &str) -> Person {
    synapse.register(name, "secret").await.unwrap();
    Person::start(python, synapse.base_url(), name, "secret")
        .await
        .unwrap()
}

fn is_alive(process_id: u32) -> bool {
    Path::new("/proc").join(process_id.to_string()).exists()
}

#[tokio::test]
async fn two_people_exchange_a_message_a_reply_and_a_thread() {
    let (python, mut synapse) = synapse_in("two-people").await;
    let ann = person(&python, &synapse, "ann").await;
    let bob = person(&python, &synapse, "bob").await;
    let room = ann
        .create_room(NewRoom::named("Tea").invite(bob.user_id()))
        .await
        .unwrap();
    bob.sync_until_invited(&room, SOON).await.unwrap();
    bob.join(&room).await.unwrap();

    let question = ann.say(&room, "tea?").await.unwrap();
    let seen = bob
        .sync_until(&room, &Wanted::new().body("tea?"), SOON)
        .await
        .unwrap();
    let reply = bob.reply(&room, &question, "yes").await.unwrap();
    let threaded = bob
        .thread(&room, &question, "green", Some(&question))
        .await
        .unwrap();

    let to_ann = Wanted::new().relates_to(&question).count(2);
    let answers = ann.sync_until(&room, &to_ann, SOON).await.unwrap();
    assert_eq!(seen[0].event_id, question);
    assert_eq!(seen[0].class, "RoomMessageText");
    assert_eq!(answers[0].event_id, reply);
    assert_eq!(
        (answers[0].in_reply_to(), answers[0].thread_root()),
        (Some(&*question), None)
    );
    assert_eq!(answers[1].event_id, threaded);
    assert_eq!(answers[1].thread_root(), Some(&*question));
    assert_eq!(answers[1].sender, bob.user_id());
    assert_eq!(
        ann.members(&room).await.unwrap(),
        [ann.user_id(), bob.user_id()]
    );
    let timeline = ann.timeline(&room, 3).await.unwrap();
    let ids: Vec<_> = timeline
        .iter()
        .map(|event| event.event_id.as_str())
        .collect();
    assert_eq!(ids, [&question, &reply, &threaded]);
    synapse.stop().await.unwrap();
}

#[tokio::test]
async fn one_transaction_id_is_one_event_and_edits_reactions_redactions_arrive() {
    let (python, synapse) = synapse_in("transactions").await;
    let ann = person(&python, &synapse, "ann").await;
    let room = ann
        .create_room(NewRoom::named("Notes").alias("notes").public())
        .await
        .unwrap();
    let content = serde_json::json!({ "msgtype": "m.notice", "body": "once" });

    let first = ann
        .send_as(&room, "m.room.message", &content, "txn")
        .await
        .unwrap();
    let again = ann
        .send_as(&room, "m.room.message", &content, "txn")
        .await
        .unwrap();
    ann.edit(&room, &first, "twice").await.unwrap();
    ann.react(&room, &first, "+").await.unwrap();
    ann.redact(&room, &first, Some("done")).await.unwrap();
    ann.put_state(
        &room,
        "m.room.topic",
        "",
        &serde_json::json!({ "topic": "t" }),
    )
    .await
    .unwrap();

    assert_eq!(first, again);
    let topic = Wanted::new().event_type("m.room.topic");
    ann.sync_until(&room, &topic, SOON).await.unwrap();
    let related = ann
        .sync_until(&room, &Wanted::new().relates_to(&first), SOON)
        .await
        .unwrap();
    assert_eq!(related.len(), 2, "an edit and a reaction: {related:?}");
    assert_eq!(ann.join("#notes:localhost").await.unwrap(), room);
}

#[tokio::test]
async fn a_wait_for_something_that_never_comes_ends_and_tells_what_came() {
    let (python, synapse) = synapse_in("never").await;
    let ann = person(&python, &synapse, "ann").await;
    let room = ann.create_room(NewRoom::named("Quiet")).await.unwrap();
    let said = ann.say(&room, "hello").await.unwrap();
    ann.sync_until(&room, &Wanted::new().event_id(said), SOON)
        .await
        .unwrap();

    let never = Wanted::new().body("good bye");
    let waited = ann
        .sync_until(&room, &never, Duration::from_millis(50))
        .await;

    let Err(PersonError::Refused { code, message, .. }) = waited else {
        panic!("{waited:?}")
    };
    assert_eq!(code, "TIMEOUT");
    assert!(message.contains("hello"), "{message}");
}

#[tokio::test]
async fn a_kill_and_a_restart_keep_the_rooms_the_port_and_the_people() {
    let (python, mut synapse) = synapse_in("restart").await;
    let ann = person(&python, &synapse, "ann").await;
    let room = ann.create_room(NewRoom::named("Kept")).await.unwrap();
    ann.say(&room, "before").await.unwrap();
    let url = synapse.base_url().to_owned();

    synapse.kill9().await.unwrap();
    synapse.restart().await.unwrap();

    ann.say(&room, "after").await.unwrap();
    let wanted = Wanted::new()
        .sender(ann.user_id())
        .event_type("m.room.message")
        .count(2);
    let seen = ann.sync_until(&room, &wanted, SOON).await.unwrap();
    let bodies: Vec<_> = seen
        .iter()
        .filter_map(|event| event.body.as_deref())
        .collect();
    assert_eq!(bodies, ["before", "after"]);
    assert_eq!(synapse.base_url(), url);
}

#[tokio::test]
async fn stopping_leaves_no_process_and_requests_tell_who_wrote_what() {
    let (_python, mut synapse) = synapse_in("stop").await;
    let ann = synapse.register("ann", "secret").await.unwrap();
    let again = synapse.register("ann", "secret").await;
    let process = synapse.process_id().unwrap();

    synapse.stop().await.unwrap();

    assert!(!is_alive(process));
    assert_eq!(synapse.process_id(), None);
    assert_eq!(ann.user_id, "@ann:localhost");
    assert!(
        matches!(again, Err(SynapseError::Refused { errcode, .. }) if errcode == "M_USER_IN_USE")
    );
    let requests = synapse.requests().unwrap();
    let writes: Vec<_> = requests
        .iter()
        .filter(|request| request.is_write())
        .collect();
    let statuses: Vec<_> = writes.iter().map(|request| request.status).collect();
    assert_eq!(statuses, [200, 400]);
    assert_eq!(writes[0].path, "/_matrix/client/v3/register");
}

#[tokio::test]
async fn dropping_a_server_ends_its_process() {
    let (_python, synapse) = synapse_in("drop").await;
    let process = synapse.process_id().unwrap();

    drop(synapse);

    let gone = async {
        while is_alive(process) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, gone).await.unwrap();
}

#[tokio::test]
async fn a_broken_setting_is_told_with_the_end_of_the_log() {
    let python = python().await;
    let config = SynapseConfig::new(&python, empty_folder("broken"));

    let started = Synapse::start(config.setting("database", serde_json::json!("nonsense"))).await;

    let Err(SynapseError::Ended { tail, .. }) = started else {
        panic!("{started:?}")
    };
    assert!(tail.contains("database"), "{tail}");
}
