//! Whatever the homeserver, or a proxy before it, answers to any request.

use std::time::Duration;

use matrix_bridge::{
    Action, Address, ApiError, Client, ClientError, ClientSender, EndpointClass, Identity, LaneId,
    MAX_ID, OrderPolicy, RawJson, Row, RowBody, RowId, RowKey, RowState, SendError, Sender as _,
    Source as _, SyncSettings, SyncSource, Target, Timestamp, chain,
    ruma::{owned_event_id, owned_room_alias_id, owned_room_id, owned_user_id},
};

use super::{
    assert_fit_to_tell, block_on,
    canned::{Answer, client, connect},
};

/// Nobody waits for longer, whatever the other side says.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) fn run(input: &[u8]) {
    let answer = Answer::read(input);
    if !answer.status.is_success() {
        refusal(&ApiError::read(
            &answer.clone().into_response(),
            Timestamp(784_111_747_000),
        ));
    }
    block_on(async {
        connecting(&answer).await;
        let again = answer.clone();
        let client = client(move |_| Some(again.clone())).await;
        asking(&client).await;
        sending(&client).await;
    });
}

fn refusal(error: &ApiError) {
    assert_fit_to_tell(&error.to_string());
    assert_wait(error.retry_after);
    let _ = error.trouble();
}

async fn connecting(answer: &Answer) {
    for hostile in [
        "/_matrix/client/versions",
        "/_matrix/client/v3/account/whoami",
    ] {
        let versions = Answer::ok(r#"{"versions":["v1.1"]}"#);
        let answer = answer.clone();
        let say = move |request: &http::Request<_>| match request.uri().path() == hostile {
            true => Some(answer.clone()),
            false => Some(versions.clone()),
        };
        match connect(say).await {
            Ok(client) => assert!(client.who_am_i().user.as_str().len() <= MAX_ID),
            Err(error) => assert_fit_to_tell(&chain(&error)),
        }
    }
}

async fn asking(client: &Client) {
    let mut source = SyncSource::new(client.clone(), SyncSettings::default());
    if let Err(error) = source.next(None).await {
        assert_fit_to_tell(&chain(&error));
    }
    match client.resolve_alias(owned_room_alias_id!("#a:x")).await {
        Ok(Some(room)) => assert!(room.as_str().len() <= MAX_ID),
        Ok(None) => {}
        Err(error) => {
            assert_fit_to_tell(&chain(&error));
            assert_wait(error.retry_after());
            let _ = (error.is_away(), error.is_retryable(), error.trouble());
            // A refused token is one of the token's, which has no other here.
            assert!(!matches!(
                error,
                ClientError::Transport(_) | ClientError::Request(_)
            ));
        }
    }
}

async fn sending(client: &Client) {
    let sender = ClientSender::new(client.clone());
    let identity = Identity {
        user: owned_user_id!("@bot:testkit.local"),
        device: None,
    };
    let encrypted = sender
        .is_encrypted(&identity, &owned_room_id!("!r:x"))
        .await;
    check(encrypted.err());
    let content = || RawJson::new("{}".to_owned()).expect("it is JSON");
    let actions = [
        Action::Message {
            event_type: "m.room.message".to_owned(),
            content: content(),
        },
        Action::State {
            event_type: "m.room.topic".to_owned(),
            state_key: String::new(),
            content: content(),
        },
        Action::Redact {
            target: Target::Event(owned_event_id!("$e:x")),
            reason: None,
        },
        Action::Join,
    ];
    for action in actions {
        match sender.send(&row(&identity, action)).await {
            Ok(Some(event)) => assert!(event.as_str().len() <= MAX_ID),
            Ok(None) => {}
            Err(error) => check(Some(error)),
        }
    }
}

fn check(error: Option<SendError>) {
    let Some(error) = error else { return };
    assert_fit_to_tell(&chain(&error));
    match error {
        SendError::RateLimited { retry_after } => assert_wait(Some(retry_after)),
        SendError::Away { retry_after, .. } => assert_wait(retry_after),
        _ => {}
    }
}

#[track_caller]
fn assert_wait(asked: Option<Duration>) {
    assert!(
        asked.unwrap_or_default() <= LONGEST_WAIT,
        "a wait of {asked:?}"
    );
}

fn row(identity: &Identity, action: Action) -> Row {
    let key = RowKey::new("key");
    Row {
        id: RowId(1),
        transaction_id: key.transaction_id(&identity.user),
        key,
        lane: LaneId::new("!r:x"),
        sender: identity.clone(),
        class: EndpointClass::Event,
        body: RowBody {
            action,
            address: Address::Room(owned_room_id!("!r:x")),
            cause: None,
            caused_at: None,
            deadline: None,
            order: OrderPolicy::GoOn,
            link: None,
        },
        created: Timestamp(1),
        attempts: 0,
        first_attempt: None,
        state: RowState::Waiting { due: Timestamp(1) },
    }
}
