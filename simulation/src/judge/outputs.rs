//! What people see of an event of the bot's.

use matrix_bridge_testkit::homeserver::TimelineEvent;
use serde_json::Value;

use crate::{
    question::Output,
    watch::{Watch, decoded},
};

/// What people saw of `event`; a redaction since then does not count.
pub(super) fn output(watch: &Watch, event: &TimelineEvent) -> Option<Output> {
    let (path, body) = watch.sent(event.transaction_id.as_deref()?)?;
    if let Some((_, rest)) = path.split_once("/redact/") {
        let (target, _) = rest.split_once('/')?;
        let target = decoded(target);
        return Some(Output::Redact { target });
    }
    let content: Value = serde_json::from_slice(&body).ok()?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let relation = &content["m.relates_to"];
    if relation["rel_type"] == "m.annotation" {
        return Some(Output::React {
            to: text(&relation["event_id"]),
            key: text(&relation["key"]),
        });
    }
    if relation["rel_type"] == "m.replace" {
        return Some(Output::Edit {
            target: text(&relation["event_id"]),
            text: text(&content["m.new_content"]["body"]),
        });
    }
    let body = text(&content["body"]);
    Some(match &relation["m.in_reply_to"]["event_id"] {
        Value::String(to) => Output::Reply {
            to: to.clone(),
            text: body,
        },
        _ => Output::Say { text: body },
    })
}
