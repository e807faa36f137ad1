//! The head of a service's answer, as whoever has asked by a proxy gets it: that the connection is over after it, whatever the service says about its own. What is no answer is
//! not passed on, since whoever has asked may read it in another way. Pure.

/// Longest head of an answer, in bytes: more than that of a request, since cookies are told all at once.
pub const MAX_HEAD: usize = 64 * 1024;
/// Most fields of one.
const MAX_FIELDS: usize = 256;
/// What a service says about its own connection (RFC 9110, section 7.6.1).
const OF_A_CONNECTION: [&str; 3] = ["connection", "keep-alive", "proxy-connection"];
/// What says how long a body is; said once, whatever the service says.
const CONTENT_LENGTH: &str = "Content-Length";

/// Why there is no answer of a service that could be passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There was none before the connection to the service ended.
    #[error("the service has closed the connection without an answer")]
    Silent,
    /// It ended before there was all of its head.
    #[error("the service has closed the connection within the head of its answer")]
    CutOff,
    /// Its head is longer than one may be.
    #[error("the head of the service's answer is too long")]
    TooLong,
    /// It is none.
    #[error("what the service has answered is no answer of HTTP/1.1")]
    NoHttp,
    /// Where its body ends is said twice, or not clearly: what one reader takes for the rest of it another takes for an answer to somebody else.
    #[error("where the body of the service's answer ends is said twice, or not clearly")]
    Ambiguous,
    /// It goes on in another protocol (RFC 9110, section 15.2.2), which no service is asked for by a request: `Upgrade` is not sent on.
    #[error("the service goes on in a protocol that it was not asked for")]
    Switched,
}

impl Fault {
    /// The error type of `Proxy-Status` (RFC 9209, section 2.3); each is a status 502.
    pub fn proxy_status_error(self) -> &'static str {
        match self {
            Self::Silent => "connection_terminated",
            Self::CutOff => "http_response_incomplete",
            Self::TooLong => "http_response_header_section_size",
            Self::NoHttp | Self::Ambiguous | Self::Switched => "http_protocol_error",
        }
    }
}

/// Changes the head of an answer on its way.
#[derive(Debug, Default)]
pub struct AnswerHead {
    kept: Vec<u8>,
    is_behind: bool,
    /// How many bytes of the body are missing, where it says how many it has.
    missing: Option<u64>,
}

/// What there is of a head.
enum Read {
    /// Too little.
    Part,
    /// So many bytes of one after which another comes (RFC 9110, section 15.2).
    Interim(usize),
    /// A whole one, as it is passed on, how many bytes it had, and how many its body has.
    Last(Vec<u8>, usize, Option<u64>),
}

impl AnswerHead {
    /// Whether the head is over: what comes is passed on as it is.
    pub fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// Takes what comes next, and gives what can be passed on: nothing as long as the head is not whole, of which it keeps so much only as a head may have.
    ///
    /// # Errors
    /// [`Fault`], before anything of the answer was given.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Fault> {
        self.kept.extend_from_slice(bytes);
        let mut out = Vec::new();
        while !self.is_behind {
            match read(&self.kept)? {
                Read::Part => return Ok(out),
                Read::Interim(length) => out.extend(self.kept.drain(..length)),
                Read::Last(head, length, body) => {
                    self.kept.drain(..length);
                    out.extend(head);
                    (self.is_behind, self.missing) = (true, body);
                }
            }
        }
        self.pass(self.kept.len());
        out.append(&mut self.kept);
        Ok(out)
    }

    /// So many bytes behind the head were passed on as they are.
    pub fn pass(&mut self, bytes: usize) {
        self.missing = self.missing.map(|missing| missing.saturating_sub(bytes as u64));
    }

    /// Whether all of the answer was passed on, as far as it says how much that is.
    pub fn is_whole(&self) -> bool {
        self.missing == Some(0)
    }

    /// What would be wrong if nothing came any more.
    pub fn fault(&self) -> Option<Fault> {
        match (self.is_behind, self.kept.is_empty()) {
            (true, _) => None,
            (false, true) => Some(Fault::Silent),
            (false, false) => Some(Fault::CutOff),
        }
    }
}

