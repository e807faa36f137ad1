//! What a request that failed is answered with.

use serde::{Deserialize, Serialize};

use super::Schema;
use crate::failure::Failure;

/// The body of an answer that carries a [`Failure`], with the HTTP status of its code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorView {
    /// 1.
    pub schema: Schema,
    /// What failed.
    pub error: Failure,
}

impl From<Failure> for ErrorView {
    fn from(error: Failure) -> Self {
        Self { schema: Schema, error }
    }
}
