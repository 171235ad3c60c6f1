//! The marks in the file: many in one row.

use std::{collections::BTreeSet, iter::Peekable};

use matrix_bridge_core::{Account, Digest, Record, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Marks, Staged};
use crate::{
    contents::{Part, Records},
    fault::{Fault, Reason},
    fields::{Fields, limit, time},
};

const LAST: &str =
    "SELECT seq, first_at, last_at, marks FROM mark_segment ORDER BY seq DESC LIMIT 1";
const INSERT: &str = "INSERT INTO mark_segment (first_at, last_at, marks) VALUES (?1, ?2, ?3)";
const UPDATE: &str =
    "UPDATE mark_segment SET first_at = ?2, last_at = ?3, marks = ?4 WHERE seq = ?1";
const DELETE: &str = "DELETE FROM mark_segment WHERE seq = ?1";
/// A segment has one mark at least.
pub(crate) const PAGE: &str = "\
    SELECT seq, first_at, last_at, marks FROM mark_segment \
    WHERE seq >= ?1 ORDER BY seq LIMIT ?2";
const BYTES: &str = "SELECT coalesce(sum(length(marks)), 0) FROM mark_segment";
const ALL: &str = "SELECT seq, first_at, last_at, marks FROM mark_segment ORDER BY seq";
const LAST_SEEN: &str = "SELECT account, room, last_seen FROM room WHERE last_seen IS NOT NULL";

/// A digest and how many milliseconds after the segment's first mark it was set.
const ENTRY: usize = Digest::LEN + size_of::<u32>();
/// As many as fit into one page of 4096 bytes: appending to a page costs no more than
/// writing a new row into it.
const CAPACITY: usize = 195;
/// How many marks one call of `prune` removes at most.
pub(crate) const PRUNED_AT_ONCE: u64 = 100_000;

/// Some marks of nearly one time.
struct Segment {
    seq: i64,
    /// In the order of their times.
    marks: Vec<(Timestamp, Digest)>,
}

/// Writes marks that are new, in the order in which they were set.
pub(crate) fn append(connection: &Connection, new: &[(Timestamp, Digest)]) -> Result<(), Fault> {
    let mut new = new.iter().copied().peekable();
    if new.peek().is_some()
        && let Some(mut last) = last(connection)?
        && last.fill(&mut new)
    {
        last.update(connection)?;
    }
    while let Some(first) = new.next() {
        let mut segment = Segment {
            seq: 0,
            marks: vec![first],
        };
        segment.fill(&mut new);
        segment.insert(connection)?;
    }
    Ok(())
}

/// How many marks there are.
pub(crate) fn count(connection: &Connection) -> Result<u64, Fault> {
    let bytes: i64 = connection
        .prepare_cached(BYTES)?
        .query_row([], |row| row.get(0))?;
    Ok(bytes.unsigned_abs() / ENTRY as u64)
}

pub(crate) fn page(connection: &Connection, place: &str, most: usize) -> Result<Records, Fault> {
    // A segment, and how many of its marks were read.
    let mut part = Part::<(i64, usize)>::behind(place)?;
    let mut statement = connection.prepare_cached(PAGE)?;
    let mut rows = statement.query(params![part.key.0, limit(most).saturating_add(1)])?;
    while part.len() < most
        && let Some(row) = rows.next()?
    {
        let Segment { seq, marks } = decode(&Fields::new(row, "mark_segment"))?;
        let read = if seq == part.key.0 { part.key.1 } else { 0 };
        let left = (read + 1..).zip(marks.into_iter().skip(read));
        for (read, (at, digest)) in left.take(most - part.len()) {
            part.push((seq, read), Record::Mark { digest, at });
        }
    }
    part.end()
}

/// Reads everything into memory.
pub(crate) fn load(connection: &Connection) -> Result<Marks, Fault> {
    let mut staged = Staged::default();
    let marks = Marks::default();
    each(connection, |segment| {
        staged.added = segment.marks.iter().map(|(_, digest)| *digest).collect();
        marks.apply(std::mem::take(&mut staged));
        Ok(true)
    })?;
    let mut statement = connection.prepare(LAST_SEEN)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let fields = Fields::new(row, "room");
        let account = Account::new(fields.get::<String>("account")?);
        let room = Digest::of(&account, &fields.get::<String>("room")?);
        let event = Digest::of(&account, &fields.get::<String>("last_seen")?);
        staged.last_seen.push((room, Some(event)));
    }
    marks.apply(staged);
    Ok(marks)
}

/// Which of `wanted` have a mark in the file, for a reader, which keeps none in memory.
pub(crate) fn scan(
    connection: &Connection,
    wanted: &BTreeSet<Digest>,
) -> Result<BTreeSet<Digest>, Fault> {
    let mut found = BTreeSet::new();
    each(connection, |segment| {
        let digests = segment.marks.iter().map(|(_, digest)| *digest);
        found.extend(digests.filter(|digest| wanted.contains(digest)));
        Ok(found.len() < wanted.len())
    })?;
    Ok(found)
}

