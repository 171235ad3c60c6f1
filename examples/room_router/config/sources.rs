//! The file and the environment, before anything is read out of them.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use toml::{Table, Value};

use super::{
    error::{ConfigError, Place, shown},
    keys::{self, Key},
    value::Found,
};

/// No configuration or token is longer.
const MAX_FILE: u64 = 1024 * 1024;

/// The variables that are ours, as they were when the program started.
pub(crate) type Environment = BTreeMap<&'static str, OsString>;

/// The variables of this process that are ours.
pub(crate) fn environment() -> Environment {
    keys::variables()
        .filter_map(|name| Some((name, std::env::var_os(name)?)))
        .collect()
}

/// The two places that values come from.
#[derive(Debug)]
pub(crate) struct Sources<'a> {
    file: Option<(String, Table)>,
    environment: &'a Environment,
}

impl<'a> Sources<'a> {
    /// Reads the file, if there is one, and refuses keys that are not ours.
    pub(crate) fn read(
        path: Option<&Path>,
        environment: &'a Environment,
    ) -> Result<Self, ConfigError> {
        let file = match path {
            Some(path) => Some(read_table(path)?),
            None => None,
        };
        Ok(Self { file, environment })
    }

    /// The value of `key`: the environment's, or else the file's.
    pub(crate) fn get(&self, key: &Key) -> Result<Option<Found>, ConfigError> {
        match self.in_environment(key)? {
            Some(found) => Ok(Some(found)),
            None => Ok(self.in_file(key)),
        }
    }

    /// The value of `key` in the environment; aliases must not disagree.
    pub(crate) fn in_environment(&self, key: &Key) -> Result<Option<Found>, ConfigError> {
        let mut first: Option<(Place, &OsString)> = None;
        for &name in key.variables {
            let Some(value) = self.environment.get(name) else {
                continue;
            };
            match &first {
                Some((other, known)) if *known != value => {
                    let found = "another value than in its alias";
                    return Err(ConfigError::new(
                        other,
                        found,
                        format!("the same in {name}"),
                    ));
                }
                Some(_) => {}
                None => first = Some((Place::Variable(name), value)),
            }
        }
        let Some((place, value)) = first else {
            return Ok(None);
        };
        let Some(text) = value.to_str() else {
            return Err(ConfigError::new(&place, "bytes that are not UTF-8", "text"));
        };
        Ok(Some(Found::text(place, text.to_owned())))
    }

    /// The value of `key` in the file.
    pub(crate) fn in_file(&self, key: &Key) -> Option<Found> {
        let (file, table) = self.file.as_ref()?;
        let (above, name) = key.path.rsplit_once('.')?;
        let mut table = table;
        for step in above.split('.') {
            // Whether it is one was checked when the file was read.
            table = table.get(step).and_then(Value::as_table)?;
        }
        let place = Place::Key {
            file: file.clone(),
            key: key.path.to_owned(),
        };
        Some(Found::toml(place, table.get(name)?.clone()))
    }

    /// What is wrong when a required `key` is nowhere.
    pub(crate) fn missing(&self, key: &Key, expected: &str) -> ConfigError {
        let variable = key.variables.first().copied().unwrap_or_default();
        match &self.file {
            Some((file, _)) => {
                let place = Place::Key {
                    file: file.clone(),
                    key: key.path.to_owned(),
                };
                let expected = format!("{expected}, here or in {variable}");
                ConfigError::new(&place, "nothing", expected)
            }
            None => {
                let expected = format!("{expected}, here or as {} in a --config file", key.path);
                ConfigError::new(&Place::Variable(variable), "nothing", expected)
            }
        }
    }
}

fn read_table(path: &Path) -> Result<(String, Table), ConfigError> {
    let name = path.display().to_string();
    let place = Place::File(name.clone());
    let text = read_text(path).map_err(|reason| {
        ConfigError::new(&place, format!("a file {reason}"), "a readable TOML file")
    })?;
    let table: Table = text
        .parse()
        .map_err(|error| syntax(&place, &text, &error))?;
    keys::check(&name, &table)?;
    Ok((name, table))
}

/// The content of a small text file, or what is wrong with it after "a file".
pub(crate) fn read_text(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let read = |bytes: &mut Vec<u8>| -> io::Result<usize> {
        File::open(path)?.take(MAX_FILE + 1).read_to_end(bytes)
    };
    match read(&mut bytes) {
        Err(error) => Err(format!("that cannot be read ({error})")),
        Ok(length) if length as u64 > MAX_FILE => Err("that is larger than a MiB".to_owned()),
        Ok(_) => String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            format!("that is not UTF-8 from byte {at} on")
        }),
    }
}

/// The parser's own message shows lines of the file, among them perhaps the token's.
fn syntax(place: &Place, text: &str, error: &toml::de::Error) -> ConfigError {
    let at = error.span().map_or(0, |span| span.start);
    let before = text.get(..at).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    // Cut before anything that it quotes.
    let reason = error.message().lines().next().unwrap_or_default();
    let reason = reason.split(['`', '"', '\'']).next().unwrap_or_default();
    let found = format!(
        "no TOML at line {line}, column {column} ({})",
        shown(reason.trim()).trim_matches('"')
    );
    ConfigError::new(place, found, "valid TOML")
}
