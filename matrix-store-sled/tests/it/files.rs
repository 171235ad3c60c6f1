//! Who may read the files.
#![cfg(unix)]

use std::{
    fs::{self, Permissions},
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, symlink},
        process::CommandExt as _,
    },
    path::Path,
    process::Command,
};

use matrix_bridge_store_sled::{OpenError, SledStore};

use crate::{
    child::{self, Process},
    sample::{enqueue, filled, folder, row},
};

/// Not a test of its own: the other process of the ones below.
#[tokio::test]
async fn child_that_writes() {
    let Some(path) = child::path() else { return };
    let store = SledStore::open(path).unwrap();
    enqueue(&store, vec![row("a", "lane", "")]).await.unwrap();
    child::say("ready");
    child::wait_for_parent();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// sled's files have the rights that it gives them: nobody else comes to them.
#[test]
fn the_folder_is_closed_to_others_whatever_the_umask() {
    for umask in ["umask 000", "umask 022", "umask 077"] {
        let (_folder, path) = folder();
        let mut process = Process::start("files::child_that_writes", &path, 0, umask);
        assert_eq!(process.hear().as_deref(), Some("ready"));

        assert_eq!(mode(&path), 0o700, "under {umask}");
        let lock = path.with_extension("sled.lock");
        assert_eq!(mode(&lock), 0o600, "under {umask}");
        process.finish();
    }
}

#[tokio::test]
async fn a_folder_that_was_opened_to_others_is_closed_again() {
    let (_folder, path) = folder();
    filled(&path).await;
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();

    filled(&path).await;

    assert_eq!(mode(&path), 0o700);
}

#[tokio::test]
async fn a_symbolic_link_is_refused() {
    let (folder, path) = folder();
    filled(&path).await;
    let link = folder.path().join("link.sled");
    symlink(&path, &link).unwrap();

    let error = SledStore::open(&link).unwrap_err();

    assert!(matches!(error, OpenError::Symlink { .. }));
}

#[tokio::test]
async fn a_link_in_place_of_the_lock_is_refused() {
    let (folder, path) = folder();
    let target = folder.path().join("target");
    symlink(&target, path.with_extension("sled.lock")).unwrap();

    let error = SledStore::open(&path).unwrap_err();

    assert!(matches!(error, OpenError::Symlink { .. }));
    assert!(!target.exists());
}

/// Not a test of its own: the other process of the one below.
#[test]
fn child_that_may_not_write() {
    let Some(path) = child::path() else { return };
    let error = SledStore::open(path).unwrap_err();
    child::say(&error.to_string());
}

#[test]
fn a_folder_without_permission_is_named() {
    let (folder, path) = folder();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o555)).unwrap();
    let mut command = Command::new("/proc/self/exe");
    if fs::metadata(folder.path()).unwrap().uid() == 0 {
        // For root no folder is read-only; nobody has this user id.
        command.uid(65_534).gid(65_534);
    }

    let mut process = Process::spawn(command, "files::child_that_may_not_write", &path, 0);

    let said = process.hear().unwrap();
    assert!(
        said.contains("bridge.sled.lock: no permission to write"),
        "{said}"
    );
    process.finish();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
}