fn read(bytes: &[u8]) -> Result<Read, Fault> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut answer = httparse::Response::new(&mut fields);
    let mut parser = httparse::ParserConfig::default();
    // A proxy takes it away (RFC 9112, section 5.1), as it does here.
    parser.allow_spaces_after_header_name_in_responses(true);
    let length = match parser.parse_response(&mut answer, bytes) {
        Ok(httparse::Status::Complete(length)) if length <= MAX_HEAD => length,
        Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD => return Ok(Read::Part),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(Fault::TooLong),
        Err(_) => return Err(Fault::NoHttp),
    };
    match answer.code {
        Some(101) => return Err(Fault::Switched),
        Some(100..200) => return Ok(Read::Interim(length)),
        _ => {}
    }
    let is_coded = answer.headers.iter().any(|field| field.name.eq_ignore_ascii_case("transfer-encoding"));
    // HTTP/1.0 has no codings: its readers take the code for the body (RFC 9112, section 6.1).
    if is_coded && answer.version == Some(0) {
        return Err(Fault::Ambiguous);
    }
    let length_said = length_of_body(answer.headers)?;
    let line = bytes.trim_ascii_start().split(|byte| *byte == b'\n').next().unwrap_or_default();
    // Who ends it by a line feed alone is understood, and not everybody understands that.
    let mut head = [line.strip_suffix(b"\r").unwrap_or(line), b"\r\n"].concat();
    let stays = |name: &str| !OF_A_CONNECTION.iter().chain([&CONTENT_LENGTH]).any(|other| other.eq_ignore_ascii_case(name));
    for field in answer.headers.iter().filter(|field| stays(field.name)) {
        head.extend([field.name.as_bytes(), b": ", field.value, b"\r\n"].concat());
    }
    if let Some(bytes) = length_said {
        head.extend_from_slice(format!("{CONTENT_LENGTH}: {bytes}\r\n").as_bytes());
    }
    head.extend_from_slice(b"Connection: close\r\n\r\n");
    Ok(Read::Last(head, length, length_said))
}

