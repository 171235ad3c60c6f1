//! What is asked for.

/// How much is asked, of each question that is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arguments {
    pub(crate) flood: Option<Flood>,
    pub(crate) drain: Option<Drain>,
}

/// Events out of nowhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flood {
    pub(crate) events: u64,
    pub(crate) rooms: u64,
}

/// Messages that wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drain {
    pub(crate) messages: u64,
    pub(crate) rooms: u64,
}

impl Arguments {
    const FULL: Self = Self {
        flood: Some(Flood {
            events: 10_000_000,
            rooms: 100_000,
        }),
        drain: Some(Drain {
            messages: 100_000,
            rooms: 1_000,
        }),
    };

    /// Enough to see that it works, for `cargo test --benches`.
    const SMALL: Self = Self {
        flood: Some(Flood {
            events: 4_000,
            rooms: 100,
        }),
        drain: Some(Drain {
            messages: 400,
            rooms: 10,
        }),
    };
}

/// Reads the arguments. Cargo adds `--bench` where it is not just a test.
pub(crate) fn read(given: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let given: Vec<String> = given.collect();
    let mut arguments = match given.iter().any(|argument| argument == "--bench") {
        true => Arguments::FULL,
        false => Arguments::SMALL,
    };
    let mut given = given.iter();
    while let Some(argument) = given.next() {
        let Arguments { flood, drain } = &mut arguments;
        match argument.as_str() {
            "--bench" => {}
            "--events" => {
                let events = number(argument, given.next())?;
                flood.iter_mut().for_each(|flood| flood.events = events);
            }
            "--messages" => {
                let messages = number(argument, given.next())?;
                drain.iter_mut().for_each(|drain| drain.messages = messages);
            }
            "--rooms" => {
                let rooms = number(argument, given.next())?;
                flood.iter_mut().for_each(|flood| flood.rooms = rooms);
                drain.iter_mut().for_each(|drain| drain.rooms = rooms);
            }
            "--only" => match given.next().map(String::as_str) {
                Some("flood") => *drain = None,
                Some("drain") => *flood = None,
                _ => return Err("`--only` takes `flood` or `drain`".to_owned()),
            },
            other => {
                return Err(format!(
                    "`{other}` is not known; there are `--only`, `--events`, `--messages` and \
                     `--rooms`"
                ));
            }
        }
    }
    Ok(arguments)
}

fn number(argument: &str, value: Option<&String>) -> Result<u64, String> {
    let value = value.map(|value| value.replace('_', ""));
    let number = value.and_then(|value| value.parse().ok());
    let number = number.filter(|number| *number >= 20);
    number.ok_or_else(|| format!("`{argument}` takes a number of at least 20"))
}
