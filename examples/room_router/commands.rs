//! What the bot answers. This is the part that a service replaces.

use std::time::Duration;

use matrix_bridge::{Command, Context, HandlerError, Reply, Router};

/// The longest wait that `!slow` takes on.
pub(crate) const SLOWEST: Duration = Duration::from_secs(3_600);

/// Which command goes to which handler.
pub(crate) fn router() -> Router {
    Router::new()
        .command("!ping", ping)
        .command("!echo", echo)
        .command("!slow", slow)
        .command("!fail", fail)
}

async fn ping(command: Command, _: Context) -> Result<Reply, HandlerError> {
    Ok(command.reply("pong"))
}

async fn echo(command: Command, _: Context) -> Result<Reply, HandlerError> {
    Ok(command.reply(match command.arguments() {
        "" => "nothing to echo; say !echo TEXT",
        text => text,
    }))
}

async fn slow(command: Command, _: Context) -> Result<Reply, HandlerError> {
    let Some(span) = seconds(command.arguments()) else {
        let text = format!("say !slow SECONDS, a number up to {}", SLOWEST.as_secs());
        return Ok(command.reply(text));
    };
    // A restart in between begins the wait anew: the event is handled again.
    tokio::time::sleep(span).await;
    Ok(command.reply(format!("slept {} s", command.arguments())))
}

async fn fail(command: Command, _: Context) -> Result<Reply, HandlerError> {
    let reason = "asked to fail";
    Err(HandlerError::park(reason).saying(command.reply(format!("failed: {reason}"))))
}

/// Digits and a point only: `inf` and `1e3` are numbers too, but nobody says that.
fn seconds(text: &str) -> Option<Duration> {
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number = is_plain.then(|| text.parse().ok()).flatten()?;
    let span = Duration::try_from_secs_f64(number).ok()?;
    (span <= SLOWEST).then_some(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_plain_numbers_up_to_an_hour() {
        assert_eq!(seconds("3"), Some(Duration::from_secs(3)));
        assert_eq!(seconds("0.5"), Some(Duration::from_millis(500)));
        assert_eq!(seconds("3600"), Some(SLOWEST));
        for text in [
            "",
            "3601",
            "-1",
            "inf",
            "NaN",
            "1e3",
            "two",
            "1 2",
            "9".repeat(400).as_str(),
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
