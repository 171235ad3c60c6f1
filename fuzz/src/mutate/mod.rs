//! New inputs from old ones: by bytes, and by values of JSON that are odd but legal.

mod bytes;
mod values;

use fastrand::Rng;

use crate::Grammar;

/// The longest input that is made: about the largest event.
pub const MAX_LEN: usize = 64 * 1024;

/// Changes `input` a little; `other` is one that parts may be taken from.
pub fn mutate(input: &mut Vec<u8>, other: &[u8], grammar: Grammar, max: usize, rng: &mut Rng) {
    let is_by_value = grammar == Grammar::Json && rng.u8(..) < 160;
    if is_by_value {
        values::change(input, other, max, rng);
    } else {
        bytes::change(input, other, words(grammar), rng);
    }
    input.truncate(max);
}

const fn words(grammar: Grammar) -> &'static [&'static str] {
    match grammar {
        Grammar::Json => values::WORDS,
        Grammar::Toml => TOML,
        Grammar::Bytes => &[
            "\0\0\0\0",
            "\x7f\x7f\x7f\x7f",
            "\0\0\0\x01",
            "CREATE TABLE ",
        ],
    }
}

const TOML: &[&str] = &[
    "[matrix]\n",
    "[[matrix.rooms]]\n",
    "[matrix.join]\n",
    "enabled = false\n",
    "rooms = [\"!a:b=shadow\", \"#c:d\"]\n",
    "id = ",
    "mode = \"shadow\"\n",
    "'''",
    "\"\"\"",
    "\\u0000",
    "\\uD800",
    "\\U0010FFFF",
    "= [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    "= {a={a={a={a={a={a={a={a={a={a={a={a={a={a={a={a={a={a={a={a={a={a={a={a={a={a=",
    "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a = 1\n",
    "= 1979-05-27T07:32:00Z\n",
    "= 0x7fffffffffffffff\n",
    "= 99999999999999999999\n",
    "= -nan\n",
    "= \"99999999999999999999d\"\n",
    "= \"[::1]:99999\"\n",
    "#",
    "\r",
];
