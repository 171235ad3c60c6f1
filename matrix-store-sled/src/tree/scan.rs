//! Going through keys in their order: those of the tree, with the changes over them.

use std::{
    cmp::Ordering,
    iter::Peekable,
    ops::Bound::{self, Excluded, Included, Unbounded},
};

use sled::IVec;

use super::changes::Change;
use crate::fault::Fault;

/// A key and what is under it.
pub(crate) type Pair = (IVec, IVec);

/// Both ends of the keys that begin with `prefix`, after the one that goes on with
/// `after`.
pub(super) fn bounds(prefix: &[u8], after: Option<&[u8]>) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
    let start = match after {
        Some(after) => Excluded([prefix, after].concat()),
        None => Included(prefix.to_vec()),
    };
    (start, end(prefix))
}

/// The same, before the one that goes on with `before`.
pub(super) fn bounds_before(
    prefix: &[u8],
    before: Option<&[u8]>,
) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
    let end = match before {
        Some(before) => Excluded([prefix, before].concat()),
        None => end(prefix),
    };
    (Included(prefix.to_vec()), end)
}

/// The first key that does not begin with `prefix` any more.
fn end(prefix: &[u8]) -> Bound<Vec<u8>> {
    let mut next = prefix.to_vec();
    while let Some(last) = next.pop() {
        if last < u8::MAX {
            next.push(last + 1);
            return Excluded(next);
        }
    }
    Unbounded
}

/// What the tree and the changes give together, each in the order `ascending` or not.
pub(super) struct Merged<S: Iterator, C: Iterator> {
    stored: Peekable<S>,
    changed: Peekable<C>,
    is_ascending: bool,
}

impl<'a, S, C> Merged<S, C>
where
    S: Iterator<Item = sled::Result<Pair>>,
    C: Iterator<Item = (&'a Vec<u8>, &'a Change)>,
{
    pub(super) fn new(stored: S, changed: C, is_ascending: bool) -> Self {
        Self {
            stored: stored.peekable(),
            changed: changed.peekable(),
            is_ascending,
        }
    }

    /// Which of the two comes first; `None` when both are at their end.
    fn order(&mut self) -> Option<Ordering> {
        match (self.stored.peek(), self.changed.peek()) {
            (None, None) => None,
            (None, Some(_)) => Some(Ordering::Greater),
            (Some(_), None) | (Some(Err(_)), Some(_)) => Some(Ordering::Less),
            (Some(Ok((stored, _))), Some((changed, _))) => {
                let order = stored.as_ref().cmp(changed.as_slice());
                Some(if self.is_ascending {
                    order
                } else {
                    order.reverse()
                })
            }
        }
    }
}

impl<'a, S, C> Iterator for Merged<S, C>
where
    S: Iterator<Item = sled::Result<Pair>>,
    C: Iterator<Item = (&'a Vec<u8>, &'a Change)>,
{
    type Item = Result<Pair, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let order = self.order()?;
            if order == Ordering::Less {
                return self.stored.next().map(|pair| pair.map_err(Fault::from));
            }
            if order == Ordering::Equal {
                // What stood there is changed.
                self.stored.next();
            }
            let (key, change) = self.changed.next()?;
            if let Some(value) = change {
                return Some(Ok((IVec::from(key.as_slice()), value.clone())));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn pair(key: &str) -> Pair {
        (IVec::from(key), IVec::from("stored"))
    }

    fn merged(stored: &[&str], changed: &[(&str, bool)], is_ascending: bool) -> Vec<String> {
        let mut stored: Vec<_> = stored.iter().map(|key| Ok(pair(key))).collect();
        let changed: BTreeMap<Vec<u8>, Change> = changed
            .iter()
            .map(|(key, stays)| (key.as_bytes().to_vec(), stays.then(|| IVec::from("new"))))
            .collect();
        let mut changed: Vec<_> = changed.iter().collect();
        if !is_ascending {
            stored.reverse();
            changed.reverse();
        }
        let all = Merged::new(stored.into_iter(), changed.into_iter(), is_ascending);
        all.map(|pair| {
            let (key, value) = pair.unwrap();
            let text = |bytes: IVec| String::from_utf8(bytes.to_vec()).unwrap();
            format!("{} {}", text(key), text(value))
        })
        .collect()
    }

    #[test]
    fn changes_are_put_over_what_is_stored_in_both_directions() {
        let stored = ["a", "b", "c"];
        let changed = [("0", true), ("a", false), ("b", true), ("d", true)];

        let forwards = merged(&stored, &changed, true);
        let mut backwards = merged(&stored, &changed, false);

        assert_eq!(forwards, ["0 new", "b new", "c stored", "d new"]);
        backwards.reverse();
        assert_eq!(backwards, forwards);
    }

    #[test]
    fn the_end_of_a_prefix_is_behind_all_that_begins_with_it() {
        assert_eq!(end(&[1, 2]), Excluded(vec![1, 3]));
        assert_eq!(end(&[1, 255]), Excluded(vec![2]));
        assert_eq!(end(&[255, 255]), Unbounded);
    }
}
