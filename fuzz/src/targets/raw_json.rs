//! JSON that is kept as it came.

use matrix_bridge::RawJson;

pub(crate) fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else {
        assert!(serde_json::from_slice::<RawJson>(input).is_err());
        return;
    };
    let Ok(raw) = RawJson::new(text.to_owned()) else {
        return;
    };
    // But for the space around it.
    let text = text.trim_matches([' ', '\t', '\n', '\r']);
    assert_eq!(raw.as_str(), text);
    assert_eq!(serde_json::to_string(&raw).as_deref().ok(), Some(text));
    let read: Option<RawJson> = serde_json::from_str(text).ok();
    assert_eq!(read.as_ref(), Some(&raw));
    assert_eq!(format!("{raw:?}"), format!("RawJson({} bytes)", text.len()));
    let _ = raw.decode::<String>();
}
