//! Testing the tests: each bug in `planted/` is built into a checkout of its own, and must turn tests red.

mod patch;
mod tree;
mod trial;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::runner::{Shell, root, target};
use patch::{Patch, TestName};
use tree::Tree;
use trial::{Built, Color};

/// Plants the bugs whose names begin so, or all; says of each test which color it turned.
pub(crate) async fn run(wanted: &[String]) -> Result<bool, Failure> {
    let shell = Shell::open("planted", false, false)?;
    let patches = chosen(patch::all()?, wanted)?;
    let tree = Tree::prepare(&shell).await?;
    let logs = target().join("planted").join("logs");
    fs::create_dir_all(&logs).map_err(Failure::file(&logs))?;

    shell.say("without any bug: everything must be green");
    green_without(&shell, &tree, &patches, &logs).await?;
    let mut unnoticed = Vec::new();
    for patch in &patches {
        let Patch { name, bug, .. } = patch;
        println!("{name}: {bug}");
        match plant(&shell, &tree, patch, &logs).await {
            Ok(true) => {}
            Ok(false) => unnoticed.push(name.as_str()),
            Err(failure) => {
                println!("      {failure}");
                unnoticed.push(name);
            }
        }
    }
    println!(
        "\n{} bugs planted, {} noticed",
        patches.len(),
        patches.len() - unnoticed.len()
    );
    for name in &unnoticed {
        println!("NOT NOTICED: {name}");
    }
    Ok(unnoticed.is_empty())
}

/// What is wrong with the patches as they are: stale ones, and such that name a test that is nowhere.
pub(crate) async fn findings(shell: &Shell) -> Result<Vec<String>, Failure> {
    let patches = patch::all()?;
    let sources = sources(root())?;
    let mut findings = Vec::new();
    for Patch {
        name, tests, path, ..
    } in &patches
    {
        if let Err(said) = tree::applies(shell, path).await? {
            findings.push(format!(
                "planted/{name}.patch is stale: make it anew ({said})"
            ));
        }
        for test in tests {
            if !sources.iter().any(|text| has_word(text, test.function())) {
                findings.push(format!(
                    "planted/{name}.patch names a test that is nowhere: {}",
                    test.test
                ));
            }
        }
    }
    Ok(findings)
}

fn chosen(patches: Vec<Patch>, wanted: &[String]) -> Result<Vec<Patch>, Failure> {
    for start in wanted {
        if !patches.iter().any(|patch| patch.name.starts_with(start)) {
            return Err(Failure::Findings(vec![format!(
                "xtask: no planted bug's name begins with `{start}`"
            )]));
        }
    }
    let is_chosen = |patch: &Patch| {
        wanted.is_empty() || wanted.iter().any(|start| patch.name.starts_with(start))
    };
    Ok(patches.into_iter().filter(is_chosen).collect())
}

/// A test that is red anyway notices nothing.
async fn green_without(
    shell: &Shell,
    tree: &Tree,
    patches: &[Patch],
    logs: &Path,
) -> Result<(), Failure> {
    let tests: BTreeSet<&TestName> = patches.iter().flat_map(|patch| &patch.tests).collect();
    let built = Built::of(shell, tree, tests.iter().copied()).await?;
    let mut findings = Vec::new();
    for test in tests {
        let color = built.run(test, &logs.join("base.log")).await;
        match color {
            Ok(Color::Green) => {}
            Ok(color) => findings.push(format!("{} is {color} without any bug", test.test)),
            Err(failure) => findings.push(failure.chain()),
        }
    }
    Failure::unless_empty(findings)
}

/// Whether every test that is named by the patch notices the bug.
async fn plant(shell: &Shell, tree: &Tree, patch: &Patch, logs: &Path) -> Result<bool, Failure> {
    tree.apply(shell, &patch.path).await.map_err(|failure| {
        Failure::Findings(vec![format!("stale, make it anew: {}", failure.chain())])
    })?;
    let noticed = tried(shell, tree, patch, logs).await;
    tree.revert(shell, &patch.path).await?;
    noticed
}

async fn tried(shell: &Shell, tree: &Tree, patch: &Patch, logs: &Path) -> Result<bool, Failure> {
    let built = Built::of(shell, tree, &patch.tests).await?;
    let log = logs.join(format!("{}.log", patch.name));
    let mut noticed = true;
    for test in &patch.tests {
        let color = built.run(test, &log).await?;
        println!("      {color:6} {} {}", test.package, test.test);
        noticed &= match color {
            Color::Red => true,
            Color::Hangs => patch.may_hang,
            Color::Green => false,
        };
    }
    Ok(noticed)
}

/// The texts of all Rust sources.
fn sources(folder: &Path) -> Result<Vec<String>, Failure> {
    let mut texts = Vec::new();
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(Failure::file(&folder))? {
            let path = entry.map_err(Failure::file(&folder))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() {
                if name != "target" && !name.starts_with('.') {
                    folders.push(path);
                }
            } else if name.ends_with(".rs") {
                texts.push(fs::read_to_string(&path).map_err(Failure::file(&path))?);
            }
        }
    }
    Ok(texts)
}

fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_not_a_part_of_a_longer_one() {
        let text = "fn a_batch_is_whole() {}";

        assert!(has_word(text, "a_batch_is_whole"));
        assert!(!has_word(text, "a_batch"));
        assert!(!has_word(text, "is_whole"));
    }
}
