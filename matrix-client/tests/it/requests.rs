//! Requests of the client API, and the mistakes one can make in connecting.

use std::sync::Arc;

use matrix_bridge_client::{Client, ConnectError, ReqwestTransport, SecretString};
use matrix_bridge_core::ruma::{OwnedRoomAliasId, OwnedRoomId, OwnedUserId, UInt, api::Direction};
use matrix_bridge_testkit::{
    homeserver::{Endpoint, Fault},
    virtual_time::VirtualClock,
};
use ruma::api::client::{
    filter::{FilterDefinition, create_filter, get_filter},
    membership::invite_user,
    message::get_message_events,
    state::get_state_events,
};
use serde_json::json;

use crate::world::World;

async fn connect(world: &World, url: &str, token: &str) -> Result<Client, ConnectError> {
    let transport = Arc::new(world.server.transport());
    let clock = Arc::new(VirtualClock::new());
    let token = SecretString::from(token.to_owned());
    Client::connect_with(transport, clock, url, token).await
}

#[tokio::test(start_paused = true)]
async fn any_request_of_the_client_api_can_be_made() {
    let world = World::new();
    let room = world.room();
    let alias = world.server.create_room_with(
        &world.alice.user_id,
        &json!({"room_alias_name": "lobby", "preset": "public_chat"}),
    );
    world.alice_says(&room, "one");
    world.alice_says(&room, "two");
    let client = world.client().await;
    let room = OwnedRoomId::try_from(room).unwrap();

    let mut request = get_message_events::v3::Request::new(room.clone(), Direction::Backward);
    request.limit = UInt::from(2_u32);
    let page = client.call(request).await.unwrap();
    assert_eq!(page.chunk.len(), 2);
    let state = client
        .call(get_state_events::v3::Request::new(room.clone()))
        .await
        .unwrap();
    assert!(!state.room_state.is_empty());
    let me = client.who_am_i().user;
    let filter = create_filter::v3::Request::new(me.clone(), FilterDefinition::default());
    let filter_id = client.call(filter).await.unwrap().filter_id;
    client
        .call(get_filter::v3::Request::new(me, filter_id))
        .await
        .unwrap();
    let carol = OwnedUserId::try_from(world.server.register("carol").user_id).unwrap();
    let invitee = invite_user::v3::InviteUserId::new(carol);
    client
        .call(invite_user::v3::Request::new(room, invitee.into()))
        .await
        .unwrap();

    let lobby = OwnedRoomAliasId::try_from("#lobby:testkit.local").unwrap();
    let nowhere = OwnedRoomAliasId::try_from("#nowhere:testkit.local").unwrap();
    assert_eq!(
        client.resolve_alias(lobby).await.unwrap().unwrap().as_str(),
        alias
    );
    assert_eq!(client.resolve_alias(nowhere).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_mistake_in_connecting_is_told_from_an_outage() {
    let world = World::new();
    let url = "http://testkit.local";
    let token = world.bot.access_token.clone();

    for wrong in ["matrix.example.org", "ftp://x", "", "http://"] {
        let error = connect(&world, wrong, &token).await.unwrap_err();
        assert!(matches!(error, ConnectError::Url(_)), "{wrong}: {error}");
        assert!(!error.is_retryable());
    }
    let error = connect(&world, url, "wrong").await.unwrap_err();
    assert!(!error.is_retryable());
    assert!(
        matches!(&error, ConnectError::Client(e) if e.trouble().is_some()),
        "{error}"
    );
    let old = r#"{"versions":["r0.0.1","r0.6.1"]}"#;
    let old = Fault::answer(http::StatusCode::OK, "application/json", old);
    world.server.fault(old.on(Endpoint::Versions));
    let error = connect(&world, url, &token).await.unwrap_err();
    assert!(matches!(error, ConnectError::TooOld(_)), "{error}");
    world.server.go_down();
    assert!(
        connect(&world, url, &token)
            .await
            .unwrap_err()
            .is_retryable()
    );
}

#[tokio::test(start_paused = true)]
async fn no_error_and_no_debug_shows_the_token() {
    let world = World::new();
    let client = world.client().await;
    world
        .server
        .fault(Fault::page(http::StatusCode::BAD_GATEWAY).on(Endpoint::ResolveAlias));
    let alias = OwnedRoomAliasId::try_from("#a:testkit.local").unwrap();
    let error = client.resolve_alias(alias).await.unwrap_err();

    for shown in [
        format!("{client:?}"),
        format!("{error:?}"),
        error.to_string(),
    ] {
        assert!(!shown.contains(&world.bot.access_token), "{shown}");
    }
}

#[tokio::test]
async fn a_real_socket_tells_a_refused_connection_from_a_cut_one() {
    use matrix_bridge_client::{Limits, Transport, TransportError};
    let world = World::new();
    let socket = world.server.serve().await.unwrap();
    let url = socket.base_url();
    let transport = ReqwestTransport::new(&url).unwrap();
    let limits = Limits {
        timeout: std::time::Duration::from_secs(10),
        max_response: 100,
    };
    let versions = || {
        let uri = format!("{url}/_matrix/client/versions");
        http::Request::get(uri).body(bytes::Bytes::new()).unwrap()
    };

    let too_large = transport
        .send(
            versions(),
            Limits {
                max_response: 3,
                ..limits
            },
        )
        .await;
    assert!(
        matches!(too_large, Err(TransportError::TooLarge(3))),
        "{too_large:?}"
    );
    world
        .server
        .fault(Fault::cut_before_acting().on(Endpoint::Versions));
    let cut = transport.send(versions(), limits).await;
    assert!(matches!(cut, Err(TransportError::Cut(_))), "{cut:?}");
    world
        .server
        .fault(Fault::silent_before_acting().on(Endpoint::Versions));
    let short = Limits {
        timeout: std::time::Duration::from_millis(200),
        ..limits
    };
    let silent = transport.send(versions(), short).await;
    assert!(
        matches!(silent, Err(TransportError::Timeout(_))),
        "{silent:?}"
    );
    socket.shutdown().await;
    let refused = transport.send(versions(), limits).await;
    assert!(
        matches!(refused, Err(TransportError::Connect(_))),
        "{refused:?}"
    );
}
