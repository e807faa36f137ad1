//! The protocols as whoever comes in sees them, over streams in memory and with time that is only reckoned.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::time::Instant;
use warren_raft::KeyHash;

use super::*;
use crate::failure::{Code, Failure, Stage};
use crate::net::Stream;
use crate::net::relay::{End, Relayed};
use crate::target::Target;

/// How long whoever comes in may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A socket in memory, which notes that it was reset.
struct Near(DuplexStream, Arc<Mutex<bool>>);

impl Stream for Near {
    fn abort(self: Box<Self>) {
        *self.1.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }
}

impl AsyncRead for Near {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Near {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// What a way in leads to: a service, or a failure.
#[derive(Default)]
struct Leading {
    fails: Option<Code>,
    service: Service,
    dialled: Mutex<Vec<(String, Who)>>,
}

#[async_trait]
impl Entrance for Leading {
    fn name(&self) -> &str {
        "proxy-1"
    }

    async fn authenticate(&self, _: std::net::SocketAddr, name: &str, secret: &str) -> Result<Who, Failure> {
        let client = name.parse().map_err(|_| Failure::new(Code::Denied, Stage::Ingress, "wrong"))?;
        match secret {
            "right" => Ok(Who::Password(client, KeyHash([1; 32]))),
            "flood" => Err(Failure::new(Code::LimitReached, Stage::Ingress, "too many")),
            _ => Err(Failure::new(Code::Denied, Stage::Ingress, "wrong")),
        }
    }

