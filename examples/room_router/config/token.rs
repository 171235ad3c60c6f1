//! The access token: in the configuration, or in a file of its own.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use matrix_bridge::SecretString;

use super::{
    error::{ConfigError, Place, shown},
    keys::{ACCESS_TOKEN, ACCESS_TOKEN_FILE},
    sources::{Sources, read_text},
    value::Found,
};

const IN_FILE: &str = "a readable file with the access token as its only line";

/// Where the token comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct TokenSource {
    /// The key or variable.
    pub(crate) place: Place,
    kind: Kind,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Kind {
    Inline(Secret),
    /// The path, and what was in it when the configuration was read.
    File(PathBuf, Secret),
}

/// Comparable, and silent.
#[derive(Clone, Eq, PartialEq)]
struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl TokenSource {
    /// The token as it is now: a file is read again each time.
    pub(crate) fn read(&self) -> Result<SecretString, ConfigError> {
        let secret = match &self.kind {
            Kind::Inline(secret) => secret.clone(),
            Kind::File(path, _) => read_file(path, &self.place)?,
        };
        Ok(secret.0.into())
    }

    /// Whether the token may change while the program runs.
    pub(crate) const fn is_file(&self) -> bool {
        matches!(self.kind, Kind::File(..))
    }
}

/// Finds the token: a variable wins over the file, whichever of the two forms it has.
pub(crate) fn read(sources: &Sources<'_>) -> Result<TokenSource, ConfigError> {
    let inline = sources.in_environment(&ACCESS_TOKEN)?;
    let file = sources.in_environment(&ACCESS_TOKEN_FILE)?;
    if let Some(source) = one_of(inline, file)? {
        return Ok(source);
    }
    let inline = sources.in_file(&ACCESS_TOKEN);
    let file = sources.in_file(&ACCESS_TOKEN_FILE);
    match one_of(inline, file)? {
        Some(source) => Ok(source),
        None => {
            let expected = "an access token, or its file as access_token_file";
            Err(sources.missing(&ACCESS_TOKEN, expected))
        }
    }
}

fn one_of(inline: Option<Found>, file: Option<Found>) -> Result<Option<TokenSource>, ConfigError> {
    let wrong = |found: &Found, what: &str| ConfigError::new(&found.place, what, "an access token");
    let (place, kind) = match (inline, file) {
        (Some(inline), Some(file)) => {
            let found = format!("it beside {}", file.place);
            return Err(ConfigError::new(
                &inline.place,
                found,
                "only one of the two",
            ));
        }
        (Some(inline), None) => {
            let text = inline
                .secret_text()
                .map_err(|found| wrong(&inline, found))?;
            if let Some(reason) = check(text) {
                return Err(wrong(&inline, reason));
            }
            let kind = Kind::Inline(Secret(text.to_owned()));
            (inline.place, kind)
        }
        (None, Some(file)) => {
            let path = file.read_path("the path of a file with the access token")?;
            let secret = read_file(&path, &file.place)?;
            (file.place, Kind::File(path, secret))
        }
        (None, None) => return Ok(None),
    };
    Ok(Some(TokenSource { place, kind }))
}

fn read_file(path: &Path, place: &Place) -> Result<Secret, ConfigError> {
    let wrong = |reason: &str| {
        // A token in place of the path is a likely mistake.
        let path = shown(&path.to_string_lossy());
        ConfigError::new(place, format!("the file {path} {reason}"), IN_FILE)
    };
    let text = read_text(path).map_err(|reason| wrong(&reason))?;
    let token = text.trim_end_matches(['\r', '\n']);
    match check(token) {
        None => Ok(Secret(token.to_owned())),
        Some(reason) => Err(wrong(&format!("with {reason}"))),
    }
}

/// What is wrong with a token: it has to fit into a header.
fn check(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("nothing in it");
    }
    let is_fit = text.bytes().all(|byte| byte.is_ascii_graphic());
    (!is_fit).then_some("spaces or other characters that no token has")
}
