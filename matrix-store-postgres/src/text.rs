//! Text in columns: PostgreSQL's cannot hold a NUL, which a host's ids may.

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};

/// Stands before what it escapes: the picture of a NUL, which nobody's id has in it.
const ESCAPE: char = '\u{2400}';
/// What a NUL becomes, after [`ESCAPE`].
const NUL: char = '0';

/// How a text is stored: as it is, but for the two characters that are escaped.
pub(crate) fn encode(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', ESCAPE]) {
        return Cow::Borrowed(text);
    }
    let mut stored = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\0' => stored.extend([ESCAPE, NUL]),
            ESCAPE => stored.extend([ESCAPE, ESCAPE]),
            other => stored.push(other),
        }
    }
    Cow::Owned(stored)
}

/// The text that was stored so.
pub(crate) fn decode(stored: String) -> String {
    if !stored.contains(ESCAPE) {
        return stored;
    }
    let mut text = String::with_capacity(stored.len());
    let mut characters = stored.chars();
    while let Some(character) = characters.next() {
        match character {
            ESCAPE => match characters.next() {
                Some(NUL) => text.push('\0'),
                Some(other) => text.push(other),
                None => {}
            },
            other => text.push(other),
        }
    }
    text
}

/// What a text, or several together, is looked up by, however long it is. The lengths go
/// in too: no two lists of texts can pass for each other.
pub(crate) fn digest(parts: &[&str]) -> Vec<u8> {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update((part.len() as u64).to_le_bytes());
        sha.update(part);
    }
    sha.finalize()[..16].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back_and_none_has_a_nul() {
        for text in ["", "a", "\0", "a\0b", "␀", "␀0", "␀\0", "\0␀0␀␀", "0␀"] {
            let stored = encode(text);
            assert!(!stored.contains('\0'), "{text:?}");
            assert_eq!(decode(stored.into_owned()), text);
        }
    }

    #[test]
    fn texts_are_told_apart_where_one_ends_and_the_next_begins() {
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_ne!(digest(&["a"]), digest(&["a", ""]));
    }
}