    async fn dial(&self, target: Target, visitor: &Visitor) -> Result<Box<dyn Connected>, Failure> {
        self.dialled.lock().unwrap_or_else(PoisonError::into_inner).push((target.to_string(), visitor.who.clone()));
        match self.fails {
            Some(code) => Err(Failure::new(code, Stage::Route, "it failed").with_trace("4f1c")),
            None => Ok(Box::new(self.service)),
        }
    }
}

/// What a service does with what it gets.
#[derive(Clone, Copy, Default)]
enum Service {
    /// It gives it back.
    #[default]
    Echoes,
    /// It says that all is well, and gives it back.
    Tells,
    /// It breaks once the head of a request has come.
    Breaks,
    /// It says this once the head of a request has come, and ends.
    Answers(&'static [u8]),
    /// It says this then, and waits for the end of the request.
    Begins(&'static [u8]),
    /// It says this then, ends, and breaks.
    Leaves(&'static [u8]),
    /// It says this then, and breaks.
    Drops(&'static [u8]),
}

impl Service {
    async fn serve(self, reading: &mut (impl AsyncRead + Unpin), writing: &mut (impl AsyncWrite + Unpin)) -> io::Result<u64> {
        let words = match self {
            Self::Echoes => return echo(b"", reading, writing).await,
            Self::Tells => return echo(b"HTTP/1.1 200 OK\r\n\r\n", reading, writing).await,
            Self::Breaks => None,
            Self::Answers(words) | Self::Begins(words) | Self::Leaves(words) | Self::Drops(words) => Some(words),
        };
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(reading.read_u8().await?);
        }
        writing.write_all(words.ok_or(io::ErrorKind::ConnectionReset)?).await?;
        writing.flush().await?;
        if let Self::Answers(_) | Self::Leaves(_) = self {
            writing.shutdown().await?;
        }
        if let Self::Leaves(_) | Self::Drops(_) = self {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let rest = tokio::io::copy(reading, &mut tokio::io::sink()).await?;
        writing.shutdown().await?;
        Ok(head.len() as u64 + rest)
    }
}

/// Says `words`, and then what comes.
async fn echo(words: &[u8], reading: &mut (impl AsyncRead + Unpin), writing: &mut (impl AsyncWrite + Unpin)) -> io::Result<u64> {
    writing.write_all(words).await?;
    let copied = tokio::io::copy(reading, writing).await?;
    writing.shutdown().await?;
    Ok(copied)
}

#[async_trait]
impl Connected for Service {
    fn trace(&self) -> String {
        "4f1c".to_owned()
    }

    async fn carry(self: Box<Self>, stream: Box<dyn Stream>) -> Option<Relayed> {
        let (mut reading, mut writing) = tokio::io::split(stream);
        let served = self.serve(&mut reading, &mut writing).await;
        let end = if served.is_ok() {
            End::Whole
        } else {
            // As a relay does it whose one side broke.
            reading.unsplit(writing).abort();
            End::Reset
        };
        Some(Relayed { sent_bytes: served.unwrap_or_default(), received_bytes: 0, end })
    }

    fn give_up(self: Box<Self>) {}
}

/// What came of saying `words` at a door: the answer, what became of the connection, whether it was reset, whether all was heard, and how long that took.
struct Said {
    answer: Vec<u8>,
    outcome: Outcome,
    is_reset: bool,
    is_heard: bool,
    took: Duration,
}

async fn say(protocol: Protocol, leading: &Leading, words: &[u8]) -> Said {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let reset = Arc::new(Mutex::new(false));
    let door = Door { protocol, header_timeout: PATIENCE };
    let begun = Instant::now();
    let visitor = Visitor { from: "192.0.2.7:1".parse().expect("an address"), who: Who::Anybody };
    let serving = async {
        let outcome = door.serve(Box::new(Near(near, reset.clone())), visitor, leading).await;
        (outcome, begun.elapsed())
    };
    let (mut reading, mut writing) = tokio::io::split(far);
    let talking = async {
        // It may hear enough before all is said.
        let is_heard = writing.write_all(words).await.is_ok();
        tokio::time::sleep(PATIENCE * 4).await;
        let _ = writing.shutdown().await;
        is_heard
    };
    let hearing = async {
        let mut answer = Vec::new();
        reading.read_to_end(&mut answer).await.expect("a stream in memory does not fail");
        answer
    };
    let ((outcome, took), answer, is_heard) = tokio::join!(serving, hearing, talking);
    let is_reset = *reset.lock().unwrap_or_else(PoisonError::into_inner);
    Said { answer, outcome, is_reset, is_heard, took }
}

fn http(asks: Asks) -> Protocol {
    Protocol::HttpConnect(Domain::default(), asks)
}

fn socks5(asks: Asks) -> Protocol {
    Protocol::Socks5(Domain::default(), asks)
}

fn socks5_request(host: &str) -> Vec<u8> {
    [&[5, 1, 0, 3, u8::try_from(host.len()).expect("short")], host.as_bytes(), &[0, 80]].concat()
}

/// Every row of the table of failures.
#[tokio::test(start_paused = true)]
async fn every_failure_is_said_in_every_protocol() {
    for code in Code::ALL {
        let leading = Leading { fails: Some(code), ..Leading::default() };
        for request in
            ["GET http://web.lab-pi.warren/ HTTP/1.1\r\nHost: x\r\n\r\n", "CONNECT web.lab-pi.warren:80 HTTP/1.1\r\nHost: x\r\n\r\n"]
        {
            let said = say(http(Asks::Nothing), &leading, request.as_bytes()).await;
            let answer = String::from_utf8(said.answer).expect("a text");
            assert!(answer.starts_with(&format!("HTTP/1.1 {} ", code.http_status())), "{code}: {answer}");
            let status = format!(
                "\r\nProxy-Status: \"proxy-1\"; error={}; details=\"it failed\"; code=\"{code}\"; trace=\"4f1c\"\r\n",
                code.proxy_status_error()
            );
            assert!(answer.contains(&status), "{code}: {answer}");
            assert_eq!(said.outcome, Outcome::Failed(code));
        }
        let said = say(socks5(Asks::Nothing), &leading, &[&[5, 1, 0][..], &socks5_request("web.lab-pi.warren")].concat()).await;
        assert_eq!(said.answer, [&[5, 0, 5, code.socks5_reply()][..], &[0, 1, 0, 0, 0, 0, 0, 0]].concat(), "{code}");
        let said = say(Protocol::Tls(Domain::default()), &leading, &hello("web.lab-pi.warren")).await;
        assert_eq!((said.answer.as_slice(), said.outcome), (&answer::alert(code).record()[..], Outcome::Failed(code)), "{code}");
        let said = say(Protocol::Tcp("any/web".parse().expect("a target")), &leading, b"").await;
        assert_eq!(
            (said.answer.len(), said.is_reset),
            (0, true),
            "{code}: there is no word for it, and an end would look like an empty answer"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_arrive_as_they_were_sent() {
    let leading = Leading::default();
    let said = say(http(Asks::Nothing), &leading, b"CONNECT web.lab-pi.warren:80 HTTP/1.1\r\nHost: x\r\n\r\nearly").await;
    assert_eq!(said.answer, b"HTTP/1.1 200 Connected\r\nProxy-Status: \"proxy-1\"; trace=\"4f1c\"\r\n\r\nearly");
    let said = say(socks5(Asks::Nothing), &leading, &[&[5, 1, 0][..], &socks5_request("web.lab-pi.warren"), b"early"].concat()).await;
    assert_eq!(said.answer, [&[5, 0][..], &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0], b"early"].concat());
    let hello = [hello("web.lab-pi.warren"), b"more".to_vec()].concat();
    assert_eq!(say(Protocol::Tls(Domain::default()), &leading, &hello).await.answer, hello);
    let leading = Leading { service: Service::Tells, ..Leading::default() };
    let put = b"PUT http://web.lab-pi.warren/x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
    assert_eq!(
        String::from_utf8_lossy(&say(http(Asks::Nothing), &leading, put).await.answer),
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n\
         PUT /x HTTP/1.1\r\nHost: web.lab-pi.warren\r\nContent-Length: 3\r\nVia: 1.1 warren\r\nConnection: close\r\n\r\nabc"
    );
}

/// The next request on a connection may be for another service: it must not reach the first one, and the first one's answer arrives all the same.
#[tokio::test(start_paused = true)]
async fn a_second_request_harms_nothing() {
    let leading = Leading { service: Service::Tells, ..Leading::default() };
    for body in ["Content-Length: 3\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "\r\n"] {
        let one = format!("PUT http://web.lab-pi.warren/x HTTP/1.1\r\nHost: web.lab-pi.warren\r\n{body}");
        let sent = one.replace("http://web.lab-pi.warren/x", "/x");
        let sent = sent.replacen("\r\n\r\n", "\r\nVia: 1.1 warren\r\nConnection: close\r\n\r\n", 1);
        let sent = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{sent}");
        for behind in ["", "\r\n", "GET http://other.lab-pi.warren/secret HTTP/1.1\r\n\r\n", &"x".repeat(60_000)] {
            let said = say(http(Asks::Nothing), &leading, format!("{one}{behind}").as_bytes()).await;
            assert_eq!(String::from_utf8_lossy(&said.answer), sent, "{body} and {} bytes", behind.len());
            assert_eq!((said.outcome, said.is_reset), (Outcome::Connected, false));
        }
    }
}

/// A service may say nothing of the connection, or that it stays; whoever does not hang up is hung up on.
#[tokio::test(start_paused = true)]
async fn the_answer_is_whole_and_the_last() {
    let get = "GET http://web.lab-pi.warren/ HTTP/1.1\r\nHost: x\r\n\r\n";
    for words in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"[..],
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nhi",
    ] {
        let leading = Leading { service: Service::Answers(words), ..Leading::default() };
        for request in [get.to_owned(), get.repeat(2), get.repeat(1_000)] {
            let said = say(http(Asks::Nothing), &leading, request.as_bytes()).await;
            let answer = String::from_utf8_lossy(&said.answer);
            assert_eq!(answer, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi");
            assert_eq!((said.outcome, said.is_reset), (Outcome::Connected, false));
            assert!(said.took < PATIENCE * 2, "{:?}", said.took);
        }
    }
}

/// Nobody may take what was garbled for a whole request, and whoever has sent it is told, unless the service has answered already.
#[tokio::test(start_paused = true)]
async fn a_garbled_body_is_answered() {
    for garbled in ["xyz\r\n", "3\r\nabcdef", "3\r\nabc\r\n\r\n"] {
        let request = format!(
            "PUT http://web.lab-pi.warren/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{garbled}{}",
            "x".repeat(9_000)
        );
        let after = async |service: Service| say(http(Asks::Nothing), &Leading { service, ..Leading::default() }, request.as_bytes()).await;
        let nothing = after(Service::Begins(b"")).await;
        let answer = String::from_utf8_lossy(&nothing.answer);
        assert!(
            answer.starts_with("HTTP/1.1 400 Bad Request\r\nProxy-Status: \"proxy-1\"; error=http_request_error; details=\""),
            "{answer}"
        );
        assert!(answer.contains("\r\nConnection: close\r\n\r\nerror: the chunks of the request's body are garbled\n"), "{answer}");
        assert!(!nothing.is_reset, "{garbled:?}");
        let whole = after(Service::Answers(b"HTTP/1.1 413 No\r\n\r\nno")).await;
        assert_eq!((whole.answer.as_slice(), whole.is_reset), (&b"HTTP/1.1 413 No\r\nConnection: close\r\n\r\nno"[..], false));
        let part = after(Service::Begins(b"HTTP/1.1 200 OK\r\n\r\npa")).await;
        assert_eq!(
            (part.answer.as_slice(), part.is_reset),
            (&b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\npa"[..], true),
            "it is not whole"
        );
    }
}

/// Whoever waits for an answer gets one, and not the end of a connection.
#[tokio::test(start_paused = true)]
async fn a_service_without_an_answer_is_told_of() {
    let get = "GET http://web.lab-pi.warren/ HTTP/1.1\r\nHost: x\r\n\r\n";
    let interim = b"HTTP/1.1 103 Early Hints\r\n\r\n";
    for (service, before) in [(Service::Answers(b""), &b""[..]), (Service::Breaks, b""), (Service::Answers(interim), interim)] {
        let leading = Leading { service, ..Leading::default() };
        for (request, body) in
            [(get.to_owned(), "error: the service has closed the connection without an answer\n"), (get.replace("GET", "HEAD"), "")]
        {
            let said = say(http(Asks::Nothing), &leading, request.as_bytes()).await;
            let answer = String::from_utf8(said.answer).expect("a text");
            let begins = format!(
                "{}HTTP/1.1 502 Bad Gateway\r\nProxy-Status: \"proxy-1\"; error=connection_terminated; \
                 details=\"the service has closed the connection without an answer\"; trace=\"4f1c\"\r\n",
                String::from_utf8_lossy(before)
            );
            assert!(answer.starts_with(&begins) && answer.ends_with(&format!("\r\nConnection: close\r\n\r\n{body}")), "{answer}");
            assert_eq!((said.outcome, said.is_reset), (Outcome::Connected, false));
        }
    }
}

/// Before a byte of it has come through, whatever there was before it.
#[tokio::test(start_paused = true)]
async fn an_answer_that_is_none_is_told_of() {
    let get = b"GET http://web.lab-pi.warren/ HTTP/1.1\r\nHost: x\r\n\r\n";
    for (words, error) in [
        (&b"SSH-2.0-OpenSSH_9.9\r\n"[..], "http_protocol_error"),
        (b"HTTP/1.1 200 OK\r\nContent-Length", "http_response_incomplete"),
        (&[b'x'; 70_000], "http_protocol_error"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", "http_protocol_error"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 20\r\n\r\nhi", "http_protocol_error"),
    ] {
        // It may go on, or end.
        for service in [Service::Answers(words), Service::Begins(words)] {
            let said = say(http(Asks::Nothing), &Leading { service, ..Leading::default() }, get).await;
            let answer = String::from_utf8(said.answer).expect("a text");
            let begins = format!("HTTP/1.1 502 Bad Gateway\r\nProxy-Status: \"proxy-1\"; error={error}; details=\"");
            assert!(answer.starts_with(&begins), "{answer}");
            assert!(answer.contains("\r\n\r\nerror: ") && !answer.contains("SSH"), "{answer}");
            assert!(!said.is_reset);
        }
    }
}

/// Whoever is in the middle of a large request when the answer comes may look at it only behind the request.
#[tokio::test(start_paused = true)]
async fn an_early_answer_is_not_lost_behind_an_upload() {
    let upload = |bytes: usize| {
        let head = format!("PUT http://web.lab-pi.warren/x HTTP/1.1\r\nHost: x\r\nContent-Length: {bytes}\r\n\r\n");
        [head.as_bytes(), &vec![b'x'; bytes]].concat()
    };
    let refusing = || Leading { fails: Some(Code::AgentOffline), ..Leading::default() };
    let serving = |service| Leading { service, ..Leading::default() };
    for (leading, begins) in [
        (serving(Service::Leaves(b"HTTP/1.1 413 No\r\n\r\nno")), "HTTP/1.1 413 No\r\nConnection: close\r\n\r\nno"),
        (
            serving(Service::Drops(b"HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno")),
            "HTTP/1.1 413 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno",
        ),
        (serving(Service::Breaks), "HTTP/1.1 502 "),
        (refusing(), "HTTP/1.1 503 "),
    ] {
        let said = say(http(Asks::Nothing), &leading, &upload(4 << 20)).await;
        let answer = String::from_utf8(said.answer).expect("a text");
        assert!(answer.starts_with(begins), "{answer}");
        assert!(said.is_heard && !said.is_reset, "{begins}: heard {}, reset {}", said.is_heard, said.is_reset);
        assert!(said.took < PATIENCE * 2, "{:?}", said.took);
    }
    let half = say(http(Asks::Nothing), &serving(Service::Drops(b"HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nn")), &upload(9)).await;
    assert!(half.is_reset, "nobody may take half an answer for a whole one");
    let endless = say(http(Asks::Nothing), &refusing(), &upload(80 << 20)).await;
    assert!(endless.answer.starts_with(b"HTTP/1.1 503 ") && !endless.is_heard, "there is an end to listening");
}

#[tokio::test(start_paused = true)]
async fn who_comes_in_has_to_say_who_it_is() {
    let leading = Leading::default();
    let client = Who::Password("ada".parse().expect("a name"), KeyHash([1; 32]));
    let get = |login: &str| format!("GET http://web.lab-pi.warren/ HTTP/1.1\r\nHost: x\r\n{login}\r\n");
    for (login, status, outcome) in [
        ("", "407 ", Outcome::Unauthenticated),
        ("Proxy-Authorization: Basic YWRhOndyb25n\r\n", "407 ", Outcome::Unauthenticated),
        ("Proxy-Authorization: Basic YWRhOmZsb29k\r\n", "503 ", Outcome::Unauthenticated),
    ] {
        let said = say(http(Asks::Password), &leading, get(login).as_bytes()).await;
        let answer = String::from_utf8(said.answer).expect("a text");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert_eq!(answer.contains("Proxy-Authenticate: Basic "), status == "407 ", "{answer}");
        assert_eq!(said.outcome, outcome);
    }
    let leading = Leading { service: Service::Tells, ..leading };
    let said = say(http(Asks::Password), &leading, get("Proxy-Authorization: Basic YWRhOnJpZ2h0\r\n").as_bytes()).await;
    assert_eq!(said.outcome, Outcome::Connected);
    assert!(
        said.answer.starts_with(b"HTTP/1.1 200 OK\r\n") && !String::from_utf8_lossy(&said.answer).contains("uthorization"),
        "the service does not get to see it"
    );

    let leading = Leading { service: Service::Echoes, ..leading };
    let request = socks5_request("web.lab-pi.warren");
    let login = |secret: &str| [&[1, 3][..], b"ada", &[u8::try_from(secret.len()).expect("short")], secret.as_bytes()].concat();
    let right = say(socks5(Asks::Password), &leading, &[&[5, 2, 0, 2][..], &login("right"), &request].concat()).await;
    assert_eq!((&right.answer[..6], right.outcome), (&[5, 2, 1, 0, 5, 0][..], Outcome::Connected));
    let wrong = say(socks5(Asks::Password), &leading, &[&[5, 1, 2][..], &login("wrong"), &request].concat()).await;
    assert_eq!((wrong.answer.as_slice(), wrong.outcome), (&[5, 2, 1, 1][..], Outcome::Unauthenticated));
    let none = say(socks5(Asks::Password), &leading, &[&[5, 1, 0][..], &request].concat()).await;
    assert_eq!((none.answer.as_slice(), none.outcome), (&[5, 0xff][..], Outcome::Unauthenticated));
    let dialled = leading.dialled.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert_eq!(dialled, vec![("lab-pi/web".to_owned(), client.clone()), ("lab-pi/web".to_owned(), client)]);
}

/// Each with what it is answered, and what it counts as.
#[tokio::test(start_paused = true)]
async fn what_is_not_spoken_here_is_turned_away() {
    let leading = Leading::default();
    let huge = format!("GET http://a.b.warren/ HTTP/1.1\r\nA: {}", "b".repeat(60_000));
    let v4 = [5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, 0, 80];
    let bind = [&[5, 1, 0, 5, 2][..], &socks5_request("web.lab-pi.warren")[2..]].concat();
    let many = [0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc];
    let table: [(Protocol, &[u8], &[u8], Outcome); 23] = [
        (http(Asks::Nothing), b"\x16\x03\x01\x02\x00", b"HTTP/1.1 400 Bad Request\r\nProxy-Status: ", Outcome::Malformed),
        (
            http(Asks::Nothing),
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"HTTP/1.1 421 Misdirected Request\r\nProxy-Status: ",
            Outcome::Unsupported,
        ),
        (http(Asks::Nothing), huge.as_bytes(), b"HTTP/1.1 431 Request Header Fields Too Large\r\nProxy-Status: ", Outcome::Malformed),
        (
            http(Asks::Nothing),
            b"GET http://127.0.0.1/ HTTP/1.1\r\nHost: x\r\n\r\n",
            b"HTTP/1.1 404 ",
            Outcome::Failed(Code::ServiceUnknown),
        ),
        (socks5(Asks::Nothing), b"GET / HTTP/1.1\r\n\r\n", b"", Outcome::Malformed),
        (socks5(Asks::Nothing), &v4, &[5, 0, 5, 8], Outcome::Unsupported),
        (socks5(Asks::Nothing), &bind, &[5, 0, 5, 7], Outcome::Unsupported),
        (socks5(Asks::Nothing), &[5, 1, 2], &[5, 0xff], Outcome::Unauthenticated),
        (socks5(Asks::Nothing), &[5, 0], &[5, 0xff], Outcome::Malformed),
        // An unknown command, whatever follows; an unknown kind of address; a host without a name, or without letters; a byte that must be 0.
        (socks5(Asks::Nothing), &[5, 1, 0, 5, 9, 0, 9, 0], &[5, 0, 5, 7, 0, 1, 0, 0, 0, 0, 0, 0], Outcome::Unsupported),
        (socks5(Asks::Nothing), &[5, 1, 0, 5, 1, 0, 9, 1, 2, 0, 80], &[5, 0, 5, 8, 0, 1, 0, 0, 0, 0, 0, 0], Outcome::Unsupported),
        (socks5(Asks::Nothing), &[5, 1, 0, 5, 1, 0, 3, 0, 0, 80], &[5, 0, 5, 1, 0, 1, 0, 0, 0, 0, 0, 0], Outcome::Malformed),
        (socks5(Asks::Nothing), &[5, 1, 0, 5, 1, 0, 3, 1, 0xff, 0, 80], &[5, 0, 5, 1, 0, 1, 0, 0, 0, 0, 0, 0], Outcome::Malformed),
        (socks5(Asks::Nothing), &[5, 1, 0, 5, 1, 1, 3, 1, b'a', 0, 80], &[5, 0, 5, 1, 0, 1, 0, 0, 0, 0, 0, 0], Outcome::Malformed),
        // Names and secrets that are empty, no text, or of another version.
        (socks5(Asks::Password), &[5, 1, 2, 1, 0, 1, b'x'], &[5, 2, 1, 1], Outcome::Malformed),
        (socks5(Asks::Password), &[5, 1, 2, 1, 1, b'a', 0], &[5, 2, 1, 1], Outcome::Malformed),
        (socks5(Asks::Password), &[5, 1, 2, 1, 1, 0xff, 1, b'x'], &[5, 2, 1, 1], Outcome::Malformed),
        (socks5(Asks::Password), &[5, 1, 2, 5, 1, b'a', 1, b'x'], &[5, 2, 1, 1], Outcome::Malformed),
        (Protocol::Tls(Domain::default()), b"GET / HTTP/1.1\r\n\r\n", &[21, 3], Outcome::Malformed),
        (Protocol::Tls(Domain::default()), &[0x16, 3, 1, 0, 0], &[21, 3], Outcome::Malformed),
        (
            Protocol::Tls(Domain::default()),
            &hello("web.lab-pi.elsewhere"),
            &[21, 3, 3, 0, 2, 2, 112],
            Outcome::Failed(Code::ServiceUnknown),
        ),
        (Protocol::Tls(Domain::default()), &hello("127.0.0.1"), &[21, 3, 3, 0, 2, 2, 109], Outcome::Unsupported),
        (Protocol::Tls(Domain::default()), &[&many[..], &[0; 16 * 1024]].concat(), &[21, 3], Outcome::Malformed),
    ];
    for (protocol, words, begins, outcome) in table {
        let said = say(protocol.clone(), &leading, words).await;
        assert_eq!(said.outcome, outcome, "{protocol:?} {:?}", String::from_utf8_lossy(&words[..words.len().min(60)]));
        assert!(said.answer.starts_with(begins), "{protocol:?}: {:?}", String::from_utf8_lossy(&said.answer));
        assert!(said.took < PATIENCE * 2, "{:?}", said.took);
    }
    assert!(leading.dialled.lock().unwrap_or_else(PoisonError::into_inner).is_empty(), "nobody dials for any of them");
}

/// However slowly it comes, and whatever there was of it.
#[tokio::test(start_paused = true)]
async fn who_is_slow_is_cut() {
    let leading = Leading::default();
    let hello = hello("web.lab-pi.warren");
    let cases: [(Protocol, &[u8]); 6] = [
        (http(Asks::Nothing), b""),
        (http(Asks::Nothing), b"GET http://a.b.warren/ HTTP/1.1\r\nA: "),
        (socks5(Asks::Nothing), b""),
        (socks5(Asks::Password), &[5, 1, 2, 1, 3]),
        (socks5(Asks::Nothing), &[5, 1, 0, 5, 1]),
        (Protocol::Tls(Domain::default()), &hello[..hello.len() - 1]),
    ];
    for (protocol, words) in cases {
        let said = say(protocol.clone(), &leading, words).await;
        assert_eq!(said.outcome, Outcome::Silent, "{protocol:?}");
        let late = b"HTTP/1.1 408 Request Timeout\r\nProxy-Status: \"proxy-1\"; error=http_request_error; details=";
        assert!(
            !matches!(protocol, Protocol::HttpConnect(..)) || said.answer.starts_with(late),
            "{:?}",
            String::from_utf8_lossy(&said.answer)
        );
        assert!(said.took < PATIENCE * 2, "{protocol:?}: {:?}", said.took);
    }
}

/// The hello of a TLS client that wants `host`.
pub(super) fn hello(host: &str) -> Vec<u8> {
    let name = host.to_owned().try_into().expect("a name");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13]).expect("TLS 1.3");
    let config = config.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    let mut client = rustls::ClientConnection::new(Arc::new(config), name).expect("a client");
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).expect("a hello");
    bytes
}
