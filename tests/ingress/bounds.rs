//! What whoever comes in may use, and what becomes of them when the proxy goes out of service.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::{Cluster, Target, get, wait_for, warren};
use crate::{connect, exchange, text, try_connect};

const BOUNDED: &str = "\
    [ingress.http_connect]\nlisten = \"127.0.0.1:0\"\n[ingress.socks5]\nlisten = \"127.0.0.1:0\"\n[ingress.tls]\nlisten = \"127.0.0.1:0\"\n\
    [[ingress.tcp]]\nlisten = \"127.0.0.1:0\"\ntarget = \"shed/echo\"\n\
    [limits]\ningress_connections_per_source = 4\nheader_timeout = \"1s\"\n";

fn echoes(stream: &mut TcpStream, words: &[u8]) -> bool {
    let mut back = vec![0; words.len()];
    stream.write_all(words).is_ok() && stream.read_exact(&mut back).is_ok() && back == words
}

#[test]
fn a_source_has_its_share_and_strangers_get_nothing_else() {
    let cluster = Cluster::start_with(1, |proxy| proxy.configured(BOUNDED));
    let echo = Target::echo();
    let _agent = cluster.agent("shed", &[0], &[("echo", echo.address().to_string())]);
    let proxy = cluster.proxy(0);
    proxy.wait_published(4);
    let port = proxy.ingress("tcp");
    let mut streams: Vec<_> = (0..4).map(|_| connect(port)).collect();
    assert!(streams.iter_mut().all(|stream| echoes(stream, b"here")));
    assert_eq!(exchange(port, b""), b"", "one too many is cut at once");
    assert_eq!(proxy.counter("warren_limit_reached_total{limit=\"ingress_connections_per_source\"}"), 1);
    assert!(streams.iter_mut().all(|stream| echoes(stream, b"still here")), "the others run on");
    drop(streams.pop());
    wait_for("its place is free", || try_connect(port).is_ok_and(|mut stream| echoes(&mut stream, b"again")).then_some(()));

    // Garbage of every kind, whatever the protocol; then whoever knows how to ask is served as before.
    let garbage: [&[u8]; 6] =
        [b"\0", &[0xff; 4096], b"GET / HTTP/9.9\r\n\r\n", &[5, 255], &[0x16, 3, 1, 0xff, 0xff, 1], b"\r\n\r\n\0\r\nQUIT\n"];
    for kind in ["http_connect", "socks5", "tls"] {
        for words in garbage {
            exchange(proxy.ingress(kind), words);
        }
    }
    // Who says nothing, or too slowly, is cut, and it is counted.
    for kind in ["http_connect", "socks5", "tls"] {
        let mut silent = connect(proxy.ingress(kind));
        let mut rest = Vec::new();
        // An answer, or a reset: it ends.
        let _ = silent.read_to_end(&mut rest);
        let name = format!("warren_ingress_connections_total{{ingress=\"{kind}\",outcome=\"silent\"}}");
        wait_for(&name, || (proxy.counter(&name) >= 1).then_some(()));
    }
    let answer = exchange(proxy.ingress("http_connect"), b"CONNECT nothing.shed.warren:1 HTTP/1.1\r\nHost: nothing.shed.warren:1\r\n\r\n");
    assert!(answer.starts_with(b"HTTP/1.1 404 "), "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn a_proxy_that_drains_shuts_its_ways_in_and_lets_what_runs_go_on() {
    let cluster = Cluster::start_with(2, |proxy| proxy.configured(BOUNDED).draining_for("60s"));
    let echo = Target::echo();
    let _agent = cluster.agent("shed", &[1], &[("echo", echo.address().to_string())]);
    let proxy = cluster.proxy(0);
    proxy.wait_published(4);
    let port = proxy.ingress("tcp");
    let mut running = connect(port);
    assert!(echoes(&mut running, b"before"));
    cluster.run_at(proxy, &["proxies", "drain", "proxy-1", "-o", "json"]);
    let is_open = || try_connect(port).is_ok();
    wait_for("the port is shut", || (!is_open()).then_some(()));
    assert!(echoes(&mut running, b"meanwhile"), "what runs goes on");
    cluster.run_at(proxy, &["proxies", "resume", "proxy-1", "-o", "json"]);
    wait_for("the port is open again", || is_open().then_some(()));
    wait_for("it is served", || try_connect(port).is_ok_and(|mut stream| echoes(&mut stream, b"after")).then_some(()));
    assert!(echoes(&mut running, b"still"));
    let (status, checks) = get(proxy.http_address(), "/readyz?verbose").expect("an answer");
    assert!(status == 200 && checks.contains("[+] ingress"), "{checks}");
}

#[test]
fn a_reload_counts_for_tunnels_that_are_open() {
    const DOORS: &str = "[[ingress.tcp]]\nlisten = \"127.0.0.1:0\"\ntarget = \"shed/echo\"\n[limits]\nstreams_per_agent = 2\n";
    let cluster = Cluster::start_with(1, |proxy| proxy.configured(DOORS));
    let echo = Target::echo();
    let _agent = cluster.agent("shed", &[0], &[("echo", echo.address().to_string())]);
    let proxy = cluster.proxy(0);
    proxy.wait_published(1);
    let port = proxy.ingress("tcp");
    let reload = |before: &str, now: &str| {
        let file = proxy.config();
        let changed = fs::read_to_string(&file).expect("the file").replace(before, now);
        fs::write(&file, changed).expect("the file");
        String::from_utf8(warren(&["config", "reload", "--config", text(&file)], b"").must_succeed()).expect("a text")
    };
    let mut streams: Vec<_> = (0..2).map(|_| connect(port)).collect();
    assert!(streams.iter_mut().all(|stream| echoes(stream, b"here")));
    assert_eq!(exchange(port, b"one too many"), b"");
    let said = reload("streams_per_agent = 2", "streams_per_agent = 3");
    assert_eq!(said, "reloaded:\n  limits.streams_per_agent: 2 -> 3  (what is open already stays)\n");
    streams.push(connect(port));
    assert!(streams.iter_mut().all(|stream| echoes(stream, b"all three")));
    assert_eq!(exchange(port, b"one too many"), b"");
    reload("streams_per_agent = 3", "streams_per_agent = 1");
    assert!(streams.iter_mut().all(|stream| echoes(stream, b"still")), "what is open stays");
    streams.truncate(1);
    wait_for("two have ended", || (proxy.counter("warren_streams") == 1).then_some(()));
    assert_eq!(exchange(port, b"one too many"), b"");
}
