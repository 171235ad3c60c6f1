//! JSON from outside, kept as the bytes it came in.

use std::{fmt, ops::Range, sync::Arc};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, ser::Error as _,
};
use serde_json::value::RawValue;

/// One JSON value as text.
///
/// It is never turned into a tree of values: a 300-byte event can be nested deeper
/// than `serde_json::Value` reads, and numbers and duplicate keys stay as they are.
/// `Debug` shows the length only, since messages do not belong in logs.
#[derive(Clone)]
pub struct RawJson {
    /// What it is a part of, or it alone.
    whole: Arc<str>,
    /// Where it stands there.
    place: Range<usize>,
}

impl RawJson {
    /// Keeps `text`, which must be one JSON value.
    ///
    /// # Errors
    ///
    /// When `text` is not JSON.
    pub fn new(text: String) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text).map(|value| Self::from(&*value))
    }

    /// The JSON of `value`.
    ///
    /// # Errors
    ///
    /// When `value` has no JSON form, such as a map with keys that are not strings.
    pub fn from_value<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::to_string(value).map(|text| Self::whole(text.into()))
    }

    /// The text as it came.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.whole[self.place.clone()]
    }

    /// Reads the value as a `T`.
    ///
    /// # Errors
    ///
    /// When the JSON does not fit `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.as_str())
    }
}

impl RawJson {
    fn whole(whole: Arc<str>) -> Self {
        let place = 0..whole.len();
        Self { whole, place }
    }

    /// A value that was read out of this one, without a copy of it.
    pub(crate) fn part(&self, part: &RawValue) -> Self {
        let (whole, part) = (self.as_str(), part.get());
        let begin = part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
        // What came from elsewhere is copied.
        if whole.get(begin..begin.saturating_add(part.len())) != Some(part) {
            return Self::whole(part.into());
        }
        let begin = self.place.start + begin;
        Self {
            whole: self.whole.clone(),
            place: begin..begin + part.len(),
        }
    }
}

impl From<&RawValue> for RawJson {
    fn from(value: &RawValue) -> Self {
        Self::whole(value.get().into())
    }
}

impl PartialEq for RawJson {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for RawJson {}

impl fmt::Debug for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawJson({} bytes)", self.as_str().len())
    }
}

impl Serialize for RawJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value: &RawValue = serde_json::from_str(self.as_str()).map_err(S::Error::custom)?;
        value.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RawJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|value| Self::from(&*value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_where_it_stands_and_what_comes_from_elsewhere_is_copied() {
        let whole = RawJson::new(r#"{"a":[1,2],"b":[1,2]}"#.to_owned()).unwrap();
        let fields: std::collections::BTreeMap<&str, &RawValue> =
            serde_json::from_str(whole.as_str()).unwrap();

        let part = whole.part(fields["b"]);
        let elsewhere = whole.part(&RawValue::from_string("[1,2]".to_owned()).unwrap());

        assert_eq!(part.as_str(), "[1,2]");
        assert_eq!(part.place, 15..20);
        assert_eq!(elsewhere, part);
        assert!(!Arc::ptr_eq(&elsewhere.whole, &whole.whole));
    }
}
