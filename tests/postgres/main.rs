//! The example `room_router` on a real PostgreSQL. That two of them may be killed again and
//! again is what `cargo xtask kill --pair` is for.

#![cfg(test)]

mod moving;
