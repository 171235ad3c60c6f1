//! Where the sources stand.

use matrix_bridge_core::{Advance, Checkpoint, Generation, Position, SourceId};
use rusqlite::{Connection, params};

use crate::{fault::Fault, fields::Fields};

const GET: &str = "SELECT source, position, generation FROM source WHERE source = ?1";
const ADVANCE: &str = "\
    INSERT INTO source (source, position, generation) VALUES (?1, ?2, 1) \
    ON CONFLICT (source) DO UPDATE \
    SET position = excluded.position, generation = generation + 1";

pub(crate) fn checkpoint(connection: &Connection, source: &SourceId) -> Result<Checkpoint, Fault> {
    let mut statement = connection.prepare_cached(GET)?;
    let mut rows = statement.query([source.as_str()])?;
    let Some(row) = rows.next()? else {
        return Ok(Checkpoint::default());
    };
    let fields = Fields::new(row, "source");
    Ok(Checkpoint {
        position: fields.get::<Option<String>>("position")?.map(Position::new),
        generation: Generation(fields.number("generation")?),
    })
}

pub(super) fn advance(connection: &Connection, advance: &Advance) -> Result<(), Fault> {
    let Advance {
        source,
        expected: _,
        position,
    } = advance;
    let position = position.as_ref().map(Position::as_str);
    connection
        .prepare_cached(ADVANCE)?
        .execute(params![source.as_str(), position])?;
    Ok(())
}
