//! Messages, state and redactions.

use serde_json::{Value, json};

use super::{
    auth::Who,
    call::Call,
    errors::ApiError,
    event::{Draft, Event, Transaction},
    json_check::{event_content, request_object},
    relations,
    reply::Reply,
    room::{Membership, Room},
    state::Homeserver,
    transactions::Attempt,
};

/// The largest event, in bytes of canonical JSON.
const MAX_EVENT: usize = 65_536;
/// What Synapse adds around content and type, hashes and signature among it: with it a
/// text of 64,919 bytes just passes (measured).
const ENVELOPE: usize = 573;
const MAX_TYPE: usize = 255;

impl Homeserver {
    pub(crate) fn send(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        if let Some(event_id) = self.known_transaction(call, who) {
            return Ok(sent(&event_id));
        }
        let content = event_content(&call.body)?;
        let mut draft = Draft::message(&who.user, call.argument("type"), content);
        if draft.kind == "m.room.redaction" {
            // Measured: without a target it breaks the server.
            let target = draft.content["redacts"].as_str();
            draft.redacts = Some(target.ok_or_else(ApiError::internal)?.to_owned());
        }
        if self
            .transactions
            .is_in_the_way(attempt(call, who), self.now)
        {
            return Err(ApiError::internal());
        }
        draft.transaction = Some(transaction(call, who));
        let event_id = self.post(call.argument("room"), draft)?;
        self.remember(call, who, &event_id);
        Ok(sent(&event_id))
    }

    fn remember(&mut self, call: &Call, who: &Who, event_id: &str) {
        if self.config.remembers_transactions {
            self.transactions
                .remember(attempt(call, who), event_id, self.now);
        }
    }

    pub(crate) fn redact(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        if let Some(event_id) = self.known_transaction(call, who) {
            return Ok(sent(&event_id));
        }
        let body = request_object(&call.body)?;
        let mut draft = redaction(&who.user, call.argument("event"), body["reason"].as_str());
        draft.transaction = Some(transaction(call, who));
        let event_id = self.post(call.argument("room"), draft)?;
        self.remember(call, who, &event_id);
        Ok(sent(&event_id))
    }

    pub(crate) fn put_state(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        let content = event_content(&call.body)?;
        let draft = Draft::state(
            &who.user,
            call.argument("type"),
            call.argument("key"),
            content,
        );
        self.post(call.argument("room"), draft)
            .map(|event_id| sent(&event_id))
    }

    /// The event that `call` made when it came before.
    pub(crate) fn known_transaction(&self, call: &Call, who: &Who) -> Option<String> {
        call.arguments.get("txn")?;
        self.transactions
            .find(attempt(call, who), self.now)
            .map(str::to_owned)
    }

    /// Checks `draft` as Synapse does and puts it into the room.
    pub(crate) fn post(&mut self, room_id: &str, draft: Draft) -> Result<String, ApiError> {
        let room = self.joined_room(room_id, &draft.sender)?;
        check_type(&draft)?;
        check_shape(&draft)?;
        check_size(&draft)?;
        if let (Some(target), "m.room.member") = (&draft.state_key, &*draft.kind) {
            let membership = draft.content["membership"]
                .as_str()
                .and_then(Membership::parse);
            let membership = membership.ok_or_else(|| ApiError::bad_json("Bad membership"))?;
            let (by, target, content) = (&draft.sender, target.clone(), draft.content.clone());
            return self.change_membership(room_id, by, &target, membership, content);
        }
        check_power(room, &draft)?;
        if let Some(target) = &draft.redacts {
            check_redaction(room, &draft.sender, target)?;
        }
        if draft.state_key.is_none() {
            relations::check(room, &draft.sender, &draft.kind, &draft.content)?;
        }
        // Measured: the same state again is the same event.
        if let Some(key) = &draft.state_key
            && let Some(event) = room.state_event(&draft.kind, key)
            && event.content == draft.content
        {
            return Ok(event.id.clone());
        }
        Ok(self.append(room_id, draft))
    }

