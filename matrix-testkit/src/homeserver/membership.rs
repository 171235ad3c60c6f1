//! Who comes into a room, who goes, and who is asked to.

use http::StatusCode;
use serde_json::{Value, json};

use super::{
    auth::Who,
    call::Call,
    errors::ApiError,
    event::{Draft, Viewer},
    json_check::request_object,
    reply::{Reply, array, object},
    room::{Membership, Room},
    state::Homeserver,
};

impl Homeserver {
    pub(crate) fn join(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        let named = call.argument("room");
        let room_id = if named.starts_with('#') {
            self.aliases
                .get(named)
                .cloned()
                .ok_or_else(|| ApiError::not_found(format!("Room alias {named} not found")))?
        } else {
            named.to_owned()
        };
        self.enter(&room_id, &who.user)?;
        Ok(Reply::json(&json!({ "room_id": room_id })))
    }

    pub(crate) fn invite(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        self.change_other(call, who, Membership::Invite)
    }

    pub(crate) fn kick(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        self.change_other(call, who, Membership::Leave)
    }

    pub(crate) fn ban(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        self.change_other(call, who, Membership::Ban)
    }

    pub(crate) fn unban(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        self.change_other(call, who, Membership::Leave)
    }

    pub(crate) fn leave(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        self.go(call.argument("room"), &who.user)?;
        Ok(Reply::empty_object())
    }

    pub(crate) fn forget(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        let room_id = call.argument("room");
        let room = self
            .rooms
            .get_mut(room_id)
            .ok_or_else(|| ApiError::unknown(format!("Room {room_id} not known")))?;
        match room.membership(&who.user) {
            Some(Membership::Leave | Membership::Ban) => {
                room.forgotten_by.insert(who.user.clone());
                Ok(Reply::empty_object())
            }
            _ => Err(ApiError::unknown(format!(
                "User {} in room {room_id}",
                who.user
            ))),
        }
    }

    fn change_other(
        &mut self,
        call: &Call,
        who: &Who,
        membership: Membership,
    ) -> Result<Reply, ApiError> {
        let body = request_object(&call.body)?;
        let target = body["user_id"]
            .as_str()
            .filter(|user| user.starts_with('@') && user.contains(':'))
            .ok_or_else(|| ApiError::invalid("Expected UserID string to start with '@'"))?;
        let room_id = call.argument("room");
        self.joined_room(room_id, &who.user)?;
        let mut content = self.member_content(target, membership);
        if let Some(reason) = body["reason"].as_str() {
            content["reason"] = json!(reason);
        }
        self.change_membership(room_id, &who.user, target, membership, content)?;
        Ok(Reply::empty_object())
    }

    /// Lets `user` into the room, if they may.
    pub(crate) fn enter(&mut self, room_id: &str, user: &str) -> Result<(), ApiError> {
        let room = self.rooms.get(room_id).ok_or_else(|| {
            ApiError::new(
                StatusCode::NOT_FOUND,
                "M_UNKNOWN",
                "Can't join remote room because no servers that are in the room have been provided.",
            )
        })?;
        let is_public = room
            .state_content("m.room.join_rules", "")
            .is_some_and(|rules| rules["join_rule"] == "public");
        match room.membership(user) {
            Some(Membership::Join) => return Ok(()),
            // Measured: not M_FORBIDDEN.
            Some(Membership::Ban) => {
                return Err(ApiError::new(
                    StatusCode::FORBIDDEN,
                    "M_BAD_STATE",
                    format!("{user} is banned from {room_id}"),
                ));
            }
            Some(Membership::Invite) => {}
            _ if is_public => {}
            _ => return Err(ApiError::forbidden("You are not invited to this room.")),
        }
        let content = self.member_content(user, Membership::Join);
        self.append(room_id, Draft::state(user, "m.room.member", user, content));
        if let Some(room) = self.rooms.get_mut(room_id) {
            room.forgotten_by.remove(user);
        }
        Ok(())
    }

    /// Takes `user` out of the room, or declines their invitation.
    pub(crate) fn go(&mut self, room_id: &str, user: &str) -> Result<(), ApiError> {
        let membership = self
            .rooms
            .get(room_id)
            .and_then(|room| room.membership(user));
        match membership {
            Some(Membership::Join | Membership::Invite | Membership::Knock) => {
                let content = json!({ "membership": "leave" });
                self.append(room_id, Draft::state(user, "m.room.member", user, content));
                Ok(())
            }
            Some(Membership::Leave) => Ok(()),
            Some(Membership::Ban) | None => Err(ApiError::forbidden(format!(
                "User {user} not in room {room_id}"
            ))),
        }
    }

