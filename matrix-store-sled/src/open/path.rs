//! The folder itself: where it lies, whose it is, who may read it.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use super::error::OpenError;

/// Says whose folder it is, to us and to people who look into it.
const MARKER: &str = "matrix-bridge";
const MARKED: &str = "A store of matrix-bridge, kept by sled 0.34. Only its engine may open it.\n";

/// `path` with a folder around it that exists and has one name only, however it was
/// written.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, OpenError> {
    let missing = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => OpenError::NoFolder {
            path: path.to_owned(),
            folder: around(path).to_owned(),
        },
        _ => OpenError::from_io(path, error),
    };
    let Some(name) = path.file_name() else {
        return Err(OpenError::NotAFolder {
            path: path.to_owned(),
        });
    };
    let folder = fs::canonicalize(around(path)).map_err(missing)?;
    Ok(folder.join(name))
}

/// Refuses what is no folder of ours, and leaves it as it is. Nothing and an empty folder
/// may become one.
pub(super) fn refuse_foreign(path: &Path) -> Result<(), OpenError> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => {
            return Err(OpenError::Symlink {
                path: path.to_owned(),
            });
        }
        Ok(found) if !found.is_dir() => {
            return Err(OpenError::NotAFolder {
                path: path.to_owned(),
            });
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(OpenError::from_io(path, error)),
    }
    let is_empty = fs::read_dir(path).map(|mut entries| entries.next().is_none());
    let is_empty = is_empty.map_err(|error| OpenError::from_io(path, error))?;
    if refuse_other_than_file(&path.join(MARKER))? || is_empty {
        return Ok(());
    }
    Err(OpenError::Foreign {
        path: path.to_owned(),
    })
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

/// The file of that name and what is added to it.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Makes the folder ours, and for its owner only: sled creates its files as it likes, but
/// nobody else comes to them.
pub(super) fn take(path: &Path) -> Result<(), OpenError> {
    let taken = create(path)
        .and_then(|()| close_to_others(path))
        .and_then(|()| mark(path))
        .and_then(|()| File::open(around(path))?.sync_all());
    taken.map_err(|error| OpenError::from_io(path, error))
}

fn create(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    // So that it is no error where there is one.
    builder.recursive(true).create(path)
}

fn close_to_others(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    }
    #[cfg(not(unix))]
    let _: &Path = path;
    Ok(())
}

fn mark(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    for_owner_only(&mut options);
    let mut file = options.open(path.join(MARKER))?;
    file.write_all(MARKED.as_bytes())?;
    file.sync_all()
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

fn around(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => path,
    }
}
