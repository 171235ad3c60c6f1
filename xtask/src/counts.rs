//! What cargo's test output says.

use std::ops::AddAssign;

/// Tests that ran.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Counts {
    /// Adds up all `test result:` lines of a log.
    pub(crate) fn in_log(log: &str) -> Self {
        let mut sum = Self::default();
        for line in log.lines() {
            if let Some(counts) = result_line(line) {
                sum += counts;
            }
        }
        sum
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        let Self { passed, failed } = other;
        self.passed += passed;
        self.failed += failed;
    }
}

/// `test result: FAILED. 3 passed; 1 failed; 0 ignored; ...`
fn result_line(line: &str) -> Option<Counts> {
    let (_verdict, figures) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let figure = |name: &str| {
        let part = figures
            .split("; ")
            .find_map(|part| part.strip_suffix(name))?;
        part.trim().parse().ok()
    };
    Some(Counts {
        passed: figure(" passed")?,
        failed: figure(" failed")?,
    })
}

/// The parts of a log that a person needs after a failure: what failed tests said, else its end.
pub(crate) fn excerpt(log: &str, most_lines: usize) -> String {
    let told = failed_tests(log);
    let lines: Vec<&str> = if told.is_empty() {
        log.lines().collect()
    } else {
        told
    };
    let from = lines.len().saturating_sub(most_lines);
    lines[from..].join("\n")
}

/// From each `failures:` to the `test result:` after it, without the second list of bare names.
fn failed_tests(log: &str) -> Vec<&str> {
    let (mut kept, mut inside) = (Vec::new(), false);
    for line in log.lines() {
        match line {
            "failures:" => inside = !inside,
            _ if line.starts_with("test result: ") => inside = false,
            _ if inside => kept.push(line),
            _ => {}
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
running 2 tests
test a ... ok
test b ... FAILED

failures:

---- b stdout ----
left != right

failures:
    b

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
     Running tests/it/main.rs
test result: ok. 20 passed; 0 failed; 2 ignored; 0 measured; 3 filtered out; finished in 0.10s
error: 1 target failed";

    #[test]
    fn the_results_of_all_binaries_are_added_up() {
        assert_eq!(
            Counts::in_log(LOG),
            Counts {
                passed: 21,
                failed: 1
            }
        );
    }

    #[test]
    fn lines_of_other_shapes_count_nothing() {
        let log = "test result: ok\ntest result: ok. many passed; 0 failed\n test result: ok. 1 passed; 0 failed";

        assert_eq!(Counts::in_log(log), Counts::default());
    }

    #[test]
    fn an_excerpt_is_what_the_failed_tests_said() {
        assert_eq!(excerpt(LOG, 80), "\n---- b stdout ----\nleft != right\n");
    }

    #[test]
    fn without_a_failed_test_an_excerpt_is_the_end() {
        assert_eq!(
            excerpt("error: a\nerror: b\nerror: c", 2),
            "error: b\nerror: c"
        );
    }
}
