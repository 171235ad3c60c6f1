//! What a handler decided.

use std::time::Duration;

use bytes::Bytes;
use ruma::{OwnedRoomId, OwnedUserId};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    Action, EndpointClass, Message, OrderPolicy, RawJson, Reply, Target, ValueChange, ValueKey,
    message::{Outgoing, with_target},
};

/// Everything that a handler wants to happen, in order.
///
/// Effects are applied once, in the same commit that marks the event as handled.
#[must_use = "effects happen only when the handler returns them"]
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Effects {
    pub(crate) sends: Vec<Send>,
    pub(crate) values: Vec<ValueChange>,
}

/// One request to the homeserver.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Send {
    pub(crate) room: OwnedRoomId,
    pub(crate) class: EndpointClass,
    pub(crate) action: Action,
    /// What was chosen for it; else its route or the default says.
    pub(crate) order: Option<OrderPolicy>,
    pub(crate) expires_in: Option<Duration>,
}

impl Send {
    pub(crate) const fn new(room: OwnedRoomId, class: EndpointClass, action: Action) -> Self {
        Self {
            room,
            class,
            action,
            order: None,
            expires_in: None,
        }
    }
}

impl Effects {
    /// Nothing.
    pub const fn none() -> Self {
        Self {
            sends: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Answers an event.
    pub fn reply(self, reply: Reply) -> Self {
        let (room, content) = reply.into_parts();
        self.message(room, &content)
    }

    /// Sends a message that answers nothing.
    pub fn send(self, room: &ruma::RoomId, message: Message) -> Self {
        let Outgoing { room, content } = Outgoing::new(room, message);
        self.message(room, &content)
    }

    /// Sends an event of any type.
    ///
    /// # Errors
    ///
    /// When `content` has no JSON form.
    pub fn send_event<T: Serialize + ?Sized>(
        self,
        room: OwnedRoomId,
        event_type: impl Into<String>,
        content: &T,
    ) -> Result<Self, serde_json::Error> {
        let content = RawJson::from_value(content)?;
        let event_type = event_type.into();
        Ok(self.with(
            room,
            EndpointClass::Event,
            Action::Message {
                event_type,
                content,
            },
        ))
    }

    /// Replaces the text of a message that we sent: an event, or the
    /// [row](crate::Context::row_key) that becomes one.
    pub fn edit(self, room: OwnedRoomId, target: impl Into<Target>, message: Message) -> Self {
        let content = message.into_edit_content();
        self.relate(room, "m.room.message", content, target.into())
    }

    /// Reacts to an event, or to what a row becomes, with `key`, mostly an emoji.
    pub fn react(self, room: OwnedRoomId, target: impl Into<Target>, key: &str) -> Self {
        let relates_to = json!({"rel_type": "m.annotation", "key": key});
        let content = Map::from_iter([("m.relates_to".to_owned(), relates_to)]);
        self.relate(room, "m.reaction", content, target.into())
    }

    /// Redacts an event, or what a row becomes.
    pub fn redact(
        self,
        room: OwnedRoomId,
        target: impl Into<Target>,
        reason: Option<String>,
    ) -> Self {
        let target = target.into();
        self.with(
            room,
            EndpointClass::Event,
            Action::Redact { target, reason },
        )
    }

    /// Sets a state event.
    ///
    /// # Errors
    ///
    /// When `content` has no JSON form.
    pub fn set_state<T: Serialize + ?Sized>(
        self,
        room: OwnedRoomId,
        event_type: impl Into<String>,
        state_key: impl Into<String>,
        content: &T,
    ) -> Result<Self, serde_json::Error> {
        let (event_type, state_key) = (event_type.into(), state_key.into());
        let content = RawJson::from_value(content)?;
        let action = Action::State {
            event_type,
            state_key,
            content,
        };
        Ok(self.with(room, EndpointClass::Event, action))
    }

    /// Joins a room.
    pub fn join(self, room: OwnedRoomId) -> Self {
        self.with(room, EndpointClass::Join, Action::Join)
    }

    /// Leaves a room, or refuses an invite to it.
    pub fn leave(self, room: OwnedRoomId) -> Self {
        self.with(room, EndpointClass::Join, Action::Leave)
    }

    /// Invites a user.
    pub fn invite(self, room: OwnedRoomId, user: OwnedUserId) -> Self {
        self.with(room, EndpointClass::Invite, Action::Invite { user })
    }

    /// Keeps a value for later events; see [`Context::value`](crate::Context::value).
    pub fn set_value(
        mut self,
        namespace: impl Into<String>,
        key: impl Into<String>,
        value: impl Into<Bytes>,
    ) -> Self {
        let key = ValueKey::new(namespace, key);
        self.values.push(ValueChange {
            key,
            value: Some(value.into()),
        });
        self
    }

    /// Removes a value.
    pub fn remove_value(mut self, namespace: impl Into<String>, key: impl Into<String>) -> Self {
        self.values.push(ValueChange {
            key: ValueKey::new(namespace, key),
            value: None,
        });
        self
    }

    /// Gives up what these effects send so far if it is not sent within `span` from now:
    /// it is parked as expired, for a person to see. Without this, rows wait for as long
    /// as it takes.
    pub fn expires_in(mut self, span: Duration) -> Self {
        for send in &mut self.sends {
            send.expires_in = Some(span);
        }
        self
    }

    /// Sets what becomes of the room when something that these effects send so far cannot
    /// be sent; see [`Router::order`](crate::Router::order).
    pub fn order(mut self, order: OrderPolicy) -> Self {
        for send in &mut self.sends {
            send.order = Some(order);
        }
        self
    }

    /// Sets the order where none was chosen.
    pub(crate) fn or_order(mut self, order: OrderPolicy) -> Self {
        for send in &mut self.sends {
            send.order.get_or_insert(order);
        }
        self
    }

    /// These effects, then `others`.
    pub fn and(mut self, others: impl Into<Self>) -> Self {
        let Self { sends, values } = others.into();
        self.sends.extend(sends);
        self.values.extend(values);
        self
    }

    fn message(self, room: OwnedRoomId, content: &Map<String, Value>) -> Self {
        self.event(room, "m.room.message", content)
    }

    fn relate(
        self,
        room: OwnedRoomId,
        event_type: &str,
        content: Map<String, Value>,
        target: Target,
    ) -> Self {
        let event_type = event_type.to_owned();
        let action = match target {
            Target::Event(event) => Action::Message {
                event_type,
                content: raw(&with_target(content, &event)),
            },
            Target::Row(target) => Action::Relate {
                event_type,
                content: raw(&content),
                target,
            },
        };
        self.with(room, EndpointClass::Event, action)
    }

    fn event(self, room: OwnedRoomId, event_type: &str, content: &Map<String, Value>) -> Self {
        let action = Action::Message {
            event_type: event_type.to_owned(),
            content: raw(content),
        };
        self.with(room, EndpointClass::Event, action)
    }

    fn with(mut self, room: OwnedRoomId, class: EndpointClass, action: Action) -> Self {
        self.sends.push(Send::new(room, class, action));
        self
    }
}

fn raw(content: &Map<String, Value>) -> RawJson {
    RawJson::from_value(content).expect("a JSON map has a JSON form")
}

impl From<()> for Effects {
    fn from((): ()) -> Self {
        Self::none()
    }
}

impl From<Reply> for Effects {
    fn from(reply: Reply) -> Self {
        Self::none().reply(reply)
    }
}

impl<T: Into<Self>> From<Option<T>> for Effects {
    fn from(effects: Option<T>) -> Self {
        effects.map_or_else(Self::none, Into::into)
    }
}
