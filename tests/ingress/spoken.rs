//! What is said in a wrong way, or more than once, at the ways in: each gets the answer that its protocol has for it.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::support::{Cluster, EVERY_WAY_IN, Target, random_bytes};
use crate::{connect, hello};

/// What a page has: more than is under way at once.
const LARGE: usize = 4 << 20;

/// Says `words` and hears to the end, which is one in good order.
pub(crate) fn heard(address: SocketAddr, words: &[u8]) -> Vec<u8> {
    let mut stream = connect(address);
    stream.write_all(words).expect("they are taken");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap_or_else(|error| panic!("{error} after {:?}", String::from_utf8_lossy(&answer)));
    answer
}

/// The same of a text of HTTP.
pub(crate) fn asked(address: SocketAddr, request: &str) -> String {
    String::from_utf8(heard(address, request.as_bytes())).expect("a text")
}

#[test]
fn whatever_is_wrong_is_answered() {
    let cluster = Cluster::start_with(1, |proxy| proxy.configured(&format!("{EVERY_WAY_IN}[limits]\nheader_timeout = \"1s\"\n")));
    let site = Target::http(BTreeMap::from([("/", b"home".to_vec())]));
    let _agent = cluster.agent("shed", &[0], &[("web", site.address().to_string())]);
    let proxy = cluster.proxy(0);
    proxy.wait_published(3);

    let socks = proxy.ingress("socks5");
    let replied = |reply: u8| [&[5, 0, 5, reply][..], &[0, 1, 0, 0, 0, 0, 0, 0]].concat();
    assert_eq!(heard(socks, &[5, 1, 0, 5, 9, 0, 3, 1, b'a', 0, 80]), replied(7), "an unknown command");
    assert_eq!(heard(socks, &[5, 1, 0, 5, 1, 0, 2, 1, b'a', 0, 80]), replied(8), "an unknown kind of address");
    assert_eq!(heard(socks, &[5, 1, 0, 5, 1, 0, 3, 0, 0, 80]), replied(1), "an empty name");

    let http = proxy.ingress("http_connect");
    let huge = format!("GET http://web.shed.mesh.test/ HTTP/1.1\r\nA: {}\r\n\r\n", "b".repeat(20_000));
    let garbled = "PUT http://web.shed.mesh.test/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnothing of the kind\r\n";
    for (request, status) in [
        ("\u{1}\u{2}\r\n\r\n", "400 Bad Request"),
        ("GET / HTTP/1.1\r\nHost: web.shed.mesh.test\r\n\r\n", "421 Misdirected Request"),
        ("GET http://web.shed.mesh.test/ HTTP/1.1\r\n", "408 Request Timeout"),
        (huge.as_str(), "431 Request Header Fields Too Large"),
        (garbled, "400 Bad Request"),
        ("GET http://web.shed.mesh.test/ HTTP/1.1\r\n\r\n", "400 Bad Request"),
        ("GET http://web.shed.mesh.test/ HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "400 Bad Request"),
        ("GET http://web.shed.mesh.test/#top HTTP/1.1\r\nHost: x\r\n\r\n", "400 Bad Request"),
    ] {
        let answer = asked(http, request);
        let begins = format!("HTTP/1.1 {status}\r\nProxy-Status: \"proxy-1\"; error=http_request_error; details=\"");
        assert!(answer.starts_with(&begins), "{status}: {answer}");
        assert!(answer.contains("\r\nConnection: close\r\n"), "{status}: {answer}");
    }
}

#[test]
fn what_comes_behind_a_request_harms_nothing() {
    let cluster = Cluster::start_with(2, |proxy| proxy.configured(EVERY_WAY_IN));
    let large = random_bytes(7, LARGE);
    let site = Target::http(BTreeMap::from([("/large", large.clone())]));
    // It says nothing of its connection.
    let silent = Target::serving(|mut stream| {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nKeep-Alive: timeout=5\r\n\r\nhi")
    });
    let (echo, services) = (Target::echo(), ["web", "silent", "echo"]);
    let addresses = [site.address(), silent.address(), echo.address()].map(|address| address.to_string());
    let services: Vec<_> = services.into_iter().zip(addresses).collect();
    let _agent = cluster.agent("shed", &[1], &services);
    let proxy = cluster.proxy(0);
    proxy.wait_published(3);
    let http = proxy.ingress("http_connect");

    // Both at once, and the second one in the middle of the first one's answer.
    let [one, other] =
        ["web.shed", "echo.shed"].map(|host| format!("GET http://{host}.mesh.test/large HTTP/1.1\r\nHost: {host}.mesh.test\r\n\r\n"));
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\nConnection: close\r\n\r\n");
    let expected = [head.as_bytes(), &large].concat();
    assert!(heard(http, format!("{one}{other}").as_bytes()) == expected, "the first one's answer is whole, and the only one");
    let mut stream = connect(http);
    let mut answer = vec![0; 1 << 20];
    stream.write_all(one.as_bytes()).and_then(|()| stream.read_exact(&mut answer)).expect("the beginning");
    stream.write_all(other.as_bytes()).expect("it is taken");
    stream.read_to_end(&mut answer).expect("the rest");
    assert!(answer == expected);
    assert_eq!(echo.accepted(), 0, "nobody is asked what came behind");

    let silent = asked(http, "GET http://silent.shed.mesh.test/ HTTP/1.1\r\nHost: silent.shed.mesh.test\r\n\r\n");
    assert_eq!(silent, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi");

    // What a client has to say through a tunnel need not wait for the tunnel.
    let hello = hello("echo.shed.mesh.test");
    let mut stream: TcpStream = connect(http);
    let request = [&b"CONNECT echo.shed.mesh.test:443 HTTP/1.1\r\nHost: echo.shed.mesh.test:443\r\n\r\n"[..], &hello].concat();
    stream.write_all(&request).expect("it is taken");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("an answer");
        answer.push(byte[0]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
    let mut back = vec![0; hello.len()];
    stream.read_exact(&mut back).expect("what was said");
    assert!(back == hello, "the service has got it");
}
