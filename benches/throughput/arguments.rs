//! What is asked for.

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// How often each side is measured.
    pub(crate) rounds: usize,
    /// Rooms that events come from.
    pub(crate) rooms: usize,
    /// Answers to `/sync` after the first.
    pub(crate) pages: usize,
    /// Events of each room in an answer.
    pub(crate) events: usize,
    /// Rooms that messages go to.
    pub(crate) lanes: usize,
    /// Messages to each of them.
    pub(crate) messages: usize,
}

impl Sizes {
    const FULL: Self = Self {
        rounds: 5,
        rooms: 200,
        pages: 50,
        events: 10,
        lanes: 50,
        messages: 100,
    };

    /// Enough to see that it works, for `cargo test --benches`.
    const SMALL: Self = Self {
        rounds: 1,
        rooms: 4,
        pages: 3,
        events: 5,
        lanes: 4,
        messages: 5,
    };
}

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Question {
    Ingest,
    Sends,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arguments {
    pub(crate) sizes: Sizes,
    /// The question of which only our side is run.
    pub(crate) profile: Option<Question>,
}

/// Reads the arguments. Cargo adds `--bench` where it is not just a test.
pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut read = Arguments {
        sizes: Sizes::SMALL,
        profile: None,
    };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bench" => read.sizes = Sizes::FULL,
            "--profile" => {
                read.profile = match arguments.next().as_deref() {
                    Some("ingest") => Some(Question::Ingest),
                    Some("sends") => Some(Question::Sends),
                    _ => return Err("--profile takes `ingest` or `sends`".to_owned()),
                }
            }
            other => return Err(format!("`{other}` is not known; there is `--profile`")),
        }
    }
    Ok(read)
}
