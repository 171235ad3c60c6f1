//! The command line.

use std::{
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
};

/// What `--help` prints.
pub(crate) const HELP: &str = "\
A bot that answers in the rooms it is told to.

Usage: room_router [--config FILE] [--log text|json] [--shadow-report | --parked]

  --config FILE     the configuration; MATRIX_* variables win over it
  --log text|json   how logs look on stderr; text by default, filtered by RUST_LOG
  --shadow-report   lists what shadow mode recorded, one JSON object a line, and ends
  --parked          lists what was given up and kept for a person, likewise
  --help            prints this
  --version         prints the version
";

/// What the program is started for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Task {
    /// To be the bot.
    Run,
    /// To list what shadow mode recorded.
    ShadowReport,
    /// To list what was parked.
    Parked,
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
            Some("--parked") if inline.is_none() => {
                set(&mut task, Task::Parked, name)?;
            }
            Some("--help" | "-h") if inline.is_none() => {
                set(&mut task, Task::Help, name)?;
            }
            Some("--version" | "-V") if inline.is_none() => {
                set(&mut task, Task::Version, name)?;
            }
            _ => {
                let found = format!("found {argument:?}, which is no argument of this program");
                return Err(ArgsError(found));
            }
        }
    }
    Ok(Args {
        task: task.unwrap_or(Task::Run),
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
    ArgsError(format!("found {} {found}", name.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
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
    }

    #[test]
    fn every_mistake_is_named() {
        let table: [(&[&str], &str); 6] = [
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
