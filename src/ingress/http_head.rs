//! The head of a request to an HTTP proxy. Pure.
//!
//! Two kinds are served: `CONNECT HOST:PORT`, and requests for `http://` URLs, which are sent on to the service as it would be asked directly (RFC 9112, section 3.2). Whatever
//! could be read in two ways is refused, since the service behind may read it in the other one.

use std::num::NonZeroU16;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

use super::http_body::Length;

/// Longest head that is taken.
pub const MAX_HEAD: usize = 16 * 1024;
/// Most fields of one.
const MAX_FIELDS: usize = 100;
/// The port of a URL that has none.
const HTTP_PORT: NonZeroU16 = NonZeroU16::new(80).expect("it is not 0");
/// What belongs to one connection and is not sent on (RFC 9110, section 7.6.1), beside what `Connection` names.
const HOP_BY_HOP: [&str; 5] = ["connection", "keep-alive", "te", "upgrade", "host"];
/// What says where a body ends.
const FRAMING: [&str; 2] = ["content-length", "transfer-encoding"];
/// The methods by which a client looks at the proxies on the way, and the field by which it says how many of them (RFC 9110, section 7.6.2).
const LOOKING: [&str; 2] = ["TRACE", "OPTIONS"];
/// See [`LOOKING`].
const MAX_FORWARDS: &str = "max-forwards";
/// What is said to a proxy, and to nobody behind it: also what is spelled a little wrong may be a secret.
const TO_A_PROXY: &str = "proxy-";

/// A request that can be served, once it is known who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its method.
    pub method: String,
    /// What it asks for.
    pub wanted: Wanted,
    /// Name and secret, if it shows some.
    pub login: Option<Login>,
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A tunnel.
    Tunnel(Authority),
    /// An answer of a service.
    Answer {
        /// Which service.
        from: Authority,
        /// The head as the service is to get it.
        head: Vec<u8>,
        /// The body behind it.
        body: Length,
    },
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The host, a name or an address.
    pub host: String,
    /// The port.
    pub port: NonZeroU16,
}

/// A name and what proves it.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The client's name.
    pub name: String,
    /// Its secret.
    pub secret: Zeroizing<String>,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why a request is not served: a status, and a fragment that says what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{1}")]
pub struct Unserved(pub u16, pub &'static str);

const MALFORMED: Unserved = Unserved(400, "this is no request of HTTP/1.1");
const TOO_LONG: Unserved = Unserved(431, "the head of the request is too long");
const NO_PROXY_REQUEST: Unserved = Unserved(
    421,
    "this is an HTTP proxy: set it as one (`http_proxy`, `curl -x`), or ask for a whole URL such as `http://SERVICE.AGENT.warren/`",
);
const NO_HTTP: Unserved =
    Unserved(400, "only `http://` URLs are asked for like this: for others open a tunnel by CONNECT, as clients do for `https://`");
const FRAGMENT: Unserved = Unserved(400, "a `#` and what follows it are the client's own, and no part of what it asks for");
const NO_AUTHORITY: Unserved = Unserved(400, "there is no `HOST:PORT` where there should be one");
const HOST: Unserved = Unserved(400, "a request of HTTP/1.1 has one `Host`, and no request has two");
const LAST: Unserved = Unserved(501, "this proxy answers nothing for itself, and `Max-Forwards` lets it ask nobody");
const FORWARDS: Unserved = Unserved(400, "`Max-Forwards` is a number");
const AMBIGUOUS: Unserved = Unserved(400, "where the body of the request ends is said twice, or not clearly");
const CODING: Unserved = Unserved(501, "no transfer coding but `chunked` is served");

/// Reads a head and says how many bytes it had; `None` while there are too few.
///
/// # Errors
/// [`Unserved`]
pub fn parse(bytes: &[u8]) -> Result<Option<(Head, usize)>, Unserved> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    let length = match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length <= MAX_HEAD => length,
        Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD => return Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(TOO_LONG),
        Err(httparse::Error::Version) => return Err(Unserved(505, "only HTTP/1.0 and HTTP/1.1 are served")),
        Err(_) => return Err(MALFORMED),
    };
    let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version) else { return Err(MALFORMED) };
    let fields = Fields { minor, fields: request.headers };
    fields.host()?;
    let wanted = match method {
        "CONNECT" => Wanted::Tunnel(authority(target, None).ok_or(NO_AUTHORITY)?),
        _ => fields.answer(method, target)?,
    };
    Ok(Some((Head { method: method.to_owned(), wanted, login: fields.login() }, length)))
}

