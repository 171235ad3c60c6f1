//! Where the sources stand.

use matrix_bridge_core::{Advance, Checkpoint, Generation, Position, SourceId};
use serde::{Deserialize, Serialize};

use crate::{
    fault::Fault,
    tree::{Key, Table, View, digest_of},
};

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Source {
    pub(crate) source: SourceId,
    position: Option<Position>,
    generation: Generation,
}

impl Source {
    pub(crate) fn checkpoint(self) -> Checkpoint {
        Checkpoint {
            position: self.position,
            generation: self.generation,
        }
    }
}

pub(crate) fn checkpoint(view: &View, source: &SourceId) -> Result<Checkpoint, Fault> {
    let stored: Option<Source> = view.read(&key(source))?;
    Ok(stored.map(Source::checkpoint).unwrap_or_default())
}

pub(super) fn advance(view: &mut View, advance: Advance) -> Result<(), Fault> {
    let Advance {
        source,
        expected: _,
        position,
    } = advance;
    let mut checkpoint = checkpoint(view, &source)?;
    checkpoint.position = position;
    checkpoint.generation.0 = checkpoint.generation.0.saturating_add(1);
    set(view, source, checkpoint)
}

pub(crate) fn set(view: &mut View, source: SourceId, at: Checkpoint) -> Result<(), Fault> {
    let Checkpoint {
        position,
        generation,
    } = at;
    let key = key(&source);
    let stored = Source {
        source,
        position,
        generation,
    };
    view.put(&key, &stored)
}

fn key(source: &SourceId) -> Key {
    Key::of(Table::Source).digest(&digest_of(source.as_str()))
}
