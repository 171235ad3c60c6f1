//! Where the sources stand.

use matrix_bridge_core::{Advance, Checkpoint, Generation, Position, SourceId};
use tokio_postgres::Row;

use crate::{
    fault::Fault,
    fields::Fields,
    session::{Session, Tx},
    text::{digest, encode},
};

const GET: &str = "SELECT position, generation FROM source WHERE id = $1";
const LOCK: &str = "SELECT position, generation FROM source WHERE id = $1 FOR UPDATE";
/// So that there is something to lock for the first commit, too.
const BEGIN: &str = "\
    INSERT INTO source (id, name, generation) VALUES ($1, $2, 0) ON CONFLICT (id) DO NOTHING";
const ADVANCE: &str = "UPDATE source SET position = $2, generation = generation + 1 WHERE id = $1";

pub(crate) async fn checkpoint(
    mut session: Session,
    source: &SourceId,
) -> Result<Checkpoint, Fault> {
    let rows = session.rows(GET, &[&digest(&[source.as_str()])]).await?;
    rows.first().map_or_else(|| Ok(Checkpoint::default()), read)
}

/// Where it stands; nobody else moves it before this transaction ends.
pub(super) async fn lock(tx: &Tx<'_>, source: &SourceId) -> Result<Checkpoint, Fault> {
    let id = digest(&[source.as_str()]);
    if let Some(row) = tx.row(LOCK, &[&id]).await? {
        return read(&row);
    }
    tx.run(BEGIN, &[&id, &encode(source.as_str())]).await?;
    let row = tx.row(LOCK, &[&id]).await?;
    row.as_ref().map_or_else(|| Ok(Checkpoint::default()), read)
}

pub(super) async fn advance(tx: &Tx<'_>, advance: &Advance) -> Result<(), Fault> {
    let Advance {
        source,
        expected: _,
        position,
    } = advance;
    let position = position.as_ref().map(|position| encode(position.as_str()));
    let id = digest(&[source.as_str()]);
    tx.run(ADVANCE, &[&id, &position]).await?;
    Ok(())
}

fn read(row: &Row) -> Result<Checkpoint, Fault> {
    let fields = Fields::new(row, "source");
    Ok(Checkpoint {
        position: fields.optional_text("position")?.map(Position::new),
        generation: Generation(fields.number("generation")?),
    })
}
