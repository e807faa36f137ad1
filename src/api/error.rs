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

/// The body of an answer that declines a request: nothing is broken, it cannot be done as things are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclinedView {
    /// 1.
    pub schema: Schema,
    /// Why.
    pub declined: Declined,
}

/// Why a request was declined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declined {
    /// Why, as a fragment.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl Declined {
    /// A reason with what to do next.
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: Some(hint.into()) }
    }
}
