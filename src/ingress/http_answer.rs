//! The head of a service's answer, as whoever has asked by a proxy gets it: that the connection is over after it, whatever the service says about its own. Pure.

use super::http_head::MAX_HEAD;

/// Most fields of a head that is looked into.
const MAX_FIELDS: usize = 100;
/// What a service says about its own connection (RFC 9110, section 7.6.1).
const OF_A_CONNECTION: [&str; 3] = ["connection", "keep-alive", "proxy-connection"];

/// Why there is no answer of a service that could be passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There was none before the connection to the service ended.
    #[error("the service has closed the connection without an answer")]
    Silent,
}

impl Fault {
    /// The error type of `Proxy-Status` (RFC 9209, section 2.3); each is a status 502.
    pub fn proxy_status_error(self) -> &'static str {
        match self {
            Self::Silent => "connection_terminated",
        }
    }
}

/// Changes the head of an answer on its way. What is none is passed on as it is, since it is not for a proxy to judge what a service says.
#[derive(Debug, Default)]
pub struct AnswerHead {
    kept: Vec<u8>,
    is_behind: bool,
}

/// What there is of a head.
enum Read {
    /// Too little.
    Part,
    /// So many bytes of one after which another comes (RFC 9110, section 15.2).
    Interim(usize),
    /// A whole one, as it is passed on, and how many bytes it had.
    Last(Vec<u8>, usize),
    /// None.
    Other,
}

impl AnswerHead {
    /// Whether the head is over: what comes is passed on as it is.
    pub fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// Takes what comes next, and gives what can be passed on: nothing as long as the head is not whole, of which it keeps so much only as a head may have.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.kept.extend_from_slice(bytes);
        let mut out = Vec::new();
        while !self.is_behind {
            match read(&self.kept) {
                Read::Part if self.kept.len() < MAX_HEAD => return out,
                Read::Part | Read::Other => self.is_behind = true,
                Read::Interim(length) => out.extend(self.kept.drain(..length)),
                Read::Last(head, length) => {
                    self.kept.drain(..length);
                    out.extend(head);
                    self.is_behind = true;
                }
            }
        }
        out.append(&mut self.kept);
        out
    }

    /// What would be wrong if nothing came any more.
    pub fn fault(&self) -> Option<Fault> {
        (!self.is_behind && self.kept.is_empty()).then_some(Fault::Silent)
    }

    /// Nothing comes any more: what was kept.
    pub fn end(&mut self) -> Vec<u8> {
        self.is_behind = true;
        std::mem::take(&mut self.kept)
    }
}

fn read(bytes: &[u8]) -> Read {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut answer = httparse::Response::new(&mut fields);
    let length = match answer.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length <= MAX_HEAD => length,
        Ok(httparse::Status::Partial) => return Read::Part,
        Ok(httparse::Status::Complete(_)) | Err(_) => return Read::Other,
    };
    if matches!(answer.code, Some(100 | 102..200)) {
        return Read::Interim(length);
    }
    let line = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let mut head = bytes[..line].to_vec();
    for field in answer.headers.iter().filter(|field| !OF_A_CONNECTION.iter().any(|name| name.eq_ignore_ascii_case(field.name))) {
        head.extend([field.name.as_bytes(), b": ", field.value, b"\r\n"].concat());
    }
    head.extend_from_slice(b"Connection: close\r\n\r\n");
    Read::Last(head, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sent: &str, expected: &str) {
        for piece in [1, 7, sent.len().max(1)] {
            let mut head = AnswerHead::default();
            let mut out: Vec<u8> = sent.as_bytes().chunks(piece).flat_map(|bytes| head.feed(bytes)).collect();
            out.extend(head.end());
            assert_eq!(String::from_utf8_lossy(&out), expected, "in pieces of {piece}");
        }
    }

    #[test]
    fn an_answer_says_that_the_connection_is_over() {
        check("HTTP/1.1 200 OK\r\nA: b\r\n\r\nHTTP/1.1", "HTTP/1.1 200 OK\r\nA: b\r\nConnection: close\r\n\r\nHTTP/1.1");
        check("HTTP/1.0 204 \r\n\r\n", "HTTP/1.0 204 \r\nConnection: close\r\n\r\n");
        let kept = "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\nConnection: x\r\n\r\nhi";
        check(kept, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi");
    }

    #[test]
    fn what_comes_before_the_answer_is_none() {
        check(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 404 No\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 404 No\r\nConnection: close\r\n\r\n",
        );
    }

    #[test]
    fn no_answer_is_a_fault() {
        for (sent, fault) in [("", true), ("HTTP/1.1 100 Continue\r\n\r\n", true), ("HTTP/1.1 200 OK\r\n\r\n", false)] {
            let mut head = AnswerHead::default();
            head.feed(sent.as_bytes());
            assert_eq!(head.fault(), fault.then_some(Fault::Silent), "{sent}");
        }
    }

    #[test]
    fn what_is_no_answer_passes_as_it_is() {
        for text in ["", "HTTP/1.1 200 OK\r\nA", "SSH-2.0-OpenSSH\r\n", "HTTP/1.1 200 OK\r\n a\r\n\r\nx", "ICY 200 OK\r\n\r\n"] {
            check(text, text);
        }
        let long = format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\nx", "b".repeat(2 * MAX_HEAD));
        check(&long, &long);
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\nx", "A: b\r\n".repeat(MAX_FIELDS + 1));
        check(&many, &many);
    }
}