/// `HOST:PORT`, or a host alone where there is a usual port. IPv6 addresses stand in brackets.
fn authority(text: &str, usual: Option<NonZeroU16>) -> Option<Authority> {
    let (host, port) = match text.rsplit_once(':').filter(|(_, port)| !port.contains(']')) {
        Some((host, "")) => (host, usual?),
        Some((host, port)) => (host, port.parse().ok().filter(|_| port.bytes().all(|digit| digit.is_ascii_digit()))?),
        None => (text, usual?),
    };
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'[' | b']' | b':');
    let is_host = !host.is_empty() && host.bytes().all(fits) && (host.starts_with('[') || !host.contains(':'));
    is_host.then(|| Authority { host: host.to_owned(), port })
}

struct Fields<'a> {
    minor: u8,
    fields: &'a [httparse::Header<'a>],
}

impl<'a> Fields<'a> {
    fn named(&self, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }

    /// The words of a field that is a list.
    fn words(&self, name: &'static str) -> impl Iterator<Item = &'a str> {
        let texts = self.named(name).filter_map(|value| std::str::from_utf8(value).ok());
        texts.flat_map(|value| value.split(',')).map(str::trim).filter(|word| !word.is_empty())
    }

    fn answer(&self, method: &str, target: &str) -> Result<Wanted, Unserved> {
        let is_prefix = |scheme: &str| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
        if !is_prefix("http://") {
            return Err(if target.contains("://") { NO_HTTP } else { NO_PROXY_REQUEST });
        }
        // It is never sent (RFC 9110, section 7.1): whoever does so reads the target in another way than the service.
        if target.contains('#') {
            return Err(FRAGMENT);
        }
        let rest = &target["http://".len()..];
        let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let from = authority(host, Some(HTTP_PORT)).ok_or(NO_AUTHORITY)?;
        let body = self.body()?;
        let slash = match (method, path) {
            // Of the service as a whole (RFC 9112, section 3.2.4).
            ("OPTIONS", "") => "*",
            (_, path) if path.starts_with('/') => "",
            (_, _) => "/",
        };
        let forwards = if LOOKING.contains(&method) { self.forwards()? } else { None };
        let mut head = format!("{method} {slash}{path} HTTP/1.{}\r\nHost: {host}\r\n", self.minor).into_bytes();
        let named: Vec<_> = self.words("connection").collect();
        let is_ours = |name: &str| name.get(..TO_A_PROXY.len()).is_some_and(|start| start.eq_ignore_ascii_case(TO_A_PROXY));
        let counts = forwards.is_some().then_some(&MAX_FORWARDS);
        let stays =
            |name: &str| !is_ours(name) && !HOP_BY_HOP.iter().chain(&named).chain(counts).any(|other| other.eq_ignore_ascii_case(name));
        for field in self.fields.iter().filter(|field| stays(field.name)) {
            head.extend([field.name.as_bytes(), b": ", field.value, b"\r\n"].concat());
        }
        if let Some(forwards) = forwards {
            head.extend_from_slice(format!("Max-Forwards: {forwards}\r\n").as_bytes());
        }
        // One request for each connection: the next may be for somebody else.
        head.extend_from_slice(b"Via: 1.1 warren\r\nConnection: close\r\n\r\n");
        Ok(Wanted::Answer { from, head, body })
    }

    /// What is in it counts for nothing beside a whole URL, but whoever has two of them has perhaps not written both (RFC 9112, section 3.2).
    fn host(&self) -> Result<(), Unserved> {
        match self.named("host").count() {
            1 => Ok(()),
            0 if self.minor == 0 => Ok(()),
            _ => Err(HOST),
        }
    }

    /// How many proxies it may still pass behind this one, if it says so.
    fn forwards(&self) -> Result<Option<u32>, Unserved> {
        let mut said = self.named(MAX_FORWARDS);
        let Some(number) = said.next() else { return Ok(None) };
        let digits = std::str::from_utf8(number).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let number = digits.and_then(|digits| digits.parse::<u32>().ok()).filter(|_| said.next().is_none()).ok_or(FORWARDS)?;
        number.checked_sub(1).map(Some).ok_or(LAST)
    }

    /// Where the body ends (RFC 9112, section 6).
    fn body(&self) -> Result<Length, Unserved> {
        let codings: Vec<_> = self.words("transfer-encoding").collect();
        let mut lengths = self.named("content-length");
        let length = lengths.next();
        let is_coded = self.named("transfer-encoding").next().is_some();
        // What `Connection` names is not sent on; without what says where it ends the body would be another request.
        let is_hidden = self.words("connection").any(|word| FRAMING.iter().any(|field| field.eq_ignore_ascii_case(word)));
        if is_hidden || lengths.next().is_some() || (is_coded && (length.is_some() || self.minor == 0)) {
            return Err(AMBIGUOUS);
        }
        match (is_coded, codings.as_slice(), length) {
            (true, [coding], _) if coding.eq_ignore_ascii_case("chunked") => Ok(Length::Chunked),
            (true, _, _) => Err(CODING),
            (false, _, Some(length)) => {
                let digits =
                    std::str::from_utf8(length).ok().filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
                digits.and_then(|digits| digits.parse().ok()).map(Length::Bytes).ok_or(AMBIGUOUS)
            }
            (false, _, None) => Ok(Length::Bytes(0)),
        }
    }

    fn login(&self) -> Option<Login> {
        let value = std::str::from_utf8(self.named("proxy-authorization").next()?).ok()?;
        let (scheme, encoded) = value.trim().split_once(' ')?;
        let decoded = scheme.eq_ignore_ascii_case("basic").then(|| BASE64_STANDARD.decode(encoded.trim()).ok())??;
        let text = Zeroizing::new(String::from_utf8(decoded).ok()?);
        let (name, secret) = text.split_once(':')?;
        Some(Login { name: name.to_owned(), secret: Zeroizing::new(secret.to_owned()) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Option<(Head, usize)>, Unserved> {
        parse(text.as_bytes())
    }

    fn status(text: &str) -> u16 {
        read(text).expect_err(text).0
    }

    #[test]
    fn tunnels() {
        let (head, length) = read("CONNECT web.lab-pi.warren:443 HTTP/1.1\r\nHost: x\r\n\r\nrest").expect("a head").expect("whole");
        assert_eq!(
            head.wanted,
            Wanted::Tunnel(Authority { host: "web.lab-pi.warren".to_owned(), port: NonZeroU16::new(443).expect("a port") })
        );
        assert_eq!((head.method.as_str(), head.login, length), ("CONNECT", None, 51));
        let (head, _) = read("CONNECT [::1]:22 HTTP/1.0\r\n\r\n").expect("a head").expect("whole");
        assert!(matches!(head.wanted, Wanted::Tunnel(Authority { host, .. }) if host == "[::1]"));
        for bad in ["web", "web:", "web:0", "web:+1", "web:65536", ":22", "http://web:22", "a\"b:22", "::1:22", "me@web:22", "/"] {
            assert_eq!(status(&format!("CONNECT {bad} HTTP/1.1\r\nHost: x\r\n\r\n")), 400, "{bad}");
        }
    }

    #[test]
    fn a_login_is_read_and_not_sent_on() {
        let text = "GET http://web.lab-pi.warren/ HTTP/1.1\r\nHost: x\r\nproxy-authorization: bASIC YWRhOnM6eA==\r\nX: y\r\n\r\n";
        let (head, _) = read(text).expect("a head").expect("whole");
        let login = head.login.expect("a login");
        assert_eq!((login.name.as_str(), login.secret.as_str()), ("ada", "s:x"));
        assert!(!format!("{login:?}").contains("s:x"), "a secret is not shown");
        let Wanted::Answer { head, .. } = head.wanted else { panic!("an answer is wanted") };
        assert_eq!(
            String::from_utf8(head).expect("a text"),
            "GET / HTTP/1.1\r\nHost: web.lab-pi.warren\r\nX: y\r\nVia: 1.1 warren\r\nConnection: close\r\n\r\n"
        );
        for none in ["Basic", "Basic !", "Basic YWRh", "Bearer YWRhOnM6eA==", ""] {
            let text = format!("CONNECT a:1 HTTP/1.1\r\nHost: x\r\nProxy-Authorization: {none}\r\n\r\n");
            assert_eq!(read(&text).expect("a head").expect("whole").0.login, None, "{none}");
        }
    }

    #[test]
    fn requests_are_sent_on_as_the_service_would_get_them() {
        let text = "POST HTTP://web.any.warren:8080?q=1 HTTP/1.1\r\nHost: evil\r\nContent-Length: 3\r\nConnection: X-Secret, close\r\n\
                    X-Secret: 1\r\nProxy-Connection: keep-alive\r\nproxy-authorisation: x\r\nUpgrade: h2c\r\nCookie: a=b\r\n\r\nabc";
        let (head, length) = read(text).expect("a head").expect("whole");
        let Wanted::Answer { from, head, body } = head.wanted else { panic!("an answer is wanted") };
        assert_eq!((from.host.as_str(), from.port.get(), body, &text[length..]), ("web.any.warren", 8080, Length::Bytes(3), "abc"));
        assert_eq!(
            String::from_utf8(head).expect("a text"),
            "POST /?q=1 HTTP/1.1\r\nHost: web.any.warren:8080\r\nContent-Length: 3\r\nCookie: a=b\r\nVia: 1.1 warren\r\nConnection: close\r\n\r\n"
        );
        let chunked = "PUT http://a.b.warren/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n";
        assert!(matches!(read(chunked).expect("a head").expect("whole").0.wanted, Wanted::Answer { body: Length::Chunked, .. }));
    }

    #[test]
    fn what_a_service_can_do_is_asked_of_all_of_it() {
        for (target, sent) in
            [("http://a.b.warren", "*"), ("http://a.b.warren:80", "*"), ("http://a.b.warren/", "/"), ("http://a.b.warren?q", "/?q")]
        {
            let (head, _) = read(&format!("OPTIONS {target} HTTP/1.1\r\nHost: x\r\n\r\n")).expect(target).expect("whole");
            let Wanted::Answer { head, .. } = head.wanted else { panic!("an answer is wanted") };
            assert!(head.starts_with(format!("OPTIONS {sent} HTTP/1.1\r\n").as_bytes()), "{target}: {}", String::from_utf8_lossy(&head));
        }
    }

    #[test]
    fn who_looks_at_the_proxies_on_the_way_is_let_as_far_as_it_wants() {
        let text = |method: &str, fields: &str| format!("{method} http://a.b.warren/ HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
        let sent = |method: &str, fields: &str| {
            let (head, _) = read(&text(method, fields)).expect(fields).expect("whole");
            let Wanted::Answer { head, .. } = head.wanted else { panic!("an answer is wanted") };
            String::from_utf8(head).expect("a text").to_ascii_lowercase()
        };
        for method in LOOKING {
            assert_eq!(read(&text(method, "Max-Forwards: 0\r\n")), Err(LAST), "{method}");
            for wrong in ["", "-1", "+1", "1, 2", "x", "99999999999", "1\r\nmax-forwards: 1"] {
                assert_eq!(read(&text(method, &format!("Max-Forwards: {wrong}\r\n"))), Err(FORWARDS), "{method} {wrong}");
            }
            let counted = sent(method, "max-forwards: 2\r\n");
            assert!(counted.contains("\r\nmax-forwards: 1\r\n") && counted.matches("max-forwards").count() == 1, "{counted}");
            assert!(!sent(method, "").contains("max-forwards"));
        }
        assert!(sent("GET", "Max-Forwards: 0\r\n").contains("max-forwards: 0"), "it means nothing there");
    }

    #[test]
    fn a_body_does_not_become_a_request_of_its_own() {
        for field in ["Content-Length", "content-length", "close, Transfer-Encoding"] {
            for length in ["Content-Length: 9", "Transfer-Encoding: chunked"] {
                let text = format!("POST http://a.b.warren/ HTTP/1.1\r\nHost: x\r\nConnection: {field}\r\n{length}\r\n\r\n");
                assert_eq!(read(&text).expect_err("it is refused"), AMBIGUOUS, "{text}");
            }
        }
    }

    #[test]
    fn a_request_says_once_which_host_it_means() {
        for line in ["GET http://a.b.warren/", "CONNECT a.b.warren:80"] {
            for (version, hosts, is_served) in [
                ("1.1", "", false),
                ("1.1", "Host: a.b.warren\r\n", true),
                ("1.1", "Host:\r\n", true),
                ("1.1", "Host: a.b.warren\r\nhost: a.b.warren\r\n", false),
                ("1.0", "", true),
                ("1.0", "Host: a.b.warren\r\nHost: other\r\n", false),
            ] {
                let request = format!("{line} HTTP/{version}\r\n{hosts}\r\n");
                assert_eq!(read(&request).err(), (!is_served).then_some(HOST), "{request}");
            }
        }
    }

    #[test]
    fn what_is_not_served_is_told_why() {
        let get = |fields: &str| format!("GET http://a.b.warren/ HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
        let table = [
            ("GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 421),
            ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 421),
            ("GET https://a.b.warren/ HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 400),
            ("GET http:// HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 400),
            ("GET http://me@a.b.warren/ HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 400),
            ("GET http://a.b.warren#top HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 400),
            ("GET http://a.b.warren/#top HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 400),
            ("GET http://a.b.warren/?q#/ HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 400),
            ("CONNECT a.b.warren:80#top HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 400),
            ("GET / HTTP/2.0\r\n\r\n".to_owned(), 505),
            ("\x16\x03\x01\x02\x00".to_owned(), 400),
            (get("Content-Length: 1\r\nContent-Length: 1\r\n"), 400),
            (get("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), 400),
            (get("Content-Length: +1\r\n"), 400),
            (get("Content-Length: 99999999999999999999\r\n"), 400),
            (get("Transfer-Encoding: gzip, chunked\r\n"), 501),
            (get("Transfer-Encoding: \r\n"), 501),
            (get("A b: c\r\n"), 400),
            (get(&"A: b\r\n".repeat(MAX_FIELDS + 1)), 431),
            (get(&format!("A: {}\r\n", "b".repeat(MAX_HEAD))), 431),
        ];
        for (text, expected) in table {
            assert_eq!(status(&text), expected, "{text}");
        }
        assert_eq!(status("GET http://a.b.warren/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
        assert_eq!(status(&"G".repeat(MAX_HEAD)), 431, "a line without an end");
        assert_eq!(read("GET http://a.b.warren/ HTTP/1.1\r\nA: b\r\n"), Ok(None));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_head_or_refused(text in "(GET|CONNECT|\\PC{0,3}) (http://)?[a-c.:/\\[\\]@]{0,9} HTTP/1.[01]\r\n(Host: x\r\n)?([A-C]: \\PC{0,4}\r\n){0,3}(\r\n)?.{0,3}") {
            if let Ok(Some((head, length))) = parse(text.as_bytes()) {
                prop_assert!(length <= text.len());
                if let Wanted::Answer { head, .. } = head.wanted {
                    let mut fields = [httparse::EMPTY_HEADER; 2 * MAX_FIELDS];
                    let mut sent = httparse::Request::new(&mut fields);
                    prop_assert!(sent.parse(&head).is_ok_and(|status| status.is_complete()), "{:?}", String::from_utf8_lossy(&head));
                }
            }
        }
    }
}
