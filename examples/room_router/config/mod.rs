//! What the bot is told to do: a TOML file, and the environment, which wins.

mod error;
mod keys;
mod rooms;
mod sources;
mod store;
#[cfg(test)]
mod tests;
mod token;
mod value;

use std::{net::SocketAddr, path::Path, time::Duration};

use matrix_bridge::{History, JoinPolicy, ruma::OwnedUserId};

use self::sources::Sources;
pub(crate) use self::{
    error::{ConfigError, Place},
    rooms::{RoomList, RoomName},
    sources::{Environment, environment},
    store::StorePlace,
    token::Token,
};

/// A value, and where it stands, for mistakes that only show later.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Placed<T> {
    /// The value.
    pub(crate) value: T,
    /// Where it stands.
    pub(crate) place: Place,
}

/// Everything that was configured.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Config {
    /// What a reload puts in force.
    pub(crate) live: Live,
    /// The homeserver.
    pub(crate) homeserver_url: Placed<String>,
    /// Whose token it has to be.
    pub(crate) user: Placed<OwnedUserId>,
    /// The token.
    pub(crate) token: Token,
    /// How logs call this bot.
    pub(crate) device_name: Option<String>,
    /// The store.
    pub(crate) state_store: StorePlace,
    /// How long a bot that died keeps its work from others on the same store.
    pub(crate) takeover: Duration,
    /// How long a batch waits for its handlers.
    pub(crate) grace: Duration,
    /// How long an event is remembered as handled.
    pub(crate) dedupe_ttl: Duration,
    /// How many events are, at most.
    pub(crate) dedupe_max: u64,
    /// What is done about messages from before the bot came.
    pub(crate) history: History,
    /// Where metrics and health are served.
    pub(crate) listen: Option<Placed<SocketAddr>>,
}

/// What can change while the bot runs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Live {
    /// The rooms it works in.
    pub(crate) rooms: RoomList,
    /// Shadow mode everywhere.
    pub(crate) shadow: bool,
    /// What it does about invites.
    pub(crate) join: JoinPolicy,
}

/// A configuration, or the wish to do nothing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Loaded {
    /// `enabled = false`; whatever else is missing or wrong is of no concern then.
    Disabled,
    /// What to do.
    Enabled(Box<Config>),
}

const STORE: &str = "the path of the store's file, or postgres://user:password@host/database";

/// Reads the configuration, whole, or the first mistake in it.
pub(crate) fn load(path: Option<&Path>, environment: &Environment) -> Result<Loaded, ConfigError> {
    let sources = Sources::read(path, environment)?;
    if let Some(found) = sources.get(&keys::ENABLED)?
        && !found.read_bool()?
    {
        return Ok(Loaded::Disabled);
    }
    read(&sources).map(|config| Loaded::Enabled(Box::new(config)))
}

/// What a report needs: the store, and whose bot it is if that is told, or has
/// to be.
pub(crate) fn load_for_report(
    path: Option<&Path>,
    environment: &Environment,
    needs_user: bool,
) -> Result<(StorePlace, Option<OwnedUserId>), ConfigError> {
    let sources = Sources::read(path, environment)?;
    let user = match sources.get(&keys::USER_ID)? {
        Some(found) => Some(found.read_user(USER)?),
        None if needs_user => return Err(sources.missing(&keys::USER_ID, USER)),
        None => None,
    };
    Ok((state_store(&sources)?, user))
}

const URL: &str = "the homeserver's URL, such as https://matrix.example.org";
const USER: &str = "a user id such as @bot:example.org";

