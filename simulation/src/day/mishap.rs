//! What befalls the homeserver's disk and the store's position, and how a night goes by.

use std::{collections::BTreeSet, time::Duration};

use matrix_bridge_core::{
    Account, Advance, Batch, Clock as _, CommitOutcome, Position, SourceId, StoreError,
};
use matrix_bridge_testkit::homeserver::Backup;

use super::Day;
use crate::{deed::Deed, judge};

/// The homeserver as it was, and what was so around it.
pub(super) struct Kept {
    backup: Backup,
    token: String,
    /// How much had befallen the rooms.
    falls: u64,
}

/// Longer than the homeserver remembers transaction ids.
const NIGHT: Duration = Duration::from_secs(25 * 3_600);

impl Day {
    pub(super) fn back_up(&mut self) {
        self.kept = Some(Kept {
            backup: self.world.server.back_up(),
            token: self.world.token.get(),
            falls: self.falls,
        });
    }

    /// The homeserver is restored from its backup, if nothing befell a room since: what a
    /// bot learned of encryption it rightly never forgets.
    pub(super) async fn roll_back(&mut self) -> Result<(), String> {
        self.is_restoring = false;
        let falls = self.falls;
        let Some(kept) = self.kept.take().filter(|kept| kept.falls == falls) else {
            self.world.server.come_up();
            return Ok(());
        };
        for room in &mut self.world.rooms {
            room.past = judge::said(&self.world.server, &self.world.bot, room);
        }
        self.world.server.roll_back(&kept.backup);
        let server = &self.world.server;
        server.come_up();
        server.restore_user(&self.world.bot.user_id);
        for room in &mut self.world.rooms {
            room.era += 1;
            let timeline = server.timeline(&room.id);
            let left: BTreeSet<_> = timeline.iter().map(|event| &event.event_id).collect();
            let gone = room.questions.iter_mut();
            for question in gone.filter(|question| !left.contains(&question.event)) {
                question.is_gone = true;
            }
        }
        if self.world.token.get() != kept.token {
            self.restore_account(true).await?;
        }
        Ok(())
    }

    /// Whoever looks after the store puts a position there that is none of ours, or one
    /// of another time.
    pub(super) async fn misplace(&mut self, position: &str) -> Result<(), String> {
        self.bury().await?;
        if self.second.is_none() {
            let written = self.write_position(position).await;
            let outcome = written.map_err(|error| matrix_bridge_core::chain(&error))?;
            if outcome != CommitOutcome::Applied {
                return Err(format!("the position could not be changed: {outcome:?}"));
            }
        }
        self.start();
        Ok(())
    }

    async fn write_position(&self, position: &str) -> Result<CommitOutcome, StoreError> {
        let (store, user) = (self.world.store(), &self.world.bot.user_id);
        let source = SourceId::new(format!("sync/{user}"));
        let before = store.checkpoint(&source).await?;
        if before.position.is_none() {
            return Ok(CommitOutcome::Applied);
        }
        let mut batch = Batch::new(Account::new(user), self.world.clock.now());
        batch.advance = Some(Advance {
            source,
            expected: before.generation,
            position: Some(Position::new(position)),
        });
        store.commit(batch).await
    }

    /// Nobody is there for so long that the homeserver forgets what it was asked, and
    /// that what was said before is too old to be answered.
    pub(super) async fn night(&mut self) -> Result<(), String> {
        self.bury().await?;
        if let Some(second) = self.second.take() {
            second.kill();
        }
        tokio::time::sleep(NIGHT).await;
        let plan = std::mem::take(&mut self.plan);
        let later = plan
            .into_iter()
            .map(|((at, number), deed)| ((at + NIGHT, number), deed));
        self.plan = later.collect();
        // A clock that is wrong stays so over the night.
        self.ran_ahead_to = self.ran_ahead_to.map(|latest| latest + NIGHT);
        for room in &mut self.world.rooms {
            room.era += 1;
            room.morning = room.era;
        }
        self.later(Duration::ZERO, Deed::Start);
        Ok(())
    }
}
