use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// One request that Synapse has finished.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccessLogLine {
    /// GET, PUT and so on.
    pub method: String,
    /// The path as it was asked for, still percent-encoded, with its query.
    pub path: String,
    /// The HTTP status. 499 stands for a client that left before the answer.
    pub status: u16,
    /// Who asked, as far as Synapse knew them; `None` without a token or with an unknown one.
    pub user: Option<String>,
    /// When the answer was out, by the server's clock.
    pub answered: SystemTime,
    /// How long that took, from the request's first byte on.
    pub took: Duration,
}

impl AccessLogLine {
    /// Reads one line of Synapse's access log; `None` if it tells of no finished request.
    pub(super) fn parse(line: &str) -> Option<Self> {
        // 17.205 127.0.0.1 - 8008 - {@a:b} Processed request: 0.1sec/0.0sec ru=... 70B 200 "GET /path HTTP/1.1" "agent"
        let (head, rest) = line.split_once("} Processed request: ")?;
        let (client, user) = head.split_once('{')?;
        let since_epoch = seconds(client.split(' ').next()?)?;
        let (figures, request) = rest.split_once(" \"")?;
        // `!` marks a connection that was cut.
        let status = figures
            .rsplit(' ')
            .next()?
            .trim_end_matches('!')
            .parse()
            .ok()?;
        let (processed, sent) = figures.split(' ').next()?.split_once('/')?;
        // What was sent is negative where the client left before.
        let [processed, sent] = [processed, sent].map(|span| seconds(span.trim_end_matches("sec")));
        let mut words = request.split(' ');
        let (method, path) = (words.next()?, words.next()?);
        Some(Self {
            method: method.to_owned(),
            path: path.to_owned(),
            status,
            user: (user != "None").then(|| user.to_owned()),
            answered: SystemTime::UNIX_EPOCH + since_epoch,
            took: processed? + sent.unwrap_or_default(),
        })
    }

    /// When the request came.
    #[must_use]
    pub fn began(&self) -> SystemTime {
        self.answered - self.took
    }

    /// Whether the request could change something: everything but GET, HEAD and OPTIONS.
    #[must_use]
    pub fn is_write(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS")
    }
}

/// A count of seconds that is not negative.
fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.parse().ok()?).ok()
}

/// All requests of an access log, oldest first. A log that is not there yet has none.
pub(super) fn read(path: &Path) -> io::Result<Vec<AccessLogLine>> {
    match fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes)
            .lines()
            .filter_map(AccessLogLine::parse)
            .collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIGURES: &str = "0.004sec/-0.100sec ru=(0.001sec, 0.001sec) db=(0.001sec/0.001sec/3)";

    #[test]
    fn a_line_tells_method_path_status_and_user() {
        let line = format!(
            "1764000000.250 127.0.0.1 - 18008 - {{@bob:localhost}} Processed request: {FIGURES} 70B 200 \
             \"GET /_matrix/client/v3/account/whoami?a=%20b HTTP/1.1\" \"curl/7.88.1\" [0 dbevts]"
        );

        assert_eq!(
            AccessLogLine::parse(&line),
            Some(AccessLogLine {
                method: "GET".into(),
                path: "/_matrix/client/v3/account/whoami?a=%20b".into(),
                status: 200,
                user: Some("@bob:localhost".into()),
                answered: SystemTime::UNIX_EPOCH + Duration::from_millis(1_764_000_000_250),
                took: Duration::from_millis(4),
            })
        );
    }

    #[test]
    fn a_cut_connection_has_a_status_and_a_stranger_has_no_user() {
        let line = format!(
            "1764000000.250 127.0.0.1 - 18008 - {{None}} Processed request: {FIGURES} 0B 499! \
             \"PUT /_matrix/client/v3/rooms HTTP/1.1\" \"a \"quoted\" agent\" [0 dbevts]"
        );

        let parsed = AccessLogLine::parse(&line).unwrap();

        assert_eq!(
            (parsed.status, parsed.user, parsed.method.as_str()),
            (499, None, "PUT")
        );
    }

    #[test]
    fn only_reading_methods_are_no_writes() {
        let line = |method: &str| AccessLogLine {
            method: method.into(),
            path: "/".into(),
            status: 200,
            user: None,
            answered: SystemTime::UNIX_EPOCH,
            took: Duration::ZERO,
        };

        let writes = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "DELETE"]
            .map(|method| line(method).is_write());

        assert_eq!(writes, [false, false, false, true, true, true]);
    }

    #[test]
    fn other_lines_are_no_requests() {
        let others = [
            "",
            "Received request: GET /",
            "{x} Processed request: ",
            "} Processed request: { 200 \"GET",
        ];

        assert!(
            others
                .iter()
                .all(|line| AccessLogLine::parse(line).is_none())
        );
    }
}
