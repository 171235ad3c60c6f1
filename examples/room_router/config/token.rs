//! Where the access token comes from: the configuration, or a file of its own.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use matrix_bridge::{FileToken, SecretString, SessionFile, TokenSource, access_token};

use super::{
    error::{ConfigError, Place, shown},
    keys::{ACCESS_TOKEN, ACCESS_TOKEN_FILE, Key, SESSION_FILE},
    sources::{Sources, read_text},
    value::Found,
};

const IN_FILE: &str = "a readable file with the access token as its only line";
const IN_SESSION: &str = "a readable file with access_token and refresh_token, as a login answers";

/// Where the token comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Token {
    /// The key or variable.
    pub(crate) place: Place,
    kind: Kind,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Kind {
    Inline(Secret),
    File(PathBuf),
    Session(PathBuf),
}

/// Comparable, and silent.
#[derive(Clone, Eq, PartialEq)]
struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl Token {
    /// What gives the token, and the next one where it can.
    pub(crate) fn source(&self) -> Arc<dyn TokenSource> {
        match &self.kind {
            Kind::Inline(secret) => Arc::new(SecretString::from(secret.0.clone())),
            Kind::File(path) => Arc::new(FileToken::new(path)),
            Kind::Session(path) => Arc::new(SessionFile::new(path)),
        }
    }
}

/// Finds the token: a variable wins over the file, whichever of its forms it has.
pub(crate) fn read(sources: &Sources<'_>) -> Result<Token, ConfigError> {
    const FORMS: [&Key; 3] = [&ACCESS_TOKEN, &ACCESS_TOKEN_FILE, &SESSION_FILE];
    let [inline, file, session] = FORMS.map(|key| sources.in_environment(key));
    if let Some(token) = one_of([inline?, file?, session?])? {
        return Ok(token);
    }
    match one_of(FORMS.map(|key| sources.in_file(key)))? {
        Some(token) => Ok(token),
        None => {
            let expected = "an access token, or its file as access_token_file";
            Err(sources.missing(&ACCESS_TOKEN, expected))
        }
    }
}

fn one_of(forms: [Option<Found>; 3]) -> Result<Option<Token>, ConfigError> {
    let mut given = forms.iter().flatten();
    if let (Some(one), Some(other)) = (given.next(), given.next()) {
        let found = format!("it beside {}", other.place);
        return Err(ConfigError::new(&one.place, found, "only one of the two"));
    }
    let (place, kind) = match forms {
        [Some(inline), _, _] => (inline.place.clone(), Kind::Inline(secret(&inline)?)),
        [_, Some(file), _] => {
            let path = file.read_path("the path of a file with the access token")?;
            check_file(&path, &file.place)?;
            (file.place, Kind::File(path))
        }
        [_, _, Some(session)] => {
            let path = session.read_path("the path of a file with a session")?;
            read_file(&path, &session.place, IN_SESSION)?;
            (session.place, Kind::Session(path))
        }
        [None, None, None] => return Ok(None),
    };
    Ok(Some(Token { place, kind }))
}

fn secret(inline: &Found) -> Result<Secret, ConfigError> {
    let wrong = |what: &str| ConfigError::new(&inline.place, what, "an access token");
    let text = inline.secret_text().map_err(wrong)?;
    access_token(text).map_err(|error| wrong(&error.to_string()))?;
    Ok(Secret(text.trim().to_owned()))
}

fn check_file(path: &Path, place: &Place) -> Result<(), ConfigError> {
    let text = read_file(path, place, IN_FILE)?;
    access_token(&text)
        .map(drop)
        .map_err(|error| wrong_file(path, place, &format!("with {error}"), IN_FILE))
}

fn read_file(path: &Path, place: &Place, expected: &str) -> Result<String, ConfigError> {
    read_text(path).map_err(|reason| wrong_file(path, place, &reason, expected))
}

fn wrong_file(path: &Path, place: &Place, reason: &str, expected: &str) -> ConfigError {
    // A token in place of the path is a likely mistake.
    let path = shown(&path.to_string_lossy());
    ConfigError::new(place, format!("the file {path} {reason}"), expected)
}
