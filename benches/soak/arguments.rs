//! What is asked for.

/// How much is made up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) events: u64,
    pub(crate) rooms: u64,
}

impl Sizes {
    const FULL: Self = Self {
        events: 10_000_000,
        rooms: 100_000,
    };

    /// Enough to see that it works, for `cargo test --benches`.
    const SMALL: Self = Self {
        events: 4_000,
        rooms: 100,
    };
}

/// Reads the arguments. Cargo adds `--bench` where it is not just a test.
pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Result<Sizes, String> {
    let mut sizes = Sizes::SMALL;
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let value = arguments.next().unwrap_or_default();
            let number = value.replace('_', "").parse::<u64>().ok();
            let number = number.filter(|number| *number >= 20);
            number.ok_or_else(|| format!("`{argument}` takes a number of at least 20"))
        };
        match argument.as_str() {
            "--bench" => sizes = Sizes::FULL,
            "--events" => sizes.events = number()?,
            "--rooms" => sizes.rooms = number()?,
            other => {
                return Err(format!(
                    "`{other}` is not known; there are `--events` and `--rooms`"
                ));
            }
        }
    }
    Ok(sizes)
}