fn read(sources: &Sources<'_>) -> Result<Config, ConfigError> {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    const MODES: [(&str, bool); 2] = [("active", false), ("shadow", true)];
    const JOINS: [(&str, JoinPolicy); 3] = [
        ("allowlist", JoinPolicy::Allowlist),
        ("ignore", JoinPolicy::Ignore),
        ("leave", JoinPolicy::Leave),
    ];
    let get = |key| sources.get(key);
    let required = |key, expected| get(key)?.ok_or_else(|| sources.missing(key, expected));

    let url = required(&keys::HOMESERVER_URL, URL)?;
    let homeserver_url = placed(url.read_url(URL)?, url.place);
    let user = required(&keys::USER_ID, USER)?;
    let user = placed(user.read_user(USER)?, user.place);
    let token = token::read(sources)?;
    let state_store = state_store(sources)?;
    let listen = match get(&keys::LISTEN)? {
        Some(found) => Some(placed(found.read_address()?, found.place)),
        None => None,
    };
    let span = |key, default| get(key)?.map_or(Ok(default), |found| found.read_span());
    let dedupe_ttl = span(&keys::DEDUPE_TTL, 30 * DAY)?;
    if let (true, Some(found)) = (dedupe_ttl.is_zero(), get(&keys::DEDUPE_TTL)?) {
        return Err(found.wrong("a span longer than nothing"));
    }
    let takeover = span(&keys::TAKEOVER, Duration::from_secs(15))?;
    if let (true, Some(found)) = (takeover < Duration::from_secs(1), get(&keys::TAKEOVER)?) {
        return Err(found.wrong("a span of a second or more"));
    }
    let history = match get(&keys::HISTORY)? {
        // A sync holds no more events of a room than that.
        Some(found) => found.read_skip_or(1_000)?,
        None => None,
    };
    Ok(Config {
        live: Live {
            rooms: get(&keys::ROOMS)?.map_or(Ok(RoomList::new()), |found| rooms::read(&found))?,
            shadow: get(&keys::MODE)?.map_or(Ok(false), |found| found.read_choice(&MODES))?,
            join: get(&keys::JOIN_POLICY)?
                .map_or(Ok(JoinPolicy::Allowlist), |found| found.read_choice(&JOINS))?,
        },
        homeserver_url,
        user,
        token,
        device_name: match get(&keys::DEVICE_NAME)? {
            Some(found) => Some(found.read_text("a name")?),
            None => None,
        },
        state_store,
        takeover,
        grace: span(&keys::GRACE, Duration::from_secs(1))?,
        dedupe_ttl,
        dedupe_max: get(&keys::DEDUPE_MAX)?.map_or(Ok(1_000_000), |found| found.read_positive())?,
        history: history.map_or(History::Skip, History::Last),
        listen,
    })
}

fn state_store(sources: &Sources<'_>) -> Result<StorePlace, ConfigError> {
    let key = &keys::STATE_STORE;
    let found = sources
        .get(key)?
        .ok_or_else(|| sources.missing(key, STORE))?;
    found.read_path(STORE).map(StorePlace::read)
}

const fn placed<T>(value: T, place: Place) -> Placed<T> {
    Placed { value, place }
}

impl Config {
    /// The keys that differ in `new` and count only after a restart.
    pub(crate) fn restart_keys(&self, new: &Self) -> Vec<&'static str> {
        let Self {
            live: _,
            homeserver_url,
            user,
            token,
            device_name,
            state_store,
            takeover,
            grace,
            dedupe_ttl,
            dedupe_max,
            history,
            listen,
        } = self;
        let listen_of = |listen: &Option<Placed<SocketAddr>>| listen.as_ref().map(|l| l.value);
        let keys = [
            (
                keys::HOMESERVER_URL,
                homeserver_url.value != new.homeserver_url.value,
            ),
            (keys::USER_ID, user.value != new.user.value),
            (keys::ACCESS_TOKEN, *token != new.token),
            (keys::DEVICE_NAME, *device_name != new.device_name),
            (keys::STATE_STORE, *state_store != new.state_store),
            (keys::TAKEOVER, *takeover != new.takeover),
            (keys::GRACE, *grace != new.grace),
            (keys::DEDUPE_TTL, *dedupe_ttl != new.dedupe_ttl),
            (keys::DEDUPE_MAX, *dedupe_max != new.dedupe_max),
            (keys::HISTORY, *history != new.history),
            (keys::LISTEN, listen_of(listen) != listen_of(&new.listen)),
        ];
        let changed = keys.into_iter().filter(|(_, is_changed)| *is_changed);
        changed.map(|(key, _)| key.path).collect()
    }
}
