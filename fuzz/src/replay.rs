//! The corpus, and fresh inputs made from it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use fastrand::Rng;

use crate::{Finding, Judge, MAX_LEN, mutate};

/// What a replay saw.
#[derive(Debug)]
pub struct Replayed {
    /// How many inputs of the corpus were read.
    pub corpus: usize,
    /// How many fresh ones.
    pub fresh: usize,
    /// The first input that is one to look at: its name or number, itself, and why.
    pub finding: Option<(String, Vec<u8>, Finding)>,
}

/// The inputs of `folder`, by name.
///
/// # Errors
///
/// When the folder cannot be read.
pub fn corpus(folder: &Path) -> io::Result<Vec<(String, Vec<u8>)>> {
    let entries: io::Result<Vec<PathBuf>> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect();
    let mut paths = entries?;
    paths.sort_unstable();
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap_or_default();
        Ok((name.to_string_lossy().into_owned(), fs::read(&path)?))
    };
    paths.into_iter().map(read).collect()
}

/// Judges the corpus, then `fresh` inputs that `seed` makes of it; stops at a finding.
#[must_use]
pub fn replay(judge: &Judge, corpus: &[(String, Vec<u8>)], fresh: usize, seed: u64) -> Replayed {
    let mut replayed = Replayed {
        corpus: 0,
        fresh: 0,
        finding: None,
    };
    for (name, input) in corpus {
        replayed.corpus += 1;
        if let Some(finding) = judge.judge(input) {
            replayed.finding = Some((name.clone(), input.clone(), finding));
            return replayed;
        }
    }
    let mut rng = Rng::with_seed(seed);
    let mut input = Vec::new();
    for number in 0..fresh {
        // One change after the other, so that oddities meet; now and then a new start.
        if number % 8 == 0 {
            input = rng.choice(corpus).map_or_else(Vec::new, |(_, i)| i.clone());
        }
        let other = rng.choice(corpus).map_or(&[][..], |(_, other)| other);
        mutate(&mut input, other, judge.target().grammar, MAX_LEN, &mut rng);
        replayed.fresh += 1;
        if let Some(finding) = judge.judge(&input) {
            let name = format!("fresh input {number} of seed {seed}");
            replayed.finding = Some((name, input, finding));
            return replayed;
        }
    }
    replayed
}
