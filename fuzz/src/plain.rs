//! Replays a corpus and makes fresh inputs by chance.

use std::{
    env,
    error::Error,
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use matrix_bridge_fuzz::{Judge, Replayed, Scratch, Target, corpus, replay};

const USAGE: &str = "usage: matrix-bridge-fuzz TARGET CORPUS SCRATCH FRESH SEED";

pub(crate) fn main() -> ExitCode {
    match run() {
        Ok(replayed) => told(&replayed),
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<Replayed, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [name, folder, scratch, fresh, seed] = arguments.as_slice() else {
        return Err(USAGE.into());
    };
    let target = Target::named(name).ok_or_else(|| format!("no target is called `{name}`"))?;
    let (fresh, seed): (usize, u64) = (fresh.parse()?, seed.parse()?);
    let corpus = corpus(&PathBuf::from(folder))?;
    let scratch = Scratch::new(&PathBuf::from(scratch), name)?;
    let judge = Judge::new(target, scratch)?;
    Ok(replay(&judge, &corpus, fresh, seed))
}

fn told(replayed: &Replayed) -> ExitCode {
    let Replayed {
        corpus,
        fresh,
        finding,
    } = replayed;
    let mut out = io::stdout();
    let _ = writeln!(out, "{corpus} of the corpus, {fresh} fresh");
    let Some((name, input, finding)) = finding else {
        return ExitCode::SUCCESS;
    };
    let start = String::from_utf8_lossy(input.get(..400).unwrap_or(input));
    let length = input.len();
    let _ = writeln!(out, "{name}, {length} bytes: {finding}\n{start}");
    ExitCode::FAILURE
}
