//! The process itself: its data, start, wait until it takes connections, end.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, ChildStdin, Command};

use super::config::{PostgresConfig, Tls};
use super::error::PostgresError;
use crate::tail::tail_of;

const START_PATIENCE: Duration = Duration::from_secs(60);
const STOP_PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);
const TAIL_LINES: usize = 20;
const GUARD: &str = include_str!("../../python/postgres_guard.py");
/// `nobody` on every Linux: PostgreSQL does not run as root.
const NOBODY: u32 = 65534;

/// A running server. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Process {
    guard: Child,
    /// Open for as long as we live: the guard ends the server with it.
    _lifeline: Option<ChildStdin>,
    server: Option<i32>,
}

impl Process {
    /// Makes the data if there is none, starts the server, and waits until it takes connections.
    pub(super) async fn start(
        config: &PostgresConfig,
        folder: &Path,
        port: u16,
    ) -> Result<Self, PostgresError> {
        if !folder.join("data").join("PG_VERSION").is_file() {
            make_data(config, folder).await?;
        }
        let started = tokio::time::Instant::now();
        loop {
            let mut process = Self::spawn(config, folder, port)?;
            let left = START_PATIENCE.saturating_sub(started.elapsed());
            match tokio::time::timeout(left, process.answer(folder, port)).await {
                Ok(Ok(())) => return Ok(process),
                // After a kill the server's children need a moment to notice it.
                Ok(Err(tail)) if tail.contains("still in use") => tokio::time::sleep(PAUSE).await,
                Ok(Err(tail)) => {
                    let folder = folder.to_owned();
                    return Err(PostgresError::Ended { folder, tail });
                }
                Err(_elapsed) => {
                    return Err(PostgresError::Silent {
                        waited: START_PATIENCE,
                        folder: folder.to_owned(),
                        tail: tail_of(&log(folder), TAIL_LINES),
                    });
                }
            }
        }
    }

    fn spawn(config: &PostgresConfig, folder: &Path, port: u16) -> Result<Self, PostgresError> {
        let mut command = as_user(folder)?;
        command.arg(config.binaries.program("postgres"));
        command.arg("-D").arg(folder.join("data"));
        let port = port.to_string();
        let fixed = [
            ("port", port.as_str()),
            ("listen_addresses", "127.0.0.1"),
            ("unix_socket_directories", ""),
            ("fsync", "off"),
            ("max_connections", "200"),
        ];
        let chosen = config.settings.iter();
        let chosen = chosen.map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in fixed.into_iter().chain(chosen) {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        if let Some(tls) = &config.tls {
            let [certificate, key] = write_tls(tls, folder)?;
            command.args(["-c", "ssl=on", "-c"]);
            command.arg(format!("ssl_cert_file={}", certificate.display()));
            command.arg("-c");
            command.arg(format!("ssl_key_file={}", key.display()));
        }
        let log = log(folder);
        let output = File::create(&log).map_err(PostgresError::io("create", &log))?;
        let copy = output
            .try_clone()
            .map_err(PostgresError::io("open", &log))?;
        command.stdin(Stdio::piped()).stdout(output).stderr(copy);
        let guard = command.spawn();
        let mut guard = guard.map_err(PostgresError::io("run python3 in", folder))?;
        let lifeline = guard.stdin.take();
        Ok(Self {
            guard,
            _lifeline: lifeline,
            server: None,
        })
    }

    /// Waits for the line of its file that says so; otherwise the end of its log.
    async fn answer(&mut self, folder: &Path, port: u16) -> Result<(), String> {
        loop {
            if let Ok(Some(_status)) = self.guard.try_wait() {
                return Err(tail_of(&log(folder), TAIL_LINES));
            }
            if let Some(server) = ready(folder)
                && TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
            {
                self.server = Some(server);
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The process id of the server.
    pub(super) fn id(&self) -> Option<u32> {
        self.server?.try_into().ok()
    }

    /// Asks it to end; what runs is rolled back.
    pub(super) async fn stop(mut self) -> io::Result<()> {
        self.signal(rustix::process::Signal::INT)?;
        match tokio::time::timeout(STOP_PATIENCE, self.guard.wait()).await {
            Ok(ended) => ended.map(drop),
            Err(_elapsed) => self.guard.kill().await,
        }
    }

    /// Kills it at once; its children notice and end too.
    pub(super) async fn kill(mut self) -> io::Result<()> {
        self.signal(rustix::process::Signal::KILL)?;
        self.guard.wait().await.map(drop)
    }

    fn signal(&self, signal: rustix::process::Signal) -> io::Result<()> {
        match self.server.and_then(rustix::process::Pid::from_raw) {
            Some(server) => Ok(rustix::process::kill_process(server, signal)?),
            None => Ok(()),
        }
    }
}

/// The process id in the server's file, once the file says that it takes connections.
fn ready(folder: &Path) -> Option<i32> {
    let text = fs::read_to_string(folder.join("data").join("postmaster.pid")).ok()?;
    let mut lines = text.lines();
    let server = lines.next()?.trim().parse().ok()?;
    lines.any(|line| line.trim() == "ready").then_some(server)
}

async fn make_data(config: &PostgresConfig, folder: &Path) -> Result<(), PostgresError> {
    let mut command = as_user(folder)?;
    command.arg(config.binaries.program("initdb"));
    command.arg("-D").arg(folder.join("data"));
    command.args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]);
    command.arg("--no-sync").stdin(Stdio::piped());
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let run = PostgresError::io("run python3 in", folder);
    let mut guard = command.spawn().map_err(run)?;
    // Open until it has ended, or the guard would end it.
    let lifeline = guard.stdin.take();
    let output = guard.wait_with_output().await;
    drop(lifeline);
    let output = output.map_err(PostgresError::io("run python3 in", folder))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(PostgresError::NoData {
            folder: folder.to_owned(),
            tail: String::from_utf8_lossy(&output.stderr).into_owned(),
        }),
    }
}

/// Writes certificate and key where only the server's user reads them; returns the files.
fn write_tls(tls: &Tls, folder: &Path) -> Result<[PathBuf; 2], PostgresError> {
    let files = ["server.pem", "server.key"].map(|name| folder.join(name));
    for (file, pem) in files.iter().zip([&tls.certificate, &tls.key]) {
        let write = || {
            fs::write(file, pem)?;
            fs::set_permissions(file, fs::Permissions::from_mode(0o600))?;
            match rustix::process::geteuid().is_root() {
                true => std::os::unix::fs::chown(file, Some(NOBODY), Some(NOBODY)),
                false => Ok(()),
            }
        };
        write().map_err(PostgresError::io("write", file))?;
    }
    Ok(files)
}

/// A command under the guard, as a user that PostgreSQL accepts and that owns the folder.
fn as_user(folder: &Path) -> Result<Command, PostgresError> {
    let mut command = Command::new("python3");
    command.args(["-c", GUARD]).kill_on_drop(true);
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(folder, Some(NOBODY), Some(NOBODY))
            .map_err(PostgresError::io("hand over", folder))?;
        command.arg(NOBODY.to_string());
    } else {
        command.arg("");
    }
    command.arg(folder);
    Ok(command)
}

fn log(folder: &Path) -> PathBuf {
    folder.join("postgres.log")
}
