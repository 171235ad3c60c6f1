//! The command line.

use std::{
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
};

use super::parked::Ask;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
A bot that answers in the rooms it is told to.

Usage: room_router [--config FILE] [--log text|json]
                   [--shadow-report | --parked ... | --backup FILE]

  --config FILE     the configuration; MATRIX_* variables win over it
  --log text|json   how logs look on stderr; text by default, filtered by RUST_LOG
  --shadow-report   lists what shadow mode recorded, one JSON object a line, and ends
  --parked          lists what was given up and kept for a person, likewise
  --backup FILE     copies the store to FILE, also while the bot runs, and ends
  --help            prints this
  --version         prints the version

About what was given up, also while the bot runs; ID is row:12 or event:7, as listed:

  --parked counts         how much there is, by reason, and since when
  --parked show ID...     shows it whole
  --parked retry ID...    tries it again
  --parked drop ID...     removes it for good
  --parked replace ID --text TEXT
                          sends TEXT in the place of a row that was surely not sent";

/// What the program is started for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Task {
    /// To be the bot.
    Run,
    /// To list what shadow mode recorded.
    ShadowReport,
    /// To list what was parked, or to decide about it.
    Parked(Ask),
    /// To copy the store there.
    Backup(PathBuf),
    /// To print how it is used.
    Help,
    /// To print its version.
    Version,
}

/// How logs look.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The command line, understood.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Args {
    /// What for.
    pub(crate) task: Task,
    /// The configuration's file.
    pub(crate) config: Option<PathBuf>,
    /// How logs look.
    pub(crate) log: LogFormat,
}

impl Args {
    /// The file, if there is one.
    pub(crate) fn config(&self) -> Option<&Path> {
        self.config.as_deref()
    }
}

/// What is wrong with the command line.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct ArgsError(String);

impl ArgsError {
    /// What was found, and what is expected.
    pub(crate) fn new(found: &str) -> Self {
        Self(format!("found {found}"))
    }
}

impl fmt::Display for ArgsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "command line: {}; see --help", self.0)
    }
}

impl std::error::Error for ArgsError {}

/// Reads the arguments after the program's name.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Args, ArgsError> {
    let mut arguments = arguments.into_iter();
    let (mut task, mut config, mut log) = (None, None, None);
    let (mut words, mut new_text) = (Vec::new(), None);
    while let Some(argument) = arguments.next() {
        let text = argument.to_str();
        let (name, inline) = match text.and_then(|text| text.split_once('=')) {
            Some((name, value)) => (Some(name), Some(OsString::from(value))),
            None => (text, None),
        };
        let mut value = |expected: &str| {
            let value = inline.clone().or_else(|| arguments.next());
            let value = value.filter(|value| !value.is_empty());
            value.ok_or_else(|| wrong(name, &format!("without a value, expected {expected}")))
        };
        match name {
            Some("--config") => set(&mut config, PathBuf::from(value("a file")?), name)?,
            Some("--log") => {
                let value = value("text or json")?;
                let format = match value.to_str() {
                    Some("text") => LogFormat::Text,
                    Some("json") => LogFormat::Json,
                    _ => {
                        let found = format!("with {value:?}, expected text or json");
                        return Err(wrong(name, &found));
                    }
                };
                set(&mut log, format, name)?;
            }
            Some("--shadow-report") if inline.is_none() => {
                set(&mut task, Task::ShadowReport, name)?;
            }
            Some("--backup") => {
                let file = PathBuf::from(value("a file")?);
                set(&mut task, Task::Backup(file), name)?;
            }
            Some("--parked") if inline.is_none() => {
                set(&mut task, Task::Parked(Ask::List), name)?;
            }
            Some("--text") => {
                let value = value("the new text")?.into_string();
                let value = value.map_err(|_| wrong(name, "with bytes that are not UTF-8"))?;
                set(&mut new_text, value, name)?;
            }
            Some("--help" | "-h") if inline.is_none() => {
                set(&mut task, Task::Help, name)?;
            }
            Some("--version" | "-V") if inline.is_none() => {
                set(&mut task, Task::Version, name)?;
            }
            _ => match text {
                Some(word) if matches!(task, Some(Task::Parked(_))) && !word.starts_with('-') => {
                    words.push(word.to_owned());
                }
                _ => {
                    let found = format!("{argument:?}, which is no argument of this program");
                    return Err(ArgsError::new(&found));
                }
            },
        }
    }
    let task = match task.unwrap_or(Task::Run) {
        Task::Parked(_) => Task::Parked(Ask::read(&words, new_text)?),
        _ if new_text.is_some() => {
            let found = "without --parked replace, expected both or none";
            return Err(wrong(Some("--text"), found));
        }
        task => task,
    };
    Ok(Args {
        task,
        config,
        log: log.unwrap_or(LogFormat::Text),
    })
}

fn set<T>(slot: &mut Option<T>, value: T, name: Option<&str>) -> Result<(), ArgsError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(wrong(name, "beside another of its kind, expected one")),
    }
}

fn wrong(name: Option<&str>, found: &str) -> ArgsError {
    ArgsError::new(&format!("{} {found}", name.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use matrix_bridge::RowId;

    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Args, String> {
        parse(arguments.iter().map(OsString::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn arguments_come_in_any_order_and_both_forms() {
        let expected = Args {
            task: Task::ShadowReport,
            config: Some(PathBuf::from("a.toml")),
            log: LogFormat::Json,
        };

        let apart = ["--shadow-report", "--config", "a.toml", "--log", "json"];
        assert_eq!(parsed(&apart), Ok(expected.clone()));
        assert_eq!(
            parsed(&["--log=json", "--config=a.toml", "--shadow-report"]),
            Ok(expected)
        );
        assert_eq!(parsed(&[]).unwrap().task, Task::Run);
        let text = "--b=c".to_owned();
        let replaced = Task::Parked(Ask::Replace(RowId(1), text));
        for arguments in [
            &["--parked", "replace", "row:1", "--text", "--b=c"][..],
            &["--text=--b=c", "--parked", "replace", "--log=json", "row:1"],
        ] {
            assert_eq!(parsed(arguments).unwrap().task, replaced);
        }
    }

    #[test]
    fn every_mistake_is_named() {
        let table: [(&[&str], &str); 9] = [
            (
                &["--verbose"],
                "found \"--verbose\", which is no argument of this program",
            ),
            (
                &["a.toml"],
                "found \"a.toml\", which is no argument of this program",
            ),
            (
                &["--config"],
                "found --config without a value, expected a file",
            ),
            (
                &["--log", "xml"],
                "found --log with \"xml\", expected text or json",
            ),
            (
                &["--parked", "--shadow-report"],
                "found --shadow-report beside another of its kind, expected one",
            ),
            (
                &["row:1", "--parked", "show"],
                "found \"row:1\", which is no argument of this program",
            ),
            (
                &["--parked", "replace", "row:1", "--text", ""],
                "found --text without a value, expected the new text",
            ),
            (
                &["--text", "x"],
                "found --text without --parked replace, expected both or none",
            ),
            (
                &["--help=1"],
                "found \"--help=1\", which is no argument of this program",
            ),
        ];
        for (arguments, found) in table {
            assert_eq!(
                parsed(arguments),
                Err(format!("command line: {found}; see --help"))
            );
        }
    }
}
