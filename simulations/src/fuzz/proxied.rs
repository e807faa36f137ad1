//! Heads of requests to an HTTP proxy, bodies behind them, and heads of the answers.

use warren::ingress::http_answer::{AnswerHead, Fault};
use warren::ingress::http_body::{Body, Length};
use warren::ingress::http_head::{MAX_HEAD, Wanted, parse};

use super::{Outcome, Target};

pub(super) const TARGET: Target = Target {
    name: "proxied",
    reads: "requests to an HTTP proxy (CONNECT, whole URLs, where their bodies end) and heads of answers",
    run: target,
    seeds,
};

fn target(data: &[u8]) -> Outcome {
    if data.starts_with(b"HTTP/") {
        return answered(data);
    }
    let (head, length) = match parse(data) {
        Ok(Some(read)) => read,
        Ok(None) => {
            assert!(data.len() < MAX_HEAD, "nothing longer is waited for");
            return Outcome::plain("head", "not whole");
        }
        Err(error) => return Outcome::refused("head", &error),
    };
    assert!(length <= data.len() && length <= MAX_HEAD, "{length} bytes");
    assert_eq!(parse(&data[..length]), Ok(Some((head.clone(), length))), "what follows plays no part");
    let login = if head.login.is_some() { "with a login" } else { "without a login" };
    match head.wanted {
        Wanted::Tunnel(_) => Outcome::plain("tunnel", login),
        Wanted::Answer { head: sent, body, .. } => {
            assert!(sent.ends_with(b"\r\nConnection: close\r\n\r\n"), "one request for each connection");
            let lines = sent.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"Host:")).count();
            assert_eq!(lines, 1, "one host");
            assert!(!sent.windows(7).any(|part| part.eq_ignore_ascii_case(b"\nproxy-")), "what is for the proxy stays there");
            Outcome::plain("answer", &format!("{login} {}", behind(body, &data[length..])))
        }
    }
}

/// An answer is passed on in the same way however it comes, and what is none not at all.
fn answered(data: &[u8]) -> Outcome {
    match through(data, data.len()) {
        Ok(out) => {
            assert_eq!(through(data, 7), Ok(out.clone()), "in pieces as in one");
            assert!(out.windows(21).any(|part| part == b"\r\nConnection: close\r\n"), "it is the last on its connection");
            Outcome::plain("answered", "an answer")
        }
        Err(fault) => {
            let in_pieces = through(data, 7);
            // A head that is too long is so as soon as that is known.
            assert!(in_pieces == Err(fault) || in_pieces == Err(Fault::TooLong), "{in_pieces:?} in pieces, and not {fault:?}");
            Outcome::refused("answered", &fault)
        }
    }
}

fn through(data: &[u8], piece: usize) -> Result<Vec<u8>, Fault> {
    let mut head = AnswerHead::default();
    let mut out = Vec::new();
    for bytes in data.chunks(piece) {
        let was_behind = head.is_behind();
        let passed_on = head.feed(bytes)?;
        assert!(!was_behind || passed_on == bytes, "behind the head it is passed on as it is");
        out.extend(passed_on);
    }
    head.fault().map_or(Ok(out), Err)
}

/// The body ends at the same place however it comes.
fn behind(length: Length, bytes: &[u8]) -> &'static str {
    let (mut whole, mut pieces) = (Body::new(length), Body::new(length));
    let taken = whole.take(bytes);
    let piecewise = bytes.chunks(3).try_fold(0, |taken, piece| pieces.take(piece).map(|more| taken + more));
    assert_eq!(taken, piecewise);
    match taken {
        Ok(taken) => {
            assert!(taken <= bytes.len());
            assert_eq!(whole.is_done(), pieces.is_done());
            if whole.is_done() { "whole" } else { "not whole" }
        }
        Err(_) => "garbled",
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        "CONNECT web.lab-pi.warren:443 HTTP/1.1\r\nHost: web.lab-pi.warren:443\r\n\r\n",
        "CONNECT [::1]:22 HTTP/1.0\r\nProxy-Authorization: Basic YWRhOnJpZ2h0\r\n\r\nSSH-2.0",
        "GET http://a.b.warren/ HTTP/1.1\r\nHost: a\r\nProxy-Authorized: Basic x\r\n\r\n",
        "CONNECT web HTTP/1.1\r\nHost: web\r\n\r\n",
        "GET http://web.lab-pi.warren/a?b=c HTTP/1.1\r\nHost: evil\r\nProxy-Connection: keep-alive\r\n\r\n",
        "POST HTTP://web.any.warren:8080?q HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: x\r\nX: y\r\n\r\nabcGET",
        "PUT http://a.b.warren/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: u\r\n\r\nGET",
        "PUT http://a.b.warren/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz",
        "PUT http://a.b.warren/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
        "PUT http://a.b.warren/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "GET https://a.b.warren/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http://me@a.b.warren/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://a.b.warren/ HTTP/2.0\r\n\r\n",
        "GET http://a.b.warren/ HTTP/1.1\r\n",
        "GET http://a.b.warren/ HTTP/1.1\r\n\r\n",
        "GET http://a.b.warren/#top HTTP/1.1\r\nHost: a\r\n\r\n",
        "OPTIONS http://a.b.warren HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "OPTIONS http://a.b.warren HTTP/1.1\r\nHost: a\r\n\r\n",
        "\x16\x03\x01\x02",
        "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 404 \r\n\r\n",
        "HTTP/1.1 200 OK\r\nA",
        "HTTP/1.1 200 OK\r\n a\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
    ];
    let mut seeds: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    seeds.push(format!("GET http://a.b.warren/ HTTP/1.1\r\nHost: a\r\nA: {}\r\n\r\n", "b".repeat(MAX_HEAD)).into_bytes());
    seeds.push(format!("GET http://a.b.warren/ HTTP/1.1\r\nHost: a\r\n{}\r\n", "A: b\r\n".repeat(101)).into_bytes());
    seeds
}
