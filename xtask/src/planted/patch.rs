//! One planted bug: a patch, and what its header says.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::runner::root;

/// A bug as a patch. Above the diff stand lines of `key: value`, which `git apply` does not read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Patch {
    /// `NN-name`, from the name of the file.
    pub(crate) name: String,
    /// What is wrong with it in place.
    pub(crate) bug: String,
    /// The tests that must turn red, each of them.
    pub(crate) tests: Vec<TestName>,
    /// Whether a test that does not end is red too.
    pub(crate) may_hang: bool,
    pub(crate) path: PathBuf,
}

/// Where a test is.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct TestName {
    pub(crate) package: String,
    /// The name of a test target, or `lib`.
    pub(crate) target: String,
    /// With its modules, as the harness lists it.
    pub(crate) test: String,
}

impl TestName {
    /// The name of the function, which is somewhere in the sources.
    pub(crate) fn function(&self) -> &str {
        self.test
            .rsplit_once("::")
            .map_or(self.test.as_str(), |(_modules, function)| function)
    }
}

/// The folder of the patches.
pub(crate) fn folder() -> PathBuf {
    root().join("planted")
}

/// All patches, in the order of their numbers.
pub(crate) fn all() -> Result<Vec<Patch>, Failure> {
    let folder = folder();
    let mut paths = Vec::new();
    for entry in fs::read_dir(&folder).map_err(Failure::file(&folder))? {
        let path = entry.map_err(Failure::file(&folder))?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "patch")
        {
            paths.push(path);
        }
    }
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Result<Patch, Failure> {
    let text = fs::read_to_string(path).map_err(Failure::file(path))?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    parse(&name, &text)
        .map(|patch| Patch {
            path: path.to_owned(),
            ..patch
        })
        .map_err(|wrong| Failure::Findings(vec![format!("{}: {wrong}", path.display())]))
}

fn parse(name: &str, text: &str) -> Result<Patch, String> {
    let (header, _diff) = text
        .split_once("\ndiff --git ")
        .ok_or("no header, or no diff as `git diff` writes it")?;
    let (mut bug, mut tests, mut may_hang) = (None, Vec::new(), false);
    for line in header.lines().filter(|line| !line.is_empty()) {
        match line.split_once(": ") {
            Some(("bug", text)) => bug = Some(text.to_owned()),
            Some(("test", words)) => tests.push(test_name(words)?),
            Some(("expect", "red")) => {}
            Some(("expect", "timeout or red")) => may_hang = true,
            _ => {
                return Err(format!(
                    "`{line}` is none of `bug: TEXT`, `test: PACKAGE TARGET NAME`, `expect: red`, \
                     `expect: timeout or red`"
                ));
            }
        }
    }
    if tests.is_empty() {
        return Err("it names no test that must turn red".to_owned());
    }
    Ok(Patch {
        name: name.to_owned(),
        bug: bug.ok_or("it does not say what the bug is")?,
        tests,
        may_hang,
        path: PathBuf::new(),
    })
}

fn test_name(words: &str) -> Result<TestName, String> {
    let words: Vec<&str> = words.split_whitespace().collect();
    match words.as_slice() {
        [package, target, test] => Ok(TestName {
            package: (*package).to_owned(),
            target: (*target).to_owned(),
            test: (*test).to_owned(),
        }),
        _ => Err("a test is named by its package, its target and its name".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str = "\
bug: the position is saved first
test: matrix-bridge-client it every_step::one
expect: timeout or red

diff --git a/x b/x
";

    #[test]
    fn a_header_names_the_bug_and_the_tests() {
        let patch = parse("01-first", PATCH).unwrap();

        assert_eq!(
            patch,
            Patch {
                name: "01-first".to_owned(),
                bug: "the position is saved first".to_owned(),
                tests: vec![TestName {
                    package: "matrix-bridge-client".to_owned(),
                    target: "it".to_owned(),
                    test: "every_step::one".to_owned(),
                }],
                may_hang: true,
                path: PathBuf::new(),
            }
        );
        assert_eq!(patch.tests[0].function(), "one");
    }

    #[test]
    fn a_header_without_its_parts_is_refused() {
        let table = [
            ("bug: a\n", "no header"),
            ("bug: a\n\ndiff --git a/x b/x", "names no test"),
            ("test: a it b\n\ndiff --git a/x b/x", "what the bug is"),
            ("bug: a\ntest: b\n\ndiff --git a/x b/x", "by its package"),
            ("bug: a\nnoise\n\ndiff --git a/x b/x", "`noise` is none of"),
        ];

        for (text, wrong) in table {
            let error = parse("01", text).unwrap_err();
            assert!(error.contains(wrong), "{error}");
        }
    }
}
