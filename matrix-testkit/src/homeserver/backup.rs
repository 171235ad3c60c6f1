//! The server restored from a backup: what it knew since then is gone.

use std::collections::BTreeMap;

use super::{
    auth::{Session, User},
    handle::TestHomeserver,
    media::Media,
    refresh::Refreshes,
    room::Room,
    state::Homeserver,
    transactions::Transactions,
};

/// What a server kept on disk at one moment.
///
/// Users, tokens, rooms, media, transaction ids and the place in the stream are in it;
/// faults, limits, the clock and the log of requests are not.
#[derive(Clone, Debug)]
pub struct Backup {
    users: BTreeMap<String, User>,
    sessions: BTreeMap<String, Session>,
    refreshes: Refreshes,
    rooms: BTreeMap<String, Room>,
    aliases: BTreeMap<String, String>,
    media: BTreeMap<String, Media>,
    transactions: Transactions,
    position: u64,
}

impl TestHomeserver {
    /// Copies what the server keeps on disk.
    #[must_use]
    pub fn back_up(&self) -> Backup {
        self.look(Homeserver::back_up)
    }

    /// Ends the server's process and starts it with the disk as it was in `backup`.
    ///
    /// Events, memberships, tokens and transaction ids since then are gone, and places
    /// in the stream are given out a second time: a sync token from the time between is
    /// taken as the newest place, or for that of another event. Event ids are not given
    /// out again.
    pub fn roll_back(&self, backup: &Backup) {
        self.with(|server| server.roll_back(backup.clone()));
    }
}

impl Homeserver {
    fn back_up(&self) -> Backup {
        Backup {
            users: self.users.clone(),
            sessions: self.sessions.clone(),
            refreshes: self.refreshes.clone(),
            rooms: self.rooms.clone(),
            aliases: self.aliases.clone(),
            media: self.media.clone(),
            transactions: self.transactions.clone(),
            position: self.position,
        }
    }

    fn roll_back(&mut self, backup: Backup) {
        let Backup {
            users,
            sessions,
            refreshes,
            rooms,
            aliases,
            media,
            transactions,
            position,
        } = backup;
        self.users = users;
        self.sessions = sessions;
        self.refreshes = refreshes;
        self.rooms = rooms;
        self.aliases = aliases;
        self.media = media;
        self.transactions = transactions;
        self.position = position;
        self.restart();
    }
}
