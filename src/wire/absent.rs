//! A record at the very end of a message that an older sender leaves out: nothing is written where there is none, and what does not read as one is none.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Writes the record, or nothing.
pub(super) fn serialize<T: Serialize, S: Serializer>(record: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    match record {
        Some(record) => Bytes::from(postcard::to_stdvec(record).map_err(S::Error::custom)?).serialize(serializer),
        // Postcard has no bytes for it.
        None => serializer.serialize_unit(),
    }
}

/// Reads it, if it is there.
pub(super) fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    let bytes = Bytes::deserialize(deserializer).ok();
    Ok(bytes.and_then(|bytes| postcard::from_bytes(&bytes).ok()))
}
