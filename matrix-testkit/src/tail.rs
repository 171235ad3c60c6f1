//! The end of a log file, for error messages.

use std::fs;
use std::path::Path;

/// The last `lines` lines of a file; says so when it cannot be read.
pub(crate) fn tail_of(path: &Path, lines: usize) -> String {
    match fs::read(path) {
        Ok(bytes) => last_lines(&String::from_utf8_lossy(&bytes), lines),
        Err(error) => format!("({} cannot be read: {error})", path.display()),
    }
}

fn last_lines(text: &str, lines: usize) -> String {
    let mut last: Vec<&str> = text.lines().rev().take(lines).collect();
    last.reverse();
    last.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_the_last_lines_in_their_order() {
        assert_eq!(last_lines("a\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines("a", 2), "a");
    }

    #[test]
    fn a_missing_log_is_said_in_place_of_its_tail() {
        assert!(tail_of(Path::new("/nowhere/at/all"), 3).contains("cannot be read"));
    }
}
