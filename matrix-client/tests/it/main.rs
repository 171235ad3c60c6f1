//! The engine and the client against the testkit's homeserver, in virtual time.

#![cfg(test)]

mod accounts;
mod away;
mod bounds;
mod delivery;
mod dependents;
mod disk;
mod encryption;
mod every_step;
mod gaps;
mod handlers;
mod hostile;
mod invites;
mod limits;
mod lost_answers;
mod order;
mod policies;
mod recovery;
mod removed;
mod replies;
mod requests;
mod sessions;
mod slow_rooms;
mod together;
mod tokens;
mod troubles;
mod went_past;
mod world;
