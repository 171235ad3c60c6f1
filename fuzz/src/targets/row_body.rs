//! What a row sends, read back from a store.

use matrix_bridge::RowBody;

pub(crate) fn run(input: &[u8]) {
    let Ok(body) = serde_json::from_slice::<RowBody>(input) else {
        return;
    };
    let written = serde_json::to_vec(&body).expect("it came from JSON");
    let read: RowBody = serde_json::from_slice(&written).expect("it was just written");
    assert_eq!(read, body);
}
