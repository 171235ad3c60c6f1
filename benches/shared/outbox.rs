//! Messages as a handler's answers lie in the outbox; shared by the benchmarks.

use matrix_bridge::{
    Account, Action, Address, Disposition, EndpointClass, Identity, LaneId, NewRow, OrderPolicy,
    RawJson, RowBody, RowKey, Timestamp,
    ruma::{OwnedRoomId, owned_event_id},
};

/// A message to the room; the number tells it from others of the sender.
pub(crate) fn message(
    sender: Identity,
    room: OwnedRoomId,
    number: usize,
    content: RawJson,
    now: Timestamp,
) -> NewRow {
    let account = Account::from(&*sender.user);
    let key = RowKey::effect(&account, &owned_event_id!("$cause"), number);
    NewRow {
        lane: LaneId::from(&*room),
        transaction_id: key.transaction_id(&sender.user),
        key,
        sender,
        class: EndpointClass::Event,
        body: RowBody {
            action: Action::Message {
                event_type: "m.room.message".to_owned(),
                content,
            },
            address: Address::Room(room),
            cause: None,
            caused_at: None,
            deadline: None,
            order: OrderPolicy::GoOn,
            link: None,
        },
        disposition: Disposition::Send,
        created: now,
    }
}
