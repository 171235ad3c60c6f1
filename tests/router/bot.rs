//! The bot's process, and what it says.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    process::{Child, Command},
    sync::mpsc,
    time::timeout,
};

/// Longer than anything takes, also on a machine that is busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The program, which lies beside the folder of this test's own.
fn path() -> PathBuf {
    let own = env::current_exe().unwrap();
    let folder = own.parent().and_then(Path::parent).unwrap();
    let program = folder.join("examples").join("room_router");
    assert!(
        program.exists(),
        "{} is not there: run `cargo build --example room_router` first",
        program.display()
    );
    program
}

/// The program with those arguments, in an environment without anything of ours.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(path());
    command
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// What comes of a program that ends by itself.
pub(crate) async fn output(mut command: Command) -> Output {
    let output = timeout(PATIENCE, command.output()).await;
    output.expect("it ends").unwrap()
}

/// A bot that runs, as a process.
#[derive(Debug)]
pub(crate) struct Bot {
    child: Child,
    lines: mpsc::UnboundedReceiver<String>,
    said: Vec<String>,
}

impl Bot {
    /// Starts it.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (sender, receiver) = mpsc::unbounded_channel();
        // Read all the time, or a full pipe would hold the bot up.
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                // A test that has seen enough may be over.
                let _ = sender.send(line);
            }
        });
        Self {
            child,
            lines: receiver,
            said: Vec::new(),
        }
    }

    /// Waits for a line with `text` in it, after those that were waited for before.
    #[track_caller]
    pub(crate) fn says(&mut self, text: &str) -> impl Future<Output = String> {
        let caller = std::panic::Location::caller();
        async move {
            loop {
                match timeout(PATIENCE, self.lines.recv()).await {
                    Ok(Some(line)) if line.contains(text) => return line,
                    Ok(Some(line)) => self.said.push(line),
                    _ => panic!("{caller}: it never said `{text}`, but {:#?}", self.said),
                }
            }
        }
    }

    /// What it said and nobody waited for, so far.
    pub(crate) fn said(&self) -> &[String] {
        &self.said
    }

    /// Where it serves metrics and health; it says so before anything else.
    pub(crate) async fn address(&mut self) -> String {
        let line = self.says("serving http://").await;
        let rest = line.split("http://").nth(1).unwrap();
        rest.split('/').next().unwrap().to_owned()
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) async fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let status = Command::new("kill").args(["-s", name, &id]).status().await;
        assert!(status.unwrap().success());
    }

    /// Waits until it has ended by itself; gives its exit code.
    pub(crate) async fn ended_within(mut self, time: Duration) -> Option<i32> {
        let status = timeout(time, self.child.wait()).await;
        status.expect("it ends in time").unwrap().code()
    }

    /// Ends it in order.
    pub(crate) async fn stop(self) {
        self.signal("TERM").await;
        assert_eq!(self.ended_within(Duration::from_secs(5)).await, Some(0));
    }
}

/// A GET over a connection of its own: the status and the body.
pub(crate) async fn get(address: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = timeout(PATIENCE, stream.read_to_string(&mut answer)).await;
    read.expect("it answers").unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

/// Asks again until the health is as wanted.
pub(crate) async fn wait_for_health(
    address: &str,
    is_reached: impl Fn(u16, &str) -> bool + Send + Sync,
) {
    let reached = async {
        loop {
            let (status, body) = get(address, "/healthz").await;
            if is_reached(status, &body) {
                return;
            }
        }
    };
    timeout(PATIENCE, reached)
        .await
        .expect("the health comes to be so");
}
