//! The ways in of proxies for programs that know nothing of warren: curl by SOCKS5, by CONNECT, by plain requests, by TLS and by a static port; psql
//! comes by one in `tests/psql.rs`.

#[path = "ingress/answers.rs"]
mod answers;
#[path = "ingress/bounds.rs"]
mod bounds;
#[path = "ingress/browser.rs"]
mod browser;
#[path = "ingress/identity.rs"]
mod identity;
#[path = "ingress/leaving.rs"]
mod leaving;
#[path = "ingress/origin.rs"]
mod origin;
#[path = "ingress/spoken.rs"]
mod spoken;
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;

use support::{
    Client, Cluster, EVERY_WAY_IN, Ended, LONG, SharedCluster, Silent, Target, all_installed, closed_port, random_bytes, run, wait_for,
};

const TEST: &str = "tests/ingress.rs";
/// What a page has: more than every window on the way.
const LARGE: usize = 8 << 20;

/// The dials of these proxies end soon.
static CLUSTER: SharedCluster = SharedCluster::configured(
    2,
    "[ingress.socks5]\nlisten = \"127.0.0.1:0\"\ndomain = \"mesh.test\"\nallow = [\"*/web\", \"*/tls\", \"*/closed\", \"*/silent\", \"*/one\"]\n\
     [ingress.http_connect]\nlisten = \"127.0.0.1:0\"\ndomain = \"mesh.test\"\nallow = [\"*/web\", \"*/tls\", \"*/closed\", \"*/silent\", \"*/one\"]\n\
     [ingress.tls]\nlisten = \"127.0.0.1:0\"\ndomain = \"mesh.test\"\nallow = [\"*/web\", \"*/tls\", \"*/closed\", \"*/silent\", \"*/one\"]\n\
     [limits]\ndial_timeout = \"2s\"\nfailed_logins_per_source = 3\n",
);

#[test]
fn curl_enters_by_every_way() {
    let Some([curl]) = all_installed(TEST, ["curl"]) else { return };
    let cluster = Cluster::start_with(3, |proxy| proxy.configured(EVERY_WAY_IN));
    let large = random_bytes(31, LARGE);
    let site = Target::http(BTreeMap::from([("/", b"<h1>warren</h1>".to_vec()), ("/large?q=1", large.clone())]));
    let secure = Secure::start(cluster.home(), &["tls.shed.mesh.test", "tls.any.mesh.test"]);
    let services = [("web", site.address().to_string()), ("tls", secure.address.to_string())];
    let _agent = cluster.agent("shed", &[1], &services);
    let port = site.address().port();
    let file = cluster.home().join("upload");
    fs::write(&file, &large).expect("a file");

    for proxy in cluster.proxies() {
        proxy.wait_published(3);
        let socks = format!("socks5h://{}", proxy.ingress("socks5"));
        let http = format!("http://{}", proxy.ingress("http_connect"));
        let way = |words: &[&str]| fetch(&curl, words).must_succeed();
        // A tunnel, by both protocols, to all three forms of a target.
        for host in ["web.shed.mesh.test", "web.any.mesh.test", &format!("shed.mesh.test:{port}")] {
            let url = format!("http://{host}/");
            assert_eq!(way(&["--proxy", &socks, &url]), b"<h1>warren</h1>", "{url} by SOCKS5 at {}", proxy.name());
            assert_eq!(way(&["--proxy", &http, "--proxytunnel", &url]), b"<h1>warren</h1>", "{url} by CONNECT at {}", proxy.name());
            assert_eq!(way(&["--proxy", &http, &url]), b"<h1>warren</h1>", "{url} by a plain request at {}", proxy.name());
        }
        // Large ones there and back.
        let url = "http://web.shed.mesh.test/large?q=1";
        assert!(way(&["--proxy", &socks, url]) == large, "down by SOCKS5");
        assert!(way(&["--proxy", &http, url]) == large, "down by a plain request");
        let data = format!("@{}", text(&file));
        assert!(way(&["--proxy", &http, "--data-binary", &data, url]) == large, "up and back by a plain request");
        assert!(way(&["--proxy", &http, "--proxytunnel", "--data-binary", &data, url]) == large, "up and back by CONNECT");
        // TLS is verified from end to end, whichever way it goes.
        let tls = proxy.ingress("tls");
        for host in ["tls.shed.mesh.test", "tls.any.mesh.test"] {
            let resolve = format!("{host}:{}:127.0.0.1", tls.port());
            let url = format!("https://{host}:{}/", tls.port());
            assert_eq!(
                way(&["--cacert", text(&secure.certificate), "--resolve", &resolve, &url]),
                b"secure\n",
                "by SNI at {}",
                proxy.name()
            );
        }
        for proxy in [&socks, &http] {
            assert_eq!(way(&["--cacert", text(&secure.certificate), "--proxy", proxy, "https://tls.shed.mesh.test/"]), b"secure\n");
        }
        let unverified = format!("tls.shed.mesh.test:{}:127.0.0.1", tls.port());
        let refused = fetch(&curl, &["--resolve", &unverified, &format!("https://tls.shed.mesh.test:{}/", tls.port())]);
        assert_eq!(refused.status, Some(60), "{refused:?}");
        wait_for("all are counted", || {
            let connected = proxy.counter("warren_ingress_connections_total{ingress=\"tls\",outcome=\"connected\"}");
            (connected >= 3).then_some(())
        });
    }
    // What is let through is there for everybody to see.
    let shown = cluster.run_at(cluster.proxy(0), &["proxies", "show", "proxy-2", "-o", "json"]);
    let doors = shown["proxy"]["ingress"].as_array().expect("its ways in").clone();
    let kinds: Vec<_> = doors.iter().map(|door| door["kind"].as_str().expect("a kind")).collect();
    assert_eq!(kinds, ["tls", "http_connect", "socks5"]);
    assert_eq!((&doors[0]["authentication"], &doors[0]["reach"][0]), (&"none".into(), &"*/*".into()));
}

