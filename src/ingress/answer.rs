//! Failures as the protocols of the ways in say them. Pure.

use std::fmt::Write as _;

use super::http_answer::Fault;
use super::sni::Alert;
use crate::failure::{Code, Failure, Printable};

/// An answer of HTTP/1.1 whose body is for a person. The connection is over after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    status: u16,
    reason: &'static str,
    /// The last one without its end.
    fields: String,
    body: String,
}

impl HttpAnswer {
    /// What a dial came to, from the proxy called `by`: the status of the code, and `Proxy-Status` (RFC 9209).
    pub fn failed(failure: &Failure, by: &str) -> Self {
        let mut details = failure.message().to_owned();
        failure.causes().iter().for_each(|cause| details.extend([": ", cause]));
        let mut fields = proxy_status(by, failure.code().proxy_status_error(), &details);
        for (key, value) in [("code", Some(failure.code().as_str())), ("stage-proxy", failure.proxy()), ("trace", failure.trace())] {
            // A text grows in memory alone.
            let _ = value.map(|value| write!(fields, "; {key}={}", quoted(value)));
        }
        Self { status: failure.code().http_status(), reason: reason(failure.code().http_status()), fields, body: format!("{failure}\n") }
    }

    /// Why a request is not served by the proxy called `by`, whoever it is for: the fault is the request's.
    pub fn refused(status: u16, text: &str, by: &str) -> Self {
        let body = format!("error: {}\n", Printable(text));
        Self { status, reason: reason(status), fields: proxy_status(by, "http_request_error", text), body }
    }

    /// That the service has no answer that the proxy called `by` could pass on, to a request that was carried with this number.
    pub fn unanswered(fault: Fault, by: &str, trace: &str) -> Self {
        let fields = format!("{}; trace={}", proxy_status(by, fault.proxy_status_error(), &fault.to_string()), quoted(trace));
        Self { status: 502, reason: reason(502), fields, body: format!("error: {fault}\n") }
    }

    /// That a name and its secret are wanted (RFC 7617).
    pub fn unauthenticated(by: &str, text: &str) -> Self {
        let challenge = "Proxy-Authenticate: Basic realm=\"warren\", charset=\"UTF-8\"\r\n";
        let fields = format!("{challenge}{}", proxy_status(by, "http_request_denied", text));
        let hint = "hint: the name of a client and what `warren clients credential NAME` printed for it";
        Self { status: 407, reason: reason(407), fields, body: format!("error: {}\n{hint}\n", Printable(text)) }
    }

    /// Its bytes; an answer to HEAD has no body.
    pub fn encode(&self, method: &str) -> Vec<u8> {
        let Self { status, reason, fields, body } = self;
        let length = body.len();
        let body = if method == "HEAD" { "" } else { body };
        format!(
            "HTTP/1.1 {status} {reason}\r\n{fields}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\
             Cache-Control: no-store\r\nConnection: close\r\n\r\n{body}"
        )
        .into_bytes()
    }
}

/// That a tunnel is there (RFC 9110, section 9.3.6), with the dial's number.
pub fn connected(by: &str, trace: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 Connected\r\nProxy-Status: {}; trace={}\r\n\r\n", quoted(by), quoted(trace)).into_bytes()
}

/// The alert that says best what a dial came to.
pub fn alert(code: Code) -> Alert {
    match code {
        Code::ServiceUnknown => Alert::UnrecognizedName,
        Code::Denied => Alert::AccessDenied,
        Code::AgentOffline
        | Code::TargetRefused
        | Code::Timeout
        | Code::PeerUnreachable
        | Code::LimitReached
        | Code::NoQuorum
        | Code::Other => Alert::InternalError,
    }
}

/// The field by which a proxy says that an answer is its own, and why (RFC 9209).
fn proxy_status(by: &str, error: &str, details: &str) -> String {
    format!("Proxy-Status: {}; error={error}; details={}", quoted(by), quoted(details))
}

