//! From an address to a store.

mod error;
mod migrate;

use std::sync::Arc;

use matrix_bridge_core::{StoreError, StoreErrorKind};

pub use self::error::OpenError;
use crate::{
    PostgresConfig, PostgresStore,
    fault::Fault,
    pool::Connections,
    session::{Phase, Session},
    worker::{self, Worker},
};

const SERVER: &str = "\
    SELECT current_setting('server_version') AS version, \
    current_setting('server_version_num')::int AS number, current_setting('fsync') AS fsync";
const OLDEST: i32 = 150_000;

/// See [`PostgresConfig::open`].
pub(crate) async fn open(config: PostgresConfig) -> Result<PostgresStore, OpenError> {
    refuse_strange_name(&config.schema)?;
    let connections = Connections::new(&config).map_err(|error| {
        let error = StoreError::new(StoreErrorKind::Invalid, "making a pool").with_source(error);
        OpenError::Unavailable(error)
    })?;
    let connections = Arc::new(connections);
    look_at_server(&connections).await?;
    let schema = config.schema.clone();
    let found = run(&connections, "migrating", |session| async move {
        migrate::migrate(session, &schema).await
    })
    .await??;
    if found.is_unfinished && !config.for_copy {
        let schema = config.schema;
        return Err(OpenError::UnfinishedCopy { schema });
    }
    let id = match config.for_copy {
        true => {
            until_alone(&connections, &config).await?;
            run(&connections, "numbering a copy", worker::number).await?
        }
        false => {
            let takeover = config.takeover;
            run(&connections, "joining", |session| {
                worker::join(session, takeover)
            })
            .await?
        }
    };
    let worker = Arc::new(Worker::new(id, &config));
    worker.count_others(&connections).await;
    Ok(PostgresStore::new(config, connections, worker))
}

async fn look_at_server(connections: &Connections) -> Result<(), OpenError> {
    let asked = run(
        connections,
        "looking at the server",
        |mut session| async move {
            let rows = session.rows(SERVER, &[]).await?;
            let Some(row) = rows.first() else {
                return Err(Fault::Slow);
            };
            let (number, fsync): (i32, String) = (row.try_get("number")?, row.try_get("fsync")?);
            Ok((row.try_get::<_, String>("version")?, number, fsync))
        },
    );
    let (found, number, fsync) = asked.await?;
    if number < OLDEST {
        return Err(OpenError::OldServer { found });
    }
    if fsync == "off" {
        tracing::warn!("the database runs with fsync=off: a loss of power may take all of it");
    }
    Ok(())
}

/// A copy wants the store alone. Who left a moment ago, and left claims behind, counts as
/// there for a while.
async fn until_alone(connections: &Connections, config: &PostgresConfig) -> Result<(), OpenError> {
    const LOOKS: u32 = 20;
    let mut looks = 0;
    loop {
        // Nobody has this number.
        let others = run(connections, "counting processes", |session| {
            worker::others(session, 0)
        });
        let workers = others.await?;
        if workers == 0 {
            return Ok(());
        }
        if looks == LOOKS {
            let schema = config.schema.clone();
            return Err(OpenError::InUse { schema, workers });
        }
        looks += 1;
        tokio::time::sleep(config.takeover / (LOOKS - 1)).await;
    }
}

async fn run<T, F: Future<Output = Result<T, Fault>>>(
    connections: &Connections,
    doing: &str,
    work: impl FnOnce(Session) -> F,
) -> Result<T, OpenError> {
    let phase = Phase::default();
    let result = connections.run(&phase, work).await;
    result.map_err(|fault| {
        OpenError::Unavailable(fault.into_store_error(doing, phase.is_committing()))
    })
}

/// It stands in statements as it is.
fn refuse_strange_name(schema: &str) -> Result<(), OpenError> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c == '_';
    let mut characters = schema.chars();
    let begins = characters.next().is_some_and(is_plain);
    let goes_on = characters.all(|c| is_plain(c) || c.is_ascii_digit());
    // Room for what the channel's name has besides, and for PostgreSQL's own prefix.
    if begins && goes_on && schema.len() <= 48 && !schema.starts_with("pg_") {
        return Ok(());
    }
    Err(OpenError::SchemaName {
        schema: schema.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_schemas() {
        for name in ["matrix_bridge", "a", "_b2", &"x".repeat(48)] {
            assert!(refuse_strange_name(name).is_ok(), "{name}");
        }
        for name in [
            "",
            "2a",
            "A",
            "a-b",
            "a b",
            "a;b",
            "\"a\"",
            "pg_x",
            "ä",
            &"x".repeat(49),
        ] {
            assert!(refuse_strange_name(name).is_err(), "{name}");
        }
    }
}
