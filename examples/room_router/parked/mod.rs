//! What was given up: listed, and what a person decides about it.

mod ask;
mod detail;
mod list;
mod name;
pub(crate) mod text;

use std::io::{self, BufWriter, Write};

use matrix_bridge::{
    Account, Clock as _, Parked, ParkedEventId, ReplaceError, RowId, SystemClock, ruma::OwnedUserId,
};
use serde::Serialize;

pub(crate) use self::{ask::Ask, name::Name};
use self::{
    ask::Verb,
    detail::{EventDetail, RowDetail},
};
use super::{
    Fatal,
    config::StorePlace,
    out::{Stopped, finished, flush, line},
    report::{EventLine, RowLine},
};

/// Does what was asked for, and tells on stdout what was done. The bot may run beside it.
pub(crate) async fn perform(
    ask: &Ask,
    place: StorePlace,
    user: Option<OwnedUserId>,
) -> Result<(), Fatal> {
    let store = place.open_reader().await?;
    let desk = Desk {
        parked: Parked::new(store),
        account: user.map(|user| Account::from(&*user)),
        out: BufWriter::new(io::stdout()),
    };
    finished(desk.serve(ask).await)
}

/// Where a person decides.
struct Desk<W> {
    parked: Parked,
    /// Whose events; rows are those of the whole store.
    account: Option<Account>,
    out: W,
}

/// Why one that was named was left as it is.
type Refusal = String;

/// What was done, to what.
#[derive(Serialize)]
struct Done<'a, L> {
    did: &'static str,
    #[serde(flatten)]
    line: L,
    /// The text that takes the place of `body`.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

const GONE: &str = "it is not parked (any more); --parked lists what is";

impl<W: Write + Send> Desk<W> {
    async fn serve(mut self, ask: &Ask) -> Result<(), Stopped> {
        let mut refusals = Vec::new();
        match ask {
            Ask::List => list::list(&self.parked, self.account.as_ref(), &mut self.out).await?,
            Ask::Counts => list::counts(&self.parked, self.account.as_ref(), &mut self.out).await?,
            Ask::Each(verb, names) => {
                for &name in names {
                    let result = match name {
                        Name::Row(id) => self.row(*verb, id).await?,
                        Name::Event(id) => self.event(*verb, id).await?,
                    };
                    refusals.extend(result.err().map(|why| format!("{name}: {why}")));
                }
            }
            Ask::Replace(id, text) => {
                let result = self.replace(*id, text).await?;
                refusals.extend(result.err().map(|why| format!("{}: {why}", Name::Row(*id))));
            }
        }
        flush(&mut self.out)?;
        if refusals.is_empty() {
            return Ok(());
        }
        Err(Stopped::Undone(refusals.join("; ")))
    }

    async fn row(&mut self, verb: Verb, id: RowId) -> Result<Result<(), Refusal>, Stopped> {
        let Some(row) = self.parked.row(id).await? else {
            return Ok(Err(GONE.to_owned()));
        };
        let (did, is_done) = match verb {
            Verb::Show => return line(&mut self.out, &RowDetail::of(&row)).map(Ok),
            Verb::Retry => ("retried", self.parked.retry(id, SystemClock.now()).await?),
            Verb::Drop => ("dropped", self.parked.discard(id).await?),
        };
        self.tell(is_done, did, RowLine::of(&row), None)
    }

    async fn event(
        &mut self,
        verb: Verb,
        id: ParkedEventId,
    ) -> Result<Result<(), Refusal>, Stopped> {
        let (parked, now) = (&self.parked, SystemClock.now());
        // An id that names an event is refused before, where nobody is configured.
        let Some(account) = &self.account else {
            return Ok(Err(GONE.to_owned()));
        };
        let Some(event) = parked.event(account, id).await? else {
            return Ok(Err(GONE.to_owned()));
        };
        let (did, is_done) = match verb {
            Verb::Show => return line(&mut self.out, &EventDetail::of(&event)).map(Ok),
            Verb::Retry if event.event.event_id.is_none() => {
                let why = "its id cannot be read, so it cannot be retried; drop it";
                return Ok(Err(why.to_owned()));
            }
            Verb::Retry => ("retried", parked.retry_event(account, id, now).await?),
            Verb::Drop => ("dropped", parked.discard_event(account, id, now).await?),
        };
        self.tell(is_done, did, EventLine::of(&event), None)
    }

    async fn replace(&mut self, id: RowId, text: &str) -> Result<Result<(), Refusal>, Stopped> {
        let Some(row) = self.parked.row(id).await? else {
            return Ok(Err(GONE.to_owned()));
        };
        let Some(action) = text::with_text(&row.body.action, text) else {
            let why = "it is no text message, so there is no text to replace; retry or drop it";
            return Ok(Err(why.to_owned()));
        };
        match self.parked.replace(id, action, SystemClock.now()).await {
            Ok(_) => self.tell(true, "replaced", RowLine::of(&row), Some(text)),
            Err(ReplaceError::Store(error)) => Err(error.into()),
            Err(error) => Ok(Err(error.to_string())),
        }
    }

    /// One at a time, so that nothing is done of which nobody was told.
    fn tell(
        &mut self,
        is_done: bool,
        did: &'static str,
        what: impl Serialize,
        text: Option<&str>,
    ) -> Result<Result<(), Refusal>, Stopped> {
        if !is_done {
            return Ok(Err(GONE.to_owned()));
        }
        let done = Done {
            did,
            line: what,
            text,
        };
        match line(&mut self.out, &done).and_then(|()| flush(&mut self.out)) {
            Err(Stopped::Output(error)) => Err(Stopped::Undone(format!(
                "writing to stdout what was {did}: {error}; nothing was done after that"
            ))),
            other => other.map(Ok),
        }
    }
}
