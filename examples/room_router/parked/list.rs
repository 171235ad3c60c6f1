//! All that is parked, one by one or counted.

use std::{collections::BTreeMap, io::Write};

use matrix_bridge::{
    Account, ParkCode, Parked, ParkedEvent, ParkedEventId, RowId, StoreError, Timestamp,
};
use serde::Serialize;

use super::super::{
    out::{Stopped, line},
    report::{EventLine, PAGE, RowLine, rfc3339},
};

/// Every row, then every event, the oldest first.
pub(super) async fn list(
    parked: &Parked,
    account: Option<&Account>,
    out: &mut (impl Write + Send),
) -> Result<(), Stopped> {
    let mut after: Option<RowId> = None;
    loop {
        let page = parked.rows(after, PAGE).await?;
        let Some(last) = page.last() else {
            break;
        };
        after = Some(last.id);
        for row in &page {
            line(out, &RowLine::of(row))?;
        }
    }
    let Some(account) = account else {
        return Ok(());
    };
    // The store gives the newest first, and holding all of them could be too much.
    let mut ends = Vec::new();
    let mut events = Events::new(parked, account);
    while let Some(page) = events.older().await? {
        ends.extend(page.first().map(|newest| ParkedEventId(newest.id.0 + 1)));
    }
    for end in ends.into_iter().rev() {
        let page = parked.events(account, Some(end), PAGE).await?;
        for event in page.iter().rev() {
            line(out, &EventLine::of(event))?;
        }
    }
    Ok(())
}

/// How many there are of each reason, and since when.
#[derive(Debug, Serialize)]
struct CountLine {
    parked: &'static str,
    code: &'static str,
    count: u64,
    oldest: String,
}

/// How many rows and events are parked, by reason, and since when.
pub(super) async fn counts(
    parked: &Parked,
    account: Option<&Account>,
    out: &mut (impl Write + Send),
) -> Result<(), Stopped> {
    let count_line = |parked, code: ParkCode, count, oldest| CountLine {
        parked,
        code: code.as_str(),
        count,
        oldest: rfc3339(oldest),
    };
    for of in parked.counts().await? {
        line(out, &count_line("rows", of.code, of.rows, of.oldest))?;
    }
    let Some(account) = account else {
        return Ok(());
    };
    let mut by_code: BTreeMap<ParkCode, (u64, Timestamp)> = BTreeMap::new();
    let mut events = Events::new(parked, account);
    while let Some(page) = events.older().await? {
        for ParkedEvent { event, .. } in page {
            let (count, oldest) = by_code.entry(event.reason.code).or_insert((0, event.at));
            *count += 1;
            *oldest = event.at.min(*oldest);
        }
    }
    for (code, (count, oldest)) in by_code {
        line(out, &count_line("events", code, count, oldest))?;
    }
    Ok(())
}

/// The parked events, page by page, the newest first.
struct Events<'a> {
    parked: &'a Parked,
    account: &'a Account,
    before: Option<ParkedEventId>,
}

impl<'a> Events<'a> {
    const fn new(parked: &'a Parked, account: &'a Account) -> Self {
        Self {
            parked,
            account,
            before: None,
        }
    }

    async fn older(&mut self) -> Result<Option<Vec<ParkedEvent>>, StoreError> {
        let page = self.parked.events(self.account, self.before, PAGE).await?;
        let Some(oldest) = page.last() else {
            return Ok(None);
        };
        self.before = Some(oldest.id);
        Ok(Some(page))
    }
}
