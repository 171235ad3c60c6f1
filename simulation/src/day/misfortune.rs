//! What befalls the bot's account and its rooms.

use std::time::Duration;

use matrix_bridge_testkit::homeserver::Membership;
use serde_json::json;

use super::Day;
use crate::{
    deed::{Deed, Fall, Trouble},
    world::World,
};

impl Day {
    pub(super) fn trouble(&mut self, trouble: Trouble, span: Duration) {
        let World {
            server, bot, token, ..
        } = &self.world;
        match trouble {
            Trouble::Revoked => server.revoke(&token.get()),
            Trouble::SoftLoggedOut => server.expire(&token.get()),
            Trouble::Locked => server.lock_user(&bot.user_id),
            Trouble::Suspended => server.suspend_user(&bot.user_id),
        }
        self.later(span, Deed::AccountGood);
    }

    /// Somebody unlocks the account and gives the host a new token. It takes that up as
    /// it runs, or `restarts` with it.
    pub(super) async fn restore_account(&mut self, restarts: bool) -> Result<(), String> {
        let World {
            server, bot, token, ..
        } = &self.world;
        server.restore_user(&bot.user_id);
        let device = bot.device_id.clone().unwrap_or_default();
        token.set(server.log_in(&bot.user_id, &device).access_token);
        if restarts {
            self.bury().await?;
            self.start();
        }
        Ok(())
    }

    pub(super) fn befall(&mut self, fall: Fall) {
        let place = self.fate.pick(self.world.rooms.len());
        let (server, bot) = (&self.world.server, &self.world.bot.user_id);
        let founder = self.world.people[0].user_id.clone();
        let Some(room) = self.world.rooms.get_mut(place) else {
            return;
        };
        if server.membership(&room.id, bot) != Some(Membership::Join) || room.is_over() {
            return;
        }
        room.era += 1;
        self.falls += 1;
        self.world
            .watch
            .note(format_args!("{fall:?} in {}", room.id));
        match fall {
            Fall::Kick => {
                server.kick(&room.id, &founder, bot);
                let after = Duration::from_millis(self.fate.pick(120_000) as u64);
                self.later(after, Deed::Reinvite(place));
            }
            Fall::Ban => server.ban(&room.id, &founder, bot),
            Fall::Encryption => {
                room.is_encrypted = true;
                let content = json!({"algorithm": "m.megolm.v1.aes-sha2"});
                server.set_state(&room.id, &founder, "m.room.encryption", "", content);
            }
            Fall::Upgrade => {
                room.is_replaced = true;
                let next = server.create_room(&founder);
                let content = json!({"body": "moved", "replacement_room": next});
                server.set_state(&room.id, &founder, "m.room.tombstone", "", content);
                let content = json!({"users": {&founder: 100}, "events_default": 50});
                server.set_state(&room.id, &founder, "m.room.power_levels", "", content);
            }
        }
    }

    pub(super) fn reinvite(&self, place: usize) {
        let (server, bot) = (&self.world.server, &self.world.bot.user_id);
        if let Some(room) = self.world.rooms.get(place)
            && server.membership(&room.id, bot) == Some(Membership::Leave)
        {
            server.invite(&room.id, &self.world.people[0].user_id, bot);
        }
    }
}
