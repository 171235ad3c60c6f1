//! Where the sources stand.

use matrix_bridge_core::{Advance, Checkpoint, Generation, Position, Record, SourceId};
use rusqlite::{Connection, params};

use crate::{
    contents::{Part, Records},
    fault::Fault,
    fields::{Fields, limit, number},
};

const GET: &str = "SELECT source, position, generation FROM source WHERE source = ?1";
const ADVANCE: &str = "\
    INSERT INTO source (source, position, generation) VALUES (?1, ?2, 1) \
    ON CONFLICT (source) DO UPDATE \
    SET position = excluded.position, generation = generation + 1";
const SET: &str = "INSERT INTO source (source, position, generation) VALUES (?1, ?2, ?3)";
pub(crate) const PAGE: &str = "\
    SELECT source, position, generation FROM source \
    WHERE source >= ?1 ORDER BY source LIMIT ?2 OFFSET ?3";

pub(crate) fn checkpoint(connection: &Connection, source: &SourceId) -> Result<Checkpoint, Fault> {
    let mut statement = connection.prepare_cached(GET)?;
    let mut rows = statement.query([source.as_str()])?;
    match rows.next()? {
        Some(row) => read(&Fields::new(row, "source")),
        None => Ok(Checkpoint::default()),
    }
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

pub(crate) fn set(
    connection: &Connection,
    source: &SourceId,
    checkpoint: &Checkpoint,
) -> Result<(), Fault> {
    let Checkpoint {
        position,
        generation,
    } = checkpoint;
    let position = position.as_ref().map(Position::as_str);
    connection.prepare_cached(SET)?.execute(params![
        source.as_str(),
        position,
        number(generation.0)
    ])?;
    Ok(())
}

pub(crate) fn page(connection: &Connection, place: &str, most: usize) -> Result<Records, Fault> {
    let mut part = Part::<String>::behind(place)?;
    let mut statement = connection.prepare_cached(PAGE)?;
    let mut rows = statement.query(params![part.key, limit(most), part.is_behind])?;
    while let Some(row) = rows.next()? {
        let fields = Fields::new(row, "source");
        let source: String = fields.get("source")?;
        let record = Record::Source {
            source: SourceId::new(source.as_str()),
            checkpoint: read(&fields)?,
        };
        part.push(source, record);
    }
    part.end()
}

fn read(fields: &Fields<'_>) -> Result<Checkpoint, Fault> {
    Ok(Checkpoint {
        position: fields.get::<Option<String>>("position")?.map(Position::new),
        generation: Generation(fields.number("generation")?),
    })
}
