//! From a path to a store.

mod error;
mod lock;
pub(crate) mod meta;
mod path;

use std::{path::Path, sync::Arc};

pub use self::error::OpenError;
pub(crate) use self::lock::EngineLock;
use crate::{
    SledConfig, SledStore,
    outbox::claim,
    store::Role,
    tables::lease,
    tree::{Disk, View, guarded},
    writer::{Shared, Writer},
};

/// See [`SledConfig::open_engine`].
pub(crate) fn engine(config: SledConfig) -> Result<SledStore, OpenError> {
    open(config, Role::Engine)
}

/// See [`SledConfig::open_for_copy`].
pub(crate) fn for_copy(config: SledConfig) -> Result<SledStore, OpenError> {
    open(config, Role::Copy)
}

fn open(mut config: SledConfig, role: Role) -> Result<SledStore, OpenError> {
    config.path = path::resolve(&config.path)?;
    let folder = config.path.as_path();
    path::refuse_foreign(folder)?;
    let lock = EngineLock::take(folder)?;
    path::take(folder)?;
    let unreadable = |fault| OpenError::from_fault(folder, fault);
    let disk = Disk::open(folder, config.cache).map_err(unreadable)?;
    let is_unfinished = guarded(|| begin(&disk, folder, role)).map_err(unreadable)??;
    let shared = Arc::new(Shared::new(disk, is_unfinished));
    let writer = if config.is_inline {
        Writer::inline(Arc::clone(&shared), lock)
    } else {
        Writer::on_thread(Arc::clone(&shared), lock)
            .map_err(|error| OpenError::from_io(&config.path, error))?
    };
    Ok(SledStore::new(config, role, writer, shared))
}

/// Brings the schema up to date and begins the work of this engine; cleans up after one
/// that crashed. Whether the store is unfinished.
fn begin(disk: &Disk, folder: &Path, role: Role) -> Result<bool, OpenError> {
    let unreadable = |fault| OpenError::from_fault(folder, fault);
    let mut view = View::of(disk.tree());
    let schema = meta::schema(&view).map_err(unreadable)?.unwrap_or(0);
    if schema > meta::KNOWN {
        return Err(OpenError::NewerSchema {
            path: folder.to_owned(),
            found: schema,
            known: meta::KNOWN,
        });
    }
    let is_unfinished = meta::is_unfinished(&view).map_err(unreadable)?;
    if is_unfinished && role == Role::Engine {
        return Err(OpenError::Unfinished {
            path: folder.to_owned(),
        });
    }
    meta::migrate(&mut view, schema).map_err(unreadable)?;
    if role == Role::Engine {
        if meta::was_running(&view).map_err(unreadable)? {
            // The engine's lock proves that the holders of leases and claims are gone and
            // cannot let go of them any more. After an orderly end they stand as they
            // were left.
            lease::clear(&mut view).map_err(unreadable)?;
            claim::end_all(&mut view).map_err(unreadable)?;
        }
        meta::set_running(&mut view, true);
    }
    let written = view.into_batch().map(|batch| disk.commit(batch));
    written
        .transpose()
        .map_err(|error| OpenError::from_commit(folder, error))?;
    Ok(is_unfinished)
}
