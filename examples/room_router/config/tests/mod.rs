//! What a right configuration means; the modules below have the wrong ones.

mod mistakes;
mod names;
mod tokens;

use std::{ffi::OsString, fs, path::PathBuf};

use matrix_bridge::{
    RoomMode,
    ruma::{owned_room_alias_id, owned_room_id},
};
use tempfile::TempDir;

use super::{value::span, *};

const REQUIRED: &str = r##"
homeserver_url = "http://localhost:8008/"
user_id = "@bot:x"
access_token = "syt_secret"
state_store = "bot.db"
"##;

/// A folder with a configuration in it.
struct Folder {
    folder: TempDir,
    environment: Environment,
}

impl Folder {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            environment: Environment::new(),
        }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.environment.insert(name, OsString::from(value));
        self
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// What comes of `toml`; in a message the folder is left out.
    fn load(&self, toml: impl AsRef<[u8]>) -> Result<Loaded, String> {
        let path = self.file("c.toml", toml);
        let folder = format!("{}/", self.folder.path().display());
        load(Some(&path), &self.environment).map_err(|error| error.to_string().replace(&folder, ""))
    }

    fn config(&self, toml: &str) -> Config {
        match self.load(toml) {
            Ok(Loaded::Enabled(config)) => *config,
            other => panic!("{other:?}"),
        }
    }
}

#[track_caller]
fn assert_says(folder: &Folder, toml: impl AsRef<[u8]>, message: &str) {
    let found = folder.load(toml);

    assert_eq!(found.map(drop), Err(message.to_owned()));
}

fn required_and(more: &str) -> String {
    format!("[matrix]{REQUIRED}{more}")
}

fn required_without(key: &str) -> String {
    let lines = REQUIRED.lines().filter(|line| !line.starts_with(key));
    format!("[matrix]\n{}\n", lines.collect::<Vec<_>>().join("\n"))
}

#[test]
fn what_is_left_out_has_its_default() {
    let config = Folder::new().config(&required_and(""));

    assert_eq!(config.homeserver_url.value, "http://localhost:8008");
    assert_eq!(config.live.rooms, RoomList::new());
    assert_eq!(
        (config.live.shadow, config.live.join),
        (false, JoinPolicy::Allowlist)
    );
    assert_eq!(config.grace, Duration::from_secs(1));
    assert_eq!(config.dedupe_ttl, Duration::from_secs(30 * 86_400));
    assert_eq!(
        (config.dedupe_max, config.history),
        (1_000_000, History::Skip)
    );
    assert_eq!((config.listen, config.device_name), (None, None));
}

#[test]
fn the_sample_file_is_right() {
    let folder = Folder::new().with("MATRIX_ACCESS_TOKEN", "t");

    let config = folder.config(include_str!("../../room_router.toml"));

    assert_eq!(config.live.rooms.len(), 2);
}

#[test]
fn every_key_can_come_from_the_environment() {
    let folder = Folder::new();
    let token = folder.file("token", "t0ken\n");
    let folder = folder
        .with("MATRIX_ENABLED", "true")
        .with("MATRIX_HOMESERVER_URL", "https://example.org")
        .with("MATRIX_SERVICE_USER", "@env:x")
        .with("MATRIX_ACCESS_TOKEN_FILE", token.to_str().unwrap())
        .with("MATRIX_DEVICE_NAME", "box")
        .with("MATRIX_STATE_STORE", "env.db")
        .with("MATRIX_MODE", "shadow")
        .with("MATRIX_GRACE", "250ms")
        .with("MATRIX_ROOMS", "!a:b=active, #c:d=shadow,#e=f:g,!h:i=off")
        .with("MATRIX_JOIN_POLICY", "leave")
        .with("MATRIX_DEDUPE_TTL", "3600")
        .with("MATRIX_DEDUPE_MAX_EVENTS", "7")
        .with("MATRIX_FIRST_SYNC_HISTORY", "5")
        .with("MATRIX_HTTP_LISTEN", "[::1]:80");

    let Ok(Loaded::Enabled(config)) = load(None, &folder.environment) else {
        panic!("it is right");
    };

    assert_eq!(config.user.value, "@env:x");
    assert_eq!(config.user.place, Place::Variable("MATRIX_SERVICE_USER"));
    assert_eq!(
        config.token.place,
        Place::Variable("MATRIX_ACCESS_TOKEN_FILE")
    );
    assert_eq!(config.state_store, StorePlace::File("env.db".into()));
    assert_eq!(
        (config.live.shadow, config.live.join),
        (true, JoinPolicy::Leave)
    );
    let rooms = RoomList::from([
        (RoomName::Id(owned_room_id!("!a:b")), RoomMode::Active),
        (
            RoomName::Alias(owned_room_alias_id!("#c:d")),
            RoomMode::Shadow,
        ),
        (
            RoomName::Alias(owned_room_alias_id!("#e=f:g")),
            RoomMode::Active,
        ),
        (RoomName::Id(owned_room_id!("!h:i")), RoomMode::Off),
    ]);
    assert_eq!(config.live.rooms, rooms);
    assert_eq!(config.grace, Duration::from_millis(250));
    assert_eq!(config.dedupe_ttl, Duration::from_secs(3_600));
    assert_eq!((config.dedupe_max, config.history), (7, History::Last(5)));
    assert_eq!(config.listen.unwrap().value, "[::1]:80".parse().unwrap());
    assert_eq!(config.device_name.as_deref(), Some("box"));
}

