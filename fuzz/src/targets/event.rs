//! The head of an event, its relation, and what may be answered to it.

use matrix_bridge::{
    Effects, Event, MAX_ID, Message, RawJson,
    ruma::{
        events::{AnyMessageLikeEventContent, AnyStateEventContent},
        room_id,
    },
};
use serde_json::value::RawValue;

use super::assert_fit_to_tell;

pub(crate) fn run(input: &[u8]) {
    let Ok(raw) = serde_json::from_slice::<&RawValue>(input) else {
        return;
    };
    let raw = RawJson::from(raw);
    let event = match Event::read(room_id!("!room:x"), &raw) {
        Ok(event) => event,
        Err(unreadable) => {
            assert_fit_to_tell(&unreadable.reason.to_string());
            let id = unreadable.event_id.as_ref().map_or("", |id| id.as_str());
            assert!(id.len() <= MAX_ID);
            return;
        }
    };
    assert_eq!(event.room(), room_id!("!room:x"));
    assert_eq!(event.raw(), &raw);
    let relation = event.relation();
    let targets = [
        relation.thread_root(),
        relation.replaces(),
        relation.annotates(),
        relation.in_reply_to(),
    ];
    for id in targets.into_iter().flatten().chain([event.id()]) {
        assert!(id.as_str().len() <= MAX_ID);
    }
    assert!(event.sender().as_str().len() <= MAX_ID);
    look_at(&event);
}

/// Everything that a handler may do with it.
fn look_at(event: &Event) {
    let is_edit = event.relation().replaces().is_some();
    let text = event.text();
    assert!(text.is_none() || (event.kind() == "m.room.message" && !is_edit));
    let _ = event.content_as::<AnyMessageLikeEventContent>();
    let _ = event.content_as::<AnyStateEventContent>();
    let message = Message::notice(text.unwrap_or_default()).mention(event.sender().to_owned());
    let room = event.room().to_owned();
    let effects = Effects::none()
        .reply(event.reply_with(message.clone()).in_thread(event))
        .edit(room.clone(), event.id(), message)
        .react(room.clone(), event.id(), event.kind())
        .redact(room, event.id().to_owned(), None);
    drop(effects);
}
