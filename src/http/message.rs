//! What a handler gets and gives.

use std::net::SocketAddr;

use bytes::Bytes;
use hyper::{Method, StatusCode};
use serde::Serialize;

use super::body::{Body, Poured};
use crate::api::{Declined, DeclinedView, ErrorView, Schema};
use crate::failure::{Code, Failure};
use crate::net::LocalPeer;

/// Whose connection a request came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A process of this machine, by a local socket.
    Local(LocalPeer),
    /// Whoever can reach the address, by TCP.
    Remote(SocketAddr),
}

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
    /// The name by which the server was asked for, with its port if it came with one.
    pub host: Option<String>,
    /// Who asks.
    pub caller: Caller,
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
    /// What failed, where something did.
    pub code: Option<Code>,
    /// What a browser may do with it (`Content-Security-Policy`); `None`: nothing.
    pub policy: Option<&'static str>,
}

impl Request {
    /// Whether the query has the parameter `name`, with or without a value.
    pub fn has_parameter(&self, name: &str) -> bool {
        self.query.split('&').any(|pair| pair.split('=').next() == Some(name))
    }
}

impl Response {
    /// A body of any media type.
    pub fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self { status, content_type, body: Body::Whole(body.into()), code: None, policy: None }
    }

    /// A 200 with bytes that are made while they are sent.
    pub fn poured(poured: Poured) -> Self {
        Self { status: StatusCode::OK, content_type: "application/octet-stream", body: Body::Poured(poured), code: None, policy: None }
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
        let code = Some(failure.code());
        Self { code, ..Self::json_with(status, &ErrorView::from(failure)) }
    }

    /// The same, with which a browser may do what this policy says.
    #[must_use]
    pub fn with_policy(self, policy: &'static str) -> Self {
        Self { policy: Some(policy), ..self }
    }

    /// How the request went, in one word: `ok`, the code of what failed, or why nothing was done: there is nothing of that name (`not_found`), it cannot be done as things are
    /// (`declined`), the request is none (`invalid`), or anything else (`failed`).
    pub fn outcome(&self) -> &'static str {
        match (self.code, self.status) {
            (Some(code), _) => code.as_str(),
            (None, status) if status.is_success() => "ok",
            (None, StatusCode::NOT_FOUND) => "not_found",
            (None, StatusCode::CONFLICT | StatusCode::SERVICE_UNAVAILABLE) => "declined",
            (None, StatusCode::BAD_REQUEST) => "invalid",
            (None, _) => "failed",
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Stage;

    #[test]
    fn each_answer_has_its_word() {
        let declined = |status| Response::declined(status, Declined::new("it is so", "`warren status`"));
        let table = [
            (Response::text(StatusCode::OK, "done"), "ok"),
            (declined(StatusCode::NOT_FOUND), "not_found"),
            (declined(StatusCode::CONFLICT), "declined"),
            (declined(StatusCode::SERVICE_UNAVAILABLE), "declined"),
            (Response::text(StatusCode::BAD_REQUEST, "what?"), "invalid"),
            (Response::text(StatusCode::INTERNAL_SERVER_ERROR, "no"), "failed"),
        ];
        for (response, word) in table {
            assert_eq!(response.outcome(), word);
        }
        for code in Code::ALL {
            assert_eq!(Response::failure(Failure::new(code, Stage::Store, "not done")).outcome(), code.as_str());
        }
    }
}
