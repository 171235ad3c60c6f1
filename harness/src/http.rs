//! Just enough HTTP to ask servers on this machine, without the client under test.
//!
//! Version 1.0, so that an answer ends where the connection ends.

use std::io;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What a server answered.
#[derive(Debug)]
pub struct Answer {
    /// Such as 200.
    pub status: u16,
    /// Status line and headers, in lower case.
    pub head: String,
    /// What follows them.
    pub body: String,
}

impl Answer {
    /// The body, which must be JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// GET without a token.
pub async fn get(base_url: &str, path: &str) -> Answer {
    ask(base_url, "GET", path, None, None).await
}

/// Any request; the body is sent as JSON.
pub async fn ask(
    base_url: &str,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<&Value>,
) -> Answer {
    let authority = base_url.strip_prefix("http://").unwrap();
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
    let body = body.map(Value::to_string).unwrap_or_default();
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: {authority}\r\n{}Content-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        token.unwrap_or_default(),
        body.len()
    );
    exchange(authority, request.as_bytes())
        .await
        .unwrap_or_else(|error| panic!("{method} {base_url}{path}: {error}"))
}

async fn exchange(authority: &str, request: &[u8]) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(authority).await?;
    stream.write_all(request).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap();
    Ok(Answer {
        status: status.parse().unwrap(),
        head: head.to_ascii_lowercase(),
        body: body.to_owned(),
    })
}
