//! The file itself: where it lies, what it is, who may read it.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use super::error::OpenError;

/// `path` with a folder that exists and has one name only, however it was written.
pub(crate) fn resolve(path: &Path) -> Result<PathBuf, OpenError> {
    let missing = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => OpenError::NoFolder {
            path: path.to_owned(),
            folder: folder_of(path).to_owned(),
        },
        _ => OpenError::from_io(path, error),
    };
    let Some(name) = path.file_name() else {
        return Err(OpenError::NotAFile {
            path: path.to_owned(),
        });
    };
    let folder = fs::canonicalize(folder_of(path)).map_err(missing)?;
    Ok(folder.join(name))
}

/// Whether there is a file; anything else at that place is refused, also a link.
pub(super) fn refuse_other_than_file(path: &Path) -> Result<bool, OpenError> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => Err(OpenError::Symlink {
            path: path.to_owned(),
        }),
        Ok(found) if !found.is_file() => Err(OpenError::NotAFile {
            path: path.to_owned(),
        }),
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(OpenError::from_io(path, error)),
    }
}

/// Whether there is nothing in the file. It is not opened for that: closing any handle of
/// a file in this process would drop the locks that SQLite holds on it.
pub(super) fn is_empty(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.len() == 0)
}

/// Whether a journal with something in it lies beside the database: it was not closed.
pub(super) fn has_journal(database: &Path) -> bool {
    fs::metadata(beside(database, "-wal")).is_ok_and(|journal| journal.len() > 0)
}

/// The file of that name and what is added to it.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Creates the empty file, so that it is never there with other rights than its owner's;
/// SQLite gives its journals the same.
pub(crate) fn create(path: &Path) -> Result<(), OpenError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    for_owner_only(&mut options);
    let created = options.open(path).and_then(|file| file.sync_all());
    let synced = created.and_then(|()| sync_folder(path));
    synced.map_err(|error| OpenError::from_io(path, error))
}

/// The name of a file is in its folder: without this a loss of power may take the file
/// with it.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

/// What is created, is for its owner only.
pub(super) fn for_owner_only(options: &mut OpenOptions) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _: &mut OpenOptions = options;
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => path,
    }
}
