//! A hundred thousand messages wait in a thousand rooms.

use std::sync::Arc;

use async_trait::async_trait;
use matrix_bridge::{
    Context, Effects, Event, EventHandler, HandlerError, Identity, Row, SendError, Sender,
    StateStore,
    ruma::{EventId, OwnedEventId, RoomId},
};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    Result,
    arguments::Drain,
    engine, messages,
    sample::{LINES, MIB, on_disk, resident},
    store,
    talk::{Talk, new_room},
};

/// The names of the columns.
const HEAD: &str = "\
      sent  messages/s  memory MiB  store MiB  sent while a new room waited
----------  ----------  ----------  ---------  ----------------------------";

pub(crate) async fn run(sizes: Drain) -> Result<()> {
    let (_folder, path, store) = store()?;
    messages::enqueue(&store, sizes).await?;
    let (counter, mut sent) = watch::channel(Sent::default());
    let engine = engine(store.clone(), Arc::new(Counter(counter)), Arc::new(Polite));
    let stop = CancellationToken::new();
    let (talk, ask) = Talk::new();
    let running = tokio::spawn(engine.run(Box::new(talk), stop.clone()));

    println!("{HEAD}");
    let mut rates = Vec::new();
    let (mut since, mut before) = (Instant::now(), 0);
    let (mut asked, mut asked_at) = (0, 0);
    for part in 1..=LINES {
        let goal = sizes.messages * part / LINES;
        let (now, answered, answered_at) = {
            let sent = sent.wait_for(|sent| sent.messages >= goal).await?;
            (sent.messages, sent.in_new_rooms, sent.last_in_new_room)
        };
        let millis = u64::try_from(since.elapsed().as_millis())?.max(1);
        let rate = (now - before) * 1_000 / millis;
        rates.push(rate);
        (since, before) = (Instant::now(), now);
        let mut waited = String::new();
        if answered == asked {
            if asked > 0 {
                waited = (answered_at - asked_at).to_string();
            }
            ask.send(()).await?;
            (asked, asked_at) = (asked + 1, now);
        }
        println!(
            "{now:>10}  {rate:>10}  {:>10}  {:>9}  {waited:>28}",
            resident()? / MIB,
            on_disk(&path) / MIB
        );
    }
    stop.cancel();
    running.await??;
    store.close().await?;
    if let (Some(least), Some(most)) = (rates.iter().min(), rates.iter().max()) {
        let part = least * 100 / most.max(&1);
        println!("\nthe slowest twentieth ran at {part}% of the fastest\n");
    }
    Ok(())
}

/// What was sent so far.
#[derive(Debug, Default)]
struct Sent {
    messages: u64,
    in_new_rooms: u64,
    /// How many were sent when the last of those was.
    last_in_new_room: u64,
}

/// Says yes to every row, and counts.
#[derive(Debug)]
struct Counter(watch::Sender<Sent>);

#[async_trait]
impl Sender for Counter {
    async fn send(&self, row: &Row) -> Result<Option<OwnedEventId>, SendError> {
        let mut number = 0;
        self.0.send_modify(|sent| {
            sent.messages += 1;
            number = sent.messages;
            if new_room(sent.in_new_rooms + 1) == *row.body.address.room() {
                sent.in_new_rooms += 1;
                sent.last_in_new_room = number;
            }
        });
        let id = EventId::parse(format!("$answer{number}:soak.local"));
        Ok(Some(id.expect("an event id like any")))
    }

    async fn is_encrypted(&self, _sender: &Identity, _room: &RoomId) -> Result<bool, SendError> {
        Ok(false)
    }
}

/// Answers everybody.
#[derive(Debug)]
struct Polite;

#[async_trait]
impl EventHandler for Polite {
    async fn handle(&self, event: Event, _: Context) -> Result<Effects, HandlerError> {
        Ok(event.reply("yes").into())
    }
}
