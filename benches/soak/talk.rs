//! A source in which something is said when it is asked for.

use async_trait::async_trait;
use matrix_bridge::{
    Position, RawJson, RoomBatch, Section, Source, SourceBatch, SourceError, SourceId,
    ruma::{OwnedRoomId, RoomId},
};
use tokio::sync::mpsc;

/// Whenever it is asked to, somebody says something in a room that nobody knows yet.
#[derive(Debug)]
pub(crate) struct Talk {
    id: SourceId,
    asked: mpsc::Receiver<()>,
}

/// The room in which something is said for the nth time, from 1 on.
pub(crate) fn new_room(number: u64) -> OwnedRoomId {
    let room = RoomId::parse(format!("!new{number}:soak.local"));
    room.expect("a room id like any")
}

impl Talk {
    pub(crate) fn new() -> (Self, mpsc::Sender<()>) {
        let (ask, asked) = mpsc::channel(1);
        let id = SourceId::new("soak");
        (Self { id, asked }, ask)
    }
}

#[async_trait]
impl Source for Talk {
    fn id(&self) -> &SourceId {
        &self.id
    }

    async fn next(&mut self, position: Option<&Position>) -> Result<SourceBatch, SourceError> {
        let mut batch = SourceBatch::default();
        // What comes first is history: nothing is said in it.
        let mut number: u64 = 0;
        if let Some(position) = position {
            if self.asked.recv().await.is_none() {
                std::future::pending::<()>().await;
            }
            number = position.as_str().parse().unwrap_or(0) + 1;
            batch.rooms.push(question(number));
        }
        batch.position = Some(Position::new(number.to_string()));
        Ok(batch)
    }
}

fn question(number: u64) -> RoomBatch {
    let event = format!(
        r#"{{"type":"m.room.message","event_id":"$asked{number}:soak.local","sender":"@ann:soak.local","origin_server_ts":1767225600000,"content":{{"msgtype":"m.text","body":"is anybody there?"}}}}"#
    );
    RoomBatch {
        room: new_room(number),
        section: Section::Join,
        timeline: vec![RawJson::new(event).expect("the text is JSON")],
        state: Vec::new(),
        limited: false,
        prev_batch: None,
    }
}
