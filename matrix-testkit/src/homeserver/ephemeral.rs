//! Receipts, typing, presence, account data and to-device messages.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    auth::Who,
    call::Call,
    errors::ApiError,
    json_check::{loose_object, request_object},
    reply::Reply,
    room::{Receipt, Room},
    state::Homeserver,
};

impl Homeserver {
    pub(crate) fn receipt(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        let body = request_object(&call.body)?;
        let thread = body["thread_id"].as_str().unwrap_or_default();
        let (kind, event) = (call.argument("kind"), call.argument("event"));
        self.mark_read(call.argument("room"), who, kind, thread, event)?;
        Ok(Reply::empty_object())
    }

    pub(crate) fn read_markers(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        let body = request_object(&call.body)?;
        for kind in ["m.fully_read", "m.read", "m.read.private"] {
            if let Some(event) = body[kind].as_str() {
                self.mark_read(call.argument("room"), who, kind, "", event)?;
            }
        }
        Ok(Reply::empty_object())
    }

    fn mark_read(
        &mut self,
        room_id: &str,
        who: &Who,
        kind: &str,
        thread: &str,
        event_id: &str,
    ) -> Result<(), ApiError> {
        if !matches!(kind, "m.read" | "m.read.private" | "m.fully_read") {
            return Err(ApiError::invalid(
                "Receipt type must be one of m.read and its kin",
            ));
        }
        self.joined_room(room_id, &who.user)?;
        let (position, sent_at) = (self.next_position(), self.timestamp());
        let Some(room) = self.rooms.get_mut(room_id) else {
            return Ok(());
        };
        if kind == "m.fully_read" {
            let data = (position, json!({ "event_id": event_id }));
            room.account_data
                .insert((who.user.clone(), kind.to_owned()), data);
        } else {
            let key = (who.user.clone(), kind.to_owned(), thread.to_owned());
            let receipt = Receipt {
                event_id: event_id.to_owned(),
                sent_at,
                position,
            };
            room.receipts.insert(key, receipt);
        }
        Ok(())
    }

    pub(crate) fn typing(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        if call.argument("user") != who.user {
            return Err(ApiError::forbidden(
                "Cannot set another user's typing state",
            ));
        }
        let body = request_object(&call.body)?;
        let room_id = call.argument("room");
        self.joined_room(room_id, &who.user)?;
        let timeout = body["timeout"].as_u64().unwrap_or(30_000);
        let until = (body["typing"] == true).then(|| self.now + Duration::from_millis(timeout));
        self.set_typing(room_id, &who.user, until);
        Ok(Reply::empty_object())
    }

    /// Lets `user` type until then, or stop.
    pub(crate) fn set_typing(&mut self, room_id: &str, user: &str, until: Option<Duration>) {
        let position = self.next_position();
        let Some(room) = self.rooms.get_mut(room_id) else {
            return;
        };
        match until {
            Some(until) => drop(room.typing.insert(user.to_owned(), until)),
            None => drop(room.typing.remove(user)),
        }
        room.typing_changed = position;
    }

    /// Ends the typing of all whose time is over.
    pub(crate) fn end_stale_typing(&mut self) {
        let now = self.now;
        let is_stale = |room: &&Room| room.typing.values().any(|until| *until <= now);
        let stale: Vec<_> = self
            .rooms
            .values()
            .filter(is_stale)
            .map(|r| r.id.clone())
            .collect();
        for room_id in stale {
            let position = self.next_position();
            if let Some(room) = self.rooms.get_mut(&room_id) {
                room.typing.retain(|_, until| *until > now);
                room.typing_changed = position;
            }
        }
    }

    pub(crate) fn presence(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        if call.argument("user") != who.user {
            return Err(ApiError::forbidden("Can only set your own presence state"));
        }
        request_object(&call.body)?;
        Ok(Reply::empty_object())
    }

    pub(crate) fn account_data(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        check_own(call, who)?;
        let kind = call.argument("type");
        let data = if call.arguments.contains_key("room") {
            let room = self.joined_room(call.argument("room"), &who.user)?;
            room.account_data.get(&(who.user.clone(), kind.to_owned()))
        } else {
            self.users
                .get(&who.user)
                .and_then(|user| user.account_data.get(kind))
        };
        let (_, content) = data.ok_or_else(|| ApiError::not_found("Account data not found"))?;
        Ok(Reply::json(content))
    }

    pub(crate) fn put_account_data(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        check_own(call, who)?;
        let content = request_object(&call.body)?;
        let kind = call.argument("type").to_owned();
        let room_id = call.argument("room");
        if call.arguments.contains_key("room") {
            self.joined_room(room_id, &who.user)?;
        }
        let position = self.next_position();
        if let Some(room) = self.rooms.get_mut(room_id) {
            room.account_data
                .insert((who.user.clone(), kind), (position, content));
        } else if let Some(user) = self.users.get_mut(&who.user) {
            user.account_data.insert(kind, (position, content));
        }
        Ok(Reply::empty_object())
    }

    /// Every device of a user gets every message: this server keeps no list of devices.
    pub(crate) fn send_to_device(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        let body = loose_object(&call.body)?;
        let users = body["messages"].as_object().cloned().unwrap_or_default();
        for (user, devices) in users {
            for content in devices
                .as_object()
                .into_iter()
                .flat_map(serde_json::Map::values)
            {
                let event = to_device_event(call.argument("type"), &who.user, content);
                self.queue_to_device(&user, &event.into());
            }
        }
        Ok(Reply::empty_object())
    }

    /// Queues the very bytes of a to-device event.
    pub(crate) fn queue_to_device(&mut self, user: &str, event: &Bytes) {
        let position = self.next_position();
        if let Some(user) = self.users.get_mut(user) {
            user.to_device.push((position, event.to_vec()));
        }
    }
}

fn to_device_event(kind: &str, sender: &str, content: &Value) -> String {
    json!({ "type": kind, "sender": sender, "content": content }).to_string()
}

fn check_own(call: &Call, who: &Who) -> Result<(), ApiError> {
    if call.argument("user") == who.user {
        return Ok(());
    }
    Err(ApiError::forbidden(
        "Cannot use account data of other users.",
    ))
}
