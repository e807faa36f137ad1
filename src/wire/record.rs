//! A record within a message: postcard in a byte string of its own, so that a reader passes over the fields at its end that it does not know, and reads on behind it.

use bytes::Bytes;
use serde::de::{DeserializeOwned, Error as _};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Writes the record.
pub(super) fn serialize<T: Serialize, S: Serializer>(record: &T, serializer: S) -> Result<S::Ok, S::Error> {
    let bytes = postcard::to_stdvec(record).map_err(S::Error::custom)?;
    Bytes::from(bytes).serialize(serializer)
}

/// Reads as much of it as is understood.
pub(super) fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let bytes = Bytes::deserialize(deserializer)?;
    postcard::from_bytes(&bytes).map_err(D::Error::custom)
}

/// The same for a record that may be missing.
pub(super) mod option {
    use super::{Bytes, Deserialize, DeserializeOwned, Deserializer, Serialize, Serializer};
    use serde::de::Error as _;
    use serde::ser::Error as _;

    /// Writes the record.
    pub(in super::super) fn serialize<T: Serialize, S: Serializer>(record: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes = record.as_ref().map(postcard::to_stdvec).transpose().map_err(S::Error::custom)?;
        bytes.map(Bytes::from).serialize(serializer)
    }

    /// Reads as much of it as is understood.
    pub(in super::super) fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
        let bytes = Option::<Bytes>::deserialize(deserializer)?;
        bytes.map(|bytes| postcard::from_bytes(&bytes)).transpose().map_err(D::Error::custom)
    }
}
