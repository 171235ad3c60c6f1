//! Events out of nowhere.

use std::fmt::Write as _;

use async_trait::async_trait;
use matrix_bridge::{
    Position, RawJson, RoomBatch, Section, Source, SourceBatch, SourceError, SourceId, ruma::RoomId,
};
use tokio::sync::{mpsc, oneshot};

use crate::arguments::Flood;

/// Events in one batch, over as many rooms.
const BATCH: u64 = 2_000;

/// Makes events up, and tells how many are committed.
#[derive(Debug)]
pub(crate) struct MadeUp {
    id: SourceId,
    sizes: Flood,
    /// Tells of the batch before; dropped at the end.
    committed: Option<mpsc::Sender<u64>>,
    under_way: Option<(u64, oneshot::Receiver<()>)>,
}

impl MadeUp {
    pub(crate) fn new(sizes: Flood) -> (Self, mpsc::Receiver<u64>) {
        let (sender, receiver) = mpsc::channel(1);
        let source = Self {
            id: SourceId::new("soak"),
            sizes,
            committed: Some(sender),
            under_way: None,
        };
        (source, receiver)
    }

    /// Waits until the batch before is committed, and tells of it.
    async fn tell(&mut self) {
        if let Some((events, acknowledged)) = self.under_way.take()
            && acknowledged.await.is_ok()
            && let Some(committed) = &self.committed
        {
            let _ = committed.send(events).await;
        }
    }

    fn room(&self, first: u64, count: u64) -> RoomBatch {
        let number = first % self.sizes.rooms;
        let room = RoomId::parse(format!("!room{number}:soak.local"));
        RoomBatch {
            room: room.expect("a room id like any"),
            section: Section::Join,
            timeline: (first..first + count).map(event).collect(),
            state: Vec::new(),
            limited: false,
            prev_batch: None,
        }
    }
}

#[async_trait]
impl Source for MadeUp {
    fn id(&self) -> &SourceId {
        &self.id
    }

    async fn next(&mut self, position: Option<&Position>) -> Result<SourceBatch, SourceError> {
        let begin: u64 = position.map_or(0, |at| at.as_str().parse().unwrap_or(0));
        // What comes first is history: nothing is said in it.
        let end = match position {
            None => 0,
            Some(_) => (begin + BATCH).min(self.sizes.events),
        };
        self.tell().await;
        if position.is_some() && begin == end {
            self.committed = None;
            std::future::pending::<()>().await;
        }
        let (acknowledge, acknowledged) = oneshot::channel();
        self.under_way = Some((end, acknowledged));
        // Two events a room, so that there is an order to keep.
        let rooms = (begin..end).step_by(2);
        Ok(SourceBatch {
            rooms: rooms
                .map(|first| self.room(first, 2.min(end - first)))
                .collect(),
            position: Some(Position::new(end.to_string())),
            acknowledge: Some(acknowledge),
            ..SourceBatch::default()
        })
    }
}

fn event(number: u64) -> RawJson {
    let mut json = String::with_capacity(300);
    write!(
        json,
        r#"{{"type":"m.room.message","event_id":"$event{number}:soak.local","sender":"@person{}:soak.local","origin_server_ts":1767225600000,"content":{{"msgtype":"m.text","body":"{number}"}}}}"#,
        number % 977,
    )
    .expect("a string takes everything");
    RawJson::new(json).expect("the text is JSON")
}
