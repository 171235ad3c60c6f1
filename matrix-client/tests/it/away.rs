//! What is said while the bot is away.

use std::time::Duration;

use matrix_bridge_core::{Account, StateStore};

use crate::world::{Setup, World, pass};

pub(crate) fn numbers(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

impl World {
    /// Alice asks so many questions, which end with their number.
    pub(crate) fn alice_asks(&self, room: &str, range: std::ops::Range<u32>) {
        for number in range {
            self.alice_says(room, &format!("!echo {number}"));
        }
    }

    /// Nothing waits in the inbox any more.
    pub(crate) async fn inbox_is_empty(&self) {
        let account = Account::new(&self.bot.user_id);
        let lanes = self.store.inbox_lanes(&account, None, 10).await;
        assert_eq!(lanes.unwrap(), []);
    }

    /// A bot that followed this room and is away.
    pub(crate) async fn followed_room(&self) -> String {
        let room = self.room();
        let bot = self.start(Setup::default()).await;
        pass(Duration::from_secs(1)).await;
        self.alice_says(&room, "!echo first");
        self.until_said(&room, 1).await;
        // It sees its own answer.
        pass(Duration::from_secs(1)).await;
        bot.stop().await;
        room
    }
}