#[test]
fn a_static_port_leads_to_its_target() {
    let Some([curl]) = all_installed(TEST, ["curl"]) else { return };
    let cluster = Cluster::start_with(2, |proxy| {
        proxy.configured(
            "[[ingress.tcp]]\nlisten = \"127.0.0.1:0\"\ntarget = \"any/web\"\n[[ingress.tcp]]\nlisten = \"127.0.0.1:0\"\ntarget = \"rack/web\"\n\
             [[ingress.tcp]]\nlisten = \"127.0.0.1:0\"\ntarget = \"nobody/web\"\n",
        )
    });
    let site = Target::http(BTreeMap::from([("/", b"static".to_vec())]));
    let _agent = cluster.agent("rack", &[1], &[("web", site.address().to_string())]);
    for proxy in cluster.proxies() {
        proxy.wait_published(3);
        let ports = proxy.all_ingress("tcp");
        for port in &ports[..2] {
            assert_eq!(fetch(&curl, &[&format!("http://{port}/")]).must_succeed(), b"static");
        }
        let refused = fetch(&curl, &[&format!("http://{}/", ports[2])]);
        assert!(matches!(refused.status, Some(7 | 52 | 56)), "a reset, be it at once, and not an empty page: {refused:?}");
    }
}

/// A row of the table of failures: HTTP status, `Proxy-Status` error, SOCKS5 reply, exit status, TLS alert.
type Said = (u32, &'static str, u8, i32, u8);

/// Each row of the failures that can be brought about from outside; the others are those of `ingress::tests`.
#[test]
fn failures_are_the_same_everywhere() {
    let Some([curl]) = all_installed(TEST, ["curl"]) else { return };
    let cluster = CLUSTER.get();
    let (_bound, nobody) = closed_port();
    let silent = Silent::new();
    let (held, _release) = holding();
    let services = [
        ("web", nobody.to_string()),
        ("closed", nobody.to_string()),
        ("silent", silent.address().to_string()),
        ("hidden", nobody.to_string()),
    ];
    let _agent = cluster.agent("barn", &[1], &services);
    let mut gone = cluster.agent("gone", &[1], &[("web", held.to_string())]);
    gone.process().kill();
    let client = cluster.client("asker", "barn/closed");
    let all = cluster.client("asker-of-all", "*/*");
    let proxy = cluster.proxy(0);
    proxy.wait_published(3);
    wait_for("`gone` is gone", || proxy.places_of("gone").is_empty().then_some(()));

    let rows: [(&str, &str, &Client, Said); 5] = [
        ("web.nobody", "nobody/web", &all, (404, "destination_not_found", 4, 4, 112)),
        ("web.gone", "gone/web", &all, (503, "destination_unavailable", 3, 6, 80)),
        ("closed.barn", "barn/closed", &all, (502, "connection_refused", 5, 1, 80)),
        ("silent.barn", "barn/silent", &all, (504, "connection_timeout", 6, 6, 80)),
        ("hidden.barn", "barn/hidden", &client, (403, "http_request_denied", 2, 5, 49)),
    ];
    for (host, target, client, (status, error, reply, exit, alert)) in rows {
        let host = format!("{host}.mesh.test");
        // A plain request, and a tunnel.
        let get = exchange(proxy.ingress("http_connect"), format!("GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
        let connect = exchange(proxy.ingress("http_connect"), format!("CONNECT {host}:80 HTTP/1.1\r\nHost: {host}:80\r\n\r\n").as_bytes());
        for answer in [&get, &connect] {
            let answer = String::from_utf8_lossy(answer);
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{host}: {answer}");
            assert!(answer.contains(&format!("Proxy-Status: \"proxy-1\"; error={error}; details=\"")), "{host}: {answer}");
            assert!(answer.contains("; trace=\"") && answer.contains("error: "), "{host}: {answer}");
        }
        let name = [&[5, 1, 0, 3, u8::try_from(host.len()).expect("short")], host.as_bytes(), &[0, 80]].concat();
        let socks = exchange(proxy.ingress("socks5"), &[&[5, 1, 0][..], &name].concat());
        assert_eq!(socks, [&[5, 0, 5, reply][..], &[0, 1, 0, 0, 0, 0, 0, 0]].concat(), "{host}");
        let tls = exchange(proxy.ingress("tls"), &hello(&host));
        assert_eq!(tls, [21, 3, 3, 0, 2, 2, alert], "{host}");
        assert_eq!(client.connect(target, proxy, b"").status, Some(exit), "{target}");
    }
    // curl says so in its own words.
    let said = fetch(
        &curl,
        &[
            "--proxy",
            &format!("http://{}", proxy.ingress("http_connect")),
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "http://web.nobody.mesh.test/",
        ],
    );
    assert_eq!(said.must_succeed(), b"404");
    let said = fetch(&curl, &["--proxy", &format!("socks5h://{}", proxy.ingress("socks5")), "http://web.nobody.mesh.test/"]);
    assert!(said.status == Some(97) && said.stderr.contains("(4)"), "{said:?}");
    let said = fetch(&curl, &["--proxy", &format!("socks5://{}", proxy.ingress("socks5")), "http://127.0.0.1:80/"]);
    assert!(said.status == Some(97) && said.stderr.contains("(8)"), "an address is no service: {said:?}");
}

/// A service that takes a connection and keeps it until it is told.
fn holding() -> (SocketAddr, mpsc::Sender<()>) {
    #[expect(clippy::disallowed_methods, reason = "a target is outside of warren")]
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    let (release, released) = mpsc::channel();
    std::thread::spawn(move || {
        let held: Vec<_> = listener.incoming().take(1).collect();
        // The test is over.
        let _ = released.recv();
        drop(held);
    });
    (address, release)
}

/// Sends bytes and gives back all that comes until the other side closes.
fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    // Whoever is turned away may be so before the connection is known to be there.
    let Ok(mut stream) = try_connect(address) else { return Vec::new() };
    // It may have heard enough before that.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    // After a reset there is what came before it.
    let _ = stream.read_to_end(&mut answer);
    answer
}

fn connect(address: SocketAddr) -> TcpStream {
    try_connect(address).expect("its port is open")
}

#[expect(clippy::disallowed_methods, reason = "a client is outside of warren")]
fn try_connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LONG))?;
    Ok(stream)
}

