//! Changes that know nothing of what the bytes mean.

use fastrand::Rng;

/// The longest run that is repeated to fill an input.
const FILL: usize = 64 * 1024;

/// Makes one to four changes.
pub(super) fn change(input: &mut Vec<u8>, other: &[u8], words: &[&str], rng: &mut Rng) {
    for _ in 0..rng.usize(1..=4) {
        let at = rng.usize(..=input.len());
        match rng.u8(..10) {
            0 => flip(input, rng),
            1 => input.insert(at, odd_byte(rng)),
            2 => drop(input.drain(range(input.len(), 16, rng))),
            3 => drop(input.drain(range(input.len(), usize::MAX, rng))),
            4 => repeat(input, 1..=4, rng),
            5 => input.truncate(at),
            6 => insert(input, at, part(other, rng)),
            7 => fill(input, rng),
            _ => {
                let word = rng.choice(words).copied().unwrap_or_default();
                insert(input, at, word.as_bytes());
            }
        }
    }
}

pub(super) fn insert(input: &mut Vec<u8>, at: usize, part: &[u8]) {
    input.splice(at..at, part.iter().copied());
}

fn flip(input: &mut [u8], rng: &mut Rng) {
    let at = rng.usize(..=input.len());
    if let Some(byte) = input.get_mut(at) {
        *byte = if rng.bool() {
            *byte ^ (1 << rng.u8(..8))
        } else {
            odd_byte(rng)
        };
    }
}

fn odd_byte(rng: &mut Rng) -> u8 {
    const ODD: &[u8] = b"\0\t\n\r\x1b\"\\/{}[],:$!@#%?0-+eE. \x7f\x80\xc0\xed\xff";
    rng.choice(ODD).copied().unwrap_or_else(|| rng.u8(..))
}

fn range(length: usize, most: usize, rng: &mut Rng) -> std::ops::Range<usize> {
    let start = rng.usize(..=length);
    let end = rng.usize(start..=length);
    start..end.min(start.saturating_add(most))
}

fn part<'a>(other: &'a [u8], rng: &mut Rng) -> &'a [u8] {
    other
        .get(range(other.len(), usize::MAX, rng))
        .unwrap_or_default()
}

fn repeat(input: &mut Vec<u8>, times: std::ops::RangeInclusive<usize>, rng: &mut Rng) {
    let range = range(input.len(), 256, rng);
    let at = range.end;
    let part = input.get(range).unwrap_or_default();
    let part = part.repeat(rng.usize(times));
    insert(input, at, &part);
}

/// Repeats something small until nothing more fits: what is slow or large shows then.
fn fill(input: &mut Vec<u8>, rng: &mut Rng) {
    if rng.u8(..8) > 0 {
        return;
    }
    let range = range(input.len(), 24, rng);
    let times = FILL / range.len().max(1);
    let at = range.end;
    let part = input.get(range).unwrap_or_default().repeat(times);
    insert(input, at, &part);
}
