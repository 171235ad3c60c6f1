//! What the system tells the process.

use std::io;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Signal {
    /// To stop; with the signal's name.
    Stop(&'static str),
    /// To read the configuration again.
    Reload,
}

#[cfg(unix)]
mod system {
    use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

    use super::{Signal, io};

    /// Signals that are waited for; they are caught from then on, even while nobody waits.
    #[derive(Debug)]
    pub(crate) struct Signals {
        interrupt: Stream,
        terminate: Stream,
        hangup: Stream,
    }

    impl Signals {
        /// Begins to catch them.
        pub(crate) fn install() -> io::Result<Self> {
            Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                hangup: signal(SignalKind::hangup())?,
            })
        }

        /// The next one.
        pub(crate) async fn next(&mut self) -> Signal {
            tokio::select! {
                biased;
                _ = self.terminate.recv() => Signal::Stop("SIGTERM"),
                _ = self.interrupt.recv() => Signal::Stop("SIGINT"),
                _ = self.hangup.recv() => Signal::Reload,
            }
        }
    }
}

#[cfg(not(unix))]
mod system {
    use super::{Signal, io};

    /// Only Ctrl-C; a configuration is read again by a restart.
    #[derive(Debug)]
    pub(crate) struct Signals;

    impl Signals {
        /// Begins to catch them.
        pub(crate) fn install() -> io::Result<Self> {
            Ok(Self)
        }

        /// The next one.
        pub(crate) async fn next(&mut self) -> Signal {
            // Without a way to be told to stop there is nothing to wait for.
            let _ = tokio::signal::ctrl_c().await;
            Signal::Stop("Ctrl-C")
        }
    }
}

pub(crate) use self::system::Signals;
