//! What services answer at the HTTP proxy: what is an answer arrives as it comes, and what is none is one of the proxy's own.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use socket2::SockRef;

use crate::connect;
use crate::spoken::asked;
use crate::support::{Cluster, EVERY_WAY_IN, LONG, Proxy, Target};

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
    let reset = service(|stream| SockRef::from(&*stream).set_linger(Some(Duration::ZERO)));
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

/// What is uploaded while the answer is there: more than is under way at once.
const UPLOAD: usize = 32 << 20;

/// Programs that look at the answer only when they have sent everything get to see it, whoever has given it.
#[test]
fn an_early_answer_is_not_lost_behind_an_upload() {
    const ANSWER: &str = "HTTP/1.1 413 Too Much\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno";
    let (release, released) = mpsc::channel();
    let released = Mutex::new(released);
    let hasty = service(move |stream| {
        stream.write_all(ANSWER.as_bytes())?;
        stream.shutdown(Shutdown::Write)?;
        // It is closed with bytes that nobody has read, which is a reset.
        let _ = released.lock().expect("no other thread has failed").recv_timeout(LONG);
        Ok(())
    });
    with_services(&[hasty], |proxy| {
        for (host, begins) in [("s0.shed", ANSWER), ("s0.nobody", "HTTP/1.1 404 ")] {
            let mut stream = connect(proxy.ingress("http_connect"));
            let head = format!("PUT http://{host}.mesh.test/ HTTP/1.1\r\nHost: {host}.mesh.test\r\nContent-Length: {UPLOAD}\r\n\r\n");
            stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&[b'x'; 4096])).expect("it is taken");
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).expect("an end in good order");
            let answer = String::from_utf8_lossy(&answer);
            assert!(answer.starts_with(begins), "{host}: {answer}");
            // That of the second one is not there.
            let _ = release.send(());
            stream.write_all(&vec![b'x'; UPLOAD - 4096]).unwrap_or_else(|error| panic!("{host}: {error}"));
        }
    });
}

/// As it comes, and nothing is kept until there is more.
#[test]
fn what_is_an_answer_arrives_as_it_comes() {
    let table = [
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", "2\r\nhi\r\n0\r\n\r\n"),
        // As to HEAD.
        ("HTTP/1.1 200 OK\r\nContent-Length: 9", ""),
        ("HTTP/1.1 204 No Content\r\nA: b", ""),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 9", ""),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK", "to the end"),
        ("HTTP/1.0 200 OK", ""),
    ];
    let mut services: Vec<_> = table.iter().map(|(head, body)| saying(format!("{head}\r\n\r\n{body}"))).collect();
    let (go_on, waits) = mpsc::channel();
    let waits = Mutex::new(waits);
    services.push(service(move |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nfirst")?;
        // Nobody may wait for it any more.
        let _ = waits.lock().expect("no other thread has failed").recv_timeout(LONG);
        stream.write_all(b" second")?;
        stream.shutdown(Shutdown::Write)
    }));
    services.push(service(|stream| {
        stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")?;
        std::io::copy(&mut stream.try_clone()?, stream)?;
        stream.shutdown(Shutdown::Write)
    }));
    with_services(&services, |proxy| {
        for (number, (head, body)) in table.into_iter().enumerate() {
            assert_eq!(get(proxy, number), format!("{head}\r\nConnection: close\r\n\r\n{body}"));
        }
        let door = proxy.ingress("http_connect");
        let mut streaming = connect(door);
        let host = format!("s{}.shed.mesh.test", table.len());
        streaming.write_all(format!("GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).expect("it is taken");
        let first = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nfirst";
        let mut came = vec![0; first.len()];
        streaming.read_exact(&mut came).expect("the first part");
        assert_eq!(String::from_utf8_lossy(&came), first);
        go_on.send(()).expect("the service waits");
        let mut rest = String::new();
        streaming.read_to_string(&mut rest).expect("the rest");
        assert_eq!(rest, " second");

        // A WebSocket, for which browsers and others open a tunnel.
        let mut socket = connect(door);
        let host = format!("s{}.shed.mesh.test", table.len() + 1);
        let upgrade = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        socket.write_all(format!("CONNECT {host}:80 HTTP/1.1\r\nHost: {host}:80\r\n\r\n{upgrade}frame").as_bytes()).expect("it is taken");
        socket.shutdown(Shutdown::Write).expect("it is open");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("an answer");
        let (_, switched) = answer.split_once("\r\n\r\n").expect("a tunnel");
        assert_eq!(switched, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nframe");
    });
}
