//! The version of the JSON.

use serde::{Deserialize, Serialize};

/// `"schema": 1`, the first key of every object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Schema;

/// A version of the JSON that this program does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("schema {0} is not known to this version")]
pub struct UnknownSchema(u32);

impl TryFrom<u32> for Schema {
    type Error = UnknownSchema;

    fn try_from(number: u32) -> Result<Self, UnknownSchema> {
        if number == 1 { Ok(Self) } else { Err(UnknownSchema(number)) }
    }
}

impl From<Schema> for u32 {
    fn from(Schema: Schema) -> Self {
        1
    }
}
