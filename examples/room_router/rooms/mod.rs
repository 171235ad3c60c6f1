//! The allowlist: which rooms the bot works in, kept up to date while it runs.

mod alias;
mod merge;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use matrix_bridge::{
    Client, Clock as _, EngineHandle, HealthBoard, History, Policy, RoomMode, Rooms, Status, Store,
    SystemClock, chain, ruma::OwnedRoomAliasId,
};
use tokio::sync::watch;

use self::{
    alias::Answer,
    merge::{Aliases, Merged, merge},
};
use super::config::{Live, RoomName};

/// The shortest and the longest wait before aliases are asked about again.
const RETRY: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));

/// The listed rooms, and what became of their aliases.
#[derive(Debug)]
pub(crate) struct Allowlist {
    client: Client,
    store: Arc<dyn Store>,
    health: HealthBoard,
    history: History,
    wishes: watch::Receiver<Live>,
    live: Live,
    known: Aliases,
    /// Aliases without a fresh answer, and why.
    open: BTreeMap<OwnedRoomAliasId, String>,
    rounds: u32,
}

impl Allowlist {
    /// Asks for every alias once; one that does not resolve is left for later.
    pub(crate) async fn start(
        client: Client,
        store: Arc<dyn Store>,
        health: HealthBoard,
        history: History,
        mut wishes: watch::Receiver<Live>,
    ) -> Self {
        let live = wishes.borrow_and_update().clone();
        let mut list = Self {
            client,
            store,
            health,
            history,
            wishes,
            live,
            known: Aliases::new(),
            open: BTreeMap::new(),
            rounds: 0,
        };
        list.open_new().await;
        list.resolve().await;
        list
    }

    /// What the bot may do where, as far as it is known.
    pub(crate) fn policy(&self) -> Policy {
        let Merged { modes, conflicts } = merge(&self.live.rooms, &self.known);
        let conflicts: Vec<_> = conflicts.iter().map(ToString::to_string).collect();
        self.note(
            "room_modes",
            (!conflicts.is_empty()).then(|| {
                format!(
                    "listed under several names with different modes, the strictest holds: {}; \
                     list each room once",
                    conflicts.join(", ")
                )
            }),
        );
        Policy {
            rooms: Rooms::Listed(modes),
            shadow: self.live.shadow,
            join: self.live.join,
            history: self.history,
            ..Policy::default()
        }
    }

    /// Keeps the policy of `bot` up to date, until it is dropped.
    pub(crate) async fn keep(mut self, bot: EngineHandle) {
        self.apply(&bot);
        loop {
            let delay = self.delay();
            let mut wishes = self.wishes.clone();
            tokio::select! {
                biased;
                changed = wishes.changed() => {
                    // Nobody is left to wish anything; aliases may still be open.
                    if changed.is_err() {
                        return;
                    }
                    self.live = self.wishes.borrow_and_update().clone();
                    self.rounds = 0;
                    self.open_new().await;
                    // Modes of rooms that are known need not wait for aliases.
                    self.apply(&bot);
                    self.resolve().await;
                }
                () = async {
                    tokio::time::sleep(delay.unwrap_or(Duration::MAX)).await;
                    self.resolve().await;
                } => {}
            }
            self.apply(&bot);
        }
    }

    fn apply(&self, bot: &EngineHandle) {
        let policy = self.policy();
        if *bot.policy() == policy {
            return;
        }
        let summary = summary(&policy);
        bot.set_policy(policy);
        // Whoever reads this may rely on it.
        tracing::info!("rooms in force: {summary}");
    }

    /// Aliases that are new on the list are to be asked about; meanwhile what they
    /// pointed to before holds.
    async fn open_new(&mut self) {
        let listed: Vec<_> = self.live.rooms.keys().filter_map(alias_of).collect();
        self.known.retain(|alias, _| listed.contains(alias));
        self.open.retain(|alias, _| listed.contains(alias));
        let is_new = |alias: &OwnedRoomAliasId| !self.known.contains_key(alias);
        let new: Vec<_> = listed.into_iter().filter(is_new).collect();
        match alias::recall(&*self.store, &new).await {
            Ok(known) => self.known.extend(known),
            Err(error) => tracing::warn!("aliases cannot be recalled: {}", chain(&error)),
        }
        let not_asked = || "not asked yet".to_owned();
        self.open
            .extend(new.into_iter().map(|alias| (alias, not_asked())));
    }

    /// Asks about the aliases that are open.
    async fn resolve(&mut self) {
        self.rounds += 1;
        let mut found = Aliases::new();
        for (alias, answer) in alias::ask(&self.client, self.open.keys().cloned()).await {
            match answer {
                Answer::Room(room) => {
                    self.open.remove(&alias);
                    found.insert(alias, room);
                }
                Answer::Nowhere => {
                    self.known.remove(&alias);
                    self.open
                        .insert(alias, "the homeserver does not know it".to_owned());
                }
                Answer::Unknown(reason) => {
                    self.open.insert(alias, reason);
                }
            }
        }
        if !found.is_empty()
            && let Err(error) = alias::remember(&*self.store, &self.client, &found).await
        {
            tracing::warn!("aliases cannot be remembered: {}", chain(&error));
        }
        self.known.extend(found);
        self.note_open();
    }

    fn note_open(&self) {
        const SHOWN: usize = 10;
        let lost = self
            .open
            .iter()
            .filter(|(alias, _)| !self.known.contains_key(*alias));
        let lost: Vec<_> = lost
            .map(|(alias, why)| format!("{alias} ({why})"))
            .collect();
        let message = (!lost.is_empty()).then(|| {
            let more = match lost.len().saturating_sub(SHOWN) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let shown: Vec<_> = lost.into_iter().take(SHOWN).collect();
            format!(
                "aliases that do not resolve, whose rooms are off until they do: {}{more}",
                shown.join(", ")
            )
        });
        self.note("aliases", message);
    }

    /// Raises or clears a reason in the health.
    fn note(&self, code: &str, message: Option<String>) {
        let Some(message) = message else {
            self.health.clear(code);
            return;
        };
        let now = SystemClock.now();
        if self.health.raise(code, Status::Degraded, &message, now) {
            tracing::warn!("{message}");
        }
    }

    /// How long until open aliases are asked about again.
    fn delay(&self) -> Option<Duration> {
        let (shortest, longest) = RETRY;
        let doublings = self.rounds.saturating_sub(1).min(8);
        (!self.open.is_empty()).then(|| (shortest * (1 << doublings)).min(longest))
    }
}

fn alias_of(name: &RoomName) -> Option<OwnedRoomAliasId> {
    match name {
        RoomName::Id(_) => None,
        RoomName::Alias(alias) => Some(alias.clone()),
    }
}

/// How many rooms are in which mode.
pub(crate) fn summary(policy: &Policy) -> String {
    let Rooms::Listed(rooms) = &policy.rooms else {
        return "all".to_owned();
    };
    let count = |mode| rooms.values().filter(|known| **known == mode).count();
    let shadow = if policy.shadow {
        ", shadow mode everywhere"
    } else {
        ""
    };
    format!(
        "{} active, {} shadow, {} off{shadow}",
        count(RoomMode::Active),
        count(RoomMode::Shadow),
        count(RoomMode::Off)
    )
}
