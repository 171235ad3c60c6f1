//! The stories.

mod commands;
mod homeserver;
mod rooms;
mod talk;

pub(super) use self::{homeserver::*, rooms::*, talk::*};
