//! One input: what must hold while it is read.

use std::{
    fmt, io,
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{Target, measure, scratch::Scratch};

/// Half of what a worker of tokio has: what fits here fits there, under a handler too.
const STACK: u64 = 1024 * 1024;
/// So much time is allowed for so many bytes.
const TIME: Duration = Duration::from_millis(20);
const PER: usize = 64 * 1024;
/// So much memory is allowed for each byte.
const TIMES_INPUT: usize = 10;
/// Without optimization, or with every branch and comparison counted, everything takes
/// longer, but not in another order of growth.
const SLOWNESS: u32 = if cfg!(debug_assertions) { 10 } else { 1 };

/// Panics of any thread since the last look, also those that somebody caught.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Why an input is one to look at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Finding {
    /// Something panicked, somewhere.
    Panic(String),
    /// It took longer than allowed.
    Slow {
        /// What it took, at best.
        took: Duration,
        /// What was allowed.
        allowed: Duration,
    },
    /// It held more memory than allowed.
    Large {
        /// What it held, in bytes.
        held: usize,
        /// What was allowed, in bytes.
        allowed: usize,
    },
}

/// Runs inputs of one target. An overflow of the stack ends the process; which input it
/// was is then found in the scratch file.
#[derive(Debug)]
pub struct Judge {
    target: Target,
    scratch: Scratch,
}

impl Judge {
    /// A judge on the main thread, whose stack stays small from now on.
    ///
    /// # Errors
    ///
    /// When the stack cannot be limited.
    pub fn new(target: Target, scratch: Scratch) -> io::Result<Self> {
        panic::set_hook(Box::new(note));
        let Rlimit { maximum, .. } = getrlimit(Resource::Stack);
        let current = Some(STACK);
        setrlimit(Resource::Stack, Rlimit { current, maximum })?;
        Ok(Self { target, scratch })
    }

    /// The target.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// Runs the target on `input`; `None` if all holds.
    #[must_use]
    pub fn judge(&self, input: &[u8]) -> Option<Finding> {
        self.scratch.keep(input);
        let first = self.once(input);
        // What is slow once may have been warming up; what is slow is so every time.
        match first {
            Some(Finding::Slow { .. }) => {
                let again = [self.once(input), self.once(input)];
                again.into_iter().fold(first, best)
            }
            finding => finding,
        }
    }

    fn once(&self, input: &[u8]) -> Option<Finding> {
        let run = self.target.run;
        let cost = measure::cost(|| {
            // The hook has noted it.
            let _ = panic::catch_unwind(AssertUnwindSafe(|| run(input)));
        });
        let panics = std::mem::take(&mut *PANICS.lock().unwrap_or_else(PoisonError::into_inner));
        if !panics.is_empty() {
            return Some(Finding::Panic(panics.join("\n")));
        }
        let length = input.len() * self.target.copies;
        let allowed = self.target.memory + TIMES_INPUT * length;
        if cost.memory > allowed {
            return Some(Finding::Large {
                held: cost.memory,
                allowed,
            });
        }
        let allowed = (self.target.time + TIME.mul_f64(share(length))) * SLOWNESS;
        (cost.time > allowed).then_some(Finding::Slow {
            took: cost.time,
            allowed,
        })
    }
}

/// How many times the allowance for one block: at least one.
fn share(length: usize) -> f64 {
    let blocks = length.div_ceil(PER).max(1);
    f64::from(u32::try_from(blocks).unwrap_or(u32::MAX))
}

fn best(a: Option<Finding>, b: Option<Finding>) -> Option<Finding> {
    match (&a, &b) {
        (Some(Finding::Slow { took, .. }), Some(Finding::Slow { took: other, .. })) => {
            if took <= other { a } else { b }
        }
        (Some(Finding::Slow { .. }), _) => b,
        _ => a,
    }
}

fn note(panic: &PanicHookInfo<'_>) {
    let mut panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
    panics.push(panic.to_string());
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panic(panic) => f.write_str(panic),
            Self::Slow { took, allowed } => write!(f, "took {took:?}, allowed are {allowed:?}"),
            Self::Large { held, allowed } => {
                write!(f, "held {held} bytes, allowed are {allowed}")
            }
        }
    }
}
