//! A record that was added at the end of a message and may be missing: an older sender leaves it out, and whatever a later one adds stands behind it.
//!
//! It is a byte string that is always written, empty for none: where nothing was written, what comes next would be taken for it.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Writes the record, or that there is none.
pub(super) fn serialize<T: Serialize, S: Serializer>(record: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    let bytes = record.as_ref().map(postcard::to_stdvec).transpose().map_err(S::Error::custom)?;
    Bytes::from(bytes.unwrap_or_default()).serialize(serializer)
}

/// Reads it, if it is there.
pub(super) fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    let bytes = Bytes::deserialize(deserializer).unwrap_or_default();
    Ok(postcard::from_bytes(&bytes).ok())
}
