//! The list of rooms, from the file or from a variable.

use std::{collections::BTreeMap, fmt};

use matrix_bridge::{
    RoomMode,
    ruma::{OwnedRoomAliasId, OwnedRoomId, RoomAliasId, RoomId},
};
use toml::Value;

use super::{
    error::{ConfigError, Place, shown},
    value::{Found, described, one_of},
};

/// A room as the configuration names it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum RoomName {
    /// By its id.
    Id(OwnedRoomId),
    /// By an alias, which the homeserver resolves.
    Alias(OwnedRoomAliasId),
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Alias(alias) => alias.fmt(f),
        }
    }
}

/// The listed rooms and their modes.
pub(crate) type RoomList = BTreeMap<RoomName, RoomMode>;

const MODES: [(&str, RoomMode); 3] = [
    ("active", RoomMode::Active),
    ("shadow", RoomMode::Shadow),
    ("off", RoomMode::Off),
];

const NAME: &str = "a room id such as !abc:example.org or an alias such as #ops:example.org";

/// Reads `[[matrix.rooms]]`, or `!a:b=active,#c:d=shadow`.
pub(crate) fn read(found: &Found) -> Result<RoomList, ConfigError> {
    let mut rooms = RoomList::new();
    if let Some(entries) = found.as_array() {
        for (index, entry) in entries.iter().enumerate() {
            let place = below(&found.place, &format!("[{}]", index + 1));
            let (name, mode) = table_entry(&place, entry)?;
            add(&mut rooms, &place, name, mode)?;
        }
        return Ok(rooms);
    }
    if !matches!(found.place, Place::Variable(_)) {
        return Err(found.wrong("tables [[matrix.rooms]], each with id and mode"));
    }
    let text = found.as_text();
    let text = text.ok_or_else(|| found.wrong("a list such as !a:b=active,#c:d=shadow"))?;
    for entry in text.split(',') {
        let (name, mode) = text_entry(&found.place, entry.trim())?;
        add(&mut rooms, &found.place, name, mode)?;
    }
    Ok(rooms)
}

fn add(
    rooms: &mut RoomList,
    place: &Place,
    name: RoomName,
    mode: RoomMode,
) -> Result<(), ConfigError> {
    let expected = "each room once, or with the same mode";
    match rooms.get(&name) {
        Some(known) if *known != mode => {
            let (known, mode) = (as_str(*known), as_str(mode));
            let found = format!("{name} both as {known} and as {mode}");
            Err(ConfigError::new(place, found, expected))
        }
        _ => {
            rooms.insert(name, mode);
            Ok(())
        }
    }
}

fn table_entry(place: &Place, entry: &Value) -> Result<(RoomName, RoomMode), ConfigError> {
    let Value::Table(table) = entry else {
        return Err(ConfigError::new(
            place,
            described(entry),
            "a table with id and mode",
        ));
    };
    if let Some(key) = table
        .keys()
        .find(|key| !matches!(key.as_str(), "id" | "mode"))
    {
        let found = format!("the key {}", shown(key));
        return Err(ConfigError::new(place, found, "only id, mode"));
    }
    let get = |name: &str| {
        let value = table.get(name)?.clone();
        Some(Found::toml(below(place, &format!(".{name}")), value))
    };
    let Some(id) = get("id") else {
        return Err(ConfigError::new(&below(place, ".id"), "nothing", NAME));
    };
    let text = id.as_text().ok_or_else(|| id.wrong(NAME))?;
    let name = parse_name(text).ok_or_else(|| id.wrong(NAME))?;
    let mode = match get("mode") {
        Some(mode) => mode.read_choice(&MODES)?,
        None => RoomMode::Active,
    };
    Ok((name, mode))
}

/// An alias may have a `=` in its name, but a mode has no colon.
fn text_entry(place: &Place, entry: &str) -> Result<(RoomName, RoomMode), ConfigError> {
    let (name, mode) = match entry.rsplit_once('=') {
        Some((name, mode)) if !mode.contains(':') => (name, Some(mode)),
        _ => (entry, None),
    };
    let wrong = |text: &str, expected: &str| ConfigError::new(place, shown(text), expected);
    let mode = match mode {
        None => RoomMode::Active,
        Some(mode) => MODES
            .iter()
            .find(|(known, _)| *known == mode)
            .map(|(_, value)| *value)
            .ok_or_else(|| {
                let expected = format!("{} after the =", one_of(&MODES));
                wrong(entry, &expected)
            })?,
    };
    let name = parse_name(name).ok_or_else(|| wrong(name, NAME))?;
    Ok((name, mode))
}

fn parse_name(text: &str) -> Option<RoomName> {
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return None;
    }
    if text.starts_with('#') {
        return RoomAliasId::parse(text).ok().map(RoomName::Alias);
    }
    let id = RoomId::parse(text).ok()?;
    // From room version 12 on an id is a hash and names no server.
    let is_hash = |text: &str| text.len() == 43 && !text.contains('=');
    let is_whole = match text.get(1..)?.split_once(':') {
        Some((local, server)) => !local.is_empty() && !server.is_empty(),
        None => is_hash(text.get(1..)?),
    };
    is_whole.then_some(RoomName::Id(id))
}

/// The word for a mode.
pub(crate) const fn as_str(mode: RoomMode) -> &'static str {
    match mode {
        RoomMode::Active => "active",
        RoomMode::Shadow => "shadow",
        RoomMode::Off => "off",
    }
}

fn below(place: &Place, more: &str) -> Place {
    match place {
        Place::Key { file, key } => Place::Key {
            file: file.clone(),
            key: format!("{key}{more}"),
        },
        place @ (Place::File(_) | Place::Variable(_)) => place.clone(),
    }
}
