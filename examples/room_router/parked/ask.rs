//! What a person asks for after `--parked`.

use matrix_bridge::RowId;

use super::{super::args::ArgsError, name::Name};

/// What a person asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Ask {
    /// Everything that is parked.
    List,
    /// How much is parked, by reason, and since when.
    Counts,
    /// Those, whole or tried again or removed for good.
    Each(Verb, Vec<Name>),
    /// Another text in a row's place.
    Replace(RowId, String),
}

/// What is done to each that is named.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verb {
    /// It is shown whole.
    Show,
    /// It is tried again.
    Retry,
    /// It is removed for good.
    Drop,
}

impl Ask {
    /// Reads the words after `--parked`, and the text that goes with them.
    pub(crate) fn read(words: &[String], text: Option<String>) -> Result<Self, ArgsError> {
        let Some((verb, ids)) = words.split_first() else {
            return without_text(text.as_deref(), "").map(|()| Self::List);
        };
        let each = match verb.as_str() {
            "counts" => {
                without_text(text.as_deref(), verb)?;
                return match ids.first() {
                    None => Ok(Self::Counts),
                    Some(more) => Err(wrong(verb, &format!("with {more:?}, expected no more"))),
                };
            }
            "replace" => return replace(verb, ids, text),
            "show" => Verb::Show,
            "retry" => Verb::Retry,
            "drop" => Verb::Drop,
            _ => {
                let expected = "expected counts, show, retry, drop, replace or nothing";
                return Err(ArgsError::new(&format!(
                    "--parked with {verb:?}, {expected}"
                )));
            }
        };
        without_text(text.as_deref(), verb)?;
        Ok(Self::Each(each, names(verb, ids)?))
    }

    /// Whether it cannot be done without knowing whose events are meant.
    pub(crate) fn names_events(&self) -> bool {
        match self {
            Self::Each(_, names) => names.iter().any(|name| matches!(name, Name::Event(_))),
            Self::List | Self::Counts | Self::Replace(..) => false,
        }
    }
}

fn replace(verb: &str, ids: &[String], text: Option<String>) -> Result<Ask, ArgsError> {
    let row = match *names(verb, ids)?.as_slice() {
        [Name::Row(row)] => row,
        [name @ Name::Event(_)] => {
            let found = format!("with {name}, expected a row: an event is retried or dropped");
            return Err(wrong(verb, &found));
        }
        _ => return Err(wrong(verb, "with several ids, expected one row")),
    };
    let text = text.ok_or_else(|| wrong(verb, "without a text, expected --text TEXT"))?;
    Ok(Ask::Replace(row, text))
}

fn names(verb: &str, ids: &[String]) -> Result<Vec<Name>, ArgsError> {
    const EXPECTED: &str = "expected ids such as row:12 or event:7, as --parked lists them";
    let mut names = Vec::with_capacity(ids.len());
    for id in ids {
        let name = id.parse().map_err(|()| {
            let found = format!("with {id:?}, {EXPECTED}");
            wrong(verb, &found)
        })?;
        if names.contains(&name) {
            return Err(wrong(
                verb,
                &format!("with {name} twice, expected each once"),
            ));
        }
        names.push(name);
    }
    if names.is_empty() {
        return Err(wrong(verb, &format!("without an id, {EXPECTED}")));
    }
    Ok(names)
}

fn without_text(text: Option<&str>, verb: &str) -> Result<(), ArgsError> {
    match text {
        None => Ok(()),
        Some(_) => Err(wrong(verb, "with --text, expected it with replace only")),
    }
}

fn wrong(verb: &str, found: &str) -> ArgsError {
    let space = if verb.is_empty() { "" } else { " " };
    ArgsError::new(&format!("--parked{space}{verb} {found}"))
}

#[cfg(test)]
mod tests {
    use matrix_bridge::ParkedEventId;

    use super::*;

    fn read(words: &str, text: Option<&str>) -> Result<Ask, String> {
        let words: Vec<String> = words.split_whitespace().map(String::from).collect();
        Ask::read(&words, text.map(String::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn each_form_is_read() {
        let (row, event) = (Name::Row(RowId(12)), Name::Event(ParkedEventId(7)));
        let table = [
            ("", None, Ask::List),
            ("counts", None, Ask::Counts),
            ("show event:7", None, Ask::Each(Verb::Show, vec![event])),
            (
                "retry row:12 event:7",
                None,
                Ask::Each(Verb::Retry, vec![row, event]),
            ),
            ("drop row:12", None, Ask::Each(Verb::Drop, vec![row])),
            (
                "replace row:12",
                Some("a b"),
                Ask::Replace(RowId(12), "a b".to_owned()),
            ),
        ];
        for (words, text, ask) in table {
            assert_eq!(read(words, text), Ok(ask), "{words}");
        }
    }

    #[test]
    fn every_mistake_names_its_place_and_the_way_out() {
        const IDS: &str = "expected ids such as row:12 or event:7, as --parked lists them";
        let with = |id: &str| format!("--parked retry with {id:?}, {IDS}");
        let table = [
            (
                "again row:1",
                None,
                "--parked with \"again\", expected counts, show, retry, drop, replace or nothing"
                    .to_owned(),
            ),
            (
                "retry",
                None,
                format!("--parked retry without an id, {IDS}"),
            ),
            ("retry 12", None, with("12")),
            ("retry rows:12", None, with("rows:12")),
            ("retry row:", None, with("row:")),
            ("retry row:-1", None, with("row:-1")),
            ("retry row:+1", None, with("row:+1")),
            (
                "retry row:9223372036854775808",
                None,
                with("row:9223372036854775808"),
            ),
            (
                "drop row:1 row:01",
                None,
                "--parked drop with row:1 twice, expected each once".to_owned(),
            ),
            (
                "counts row:1",
                None,
                "--parked counts with \"row:1\", expected no more".to_owned(),
            ),
            (
                "replace row:1",
                None,
                "--parked replace without a text, expected --text TEXT".to_owned(),
            ),
            (
                "replace row:1 row:2",
                Some("x"),
                "--parked replace with several ids, expected one row".to_owned(),
            ),
            (
                "replace event:1",
                Some("x"),
                "--parked replace with event:1, expected a row: an event is retried or dropped"
                    .to_owned(),
            ),
            (
                "drop row:1",
                Some("x"),
                "--parked drop with --text, expected it with replace only".to_owned(),
            ),
            (
                "",
                Some("x"),
                "--parked with --text, expected it with replace only".to_owned(),
            ),
        ];
        for (words, text, found) in table {
            let expected = Err(format!("command line: found {found}; see --help"));
            assert_eq!(read(words, text), expected, "{words}");
        }
    }
}
