//! The table at the end.

use std::fmt;
use std::time::Duration;

use super::counts::Counts;
use super::failure::Failure;

/// What became of each step.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    rows: Vec<Row>,
}

#[derive(Debug)]
pub(crate) struct Row {
    name: &'static str,
    passed: bool,
    took: Duration,
    tests: Counts,
}

impl Summary {
    /// Adds a step; its tests are counted from its log.
    pub(crate) fn add(
        &mut self,
        name: &'static str,
        took: Duration,
        log: &str,
        result: &Result<(), Failure>,
    ) -> &Row {
        let mut tests = Counts::in_log(log);
        // A step that failed for another reason than a test is one failure of its own.
        if result.is_err() && tests.failed == 0 {
            tests.failed = 1;
        }
        self.rows.push(Row {
            name,
            passed: tests.failed == 0,
            took,
            tests,
        });
        &self.rows[self.rows.len() - 1]
    }

    pub(crate) fn all_passed(&self) -> bool {
        self.rows.iter().all(|row| row.passed)
    }
}

/// The last line is for programs: the tests of all steps together.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sum = Counts::default();
        for row in &self.rows {
            writeln!(f, "{:12} {row}", row.name)?;
            sum += row.tests;
        }
        write!(f, "{} passed, {} failed", sum.passed, sum.failed)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name: _,
            passed,
            took,
            tests: Counts {
                passed: good,
                failed: bad,
            },
        } = self;
        write!(
            f,
            "{:6} {:7.1} s",
            if *passed { "ok" } else { "FAILED" },
            took.as_secs_f64()
        )?;
        match (good, bad) {
            (0, 0 | 1) => Ok(()),
            _ => write!(f, "   {good} tests passed, {bad} failed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE_OF_THREE: &str = "test result: FAILED. 2 passed; 1 failed; 0 ignored";

    fn failed() -> Result<(), Failure> {
        Failure::unless_empty(vec!["a finding".to_owned()])
    }

    #[test]
    fn the_last_line_adds_up_tests_and_steps_that_failed_without_one() {
        let mut summary = Summary::default();
        summary.add("fmt", Duration::ZERO, "Diff in a.rs", &failed());
        summary.add("docs", Duration::ZERO, "", &Ok(()));
        summary.add("test", Duration::from_millis(1500), ONE_OF_THREE, &failed());

        let text = summary.to_string();

        assert_eq!(text.lines().last(), Some("2 passed, 2 failed"));
        assert_eq!(
            text.lines().nth(2),
            Some("test         FAILED     1.5 s   2 tests passed, 1 failed")
        );
        assert!(!summary.all_passed());
    }

    #[test]
    fn steps_without_a_failure_pass() {
        let mut summary = Summary::default();
        summary.add(
            "test",
            Duration::ZERO,
            "test result: ok. 3 passed; 0 failed; 0 ignored",
            &Ok(()),
        );

        assert!(summary.all_passed());
        assert_eq!(
            summary.to_string().lines().last(),
            Some("3 passed, 0 failed")
        );
    }
}