    /// Changes a membership in the name of `by`, and gives the event's id.
    pub(crate) fn change_membership(
        &mut self,
        room_id: &str,
        by: &str,
        target: &str,
        membership: Membership,
        content: Value,
    ) -> Result<String, ApiError> {
        let room = self.joined_room(room_id, by)?;
        if by == target {
            if matches!(membership, Membership::Invite | Membership::Ban) {
                return Err(ApiError::forbidden("You cannot do that to yourself"));
            }
        } else {
            check_may_change(room, by, target, membership)?;
        }
        if let Some(event) = room.state_event("m.room.member", target)
            && event.content == content
        {
            return Ok(event.id.clone());
        }
        Ok(self.append(room_id, Draft::state(by, "m.room.member", target, content)))
    }

    /// The content of a member event: the membership and the user's profile.
    pub(crate) fn member_content(&self, user: &str, membership: Membership) -> Value {
        let mut content = json!({ "membership": membership.as_str() });
        if matches!(membership, Membership::Join | Membership::Invite)
            && let Some(profile) = self.users.get(user)
        {
            if let Some(name) = &profile.displayname {
                content["displayname"] = json!(name);
            }
            if let Some(url) = &profile.avatar_url {
                content["avatar_url"] = json!(url);
            }
        }
        content
    }

    pub(crate) fn joined_rooms(&mut self, _call: &Call, who: &Who) -> Result<Reply, ApiError> {
        let rooms = self.rooms.values().filter(|room| room.is_joined(&who.user));
        let ids: Vec<_> = rooms.map(|room| &room.id).collect();
        Ok(Reply::json(&json!({ "joined_rooms": ids })))
    }

    pub(crate) fn joined_members(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        let room = self.joined_room(call.argument("room"), &who.user)?;
        let joined = room
            .members()
            .filter(|(_, membership, _)| *membership == Membership::Join);
        let members = joined.map(|(user, _, event)| {
            let profile = json!({
                "display_name": event.content["displayname"],
                "avatar_url": event.content["avatar_url"],
            });
            (user.to_owned(), profile)
        });
        let members: serde_json::Map<_, _> = members.collect();
        Ok(Reply::json(&json!({ "joined": members })))
    }

    pub(crate) fn members(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        let room = self.joined_room(call.argument("room"), &who.user)?;
        let (wanted, unwanted) = (call.query("membership"), call.query("not_membership"));
        let viewer = self.viewer(who, Some(&room.id));
        let members = room.members().filter(|(_, membership, _)| {
            wanted.is_none_or(|wanted| wanted == membership.as_str())
                && unwanted.is_none_or(|unwanted| unwanted != membership.as_str())
        });
        let chunk = array(members.map(|(_, _, event)| room.render(event, viewer)));
        Ok(Reply::raw_json(object([("chunk", chunk)])))
    }

    /// The eyes of `who`.
    pub(crate) fn viewer<'a>(&self, who: &'a Who, room: Option<&'a str>) -> Viewer<'a> {
        let Who { user, device } = who;
        Viewer {
            user,
            device: device.as_deref(),
            now: self.timestamp(),
            room,
        }
    }
}

fn check_may_change(
    room: &Room,
    by: &str,
    target: &str,
    membership: Membership,
) -> Result<(), ApiError> {
    let (has, theirs) = (room.power_of(by), room.power_of(target));
    let current = room.membership(target);
    let refusal = match membership {
        Membership::Invite if current == Some(Membership::Join) => {
            Some(format!("{target} is already in the room."))
        }
        Membership::Invite if current == Some(Membership::Ban) => {
            Some(format!("{target} is banned from the room"))
        }
        Membership::Invite => lacks(has, room.power_for("invite"), i64::MIN),
        Membership::Leave if current == Some(Membership::Ban) => {
            lacks(has, room.power_for("ban"), i64::MIN)
        }
        Membership::Leave if current.is_none() => {
            Some("The target user is not in the room".to_owned())
        }
        Membership::Leave => lacks(has, room.power_for("kick"), theirs),
        Membership::Ban => lacks(has, room.power_for("ban"), theirs),
        Membership::Join | Membership::Knock => {
            Some("Cannot change another user's membership so".to_owned())
        }
    };
    refusal.map_or(Ok(()), |message| Err(ApiError::forbidden(message)))
}

/// Power must reach `needed` and be more than that of the user it is turned against.
fn lacks(has: i64, needed: i64, theirs: i64) -> Option<String> {
    (has < needed || has <= theirs)
        .then(|| format!("You don't have permission: level {has}, needed {needed}"))
}
