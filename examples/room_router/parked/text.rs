//! Another text in a message that was decided.

use matrix_bridge::{Action, RawJson};
use serde_json::{Map, Value};

/// The same message with another text: to the same people, in the same place, without
/// the old text's HTML. `None` for what has no text.
pub(crate) fn with_text(action: &Action, text: &str) -> Option<Action> {
    let (Action::Message { content, .. } | Action::Relate { content, .. }) = action else {
        return None;
    };
    // What nests too deep for `Value` was not written by us.
    let mut content: Map<String, Value> = content.decode().ok()?;
    if let Some(edited) = content.get_mut("m.new_content") {
        set_text(edited.as_object_mut()?, text.to_owned())?;
        set_text(&mut content, format!("* {text}"))?;
    } else {
        set_text(&mut content, text.to_owned())?;
    }
    action.with_content(RawJson::from_value(&content).ok()?)
}

/// Only in what is nothing but text: the body of a file is its name.
fn set_text(content: &mut Map<String, Value>, text: String) -> Option<()> {
    const TEXTS: [&str; 3] = ["m.text", "m.notice", "m.emote"];
    let kind = content.get("msgtype")?.as_str()?;
    if !TEXTS.contains(&kind) {
        return None;
    }
    content.insert("body".to_owned(), text.into());
    content.remove("format");
    content.remove("formatted_body");
    Some(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(content: &Value) -> Action {
        Action::Message {
            event_type: "m.room.message".to_owned(),
            content: RawJson::from_value(content).unwrap(),
        }
    }

    #[test]
    fn the_text_changes_and_the_rest_stays() {
        let relation = json!({"m.in_reply_to": {"event_id": "$question"}});
        let old = message(&json!({
            "msgtype": "m.notice", "body": "old", "format": "org.matrix.custom.html",
            "formatted_body": "<b>old</b>", "m.mentions": {}, "m.relates_to": relation,
        }));

        let new = with_text(&old, "new");

        let expected = json!({
            "msgtype": "m.notice", "body": "new", "m.mentions": {}, "m.relates_to": relation,
        });
        assert_eq!(new, Some(message(&expected)));
    }

    #[test]
    fn an_edit_changes_inside_and_out() {
        let edit = |body: &str| {
            message(&json!({
                "msgtype": "m.text", "body": format!("* {body}"),
                "m.new_content": {"msgtype": "m.text", "body": body},
                "m.relates_to": {"rel_type": "m.replace", "event_id": "$first"},
            }))
        };

        assert_eq!(with_text(&edit("old"), "new"), Some(edit("new")));
    }

    #[test]
    fn what_is_no_text_has_none_to_change() {
        let image = json!({"msgtype": "m.image", "body": "cat.png"});
        let reaction = json!({"m.relates_to": {"rel_type": "m.annotation", "key": "x"}});

        for action in [Action::Join, message(&image), message(&reaction)] {
            assert_eq!(with_text(&action, "new"), None, "{action:?}");
        }
    }
}
