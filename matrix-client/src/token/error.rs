//! Why there is no token to go on with.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use matrix_bridge_core::AccountTrouble;

use crate::{BoxError, ClientError};

/// Why there is no access token, or no other one. It never holds one.
#[derive(Clone, Debug)]
pub struct TokenError(Arc<Reason>);

#[derive(Clone, Debug)]
struct Reason {
    message: String,
    fault: Fault,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// Whose fault it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// A person has to act.
    Person,
    /// The account's: a person has to act at the homeserver.
    Account(AccountTrouble),
    /// Nobody's: it may work later, after that time if one was named.
    Away(Option<Duration>),
}

impl TokenError {
    /// There is none until a person acts. `message` says what to do, in lower case and
    /// without a secret.
    pub fn new(message: impl Into<String>) -> Self {
        Self::of(Fault::Person, message.into())
    }

    /// There is none for now; asking again later may help.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::of(Fault::Away(None), message.into())
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        Arc::make_mut(&mut self.0).source = Some(source.into().into());
        self
    }

    /// A request that was needed failed: whose fault it is shows in `error`.
    #[must_use]
    pub fn from_request(message: impl Into<String>, error: ClientError) -> Self {
        let fault = match error.trouble() {
            _ if error.is_retryable() => Fault::Away(error.retry_after()),
            // Whether the token is refused is known already.
            None | Some(AccountTrouble::UnknownToken | AccountTrouble::SoftLogout) => Fault::Person,
            Some(trouble) => Fault::Account(trouble),
        };
        let found = Self::of(fault, message.into());
        match error {
            // What it was about may be a token, and the reason may repeat a part of it.
            ClientError::Answer(_) => found,
            error => found.with_source(error),
        }
    }

    fn of(fault: Fault, message: String) -> Self {
        Self(Arc::new(Reason {
            message,
            fault,
            source: None,
        }))
    }

    /// Whether asking again later may help, without anybody doing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self.0.fault, Fault::Away(_))
    }

    pub(crate) fn fault(&self) -> Fault {
        self.0.fault
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl Error for TokenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_ref().map(|source| &**source as _)
    }
}
