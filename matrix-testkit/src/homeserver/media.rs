//! Uploads and downloads.

use std::time::Duration;

use bytes::Bytes;
use http::{StatusCode, header};
use serde_json::json;

use super::{
    auth::Who,
    call::Call,
    errors::{ApiError, milliseconds},
    reply::Reply,
    state::Homeserver,
};

/// How long a place for an upload is kept.
const UNUSED_EXPIRES: Duration = Duration::from_secs(24 * 3600);
/// How many such places a user may have open (measured).
const MAX_PENDING: usize = 5;

/// A file, or the place for one.
#[derive(Clone, Debug)]
pub(crate) struct Media {
    owner: String,
    created: Duration,
    pub(crate) content: Option<Content>,
}

/// What was uploaded.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) content_type: String,
    pub(crate) name: Option<String>,
    pub(crate) bytes: Bytes,
}

impl Homeserver {
    pub(crate) fn create_media(&mut self, _call: &Call, who: &Who) -> Result<Reply, ApiError> {
        let now = self.now;
        let open: Vec<_> = self
            .media
            .values()
            .filter(|media| media.owner == who.user && media.is_pending(now))
            .map(|media| media.created + UNUSED_EXPIRES)
            .collect();
        // Measured: the wait that is named is that for the oldest place, nearly a day.
        if let Some(oldest) = open.iter().min()
            && open.len() >= MAX_PENDING
        {
            return Err(ApiError::limited(*oldest - now, Duration::ZERO));
        }
        let id = self.add_media(&who.user, None);
        Ok(Reply::json(&json!({
            "content_uri": self.content_uri(&id),
            "unused_expires_at": milliseconds(self.config.epoch + now + UNUSED_EXPIRES),
        })))
    }

    pub(crate) fn upload(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        let id = self.add_media(&who.user, Some(content(call)));
        Ok(Reply::json(
            &json!({ "content_uri": self.content_uri(&id) }),
        ))
    }

    pub(crate) fn upload_to(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        let now = self.now;
        let media = self
            .media
            .get_mut(call.argument("media"))
            .filter(|media| media.content.is_some() || media.is_pending(now))
            .ok_or_else(|| ApiError::not_found("Unknown media ID"))?;
        if media.owner != who.user {
            return Err(ApiError::forbidden(
                "Only the creator of the media ID may upload to it",
            ));
        }
        if media.content.is_some() {
            return Err(ApiError::new(
                StatusCode::CONFLICT,
                "M_CANNOT_OVERWRITE_MEDIA",
                "Media ID already has content",
            ));
        }
        media.content = Some(content(call));
        self.changes += 1;
        Ok(Reply::empty_object())
    }

    pub(crate) fn download(&mut self, call: &Call, _who: &Who) -> Result<Reply, ApiError> {
        let media = self
            .media
            .get(call.argument("media"))
            .filter(|_| call.argument("server") == self.config.server_name)
            .ok_or_else(|| ApiError::not_found("Not found"))?;
        let content = media.content.as_ref().ok_or_else(|| {
            ApiError::new(
                StatusCode::GATEWAY_TIMEOUT,
                "M_NOT_YET_UPLOADED",
                "Media has not been uploaded yet",
            )
        })?;
        let name = call.arguments.get("name").or(content.name.as_ref());
        // Measured: the name is handed back as it came, whatever it is.
        let disposition = name.map_or_else(
            || "inline".to_owned(),
            |name| format!("inline; filename=\"{name}\""),
        );
        Ok(Reply::new(&content.content_type, content.bytes.clone())
            .with_header(header::CONTENT_DISPOSITION, disposition))
    }

    pub(crate) fn media_config(&mut self, _call: &Call, _who: &Who) -> Result<Reply, ApiError> {
        Ok(Reply::json(
            &json!({ "m.upload.size": self.config.max_upload }),
        ))
    }

    fn add_media(&mut self, owner: &str, content: Option<Content>) -> String {
        let id = self.ids.media();
        let media = Media {
            owner: owner.to_owned(),
            created: self.now,
            content,
        };
        self.media.insert(id.clone(), media);
        self.changes += 1;
        id
    }

    fn content_uri(&self, id: &str) -> String {
        format!("mxc://{}/{id}", self.config.server_name)
    }
}

impl Media {
    fn is_pending(&self, now: Duration) -> bool {
        self.content.is_none() && now < self.created + UNUSED_EXPIRES
    }
}

fn content(call: &Call) -> Content {
    let content_type = match &*call.content_type {
        "" => "application/octet-stream".to_owned(),
        given => given.to_owned(),
    };
    Content {
        content_type,
        name: call.query("filename").map(str::to_owned),
        bytes: call.body.clone(),
    }
}