/// A string of a structured field (RFC 8941, section 3.3.3): printable ASCII; what else there is stands as `?`.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            ' '..='~' => quoted.push(character),
            _ => quoted.push('?'),
        }
    }
    quoted.push('"');
    quoted
}

fn reason(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        421 => "Misdirected Request",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Stage;

    #[test]
    fn every_code_has_its_row() {
        let table = [
            (Code::ServiceUnknown, "404 Not Found", "destination_not_found", Alert::UnrecognizedName),
            (Code::AgentOffline, "503 Service Unavailable", "destination_unavailable", Alert::InternalError),
            (Code::TargetRefused, "502 Bad Gateway", "connection_refused", Alert::InternalError),
            (Code::Timeout, "504 Gateway Timeout", "connection_timeout", Alert::InternalError),
            (Code::PeerUnreachable, "502 Bad Gateway", "destination_ip_unroutable", Alert::InternalError),
            (Code::Denied, "403 Forbidden", "http_request_denied", Alert::AccessDenied),
            (Code::LimitReached, "503 Service Unavailable", "connection_limit_reached", Alert::InternalError),
            (Code::NoQuorum, "503 Service Unavailable", "proxy_internal_error", Alert::InternalError),
            (Code::Other, "500 Internal Server Error", "proxy_internal_error", Alert::InternalError),
        ];
        assert_eq!(table.map(|(code, ..)| code), Code::ALL);
        for (code, status, error, expected) in table {
            let failure = Failure::new(code, Stage::Route, "no \"such\" thing\r\nX: y").with_cause("ä\\").with_trace("4f1c").at("proxy-2");
            let text = String::from_utf8(HttpAnswer::failed(&failure, "proxy-1").encode("GET")).expect("a text");
            let line = format!(
                "HTTP/1.1 {status}\r\nProxy-Status: \"proxy-1\"; error={error}; details=\"no \\\"such\\\" thing??X: y: ?\\\\\"; \
                 code=\"{code}\"; stage-proxy=\"proxy-2\"; trace=\"4f1c\"\r\n"
            );
            assert!(text.starts_with(&line), "{text}");
            assert!(text.contains("\r\n\r\nerror: no \"such\" thing\\r\\nX: y\n  caused by: "), "{text}");
            assert_eq!(alert(code), expected);
        }
    }

    #[test]
    fn an_answer_to_head_has_the_length_of_its_body_and_no_body() {
        let answer = HttpAnswer::refused(400, "no", "proxy-1");
        let (get, head) = (answer.encode("GET"), answer.encode("HEAD"));
        assert_eq!(get, [&head[..], b"error: no\n"].concat());
        assert!(String::from_utf8_lossy(&head).contains("Content-Length: 10\r\n"));
    }

    #[test]
    fn every_answer_says_by_whom_and_why_and_that_it_is_the_last() {
        let failure = Failure::new(Code::Timeout, Stage::Route, "late");
        for (answer, error) in [
            (HttpAnswer::refused(421, "\"no\"", "p"), "http_request_error; details=\"\\\"no\\\"\""),
            (HttpAnswer::unauthenticated("p", "who?"), "http_request_denied; details=\"who?\""),
            (HttpAnswer::failed(&failure, "p"), "connection_timeout; details=\"late\"; code=\"timeout\""),
            (
                HttpAnswer::unanswered(Fault::Silent, "p", "4f1c"),
                "connection_terminated; details=\"the service has closed the connection without an answer\"; trace=\"4f1c\"",
            ),
        ] {
            let text = String::from_utf8(answer.encode("GET")).expect("a text");
            assert!(text.contains(&format!("\r\nProxy-Status: \"p\"; error={error}\r\n")), "{text}");
            assert!(text.contains("\r\nConnection: close\r\n\r\n"), "{text}");
        }
    }

    #[test]
    fn alerts_are_records_of_tls() {
        assert_eq!(Alert::UnrecognizedName.record(), [21, 3, 3, 0, 2, 2, 112]);
    }
}