/// The hello of a TLS client that wants `host`.
fn hello(host: &str) -> Vec<u8> {
    let name = host.to_owned().try_into().expect("a name");
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13]).expect("TLS 1.3");
    let config = config.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    let mut client = rustls::ClientConnection::new(std::sync::Arc::new(config), name).expect("a client");
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).expect("a hello");
    bytes
}

/// A web server by TLS, with a certificate of its own for some names.
struct Secure {
    address: SocketAddr,
    certificate: PathBuf,
    _target: Target,
}

impl Secure {
    fn start(home: &Path, names: &[&str]) -> Self {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        let (certificate, key) = (home.join("secure.pem"), home.join("secure.key"));
        fs::write(&certificate, made.cert.pem()).expect("a file");
        fs::write(&key, made.signing_key.serialize_pem()).expect("a file");
        let site = Target::http(BTreeMap::from([("/", b"secure\n".to_vec())]));
        let config = {
            let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
            let builder =
                rustls::ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13]).expect("TLS 1.3");
            let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
            builder.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key.into()).expect("a configuration")
        };
        let config = std::sync::Arc::new(config);
        let inner = site.address();
        let outer = Target::serving(move |stream| {
            let _ = &site;
            let connection = rustls::ServerConnection::new(config.clone()).expect("a connection");
            let mut tls = rustls::StreamOwned::new(connection, stream);
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") {
                tls.read_exact(&mut byte)?;
                request.push(byte[0]);
            }
            let mut plain = connect(inner);
            plain.write_all(&request)?;
            let mut answer = Vec::new();
            plain.read_to_end(&mut answer)?;
            tls.write_all(&answer)?;
            tls.conn.send_close_notify();
            tls.flush()
        });
        Self { address: outer.address(), certificate, _target: outer }
    }
}

fn fetch(curl: &Path, words: &[&str]) -> Ended {
    let mut command = Command::new(curl);
    command.env_clear().args(["--disable", "--noproxy", "", "--silent", "--show-error", "--max-time", "50"]).args(words);
    run(command, b"")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of this test is text")
}
