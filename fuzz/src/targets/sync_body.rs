//! The body of an answer to `/sync`.

use bytes::Bytes;
use matrix_bridge::{
    MAX_ID, Source as _, SourceBatch, SourceError, SyncSettings, SyncSource, chain,
};

use super::{
    assert_fit_to_tell, block_on,
    canned::{Answer, client},
};

pub(crate) fn run(input: &[u8]) {
    match read(Bytes::copy_from_slice(input)) {
        Ok(batch) => {
            assert!(batch.position.is_some());
            for room in &batch.rooms {
                assert!(room.room.as_str().len() <= MAX_ID);
            }
            for reason in &batch.skipped {
                assert_fit_to_tell(reason);
            }
        }
        Err(error) => assert_fit_to_tell(&chain(&error)),
    }
}

/// What the source makes of an answer with that body.
pub(super) fn read(body: Bytes) -> Result<SourceBatch, SourceError> {
    block_on(async {
        let client = client(move |_| Some(Answer::ok(body.clone()))).await;
        SyncSource::new(client, SyncSettings::default())
            .next(None)
            .await
    })
}
