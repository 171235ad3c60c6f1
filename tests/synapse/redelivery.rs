//! R4: an event that comes again is not handled again.

use async_trait::async_trait;
use matrix_bridge::{
    Client, Position, Settings, Source, SourceBatch, SourceError, SourceId, SyncSource,
};

use crate::load::{all_are_answered_once_in_order, ask};
use crate::parlor::{Parlor, source};
use crate::world::{World, joined, room};

/// A source that begins anew, wherever it was.
#[derive(Debug)]
struct Anew {
    inner: SyncSource,
    id: SourceId,
    is_first: bool,
}

impl Anew {
    fn new(client: &Client, id: Option<&str>) -> Self {
        let inner = source(client);
        let id = id.map_or_else(|| inner.id().clone(), SourceId::new);
        Self {
            inner,
            id,
            is_first: true,
        }
    }
}

#[async_trait]
impl Source for Anew {
    fn id(&self) -> &SourceId {
        &self.id
    }

    async fn next(&mut self, position: Option<&Position>) -> Result<SourceBatch, SourceError> {
        let position = position.filter(|_| !std::mem::take(&mut self.is_first));
        self.inner.next(position).await
    }
}

#[tokio::test]
async fn what_a_second_source_and_a_reset_token_deliver_again_is_handled_once() {
    let world = World::shared("again");
    let (ann, bot) = (world.person("ann").await, world.account("bot").await);
    let room = room(&ann, &[&bot.user_id]).await;
    let parlor = Parlor::new(&room, world.path("again.db"));
    let client = Client::connect(world.base_url(), bot.access_token.as_str());
    let client = client.await.unwrap();

    let first = Anew::new(&client, None);
    let scene = async {
        joined(&ann, &room, &bot.user_id).await;
        for text in ["one", "two", "three"] {
            ask(&ann, &room, &bot.user_id, text).await;
        }
    };
    parlor
        .play(&client, first, Settings::default(), scene)
        .await;
    for (id, text) in [(Some("another source"), "four"), (None, "five")] {
        let anew = Anew::new(&client, id);
        let scene = async {
            ask(&ann, &room, &bot.user_id, text).await;
        };
        parlor.play(&client, anew, Settings::default(), scene).await;
    }

    let answered = all_are_answered_once_in_order(&ann, &room, ann.user_id(), &bot.user_id).await;
    assert_eq!((answered, parlor.calls()), (5, 5));
}
