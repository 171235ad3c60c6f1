//! The front on a real socket, seen by a client that reads bytes.

use http::StatusCode;
use matrix_bridge_testkit::homeserver::{Fault, HomeserverSocket};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::client::{Client, alice_in_a_room};

/// All bytes that come back until the server closes the connection.
async fn raw(socket: &HomeserverSocket, request: &str) -> String {
    let mut stream = TcpStream::connect(socket.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    // A reset is the end, too.
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8(bytes).unwrap()
}

fn message(alice: &Client, room: &str, txn: &str) -> String {
    let token = &alice.account.access_token;
    let body = r#"{"msgtype":"m.text","body":"x"}"#;
    let length = body.len();
    format!(
        "PUT /_matrix/client/v3/rooms/{room}/send/m.room.message/{txn} HTTP/1.1\r\n\
         Host: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
}

#[tokio::test]
async fn a_request_over_the_socket_reaches_the_same_server() {
    let (server, alice, room) = alice_in_a_room();
    let socket = server.serve().await.unwrap();

    let answer = raw(&socket, &message(&alice, &room, "t1")).await;

    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("date: Thu, 01 Jan 2026"));
    assert_eq!(server.bodies_in(&room), ["x"]);
    assert!(socket.base_url().starts_with("http://127.0.0.1:"));
}

#[tokio::test]
async fn a_cut_closes_the_connection_without_a_status() {
    let (server, alice, room) = alice_in_a_room();
    let socket = server.serve().await.unwrap();
    server.fault(Fault::cut_before_acting());
    server.fault(Fault::cut_after_acting());

    assert_eq!(raw(&socket, &message(&alice, &room, "t1")).await, "");
    assert_eq!(server.events_under("t1"), 0);
    assert_eq!(raw(&socket, &message(&alice, &room, "t1")).await, "");
    assert_eq!(server.events_under("t1"), 1);
}

#[tokio::test]
async fn a_torn_body_ends_before_its_announced_length() {
    let (server, alice, room) = alice_in_a_room();
    let socket = server.serve().await.unwrap();
    let whole = raw(&socket, &message(&alice, &room, "t1")).await;
    server.fault(Fault::torn_body());

    let torn = raw(&socket, &message(&alice, &room, "t1")).await;

    let (head, body) = torn.split_once("\r\n\r\n").unwrap();
    let (_, whole_body) = whole.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("content-length: {}", whole_body.len())));
    assert!(whole_body.starts_with(body) && body.len() < whole_body.len());
}

#[tokio::test]
async fn a_page_of_a_proxy_has_its_odd_status() {
    let (server, alice, room) = alice_in_a_room();
    let socket = server.serve().await.unwrap();
    server.fault(Fault::page(StatusCode::from_u16(520).unwrap()));

    let answer = raw(&socket, &message(&alice, &room, "t1")).await;

    assert!(answer.starts_with("HTTP/1.1 520 "));
    assert!(answer.contains("text/html"));
}

#[tokio::test]
async fn a_socket_that_is_shut_down_cuts_and_refuses() {
    let (server, alice, room) = alice_in_a_room();
    let socket = server.serve().await.unwrap();
    let address = socket.address();
    server.fault(Fault::silent_before_acting());
    let mut open = TcpStream::connect(address).await.unwrap();
    open.write_all(message(&alice, &room, "t1").as_bytes())
        .await
        .unwrap();
    let arrived = server
        .wait_for(
            |server| server.requests().len() == 1,
            std::time::Duration::from_secs(10),
        )
        .await;

    socket.shutdown().await;
    let mut rest = Vec::new();
    let _ = open.read_to_end(&mut rest).await;

    assert_eq!(arrived, Ok(()));
    assert!(rest.is_empty());
    assert!(TcpStream::connect(address).await.is_err());
}