/// How many bytes the body has, as far as `Content-Length` says so: the same each time, and nothing else beside it (RFC 9112, section 6.3).
fn length_of_body(fields: &[httparse::Header<'_>]) -> Result<Option<u64>, Fault> {
    let named = |name: &'static str| fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value);
    let read = |digits: &[u8]| {
        let digits = digits.trim_ascii();
        let digits = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
        digits.parse::<u64>().ok()
    };
    let mut lengths = named(CONTENT_LENGTH).flat_map(|value| value.split(|byte| *byte == b',')).map(read);
    let Some(first) = lengths.next() else { return Ok(None) };
    let is_clear = first.is_some() && lengths.all(|length| length == first) && named("transfer-encoding").next().is_none();
    if is_clear { Ok(first) } else { Err(Fault::Ambiguous) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What of it is passed on, and why it is no answer.
    fn through(sent: &str, piece: usize) -> (String, Option<Fault>) {
        let mut head = AnswerHead::default();
        let mut out = Vec::new();
        let fault = sent.as_bytes().chunks(piece).find_map(|bytes| head.feed(bytes).map(|passed_on| out.extend(passed_on)).err());
        (String::from_utf8(out).expect("a text"), fault.or_else(|| head.fault()))
    }

    fn check_all(sent: &str, expected: &str, fault: Option<Fault>) {
        for piece in [1 + sent.len() / 1000, 7 + sent.len() / 100, sent.len().max(1)] {
            let shown: String = sent.chars().take(60).collect();
            assert!(through(sent, piece) == (expected.to_owned(), fault), "{shown:?} in pieces of {piece}: {:?}", through(sent, piece));
        }
    }

    fn check(sent: &str, expected: &str) {
        check_all(sent, expected, None);
    }

    /// Nothing of it is passed on.
    fn is_faulty(sent: &str, fault: Fault) {
        check_all(sent, "", Some(fault));
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
    fn what_is_a_little_wrong_is_put_right() {
        check("HTTP/1.1 200 OK\r\nA : b\r\n\r\nx", "HTTP/1.1 200 OK\r\nA: b\r\nConnection: close\r\n\r\nx");
        check("HTTP/1.1 200 OK\nA: b\n\nx", "HTTP/1.1 200 OK\r\nA: b\r\nConnection: close\r\n\r\nx");
        check("\r\nHTTP/1.1 200 OK\r\n\r\nx", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nx");
        let long = format!("HTTP/1.1 200 OK\r\nA: {}\r\n", "b".repeat(MAX_HEAD / 2));
        check(&format!("{long}\r\nx"), &format!("{long}Connection: close\r\n\r\nx"));
    }

    #[test]
    fn where_a_body_ends_is_said_once() {
        let answer = |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}\r\nhi");
        for same in ["Content-Length: 2\r\ncontent-length: 2\r\n", "Content-Length: 2, 2\r\n", "Content-Length: 02\r\n"] {
            check(&answer(same), &answer("Content-Length: 2\r\nConnection: close\r\n"));
        }
        check(&answer("Transfer-Encoding: chunked\r\n"), &answer("Transfer-Encoding: chunked\r\nConnection: close\r\n"));
        for fields in [
            "Content-Length: 2\r\nContent-Length: 3\r\n",
            "Content-Length: 2, 3\r\n",
            "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
            "transfer-encoding: x\r\ncontent-length: 2\r\n",
            "Content-Length: +2\r\n",
            "Content-Length: \r\n",
            "Content-Length: 2,\r\n",
            "Content-Length: 99999999999999999999\r\n",
        ] {
            is_faulty(&answer(fields), Fault::Ambiguous);
        }
        is_faulty("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Fault::Ambiguous);
    }

    #[test]
    fn an_answer_is_whole_when_all_has_come_that_it_says() {
        for (sent, passed, is_whole) in [
            ("HTTP/1.1 413 No\r\nContent-Length: 2\r\n", 0, false),
            ("HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n", 0, true),
            ("HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nn", 0, false),
            ("HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno", 0, true),
            ("HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nn", 3, true),
            ("HTTP/1.1 413 No\r\n\r\nno", 9, false),
        ] {
            let mut head = AnswerHead::default();
            head.feed(sent.as_bytes()).expect("an answer");
            head.pass(passed);
            assert_eq!(head.is_whole(), is_whole, "{sent} and {passed} bytes");
        }
    }

    #[test]
    fn what_is_no_answer_is_not_passed_on() {
        is_faulty("", Fault::Silent);
        for text in ["H", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nA", "HTTP/1.1 200 OK\r\nA: b\r\n"] {
            is_faulty(text, Fault::CutOff);
        }
        for text in ["SSH-2.0-OpenSSH\r\n", "HTTP/1.1 200 OK\r\n a\r\n\r\nx", "ICY 200 OK\r\n\r\n", "HTTP/2 200\r\n\r\n", "\0"] {
            is_faulty(text, Fault::NoHttp);
        }
        is_faulty(&format!("HTTP/1.1 200 OK\r\nA: {}", "b".repeat(MAX_HEAD)), Fault::TooLong);
        is_faulty(&format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\nx", "b".repeat(MAX_HEAD)), Fault::TooLong);
        is_faulty(&format!("HTTP/1.1 200 OK\r\n{}\r\nx", "A: b\r\n".repeat(MAX_FIELDS + 1)), Fault::TooLong);
        is_faulty("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", Fault::Switched);
        // What came before it is no part of it.
        let interim = "HTTP/1.1 100 Continue\r\n\r\n";
        check_all(interim, interim, Some(Fault::Silent));
        assert_eq!(through(&format!("{interim}SSH"), 7).1, Some(Fault::NoHttp));
    }
}
