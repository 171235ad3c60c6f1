//! Invites: joins what is listed, and deals with the rest at a bounded rate.

use std::time::Duration;

use ruma::OwnedRoomId;

use super::{Draft, Interrupted, Pipeline, rows::RowMaker};
use crate::{
    Action, EndpointClass, InviteAnswer, Membership, RoomFacts, RowKey, StoreError, Timestamp,
    effect::Send,
    metrics::{self, Skip},
    shared::Shared,
};

/// So many invites are read at once, and so many pages in one sweep.
const PAGE: usize = 200;
const PAGES: usize = 5;

const MINUTE: Duration = Duration::from_secs(60);

/// How many invites to unlisted rooms were dealt with lately, and where the sweep is.
#[derive(Debug, Default)]
pub(super) struct Invites {
    minute: Timestamp,
    answered: u32,
    after: Option<OwnedRoomId>,
}

impl Invites {
    fn may_refuse(&mut self, shared: &Shared) -> bool {
        let now = shared.now();
        if now.since(self.minute) >= MINUTE {
            (self.minute, self.answered) = (now, 0);
        }
        let may = self.answered < shared.policy().invites_per_minute;
        self.answered += u32::from(may);
        may
    }

    /// Adds the row that answers an invite, if there is one.
    pub(super) async fn answer(
        &mut self,
        shared: &Shared,
        facts: &RoomFacts,
        maker: &mut RowMaker<'_>,
        draft: &mut Draft,
    ) -> Result<(), StoreError> {
        let room = &facts.room;
        let (verb, action) = match shared.policy().invited(room) {
            InviteAnswer::Join => ("join", Action::Join),
            InviteAnswer::Leave if self.may_refuse(shared) => ("leave", Action::Leave),
            InviteAnswer::Leave | InviteAnswer::Ignore => {
                metrics::skipped(Skip::Invite);
                return Ok(());
            }
        };
        // One row for each invite: the same one found again by a sweep changes nothing,
        // but one that was only recorded in shadow mode is made when that ends.
        let class = EndpointClass::Join;
        let how = if shared.policy().is_silent(room, class) {
            "shadow-"
        } else {
            ""
        };
        let since = facts.since.0;
        let key = RowKey::new(format!("{}/{how}{verb}/{room}/{since}", shared.account));
        let send = Send::new(room.clone(), class, action);
        draft.rows.push(maker.row(key, None, send).await?);
        Ok(())
    }
}

impl Pipeline {
    /// Looks again at invites that were not answered: the policy may have changed, or
    /// there were too many at once.
    pub(super) async fn sweep_invites(&mut self) -> Result<(), Interrupted> {
        let shared = self.shared.clone();
        for _ in 0..PAGES {
            let after = self.invites.after.take();
            let page = shared
                .store
                .rooms(&shared.account, Membership::Invite, after.as_deref(), PAGE)
                .await?;
            let mut draft = self.draft();
            let mut maker = RowMaker::new(&shared, std::collections::BTreeMap::new());
            for facts in &page {
                self.invites
                    .answer(&shared, facts, &mut maker, &mut draft)
                    .await?;
            }
            if !draft.rows.is_empty() {
                self.commit(draft).await?;
            }
            if page.len() < PAGE {
                break;
            }
            self.invites.after = page.last().map(|facts| facts.room.clone());
        }
        Ok(())
    }
}
