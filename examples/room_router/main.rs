//! A bot that answers in the rooms it is told to: where a service would start from.
//!
//! Run with `cargo run --example room_router -- --config FILE`; a commented FILE lies
//! beside this one as `room_router.toml`, and `--help` tells the rest.
//!
//! 1. `args` and `config` find out what is asked for; a mistake is one line and exit
//!    code 2, before anything is started.
//! 2. `run` puts the parts together: signals, HTTP, the store, the connection, the bot.
//! 3. `rooms` turns the listed rooms into the bot's policy and keeps it up to date.
//! 4. `commands` is what the bot answers; `store` is where it keeps what it knows.
//! 5. `report` and `parked` are for the person who looks after it.

mod args;
mod commands;
mod config;
mod connect;
mod http;
mod out;
mod parked;
mod reload;
mod report;
mod rooms;
mod run;
mod signals;
mod store;

use std::{
    env,
    error::Error,
    fmt,
    io::{self, IsTerminal as _, Write as _},
    process::ExitCode,
    time::Duration,
};

use matrix_bridge::{EngineError, chain};
use tracing_subscriber::{EnvFilter, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use self::{
    args::{Args, ArgsError, LogFormat, Task},
    config::{ConfigError, Loaded},
};

/// Why the program ends by itself.
#[derive(Debug)]
pub(crate) enum Fatal {
    /// It was told something wrong: nothing was started.
    Refused(String),
    /// It could not go on.
    Failed(String),
}

impl Fatal {
    /// `doing` that failed for reasons of the machine.
    pub(crate) fn failed(doing: &str, error: &dyn Error) -> Self {
        Self::Failed(format!("{doing}: {}", chain(error)))
    }
}

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Refused(message) | Self::Failed(message)) = self;
        f.write_str(message)
    }
}

impl From<ConfigError> for Fatal {
    fn from(error: ConfigError) -> Self {
        Self::Refused(error.to_string())
    }
}

impl From<ArgsError> for Fatal {
    fn from(error: ArgsError) -> Self {
        Self::Refused(error.to_string())
    }
}

impl From<EngineError> for Fatal {
    fn from(error: EngineError) -> Self {
        Self::Failed(chain(&error))
    }
}

pub(crate) fn main() -> ExitCode {
    let result = args::parse(env::args_os().skip(1))
        .map_err(Fatal::from)
        .and_then(|args| perform(&args));
    let Err(fatal) = result else {
        return ExitCode::SUCCESS;
    };
    say(&fatal.to_string());
    match fatal {
        Fatal::Refused(_) => ExitCode::from(2),
        Fatal::Failed(_) => ExitCode::FAILURE,
    }
}

fn perform(args: &Args) -> Result<(), Fatal> {
    let for_report =
        |needs_user| config::load_for_report(args.config(), &config::environment(), needs_user);
    match &args.task {
        Task::Run => start(args),
        Task::ShadowReport => {
            let (place, _) = for_report(false)?;
            in_runtime(report::print_shadow(place))
        }
        Task::Parked(ask) => {
            let (place, user) = for_report(ask.names_events())?;
            in_runtime(parked::perform(ask, place, user))
        }
        Task::Backup(to) => {
            let (place, _) = for_report(false)?;
            in_runtime(async { place.back_up(to).await })
        }
        Task::Help => out::print_text(args::HELP),
        Task::Version => out::print_text(&format!("room_router {}\n", env!("CARGO_PKG_VERSION"))),
    }
}

fn start(args: &Args) -> Result<(), Fatal> {
    let environment = config::environment();
    let config = match config::load(args.config(), &environment)? {
        Loaded::Enabled(config) => *config,
        Loaded::Disabled => {
            say("disabled: matrix.enabled is false, nothing is started");
            return Ok(());
        }
    };
    log_to_stderr(args.log)?;
    in_runtime(run::run(config, args.config.clone(), environment))
}

fn in_runtime(work: impl Future<Output = Result<(), Fatal>>) -> Result<(), Fatal> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Fatal::failed("starting threads", &error))?;
    let result = runtime.block_on(work);
    // What is still open by now (a scrape, a request that was given up) is not waited for.
    runtime.shutdown_timeout(Duration::from_millis(100));
    result
}

fn log_to_stderr(format: LogFormat) -> Result<(), Fatal> {
    const VARIABLE: &str = "RUST_LOG";
    let wanted = env::var(VARIABLE).unwrap_or_else(|_| "info".to_owned());
    let filter = EnvFilter::try_new(if wanted.is_empty() { "info" } else { &wanted });
    let filter = filter.map_err(|error| {
        let place = config::Place::Variable(VARIABLE);
        let found = format!("{wanted:?} ({error})");
        ConfigError::new(
            &place,
            found,
            "a level, or directives such as info,matrix_bridge=debug",
        )
    })?;
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    match format {
        LogFormat::Text => {
            let layer = layer.with_ansi(io::stderr().is_terminal());
            registry.with(layer).init();
        }
        LogFormat::Json => registry.with(layer.json()).init(),
    }
    Ok(())
}

/// One line on stderr, whatever stands in `message`.
fn say(message: &str) {
    let mut line = String::from("room_router: ");
    for c in message.chars() {
        if c.is_control() {
            line.extend(c.escape_debug());
        } else {
            line.push(c);
        }
    }
    line.push('\n');
    // If nobody listens there is nobody to tell.
    let _ = io::stderr().write_all(line.as_bytes());
}
