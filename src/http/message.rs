//! What a handler gets and gives.

use bytes::Bytes;
use hyper::{Method, StatusCode};
use serde::Serialize;

use super::body::{Body, Poured};
use crate::api::{Declined, DeclinedView, ErrorView, Schema};
use crate::failure::Failure;

/// A whole request.
#[derive(Clone, Debug)]
pub struct Request {
    /// GET or POST.
    pub method: Method,
    /// The path, not decoded: nothing here has a path that needs it.
    pub path: String,
    /// What follows the `?`, not decoded.
    pub query: String,
    /// At most 64 KiB.
    pub body: Bytes,
}

/// A response.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The media type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: Body,
}

impl Request {
    /// A GET without a query or a body.
    pub fn get(path: &str) -> Self {
        Self { method: Method::GET, path: path.to_owned(), query: String::new(), body: Bytes::new() }
    }

    /// Whether the query has the parameter `name`, with or without a value.
    pub fn has_parameter(&self, name: &str) -> bool {
        self.query.split('&').any(|pair| pair.split('=').next() == Some(name))
    }
}

impl Response {
    /// A body of any media type.
    pub fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self { status, content_type, body: Body::Whole(body.into()) }
    }

    /// A 200 with bytes that are made while they are sent.
    pub fn poured(poured: Poured) -> Self {
        Self { status: StatusCode::OK, content_type: "application/octet-stream", body: Body::Poured(poured) }
    }

    /// A line for people; a line break is added.
    pub fn text(status: StatusCode, line: &str) -> Self {
        Self::new(status, "text/plain; charset=utf-8", format!("{line}\n"))
    }

    /// A 200 with a value as JSON.
    pub fn json(value: &impl Serialize) -> Self {
        Self::json_with(StatusCode::OK, value)
    }

    /// A failure as JSON, with the status of its code.
    pub fn failure(failure: Failure) -> Self {
        let status = StatusCode::from_u16(failure.code().http_status()).expect("the table of failures has valid statuses");
        Self::json_with(status, &ErrorView::from(failure))
    }

    /// A request that is declined, and what to do next.
    pub fn declined(status: StatusCode, declined: Declined) -> Self {
        Self::json_with(status, &DeclinedView { schema: Schema, declined })
    }

    fn json_with(status: StatusCode, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self::new(status, "application/json", body),
            Err(error) => Self::text(StatusCode::INTERNAL_SERVER_ERROR, &format!("the answer cannot be written as JSON: {error}")),
        }
    }
}