    /// Puts `draft` into the room unseen.
    pub(crate) fn append(&mut self, room_id: &str, draft: Draft) -> String {
        let Draft {
            sender,
            kind,
            state_key,
            content,
            transaction,
            redacts,
        } = draft;
        let id = self.ids.event(&self.config.server_name);
        let event = Event {
            position: self.next_position(),
            id: id.clone(),
            sender,
            kind,
            state_key,
            content,
            sent_at: self.timestamp(),
            transaction,
            redacts,
            redacted_by: None,
            previous_content: None,
            raw: None,
        };
        if let Some(room) = self.rooms.get_mut(room_id) {
            room.push(event);
        }
        id
    }

    /// The room, if `user` is in it; otherwise Synapse's one answer for all other cases.
    pub(crate) fn joined_room(&self, room_id: &str, user: &str) -> Result<&Room, ApiError> {
        self.rooms
            .get(room_id)
            .filter(|room| room.is_joined(user))
            .ok_or_else(|| ApiError::forbidden(format!("User {user} not in room {room_id}")))
    }
}

/// The redaction of `target`; the id stands in both places, as Synapse has it.
pub(crate) fn redaction(sender: &str, target: &str, reason: Option<&str>) -> Draft {
    let mut content = json!({ "redacts": target });
    if let Some(reason) = reason {
        content["reason"] = json!(reason);
    }
    Draft {
        redacts: Some(target.to_owned()),
        ..Draft::message(sender, "m.room.redaction", content)
    }
}

fn sent(event_id: &str) -> Reply {
    Reply::json(&json!({ "event_id": event_id }))
}

fn transaction(call: &Call, who: &Who) -> Transaction {
    let Who { user, device } = who.clone();
    Transaction {
        user,
        device,
        id: call.argument("txn").to_owned(),
    }
}

fn attempt<'a>(call: &'a Call, who: &'a Who) -> Attempt<'a> {
    Attempt {
        who,
        room: call.argument("room"),
        id: call.argument("txn"),
        path: &call.path,
    }
}

fn check_type(draft: &Draft) -> Result<(), ApiError> {
    if draft.kind.len() > MAX_TYPE {
        return Err(ApiError::too_large("'type' too large"));
    }
    // Measured: state sent as a message breaks the server.
    let is_state_only = matches!(
        &*draft.kind,
        "m.room.member" | "m.room.create" | "m.room.power_levels"
    );
    if is_state_only && draft.state_key.is_none() {
        return Err(ApiError::internal());
    }
    Ok(())
}

fn check_shape(draft: &Draft) -> Result<(), ApiError> {
    if draft.kind != "m.room.message" || draft.state_key.is_some() {
        return Ok(());
    }
    for field in ["body", "msgtype"] {
        match &draft.content[field] {
            Value::String(_) => {}
            Value::Null => return Err(ApiError::unknown(format!("'{field}' not in content"))),
            _ => return Err(ApiError::unknown(format!("'{field}' not a string type"))),
        }
    }
    Ok(())
}

fn check_size(draft: &Draft) -> Result<(), ApiError> {
    let key = draft.state_key.as_deref().unwrap_or_default();
    let content = draft.content.to_string();
    if content.len() + draft.kind.len() + key.len() + ENVELOPE > MAX_EVENT {
        return Err(ApiError::too_large("event too large"));
    }
    Ok(())
}

fn check_power(room: &Room, draft: &Draft) -> Result<(), ApiError> {
    let has = room.power_of(&draft.sender);
    let needed = room.power_to_send(&draft.kind, draft.state_key.is_some());
    if has >= needed {
        return Ok(());
    }
    Err(ApiError::forbidden(format!(
        "You don't have permission to post that to the room. \
         user_level ({has}) < send_level ({needed})"
    )))
}

fn check_redaction(room: &Room, sender: &str, target: &str) -> Result<(), ApiError> {
    // Measured: whoever may redact anything may redact what is not there.
    if room.power_of(sender) >= room.power_for("redact") {
        return Ok(());
    }
    let Some(event) = room.event(target) else {
        return Err(ApiError::not_found("Could not find event"));
    };
    if event.sender == sender {
        return Ok(());
    }
    Err(ApiError::forbidden(
        "You don't have permission to redact events",
    ))
}
