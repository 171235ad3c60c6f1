//! The tables, and how older ones are brought up to date.

use crate::{
    OpenError,
    fault::Fault,
    session::{Session, Tx},
};

/// The steps from nothing to the present tables. Append only: a step that was released is
/// never edited.
const STEPS: [&str; 1] = [include_str!("../../migrations/0001_first.sql")];

/// The version of the present tables.
pub(crate) const KNOWN: i32 = 1;

/// One process at a time looks after the tables; the others wait for it here. The number
/// says that it is us, and the schema's name which tables.
const LOCK: &str =
    "SELECT pg_advisory_xact_lock(1851879539, hashtext(current_setting('search_path')))";
const TABLES: &str = "\
    SELECT count(*) AS tables, count(*) FILTER (WHERE tablename = 'matrix_bridge_store') AS ours \
    FROM pg_tables WHERE schemaname = current_setting('search_path')";
/// `copy` is the number of the copy that was begun and not finished.
const BEGIN: &str = "\
    CREATE TABLE matrix_bridge_store ( \
        single  boolean PRIMARY KEY DEFAULT true CHECK (single), \
        version integer NOT NULL, \
        copy    bigint \
    ); \
    INSERT INTO matrix_bridge_store (version) VALUES (0)";
const LOOK: &str = "SELECT version, copy IS NOT NULL AS unfinished FROM matrix_bridge_store";
const STEP_DONE: &str = "UPDATE matrix_bridge_store SET version = $1";

/// What opening found.
pub(super) struct Found {
    pub(super) is_unfinished: bool,
}

/// Makes the schema and its tables, or brings them up to date.
pub(super) async fn migrate(
    mut session: Session,
    schema: &str,
) -> Result<Result<Found, OpenError>, Fault> {
    let tx = session.begin().await?;
    tx.rows(LOCK, &[]).await?;
    // Safe: the name was checked to be a plain one. The right to make schemas is asked for
    // only where there is none yet.
    let there = "SELECT 1 FROM pg_namespace WHERE nspname = current_setting('search_path')";
    if tx.row(there, &[]).await?.is_none() {
        tx.script(&format!("CREATE SCHEMA {schema}")).await?;
    }
    let found = match look(&tx, schema).await? {
        Ok(found) => found,
        Err(error) => {
            tx.roll_back().await?;
            return Ok(Err(error));
        }
    };
    for (version, step) in (1..).zip(STEPS).skip(found.version) {
        tx.script(step).await?;
        tx.run(STEP_DONE, &[&version]).await?;
        tracing::info!(schema, version, "the tables of the store are up to date");
    }
    tx.commit().await?;
    Ok(Ok(Found {
        is_unfinished: found.is_unfinished,
    }))
}

struct Version {
    version: usize,
    is_unfinished: bool,
}

async fn look(tx: &Tx<'_>, schema: &str) -> Result<Result<Version, OpenError>, Fault> {
    let tables = tx.row(TABLES, &[]).await?;
    let (tables, ours): (i64, i64) = match &tables {
        Some(row) => (row.try_get("tables")?, row.try_get("ours")?),
        None => (0, 0),
    };
    if ours == 0 && tables > 0 {
        let schema = schema.to_owned();
        return Ok(Err(OpenError::ForeignSchema { schema }));
    }
    if ours == 0 {
        tx.script(BEGIN).await?;
    }
    let (found, is_unfinished): (i32, bool) = match tx.row(LOOK, &[]).await? {
        Some(row) => (row.try_get("version")?, row.try_get("unfinished")?),
        None => (0, false),
    };
    let known = KNOWN;
    match usize::try_from(found) {
        Ok(version) if found <= known => Ok(Ok(Version {
            version,
            is_unfinished,
        })),
        _ => Ok(Err(OpenError::NewerSchema {
            schema: schema.to_owned(),
            found,
            known,
        })),
    }
}