/// Removes marks from before `before` and the oldest of those beyond `max`, except of
/// events that are some room's last seen one. Returns which.
pub(crate) fn prune(
    connection: &Connection,
    marks: &Marks,
    before: Timestamp,
    max: u64,
) -> Result<Vec<Digest>, Fault> {
    let total = marks.len();
    let mut removed = Vec::new();
    let mut changed = Vec::new();
    each(connection, |mut segment| {
        let left = segment.marks.len();
        segment.marks.retain(|(at, digest)| {
            let removed_so_far = removed.len() as u64;
            let is_past = *at < before || total.saturating_sub(removed_so_far) > max;
            let goes = is_past && removed_so_far < PRUNED_AT_ONCE && !marks.is_last_seen(digest);
            if goes {
                removed.push(*digest);
            }
            !goes
        });
        if segment.marks.len() < left {
            changed.push(segment);
        }
        Ok((removed.len() as u64) < PRUNED_AT_ONCE)
    })?;
    for segment in changed {
        segment.update(connection)?;
    }
    Ok(removed)
}

impl Segment {
    /// Whether a mark set at `now` keeps the order and lies within reach of the first.
    fn takes(&self, now: Timestamp) -> bool {
        let (Some((first, _)), Some((last, _))) = (self.marks.first(), self.marks.last()) else {
            return false;
        };
        let reach = u64::from(u32::MAX);
        self.marks.len() < CAPACITY && *last <= now && now.0.saturating_sub(first.0) <= reach
    }

    /// Takes the next marks, as long as they fit; whether there was one.
    fn fill(&mut self, new: &mut Peekable<impl Iterator<Item = (Timestamp, Digest)>>) -> bool {
        let before = self.marks.len();
        while let Some(mark) = new.next_if(|(at, _)| self.takes(*at)) {
            self.marks.push(mark);
        }
        self.marks.len() > before
    }

    fn insert(&self, connection: &Connection) -> Result<(), Fault> {
        let (Some((first, _)), Some((last, _))) = (self.marks.first(), self.marks.last()) else {
            return Ok(());
        };
        connection.prepare_cached(INSERT)?.execute(params![
            time(*first),
            time(*last),
            encode(&self.marks)
        ])?;
        Ok(())
    }

    fn update(&self, connection: &Connection) -> Result<(), Fault> {
        let (Some((first, _)), Some((last, _))) = (self.marks.first(), self.marks.last()) else {
            connection.prepare_cached(DELETE)?.execute([self.seq])?;
            return Ok(());
        };
        let blob = encode(&self.marks);
        connection.prepare_cached(UPDATE)?.execute(params![
            self.seq,
            time(*first),
            time(*last),
            blob
        ])?;
        Ok(())
    }
}

fn last(connection: &Connection) -> Result<Option<Segment>, Fault> {
    let mut statement = connection.prepare_cached(LAST)?;
    let segment = statement.query_row([], |row| Ok(decode(&Fields::new(row, "mark_segment"))));
    segment.optional()?.transpose()
}

/// Hands over one segment after the other until `take` answers false.
fn each(
    connection: &Connection,
    mut take: impl FnMut(Segment) -> Result<bool, Fault>,
) -> Result<(), Fault> {
    let mut statement = connection.prepare_cached(ALL)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if !take(decode(&Fields::new(row, "mark_segment"))?)? {
            break;
        }
    }
    Ok(())
}

fn encode(marks: &[(Timestamp, Digest)]) -> Vec<u8> {
    let first = marks.first().map_or(0, |(at, _)| at.0);
    let mut blob = Vec::with_capacity(marks.len() * ENTRY);
    for (at, digest) in marks {
        // `takes` holds a segment within reach.
        let after = u32::try_from(at.0.saturating_sub(first)).unwrap_or(u32::MAX);
        blob.extend_from_slice(digest.as_bytes());
        blob.extend_from_slice(&after.to_le_bytes());
    }
    blob
}

fn decode(fields: &Fields<'_>) -> Result<Segment, Fault> {
    let first = fields.time("first_at")?;
    let marks = fields.bytes("marks", |blob| {
        let (entries, rest) = blob.as_chunks::<ENTRY>();
        if !rest.is_empty() {
            return Err(Reason("the length is no multiple of a mark's"));
        }
        let marks: Vec<_> = entries.iter().map(|entry| mark(first, entry)).collect();
        if !marks.is_sorted_by_key(|(at, _)| *at) {
            return Err(Reason("the marks are not in the order of their times"));
        }
        Ok(marks)
    })?;
    let seq = fields.get("seq")?;
    Ok(Segment { seq, marks })
}

fn mark(first: Timestamp, entry: &[u8; ENTRY]) -> (Timestamp, Digest) {
    let mut digest = [0; Digest::LEN];
    let mut after = [0; size_of::<u32>()];
    let (left, right) = entry.split_at(Digest::LEN);
    digest.copy_from_slice(left);
    after.copy_from_slice(right);
    let at = first.0.saturating_add(u64::from(u32::from_le_bytes(after)));
    (Timestamp(at), Digest::from_bytes(digest))
}