#[test]
fn the_environment_wins_over_the_file_in_either_form_of_the_token() {
    let folder = Folder::new();
    let token = folder.file("token", "t0ken");
    let folder = folder
        .with("MATRIX_ACCESS_TOKEN_FILE", token.to_str().unwrap())
        .with("MATRIX_USER_ID", "@env:x")
        .with("MATRIX_SERVICE_USER", "@env:x");

    let config = folder.config(&required_and("mode = \"shadow\""));

    assert_eq!(
        config.token.place,
        Place::Variable("MATRIX_ACCESS_TOKEN_FILE")
    );
    assert_eq!(config.user.value, "@env:x");
    assert!(config.live.shadow);
}

#[test]
fn disabled_asks_for_nothing_else() {
    let file = Folder::new().load("[matrix]\nenabled = false\nuser_id = 7");
    let environment = Folder::new().with("MATRIX_ENABLED", "false").load("");

    assert_eq!(file, Ok(Loaded::Disabled));
    assert_eq!(environment, Ok(Loaded::Disabled));
}

#[test]
fn a_report_needs_the_store_only() {
    let folder = Folder::new();
    let path = folder.file(
        "c.toml",
        "[matrix]\nenabled = false\nstate_store = \"s.db\"",
    );

    let found = load_for_report(Some(&path), &folder.environment, false);

    assert_eq!(found, Ok((StorePlace::File("s.db".into()), None)));
}

#[test]
fn spans_have_one_unit() {
    let seconds = |text| span(text).map(|span| span.as_secs());

    assert_eq!(
        ["30d", "12h", "5m", "90s", "15"].map(seconds),
        [2_592_000, 43_200, 300, 90, 15].map(Some)
    );
    assert_eq!(span("500ms"), Some(Duration::from_millis(500)));
    for text in [
        "",
        "s",
        "-1s",
        "+1s",
        "1.5h",
        "1 h",
        "1h30m",
        "1w",
        "99999999999d",
        "99999999999999999999ms",
    ] {
        assert_eq!(span(text), None, "{text}");
    }
}

#[test]
fn a_reload_names_what_needs_a_restart() {
    let folder = Folder::new();
    let old = folder.config(&required_and(""));
    let new = required_without("user_id")
        + "user_id = \"@other:x\"\nmode = \"shadow\"\n[http]\nlisten = \"127.0.0.1:1\"";

    let changed = old.restart_keys(&folder.config(&new));

    assert_eq!(changed, ["matrix.user_id", "http.listen"]);
    assert_eq!(old.restart_keys(&old), [""; 0]);
}

#[test]
fn a_token_is_not_shown() {
    let config = Folder::new().config(&required_and(""));

    assert!(!format!("{config:?}").contains("syt_secret"));
}

#[test]
fn a_store_is_a_file_or_a_database_whose_address_is_not_shown() {
    let read = |text: &str| StorePlace::read(text.into());
    let url = "postgres://bot:hunter2@localhost/bridge";

    assert_eq!(read("bot.db"), StorePlace::File("bot.db".into()));
    assert_eq!(read(url), StorePlace::Postgres(url.to_owned()));
    assert!(!format!("{:?}", read(url)).contains("hunter2"));
}
