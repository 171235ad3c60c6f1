//! Just enough HTTP to talk to a server on this machine.
//!
//! Version 1.0, so that an answer ends where the connection ends. Not the client under test: what the launcher
//! says must not depend on code that the tests are about.

use std::io;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(30);
/// No answer to the launcher's own questions comes near.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// A status and a JSON body.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

/// Asks the server on a loopback port; `body` is sent as JSON.
pub(super) async fn ask(
    port: u16,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> io::Result<Answer> {
    let body = body.map(Value::to_string).unwrap_or_default();
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    match tokio::time::timeout(PATIENCE, exchange(port, request.as_bytes())).await {
        Ok(bytes) => parse(&bytes?),
        Err(_elapsed) => Err(io::ErrorKind::TimedOut.into()),
    }
}

async fn exchange(port: u16, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(request).await?;
    let mut answer = Vec::new();
    stream.take(MOST_BYTES).read_to_end(&mut answer).await?;
    Ok(answer)
}

fn parse(bytes: &[u8]) -> io::Result<Answer> {
    let invalid = |what: &'static str| io::Error::new(io::ErrorKind::InvalidData, what);
    let head_ends = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let (head, body) = bytes.split_at(head_ends.ok_or_else(|| invalid("no end of the HTTP head"))?);
    let head = str::from_utf8(head).map_err(|_| invalid("an HTTP head that is no text"))?;
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
    Ok(Answer {
        status: status.ok_or_else(|| invalid("no HTTP status"))?,
        body: serde_json::from_slice(body)?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_its_status_and_its_json() {
        let answer =
            parse(b"HTTP/1.0 401 Unauthorized\r\nServer: x\r\n\r\n{\"errcode\":\"M_X\"}").unwrap();

        assert_eq!(
            answer,
            Answer {
                status: 401,
                body: json!({ "errcode": "M_X" })
            }
        );
    }

    #[test]
    fn half_an_answer_is_an_error() {
        let halves: [&[u8]; 4] = [
            b"",
            b"HTTP/1.0 200 OK\r\n",
            b"HTTP/1.0 200 OK\r\n\r\n{\"a\":",
            b"\xff\r\n\r\n{}",
        ];

        assert!(halves.iter().all(|half| parse(half).is_err()));
    }
}
