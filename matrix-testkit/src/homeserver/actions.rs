//! What tests do in rooms: people who come, go and speak, and raw events.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    errors::ApiError,
    event::{Draft, Event},
    handle::TestHomeserver,
    room::Membership,
    send::redaction,
    state::Homeserver,
};

/// Rooms and who is in them.
impl TestHomeserver {
    /// A public room of `creator`, who is in it.
    #[must_use]
    #[track_caller]
    pub fn create_room(&self, creator: &str) -> String {
        self.create_room_with(creator, &json!({ "preset": "public_chat" }))
    }

    /// A room from the body of a `createRoom`.
    #[must_use]
    #[track_caller]
    pub fn create_room_with(&self, creator: &str, body: &Value) -> String {
        must(self.with(|server| server.found(creator, body)))
    }

    /// `user` comes into the room.
    #[track_caller]
    pub fn join(&self, room: &str, user: &str) {
        must(self.with(|server| server.enter(room, user)));
    }

    /// `by` asks `user` into the room.
    #[track_caller]
    pub fn invite(&self, room: &str, by: &str, user: &str) {
        self.change(room, by, user, Membership::Invite);
    }

    /// `user` leaves the room.
    #[track_caller]
    pub fn leave(&self, room: &str, user: &str) {
        must(self.with(|server| server.go(room, user)));
    }

    /// `by` throws `user` out of the room.
    #[track_caller]
    pub fn kick(&self, room: &str, by: &str, user: &str) {
        self.change(room, by, user, Membership::Leave);
    }

    /// `by` throws `user` out of the room and keeps them out.
    #[track_caller]
    pub fn ban(&self, room: &str, by: &str, user: &str) {
        self.change(room, by, user, Membership::Ban);
    }

    #[track_caller]
    fn change(&self, room: &str, by: &str, user: &str, membership: Membership) {
        must(self.with(|server| {
            let content = server.member_content(user, membership);
            server.change_membership(room, by, user, membership, content)
        }));
    }
}

/// Events; each gives the id of the new one.
impl TestHomeserver {
    /// A text.
    #[track_caller]
    pub fn send_text(&self, room: &str, sender: &str, body: &str) -> String {
        self.send(room, sender, "m.room.message", text(body))
    }

    /// A text that replies to `event`.
    #[track_caller]
    pub fn reply(&self, room: &str, sender: &str, event: &str, body: &str) -> String {
        let relation = json!({ "m.in_reply_to": { "event_id": event } });
        self.send_related(room, sender, body, relation)
    }

    /// A text in the thread of `root`.
    #[track_caller]
    pub fn send_in_thread(&self, room: &str, sender: &str, root: &str, body: &str) -> String {
        let relation = json!({
            "rel_type": "m.thread",
            "event_id": root,
            "is_falling_back": true,
            "m.in_reply_to": { "event_id": root },
        });
        self.send_related(room, sender, body, relation)
    }

    /// An edit that makes `event` say `body`.
    #[track_caller]
    pub fn edit(&self, room: &str, sender: &str, event: &str, body: &str) -> String {
        let mut content = text(&format!("* {body}"));
        content["m.new_content"] = text(body);
        content["m.relates_to"] = json!({ "rel_type": "m.replace", "event_id": event });
        self.send(room, sender, "m.room.message", content)
    }

    /// A reaction.
    #[track_caller]
    pub fn react(&self, room: &str, sender: &str, event: &str, key: &str) -> String {
        let relation = json!({ "rel_type": "m.annotation", "event_id": event, "key": key });
        self.send(
            room,
            sender,
            "m.reaction",
            json!({ "m.relates_to": relation }),
        )
    }

    /// A redaction of `event`.
    #[track_caller]
    pub fn redact(&self, room: &str, sender: &str, event: &str) -> String {
        must(self.with(|server| server.post(room, redaction(sender, event, None))))
    }

    /// Any event that is no state.
    #[track_caller]
    pub fn send(&self, room: &str, sender: &str, kind: &str, content: Value) -> String {
        must(self.with(|server| server.post(room, Draft::message(sender, kind, content))))
    }

    /// Any state.
    #[track_caller]
    pub fn set_state(
        &self,
        room: &str,
        sender: &str,
        kind: &str,
        key: &str,
        content: Value,
    ) -> String {
        must(self.with(|server| server.post(room, Draft::state(sender, kind, key, content))))
    }

    /// Puts bytes into a room's timeline, to be given out exactly as they are.
    ///
    /// Nothing is checked; they may be hostile JSON or none at all (which then breaks
    /// every answer that holds them). The event is known under its `event_id`, if that
    /// can be read, and under a counted one otherwise; it changes no state.
    ///
    /// # Panics
    ///
    /// If there is no such room.
    #[track_caller]
    pub fn inject_raw(&self, room: &str, event: impl Into<Bytes>) -> String {
        let raw = event.into();
        let id = self.with(|server| server.inject(room, raw));
        id.unwrap_or_else(|| panic!("there is no room {room}"))
    }

    /// Takes everything before `event` out of the room's history, as an administrator's
    /// purge does; the state stays.
    ///
    /// # Panics
    ///
    /// If there is no such event in the room.
    #[track_caller]
    pub fn purge_history(&self, room: &str, event: &str) {
        let is_done = self.with(|server| server.purge_history(room, event));
        assert!(is_done, "there is no event {event} in {room}");
    }

    /// Queues the very bytes of a to-device event for a user.
    pub fn inject_to_device(&self, user_id: &str, event: impl Into<Bytes>) {
        let raw = event.into();
        self.with(|server| server.queue_to_device(user_id, &raw));
    }

    #[track_caller]
    fn send_related(&self, room: &str, sender: &str, body: &str, relation: Value) -> String {
        let mut content = text(body);
        content["m.relates_to"] = relation;
        self.send(room, sender, "m.room.message", content)
    }
}

impl Homeserver {
    fn inject(&mut self, room_id: &str, raw: Bytes) -> Option<String> {
        if !self.rooms.contains_key(room_id) {
            return None;
        }
        let fallback = self.ids.event(&self.config.server_name);
        let position = self.next_position();
        let event = Event::injected(raw, position, self.timestamp(), fallback);
        let id = event.id.clone();
        self.rooms.get_mut(room_id)?.push(event);
        Some(id)
    }

    fn purge_history(&mut self, room_id: &str, event: &str) -> bool {
        let Some(room) = self.rooms.get_mut(room_id) else {
            return false;
        };
        let Some((at, _)) = room.place_of(event) else {
            return false;
        };
        room.purged = room.purged.max(at);
        true
    }

    /// Forgets what a process keeps in memory only, and cuts what is open.
    pub(crate) fn restart(&mut self) {
        self.restarts += 1;
        self.transactions.forget_volatile();
        self.last_batches.clear();
        self.sync_cache.clear();
        for room in self.rooms.values_mut() {
            room.typing.clear();
        }
        self.note_news();
    }

    pub(crate) fn set_down(&mut self, is_down: bool) {
        self.is_down = is_down;
        self.note_news();
    }
}

fn text(body: &str) -> Value {
    json!({ "msgtype": "m.text", "body": body })
}

#[track_caller]
fn must<T>(result: Result<T, ApiError>) -> T {
    result.unwrap_or_else(|error| panic!("the homeserver refused: {}", error.message()))
}
