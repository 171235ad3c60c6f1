//! Messages sent: from the send queue to the homeserver.

use std::time::Instant;

use matrix_sdk::ruma::{OwnedRoomId, events::room::message::RoomMessageEventContent};

use crate::{
    Result, Took,
    homeserver::{Homeserver, USER, pages},
    session,
};

/// From the start of a full queue to the last message at the homeserver.
pub(crate) async fn run(rooms: usize, messages: usize) -> Result<Took> {
    let homeserver = Homeserver::start(vec![pages::quiet(rooms, USER)?])?;
    let (client, _folder) = session::open(&homeserver).await?;
    client.sync_once(session::settings()).await?;
    client.send_queue().set_enabled(false).await;
    for number in 0..rooms * messages {
        let room = OwnedRoomId::try_from(pages::room_id(number % rooms))?;
        let room = client.get_room(&room).ok_or("a room is not known")?;
        room.send_queue().send(message(number).into()).await?;
    }
    let count = rooms * messages;
    let received = homeserver.count_messages(count);
    let begun = Instant::now();
    client.send_queue().set_enabled(true).await;
    received.reached().await;
    Ok(Took {
        count,
        span: begun.elapsed(),
    })
}

/// What ours sends.
fn message(number: usize) -> RoomMessageEventContent {
    let text = "items were moved from the old list to the new one";
    RoomMessageEventContent::notice_html(
        format!("{number} {text}"),
        format!("<b>{number}</b> {text}"),
    )
}
