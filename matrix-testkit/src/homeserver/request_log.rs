//! The record of requests: what was asked, by whom, and what became of it.

use std::{collections::VecDeque, time::Duration};

use super::endpoint::Endpoint;

/// One request that reached the server.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RequestRecord {
    /// Counts requests from 1.
    pub number: u64,
    /// When it arrived, since the server's start.
    pub at: Duration,
    /// The HTTP method.
    pub method: String,
    /// The path as it came, still percent-encoded.
    pub path: String,
    /// The query as it came, without an access token.
    pub query: String,
    /// What was asked for.
    pub endpoint: Endpoint,
    /// Whose token it carried, if the token is or was known.
    pub user: Option<String>,
    /// The token's device.
    pub device: Option<String>,
    /// The room in the path, decoded.
    pub room: Option<String>,
    /// The transaction id in the path, decoded.
    pub transaction_id: Option<String>,
    /// The length of the body.
    pub body_length: usize,
    /// The status that was answered; `None` while pending and when cut or silent.
    pub status: Option<u16>,
    /// The name of the scripted fault that hit it.
    pub fault: Option<&'static str>,
}

impl RequestRecord {
    /// Whether it meant to change something that other people can see or that lasts.
    ///
    /// Logging in and out and storing a filter are no writes; receipts, typing,
    /// presence, joins and uploads are.
    #[must_use]
    pub fn is_write(&self) -> bool {
        self.method != "GET" && !self.endpoint.is_housekeeping()
    }
}

/// The last requests, in the order of their arrival.
#[derive(Debug)]
pub(crate) struct RequestLog {
    records: VecDeque<RequestRecord>,
    capacity: usize,
    last: u64,
}

impl RequestLog {
    pub(crate) const fn new(capacity: usize) -> Self {
        Self {
            records: VecDeque::new(),
            capacity,
            last: 0,
        }
    }

    /// Adds a record and gives it its number.
    pub(crate) fn open(&mut self, mut record: RequestRecord) -> u64 {
        self.last += 1;
        record.number = self.last;
        self.records.push_back(record);
        while self.records.len() > self.capacity {
            self.records.pop_front();
        }
        self.last
    }

    /// The record of that number, unless it has fallen out.
    pub(crate) fn find(&mut self, number: u64) -> Option<&mut RequestRecord> {
        let first = self.records.front()?.number;
        let at = usize::try_from(number.checked_sub(first)?).ok()?;
        self.records.get_mut(at)
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = &RequestRecord> {
        self.records.iter()
    }

    pub(crate) fn clear(&mut self) {
        self.records.clear();
    }
}
