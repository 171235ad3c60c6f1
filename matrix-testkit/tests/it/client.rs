//! The smallest client: a path and a body in, a status and a body out.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response};
use matrix_bridge_client::{Limits, Transport, TransportError};
use matrix_bridge_testkit::homeserver::{Account, TestHomeserver};
use serde_json::{Value, json};

pub(crate) const LIMITS: Limits = Limits {
    timeout: Duration::from_secs(120),
    max_response: 16 << 20,
};

/// For the front without a socket, which does not look at it.
pub(crate) const ANY_HOST: &str = "http://homeserver";

/// A user's requests.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    transport: Arc<dyn Transport>,
    base_url: String,
    pub(crate) account: Account,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) response: Response<Bytes>,
}

impl Got {
    pub(crate) fn refusal(&self) -> (u16, &str) {
        (
            self.status,
            self.body["errcode"].as_str().unwrap_or_default(),
        )
    }

    /// A joined room's part of a sync.
    pub(crate) fn joined(&self, room: &str) -> &Value {
        &self.body["rooms"]["join"][room]
    }

    pub(crate) fn text(&self, field: &str) -> String {
        self.body[field].as_str().unwrap_or_default().to_owned()
    }
}

impl Client {
    pub(crate) fn new(server: &TestHomeserver, account: Account) -> Self {
        Self::at(Arc::new(server.transport()), ANY_HOST, account)
    }

    /// Of a user of any server.
    pub(crate) fn at(transport: Arc<dyn Transport>, base_url: &str, account: Account) -> Self {
        Self {
            transport,
            base_url: base_url.to_owned(),
            account,
        }
    }

    /// The same user, and device if any, with another token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        let mut client = self.clone();
        token.clone_into(&mut client.account.access_token);
        client
    }

    pub(crate) fn user(&self) -> &str {
        &self.account.user_id
    }

    pub(crate) async fn get(&self, path: &str) -> Got {
        self.request(Method::GET, path, Vec::new()).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Got {
        self.request(Method::PUT, path, body.to_string()).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Got {
        self.request(Method::POST, path, body.to_string()).await
    }

    pub(crate) async fn request(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Got {
        got(self.attempt(method, path, body).await.unwrap())
    }

    /// A request that may be cut.
    pub(crate) async fn attempt(
        &self,
        method: Method,
        path: &str,
        body: impl Into<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        let token = Some(&*self.account.access_token);
        let request = request_to(&self.base_url, method, path, token, body.into());
        self.transport.send(request, LIMITS).await
    }

    /// Sends a text under a transaction id.
    pub(crate) async fn text(&self, room: &str, txn: &str, body: &str) -> Got {
        let path = format!("/rooms/{room}/send/m.room.message/{txn}");
        self.put(&path, json!({ "msgtype": "m.text", "body": body }))
            .await
    }

    /// A new room; gives its id.
    pub(crate) async fn room(&self, body: &Value) -> String {
        let created = self.post("/createRoom", body.clone()).await;
        assert_eq!(created.status, 200, "{:?}", created.body);
        created.text("room_id")
    }

    /// A sync that does not wait; gives the next token and the body.
    pub(crate) async fn sync(&self, since: Option<&str>) -> Got {
        let since = since
            .map(|since| format!("&since={since}"))
            .unwrap_or_default();
        self.get(&format!("/sync?timeout=0{since}")).await
    }

    /// The token at which the stream stands now.
    pub(crate) async fn position(&self) -> String {
        self.sync(None).await.text("next_batch")
    }
}

/// A server with alice, who is in a room.
pub(crate) fn alice_in_a_room() -> (TestHomeserver, Client, String) {
    let server = TestHomeserver::new();
    let alice = server.register("alice");
    let room = server.create_room(&alice.user_id);
    let alice = Client::new(&server, alice);
    (server, alice, room)
}

/// Another user of the server, in the room.
pub(crate) fn somebody(server: &TestHomeserver, name: &str, room: &str) -> Client {
    let account = server.register(name);
    server.join(room, &account.user_id);
    Client::new(server, account)
}

/// [`request_to`] the server that has no address.
pub(crate) fn request(
    method: Method,
    path: &str,
    token: Option<&str>,
    body: Bytes,
) -> Request<Bytes> {
    request_to(ANY_HOST, method, path, token, body)
}

/// A request to a path that may leave out its usual prefix.
pub(crate) fn request_to(
    base_url: &str,
    method: Method,
    path: &str,
    token: Option<&str>,
    body: Bytes,
) -> Request<Bytes> {
    let prefix = if path.starts_with("/_") {
        ""
    } else {
        "/_matrix/client/v3"
    };
    // What a client library would encode, as far as these tests need it.
    let path = path
        .replace('#', "%23")
        .replace('{', "%7B")
        .replace('}', "%7D")
        .replace('"', "%22");
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = format!("{base_url}{prefix}{path}").parse().unwrap();
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().unwrap();
        request
            .headers_mut()
            .insert(http::header::AUTHORIZATION, value);
    }
    request
}

pub(crate) fn got(response: Response<Bytes>) -> Got {
    let body = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
    Got {
        status: response.status().as_u16(),
        body,
        response,
    }
}

/// The bodies of the messages in a room's timeline of a sync.
pub(crate) fn synced(got: &Got, room: &str) -> Vec<String> {
    bodies(&got.joined(room)["timeline"]["events"])
}

/// The bodies of the messages in a list of events.
pub(crate) fn bodies(events: &Value) -> Vec<String> {
    let events = events.as_array().into_iter().flatten();
    events
        .filter_map(|event| event["content"]["body"].as_str().map(str::to_owned))
        .collect()
}
