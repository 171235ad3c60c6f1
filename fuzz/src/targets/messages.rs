//! A page of `/messages`.

use bytes::Bytes;
use matrix_bridge::{ClientHistory, PageRequest, RoomHistory as _, chain, ruma::room_id};

use super::{
    assert_fit_to_tell, block_on,
    canned::{Answer, client},
};

pub(crate) fn run(input: &[u8]) {
    let body = Bytes::copy_from_slice(input);
    let page = block_on(async {
        let client = client(move |_| Some(Answer::ok(body.clone()))).await;
        let request = PageRequest {
            from: Some("from".to_owned()),
            limit: 100,
        };
        let history = ClientHistory::new(client);
        history.page(room_id!("!room:x"), request).await
    });
    match page {
        // It is asked for in a URL.
        Ok(page) => assert!(page.end.unwrap_or_default().len() < 16_000),
        Err(error) => assert_fit_to_tell(&chain(&error)),
    }
}
