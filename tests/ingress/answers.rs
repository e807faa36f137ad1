//! What services answer at the HTTP proxy: what is an answer arrives as it comes, and what is none is one of the proxy's own.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use socket2::SockRef;

use crate::spoken::asked;
use crate::support::{Cluster, EVERY_WAY_IN, Proxy, Target};

/// A service that gets a request, whose head it reads, and does this then.
fn service(then: impl Fn(&mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static) -> Target {
    Target::serving(move |mut stream| {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        then(&mut stream)
    })
}

/// One that says this, and ends.
fn saying(words: impl Into<Vec<u8>>) -> Target {
    let words = words.into();
    service(move |stream| {
        stream.write_all(&words)?;
        stream.shutdown(Shutdown::Write)
    })
}

/// Publishes them as `s0`, `s1` and so on, at the other one of two proxies.
fn with_services(services: &[Target], test: impl FnOnce(&Proxy)) {
    let cluster = Cluster::start_with(2, |proxy| proxy.configured(EVERY_WAY_IN));
    let named: Vec<_> = services.iter().enumerate().map(|(n, target)| (format!("s{n}"), target.address().to_string())).collect();
    let named: Vec<_> = named.iter().map(|(name, address)| (name.as_str(), address.clone())).collect();
    let _agent = cluster.agent("shed", &[1], &named);
    let proxy = cluster.proxy(0);
    proxy.wait_published(3);
    test(proxy);
}

fn get(proxy: &Proxy, number: usize) -> String {
    let host = format!("s{number}.shed.mesh.test");
    asked(proxy.ingress("http_connect"), &format!("GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n"))
}

#[test]
fn what_is_no_answer_is_told_of() {
    let reset = service(|stream| SockRef::from(stream).set_linger(Some(Duration::ZERO)));
    let table = [
        (saying(""), "connection_terminated"),
        (reset, "connection_terminated"),
        (saying("HTTP/1.1 100 Continue\r\n\r\n"), "connection_terminated"),
        (saying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 20\r\n\r\nhi"), "http_protocol_error"),
        (saying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "http_protocol_error"),
        (saying("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nx"), "http_protocol_error"),
        (saying("SSH-2.0-OpenSSH_9.9\r\n"), "http_protocol_error"),
        (saying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"), "http_response_incomplete"),
        (saying(format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "b".repeat(100_000))), "http_response_header_section_size"),
    ];
    let (services, errors): (Vec<_>, Vec<_>) = table.into_iter().unzip();
    with_services(&services, |proxy| {
        for (number, error) in errors.into_iter().enumerate() {
            let answer = get(proxy, number);
            let own = answer.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n").unwrap_or(&answer);
            let begins = format!("HTTP/1.1 502 Bad Gateway\r\nProxy-Status: \"proxy-1\"; error={error}; details=\"");
            assert!(own.starts_with(&begins) && own.contains("\r\n\r\nerror: "), "s{number}: {answer}");
        }
    });
}
