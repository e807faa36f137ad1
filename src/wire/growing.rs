//! A list of records that can grow: each is postcard in a byte string of its own, so that a reader passes over the fields at its end that it does not know.
//! A record that it cannot read at all, as one with a state that a later version invented, is left out.

use serde::de::{DeserializeOwned, SeqAccess, Visitor};
use serde::ser::{Error, SerializeSeq};
use serde::{Deserializer, Serialize, Serializer};

/// Writes the list.
pub(super) fn serialize<T: Serialize, S: Serializer>(records: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(Some(records.len()))?;
    for record in records {
        let bytes = postcard::to_stdvec(record).map_err(S::Error::custom)?;
        list.serialize_element(&bytes::Bytes::from(bytes))?;
    }
    list.end()
}

/// Reads as much of it as is understood.
pub(super) fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_seq(Records(std::marker::PhantomData))
}

struct Records<T>(std::marker::PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for Records<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list of byte strings")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut records = Vec::new();
        while let Some(bytes) = list.next_element::<bytes::Bytes>()? {
            if let Ok(record) = postcard::from_bytes(&bytes) {
                records.push(record);
            }
        }
        Ok(records)
    }
}
