//! What a question asks the bot to do, as text and taken apart.

use std::fmt;

/// One step of an answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Act {
    /// Replies with this text.
    Reply(String),
    /// Says this text, in reply to nothing.
    Say(String),
    /// Says this text, if that can be within a minute.
    Brief(String),
    /// Reacts to the question with this key.
    React(String),
    /// Replaces the text of this message of the bot's.
    Edit { target: String, text: String },
    /// Redacts this message of the bot's.
    Redact { target: String },
    /// Replies with more than an event holds.
    Big,
    /// Takes so many milliseconds.
    Slow(u64),
    /// Asks to be called again until the try of this number.
    Retry(u32),
    /// Gives the question up.
    Fail,
    /// Panics.
    Panic,
    /// Never ends.
    Hang,
}

/// Before every question; other messages are not for the bot.
pub(crate) const PREFIX: &str = "!do ";

impl Act {
    /// Whether the question is put aside for a person when this is come to.
    pub(crate) const fn parks(&self) -> bool {
        matches!(self, Self::Fail | Self::Panic | Self::Hang)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.splitn(3, ' ');
        let name = words.next()?;
        let mut word = || words.next().map(str::to_owned);
        Some(match name {
            "reply" => Self::Reply(word()?),
            "say" => Self::Say(word()?),
            "brief" => Self::Brief(word()?),
            "react" => Self::React(word()?),
            "edit" => Self::Edit {
                target: word()?,
                text: word()?,
            },
            "redact" => Self::Redact { target: word()? },
            "big" => Self::Big,
            "slow" => Self::Slow(word()?.parse().ok()?),
            "retry" => Self::Retry(word()?.parse().ok()?),
            "fail" => Self::Fail,
            "panic" => Self::Panic,
            "hang" => Self::Hang,
            _ => return None,
        })
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reply(text) => write!(f, "reply {text}"),
            Self::Say(text) => write!(f, "say {text}"),
            Self::Brief(text) => write!(f, "brief {text}"),
            Self::React(key) => write!(f, "react {key}"),
            Self::Edit { target, text } => write!(f, "edit {target} {text}"),
            Self::Redact { target } => write!(f, "redact {target}"),
            Self::Big => f.write_str("big"),
            Self::Slow(millis) => write!(f, "slow {millis}"),
            Self::Retry(attempt) => write!(f, "retry {attempt}"),
            Self::Fail => f.write_str("fail"),
            Self::Panic => f.write_str("panic"),
            Self::Hang => f.write_str("hang"),
        }
    }
}

/// The message that asks for `acts`.
pub(crate) fn write(acts: &[Act]) -> String {
    let words: Vec<_> = acts.iter().map(ToString::to_string).collect();
    format!("{PREFIX}{}", words.join(";"))
}

/// What a message asks for; nothing if it is none for the bot.
pub(crate) fn read(text: &str) -> Vec<Act> {
    let Some(acts) = text.strip_prefix(PREFIX) else {
        return Vec::new();
    };
    acts.split(';').filter_map(Act::parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let acts = vec![
            Act::Slow(3),
            Act::Reply("1".to_owned()),
            Act::Edit {
                target: "$e".to_owned(),
                text: "2".to_owned(),
            },
            Act::Hang,
        ];

        assert_eq!(read(&write(&acts)), acts);
        assert_eq!(read("hello"), []);
    }
}
