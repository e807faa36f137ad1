//! What the audit log tells, what nothing that is written tells, and who may administer.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::Value;
use support::forge::{Presented, dial};
use support::later::Later;
use support::{Agent, Client, Cluster, Ports, Proxy, Target, all_installed, is_root, not_run, run, wait_for, warren};
use tokio::task::JoinSet;
use warren::identity::MachineKey;
use warren::net::{Env, dialling_endpoint};
use warren::wire::{EnrollRequest, Heard, Hello, frame};
use warren_raft::TokenRole;
use warren_raft::saved::Reader;

/// A proxy with an audit log in its home.
fn audited(proxy: Proxy) -> Proxy {
    audited_with(proxy, "")
}

fn audited_with(proxy: Proxy, further: &str) -> Proxy {
    let file = log_of(&proxy);
    proxy.configured(&format!("[audit]\noutput = {file:?}\n{further}"))
}

fn log_of(proxy: &Proxy) -> PathBuf {
    proxy.data_dir().with_extension("audit.jsonl")
}

/// The lines that a proxy has written.
fn lines(proxy: &Proxy) -> Vec<Value> {
    let text = fs::read_to_string(log_of(proxy)).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Waits for the lines of which all of `wanted` is true.
fn told(proxy: &Proxy, wanted: &[(&str, &str)]) -> Vec<Value> {
    wait_for(&format!("`{}` tells {wanted:?}", proxy.name()), || {
        let found: Vec<_> = lines(proxy).into_iter().filter(|line| wanted.iter().all(|(key, value)| line[*key] == *value)).collect();
        (!found.is_empty()).then_some(found)
    })
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of this test is text")
}

#[test]
fn each_thing_that_happens_is_a_line() {
    let cluster = Cluster::start_with(2, audited);
    let (first, second) = (cluster.proxy(0), cluster.proxy(1));
    let echo = Target::echo();
    let _agent = cluster.agent("lab", &[1], &[("echo", echo.address().to_string()), ("secret", echo.address().to_string())]);
    let created = cluster.create_token("client", &["--allow", "lab/echo", "none/*", "--name", "ali*"]);
    let (id, secret) = (created["id"].as_str().expect("an id"), created["token"].as_str().expect("a token"));
    let file = cluster.home().join("alice.token");
    fs::write(&file, secret).expect("a file");
    let alice = Client::enroll(cluster.home(), "alice", first.public_address(), &file);

    // A token: created by whom, used by whom.
    let made = &told(first, &[("event", "token"), ("action", "created"), ("token", id)])[0];
    let me = fs::metadata("/proc/self").expect("this process").uid();
    assert_eq!((&made["by"]["uid"], &made["outcome"]), (&me.into(), &"ok".into()));
    assert!(made["by"]["pid"].as_i64().is_some_and(|pid| pid > 1), "{made}");
    assert_eq!(
        (&made["role"], &made["name"], &made["allow"][0], &made["uses"]),
        (&"client".into(), &"ali*".into(), &"lab/echo".into(), &1.into())
    );
    let used = &told(first, &[("event", "token"), ("action", "used"), ("token", id)])[0];
    assert!(used["from"].as_str().is_some_and(|from| from.starts_with("127.0.0.1:")), "{used}");
    let enrolled = &told(first, &[("event", "enrolment"), ("name", "alice")])[0];
    assert_eq!((&enrolled["outcome"], &enrolled["role"], &enrolled["token"]), (&"enrolled".into(), &"client".into(), &id.into()));

    // Dials: one line each, when they have ended.
    assert_eq!(alice.connect("lab/echo", first, b"hello").must_succeed(), b"hello");
    alice.connect("lab/secret", first, b"").must_fail(5, "");
    alice.connect("none/echo", first, b"").must_fail(4, "");
    let dial = &told(first, &[("event", "dial"), ("target", "lab/echo")])[..];
    assert_eq!(dial.len(), 1, "{dial:?}");
    let dial = &dial[0];
    for (key, value) in [("client", "alice"), ("agent", "lab"), ("outcome", "connected"), ("end", "whole"), ("proxy", "proxy-1")] {
        assert_eq!(dial[key], value, "{dial}");
    }
    assert_eq!(dial["path"], serde_json::json!(["proxy-1", "proxy-2"]));
    assert_eq!((&dial["sent_bytes"], &dial["received_bytes"], &dial["schema"]), (&5.into(), &5.into(), &1.into()));
    assert!(dial["duration_ms"].is_u64() && dial["trace"].as_str().is_some_and(|trace| trace.len() == 32), "{dial}");
    assert!(dial["time"].as_str().is_some_and(|time| time.ends_with('Z')) && dial["from"].is_string(), "{dial}");
    assert_eq!(told(first, &[("target", "lab/secret")])[0]["outcome"], "denied");
    assert_eq!(told(first, &[("target", "none/echo")])[0]["outcome"], "service_unknown");

    // A token that is used up, an identity of another role, an act of an operator.
    let again = Client::unenrolled(cluster.home(), "alina");
    again.enroll_at("alina", &[second.public_address()], &file).must_fail(5, "the token was not accepted");
    assert_eq!(told(second, &[("event", "token"), ("action", "refused")])[0]["token"], *id);
    assert_eq!(told(second, &[("event", "enrolment"), ("name", "alina")])[0]["outcome"], "denied");
    cluster.run_at(first, &["token", "revoke", id, "-o", "json"]);
    assert_eq!(told(first, &[("event", "token"), ("action", "revoked")])[0]["by"]["uid"], me);
    cluster.run_at(first, &["proxies", "drain", "proxy-2", "-o", "json"]);
    cluster.run_at(first, &["proxies", "resume", "proxy-2", "-o", "json"]);
    let acts = told(first, &[("event", "administration"), ("action", "POST /v1/proxies/resume")]);
    assert_eq!((&acts[0]["by"]["uid"], &acts[0]["request"]["name"], &acts[0]["outcome"]), (&me.into(), &"proxy-2".into(), &"ok".into()));
    let saved = cluster.home().join("audited.snapshot");
    warren(&["--config", text(&first.config()), "raft", "snapshot", "save", text(&saved)], b"").must_succeed();
    told(first, &[("event", "administration"), ("action", "GET /v1/raft/snapshot/confirmed"), ("outcome", "ok")]);
    // One that came to nothing is told with why.
    let config = first.config();
    let tried = |words: &[&str]| warren(&[&["--config", text(&config)], words].concat(), b"");
    tried(&["clients", "rm", "nobody", "--yes"]).must_fail(4, "there is no client `nobody`");
    tried(&["token", "revoke", "0011223344556677"]).must_fail(4, "no token");
    tried(&["ca", "rollback"]).must_fail(1, "nothing was rolled back");
    told(first, &[("event", "administration"), ("action", "POST /v1/clients/remove"), ("outcome", "not_found")]);
    told(first, &[("event", "administration"), ("action", "POST /v1/tokens/0011223344556677/revoke"), ("outcome", "not_found")]);
    told(first, &[("event", "token"), ("action", "revoked"), ("token", "0011223344556677"), ("outcome", "not_found")]);
    told(first, &[("event", "administration"), ("action", "POST /v1/ca/rollback"), ("outcome", "declined")]);
    // Whatever only looks is none.
    assert!(!lines(first).iter().any(|line| line["action"] == "GET /v1/tokens"));
    assert_eq!(fs::metadata(log_of(first)).expect("the log").permissions().mode() & 0o777, 0o600);
}

/// Shakes hands, and waits until the proxy has ended that.
async fn knock(address: SocketAddr, presented: Option<Presented>, alpn: &[u8]) {
    let endpoint = dialling_endpoint(&Env::real()).expect("a socket");
    let config = Presented::client(presented.as_ref(), &[alpn]);
    if let Ok(connection) = dial(&endpoint, address, &config).await {
        tokio::time::timeout(support::LONG, connection.closed()).await.expect("it is refused");
    }
}

#[test]
fn whoever_is_turned_away_is_told() {
    let cluster = Cluster::start_with(1, audited);
    let proxy = cluster.proxy(0);
    let alice = cluster.client("alice", "*/*");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let identity = || Presented::of(alice.identity());
    runtime.block_on(async {
        knock(proxy.public_address(), Some(identity()), b"warren-agent/1").await;
        knock(proxy.public_address(), None, b"warren-client/1").await;
        knock(proxy.peer_address(), Some(identity()), b"warren-peer/1").await;
    });
    let denial = &told(proxy, &[("event", "denial"), ("port", "public"), ("who", "client/alice")])[0];
    assert_eq!(denial["reason"], "the certificate's identity is not the one that is needed");
    assert!(denial["from"].as_str().is_some_and(|from| from.starts_with("127.0.0.1:")), "{denial}");
    let nobody = &told(proxy, &[("event", "denial"), ("reason", "a certificate is needed")])[0];
    assert!(nobody["who"].is_null(), "{nobody}");
    told(proxy, &[("event", "denial"), ("port", "peer"), ("who", "client/alice")]);

    cluster.run_at(proxy, &["clients", "rm", "alice", "--yes", "-o", "json"]);
    let acts = told(proxy, &[("event", "administration"), ("action", "POST /v1/clients/remove"), ("outcome", "ok")]);
    assert_eq!(acts[0]["request"]["name"], "alice");
    runtime.block_on(knock(proxy.public_address(), Some(identity()), b"warren-client/1"));
    told(proxy, &[("event", "denial"), ("who", "client/alice"), ("reason", "the identity is revoked")]);
}

/// A proxy has several ways in: the one that has refused is named, in the audit log and in the log.
#[test]
fn who_is_turned_away_at_a_way_in_is_told_with_which_one() {
    let further = "[ingress.socks5]\nlisten = \"127.0.0.1:0\"\nauthentication = \"password\"\n\
                   [[ingress.tcp]]\nlisten = \"127.0.0.1:0\"\ntarget = \"lab/x\"\nproxy_protocol = \"accept\"\nproxy_protocol_from = [\"127.0.0.0/8\"]\n\
                   [[ingress.tcp]]\nlisten = \"127.0.0.1:0\"\ntarget = \"lab/x\"\nproxy_protocol = \"accept\"\nproxy_protocol_from = [\"10.0.0.0/8\"]\n";
    let cluster = Cluster::start_with(1, |proxy| audited_with(proxy, further));
    let proxy = cluster.proxy(0);
    let port = proxy.ingress("socks5");
    let mut stream = TcpStream::connect_timeout(&port, support::LONG).expect("it is open");
    stream.write_all(&[&[5, 1, 2, 1, 3][..], b"ada", &[1], b"x"].concat()).expect("it is taken");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    assert_eq!(answer, [5, 2, 1, 1], "it is refused");
    let ingress = format!("socks5 {port}");
    let denial = &told(proxy, &[("event", "denial"), ("port", "ingress"), ("ingress", &ingress)])[0];
    assert_eq!(denial["from"], stream.local_addr().expect("an address").to_string());
    let line =
        wait_for("the log has it", || proxy.log().lines().find(|line| line.contains("a login at a way in was refused")).map(str::to_owned));
    assert!(line.contains("socks5") && line.contains(&port.to_string()), "{line}");
    for (port, reason) in proxy.all_ingress("tcp").into_iter().zip(["no PROXY header of version 2", "none of `proxy_protocol_from`"]) {
        let mut stream = TcpStream::connect_timeout(&port, support::LONG).expect("it is open");
        // It may be refused before it has said anything.
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nhost: lab\r\n\r\n");
        let denial = &told(proxy, &[("event", "denial"), ("port", "ingress"), ("ingress", &format!("tcp {port}"))])[0];
        assert!(denial["reason"].as_str().is_some_and(|said| said.contains(reason)), "{denial}");
    }
}

/// A stream that an operator ends is told with what had moved.
#[test]
fn a_stream_that_is_cut_is_told_with_what_had_moved() {
    let cluster = Cluster::start_with(1, audited);
    let (proxy, echo) = (cluster.proxy(0), Target::echo());
    let _agent = cluster.agent("lab", &[0], &[("echo", echo.address().to_string())]);
    let alice = cluster.client("alice", "*/*");
    let mut open = alice.open("lab/echo", proxy);
    open.input.as_mut().expect("a pipe").write_all(b"x").expect("written");
    assert_eq!(open.read_byte(), b'x');
    assert!(!lines(proxy).iter().any(|line| line["event"] == "dial"), "it has not ended");
    cluster.run_at(proxy, &["clients", "allow", "alice", "--none", "-o", "json"]);
    let dial = &told(proxy, &[("event", "dial"), ("client", "alice"), ("outcome", "connected"), ("end", "denied")])[0];
    assert_eq!((&dial["sent_bytes"], &dial["received_bytes"]), (&1.into(), &1.into()), "{dial}");
}

#[test]
fn a_log_is_rotated_and_ends_with_the_proxy() {
    let mut cluster = Cluster::start_with(1, |proxy| audited_with(proxy, "rotate_size = \"64KiB\"\nrotate_keep = 2\n"));
    let file = log_of(cluster.proxy(0));
    let numbered = |number: u32| PathBuf::from(format!("{}.{number}", file.display()));
    let drain = |proxy: &Proxy| {
        let mut stream = UnixStream::connect(proxy.data_dir().join("admin.sock")).expect("its socket");
        // As large as what is told of a request may be.
        let body = format!("{{\"name\":\"{}\"}}", "x".repeat(4_000));
        let head = format!("POST /v1/proxies/resume HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).expect("a request");
        stream.read_to_end(&mut Vec::new()).expect("an answer");
    };
    wait_for("two files were set aside", || {
        drain(cluster.proxy(0));
        numbered(2).exists().then_some(())
    });
    drain(cluster.proxy(0));
    cluster.proxy_mut(0).stop();
    for path in [file.clone(), numbered(1), numbered(2)] {
        let size = fs::metadata(&path).expect("a file").len();
        assert!(size > 0 && size <= 64 << 10, "{} has {size} bytes", path.display());
        let log = fs::read_to_string(&path).expect("a file");
        assert!(log.ends_with('\n') && log.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{}", path.display());
    }
    assert!(!numbered(3).exists());
    let last = fs::read_to_string(&file).expect("the log").lines().last().map(str::to_owned).expect("a line");
    assert!(last.contains(r#""event":"audit","action":"stopped""#), "{last}");
    // One that cannot be written is no reason to run without.
    fs::remove_file(&file).expect("it is there");
    fs::create_dir(&file).expect("something in its way");
    cluster.proxy_mut(0).start();
    let (status, log) = cluster.proxy_mut(0).wait_ended();
    assert!(status == Some(1) && log.contains("cannot write the audit log"), "{status:?} {log}");
}

#[test]
fn a_log_may_be_standard_output() {
    let cluster = Cluster::start_with(1, |proxy| proxy.configured("[audit]\noutput = \"stdout\"\n"));
    let id = cluster.create_token("agent", &[])["id"].as_str().expect("an id").to_owned();
    let output = cluster.home().join("proxy-1.out");
    let created = wait_for("the token is told", || {
        let text = fs::read_to_string(&output).expect("its output");
        text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find(|line| line["token"] == id.as_str())
    });
    assert_eq!((&created["event"], &created["action"]), (&"token".into(), &"created".into()));
}

/// What must not be found, in the forms that bytes are shown in.
struct Secrets(BTreeMap<String, Vec<u8>>);

impl Secrets {
    fn add(&mut self, name: &str, bytes: &[u8]) {
        let list = |bytes: &[u8]| bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
        let forms = [
            ("raw", bytes.to_vec()),
            ("hex", hex::encode(bytes).into_bytes()),
            ("HEX", hex::encode_upper(bytes).into_bytes()),
            ("escaped", bytes.escape_ascii().to_string().into_bytes()),
            ("list", list(&bytes[..bytes.len().min(12)]).into_bytes()),
        ];
        for (form, needle) in forms {
            self.0.insert(format!("{name}, {form}"), needle);
        }
        // Base64 of any run of the bytes has one of three phases.
        for phase in 0..3 {
            let whole = &bytes[phase..phase + (bytes.len() - phase) / 3 * 3];
            self.0.insert(format!("{name}, base64 {phase}"), base64(whole).into_bytes());
        }
    }

    /// A key in PKCS #8: all of it, and the secret in its middle, which ring and others show alone.
    fn add_key(&mut self, name: &str, pkcs8: &[u8]) {
        self.add(&format!("{name}'s PKCS #8"), pkcs8);
        // P-256 as ring writes it (RFC 5915): the 32 bytes follow the version and a length.
        let start = pkcs8.windows(5).position(|bytes| bytes == [2, 1, 1, 4, 32]).expect("a P-256 key") + 5;
        self.add(&format!("{name}'s secret"), &pkcs8[start..start + 32]);
    }

    /// One walk over the bytes for all of them: a log has megabytes.
    fn found_in(&self, bytes: &[u8]) -> Vec<&str> {
        let start = |bytes: &[u8]| u64::from_be_bytes(bytes[..8].try_into().expect("8 bytes"));
        let mut by_start: BTreeMap<u64, Vec<(&str, &[u8])>> = BTreeMap::new();
        for (name, needle) in &self.0 {
            by_start.entry(start(needle)).or_default().push((name, needle));
        }
        let mut found: Vec<_> = Vec::new();
        for at in 0..bytes.len().saturating_sub(7) {
            for (name, needle) in by_start.get(&start(&bytes[at..])).into_iter().flatten() {
                if bytes[at..].starts_with(needle) {
                    found.push(*name);
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks_exact(3) {
        let number = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        text.extend([18, 12, 6, 0].map(|shift| char::from(DIGITS[(number >> shift) as usize & 63])));
    }
    text
}

fn key(path: &Path) -> Vec<u8> {
    let pem = fs::read(path).expect("a key");
    PrivatePkcs8KeyDer::from_pem_slice(&pem).expect("a key in PEM").secret_pkcs8_der().to_vec()
}

/// The authority's key, as a snapshot has it.
fn authority_key(snapshot: &Path) -> Vec<u8> {
    let mut reader = Reader::default();
    reader.push(&fs::read(snapshot).expect("a snapshot")).expect("a whole one");
    let saved = reader.finish().expect("a whole one");
    saved.table().cluster().expect("a cluster").ca_key.clone()
}

const LOUD: &str = "[telemetry]\nlog = \"trace,openraft=trace\"\n";

/// All that processes have written where others than their owner may look, and what is asked of proxies.
fn written(cluster: &Cluster, errors: &[String]) -> BTreeMap<String, Vec<u8>> {
    let mut written = BTreeMap::new();
    for entry in fs::read_dir(cluster.home()).expect("the home").flatten() {
        let path = entry.path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if [".log", ".out", ".jsonl"].iter().any(|ending| name.ends_with(ending)) {
            written.insert(name, fs::read(&path).expect("a file"));
        }
    }
    for proxy in cluster.proxies() {
        for path in ["/metrics", "/v1/status", "/v1/agents", "/v1/routes", "/v1/raft", "/v1/strategy", "/readyz?verbose"] {
            let body = support::get(proxy.http_address(), path).expect("an answer").1;
            written.insert(format!("{path} of {}", proxy.name()), body.into_bytes());
        }
        let tokens = proxy.get("/v1/tokens").expect("an answer").to_string();
        written.insert(format!("tokens of {}", proxy.name()), tokens.into_bytes());
    }
    written.extend(errors.iter().enumerate().map(|(number, text)| (format!("error {number}: {text}"), text.clone().into_bytes())));
    written
}

const PAYLOAD: &[u8] = b"the-payload-that-nobody-may-note-0123456789";

/// A loud cluster, and what must not be written.
struct Loud {
    cluster: Cluster,
    secrets: Secrets,
    hashes: Secrets,
    errors: Vec<String>,
}

impl Loud {
    fn start() -> Self {
        let cluster = Cluster::start_with(2, |proxy| audited_with(proxy.with_defaults(), LOUD));
        Self { cluster, secrets: Secrets(BTreeMap::new()), hashes: Secrets(BTreeMap::new()), errors: Vec::new() }
    }

    /// Makes a token that is not to be found.
    fn token(&mut self, role: &str, more: &[&str]) -> PathBuf {
        let created = self.cluster.create_token(role, more);
        let text = created["token"].as_str().expect("a token").to_owned();
        let secret = hex::decode(text.rsplit_once('_').expect("a secret").1).expect("hex");
        self.secrets.add(&format!("the secret of {}", created["id"]), &secret);
        let parsed: warren::identity::Token = text.parse().expect("a token");
        self.hashes.add(&format!("the hash of {}", created["id"]), &parsed.secret_hash().0);
        let file = self.cluster.home().join(format!("{}.token", created["id"].as_str().expect("an id")));
        fs::write(&file, text).expect("a file");
        file
    }

    fn public_address(&self) -> SocketAddr {
        self.cluster.proxy(0).public_address()
    }

    /// What goes wrong: a used token, half of one, a damaged key, a target that is not there.
    fn go_wrong(&mut self, alice: &Client, used: &Path) {
        let (home, address) = (self.cluster.home().to_owned(), self.public_address());
        let thief = Client::unenrolled(&home, "thief");
        let torn = home.join("torn.token");
        let whole = fs::read_to_string(self.token("client", &[])).expect("a token");
        fs::write(&torn, &whole[..whole.len() - 2]).expect("a file");
        let broken = Client::enroll(&home, "broken", address, &self.token("client", &[]));
        let key_file = broken.identity().join("key.pem");
        self.secrets.add_key("a damaged key", &key(&key_file));
        let damaged = fs::read_to_string(&key_file).expect("a key").replacen("MIG", "MIX", 1);
        fs::write(&key_file, damaged).expect("a file");
        let wrong = [
            thief.enroll_at("thief", &[address], used),
            thief.enroll_at("thief", &[address], &torn),
            alice.connect_at("lab/none", address, PAYLOAD),
            broken.connect_at("lab/echo", address, PAYLOAD),
            warren(&["--config", text(&self.cluster.proxy(0).config()), "token", "revoke", "0011223344556677"], b""),
        ];
        assert!(wrong.iter().all(|ended| ended.status != Some(0) && ended.stderr.contains("error: ")), "{wrong:?}");
        self.errors.extend(wrong.map(|ended| ended.stderr));
    }

    /// That a secret would be found is seen where there are some.
    fn would_find(&self, token: &Path, snapshot: &Path, identity: &Path) {
        let count = |bytes: &[u8], part: &str| self.secrets.found_in(bytes).iter().filter(|name| name.contains(part)).count();
        assert_eq!(count(&fs::read(token).expect("a token"), "the secret of"), 1);
        let snapshot = fs::read(snapshot).expect("a snapshot");
        assert_eq!(count(&snapshot, "the authority's secret, raw"), 1);
        assert!(self.hashes.found_in(&snapshot).len() >= 3, "and the tokens' hashes");
        let pem = fs::read_to_string(identity.join("key.pem")).expect("a key").replace('\n', "");
        assert!(count(pem.as_bytes(), "base64") >= 1);
    }

    fn must_not_find(&self) {
        let everything = written(&self.cluster, &self.errors);
        assert!(everything.len() > 20 && everything["proxy-1.log"].windows(5).any(|word| word == b"TRACE"), "it is loud");
        for (place, bytes) in everything {
            let found = self.secrets.found_in(&bytes);
            assert!(found.is_empty(), "in {place}: {found:?}");
            let unwrapped: Vec<_> = bytes.into_iter().filter(|byte| *byte != b'\n').collect();
            let found = self.secrets.found_in(&unwrapped);
            assert!(found.is_empty(), "in {place}, over lines: {found:?}");
            // A log may show by which hash a token is known; what others than its owner are shown may not.
            let hashes = if place.ends_with(".log") { Vec::new() } else { self.hashes.found_in(&unwrapped) };
            assert_eq!(hashes, Vec::<&str>::new(), "in {place}");
        }
    }
}

#[test]
fn no_secret_and_no_payload_is_written_anywhere() {
    let mut loud = Loud::start();
    let home = loud.cluster.home().to_owned();
    let echo = Target::echo();
    let agent_token = loud.token("agent", &[]);
    let (services, entries) = ([("echo", echo.address().to_string())], [loud.cluster.proxy(1).public_address()]);
    let mut agent =
        Agent::start_with(&home, "lab", &entries, &agent_token, (&services, &[("WARREN_TELEMETRY_LOG", "trace,openraft=trace")]));
    loud.cluster.wait_online("lab");
    let client_token = loud.token("client", &["--allow", "lab/echo"]);
    let alice = Client::enroll(&home, "alice", loud.public_address(), &client_token);
    fs::write(home.join("client-alice.toml"), LOUD).expect("a file");
    let dialled = alice.connect_at("lab/echo", loud.public_address(), PAYLOAD);
    loud.errors.push(dialled.stderr.clone());
    assert_eq!(dialled.must_succeed(), PAYLOAD);
    loud.go_wrong(&alice, &client_token);

    let (snapshot, config) = (home.join("whole.snapshot"), loud.cluster.proxy(0).config());
    let saved = warren(&["-vv", "--config", text(&config), "raft", "snapshot", "save", text(&snapshot)], b"");
    loud.errors.push(saved.stderr.clone());
    saved.must_succeed();
    assert_eq!(fs::metadata(&snapshot).expect("a file").permissions().mode() & 0o777, 0o600);
    wait_for("the dial is told", || lines(loud.cluster.proxy(0)).iter().any(|line| line["event"] == "dial").then_some(()));

    loud.secrets.add_key("the authority", &authority_key(&snapshot));
    for dir in [home.join("agent-lab"), alice.identity().to_owned(), loud.cluster.proxy(0).data_dir().join("identity")] {
        loud.secrets.add_key(text(&dir), &key(&dir.join("key.pem")));
    }
    loud.secrets.add("the payload", PAYLOAD);
    loud.would_find(&client_token, &snapshot, alice.identity());
    agent.process().signal("TERM");
    loud.must_not_find();
    // A process that dies leaves no image of its memory.
    let pid = loud.cluster.proxy(0).pid().expect("it runs");
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).expect("its limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
}

/// What is answered to a request at the HTTP address.
fn ask(proxy: &Proxy, method: &str, (path, host): (&str, &str)) -> (u16, String) {
    let mut stream = TcpStream::connect_timeout(&proxy.http_address(), support::LONG).expect("its port is open");
    let body = r#"{"name":"proxy-1","role":"client","allow":[],"ttl_ms":1000,"uses":1,"type":"agent_mesh","to":null,"yes":true}"#;
    // Other methods are refused by their first line, and a body that is still under way would make that a reset.
    let body = if method == "POST" { body } else { "" };
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://evil.example\r\nContent-Type: text/plain\r\n");
    write!(stream, "{head}Connection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len()).expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, answer)
}

#[test]
fn nothing_is_changed_over_http_and_no_other_name_answers() {
    let cluster = Cluster::start_with(1, audited);
    let proxy = cluster.proxy(0);
    let before = (proxy.get("/v1/tokens"), proxy.get("/v1/raft").expect("an answer")["term"].clone());
    let shown = ["/livez", "/readyz", "/metrics", "/v1/status", "/v1/agents", "/v1/routes", "/v1/raft", "/v1/strategy"];
    let private = [
        "/v1/tokens",
        "/v1/tokens/0011223344556677/revoke",
        "/v1/raft/snapshot/confirmed",
        "/v1/raft/snapshot/stale",
        "/v1/raft/transfer",
        "/v1/proxies/remove",
        "/v1/proxies/remove/check",
        "/v1/proxies/drain",
        "/v1/proxies/resume",
        "/v1/strategy/plan",
        "/v1/agents/remove",
        "/v1/clients/remove",
        "/v1/clients/allow",
        "/v1/clients",
        "/v1/ca",
        "/v1/ca/rotate",
        "/v1/ca/rollback",
        "/v1/ca/revoke",
        "/debug/pprof",
        "/../v1/tokens",
        "//v1/tokens",
        "/v1/tokens/",
        "/v1/%74okens",
    ];
    for path in shown {
        for method in ["GET", "HEAD"] {
            let (status, answer) = ask(proxy, method, (path, "localhost"));
            assert_eq!(status, 200, "{method} {path}");
            let lower = answer.to_ascii_lowercase();
            assert!(!lower.contains("access-control-allow"), "{answer}");
            for header in ["x-content-type-options: nosniff", "cache-control: no-store", "cross-origin-resource-policy: same-origin"] {
                assert!(lower.contains(header), "`{header}` is not in {answer}");
            }
        }
    }
    for path in shown.into_iter().chain(private) {
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE", "BREW"] {
            // hyper itself refuses what is no path for the method.
            let status = ask(proxy, method, (path, "localhost")).0;
            assert!([400, 404, 405].contains(&status), "{method} {path}: {status}");
        }
    }
    for path in private {
        for method in ["GET", "HEAD"] {
            assert_eq!(ask(proxy, method, (path, "127.0.0.1:3081")).0, 404, "{method} {path}");
        }
    }
    for host in ["evil.example", "evil.example:3081", "localhost.evil.example", "127.0.0.1.nip.io"] {
        assert_eq!(ask(proxy, "GET", ("/v1/status", host)).0, 421, "{host}");
    }
    assert_eq!((proxy.get("/v1/tokens"), proxy.get("/v1/raft").expect("an answer")["term"].clone()), before);
    assert!(!lines(proxy).iter().any(|line| line["event"] == "administration"));
}

/// The key of the authority is in the store, and an operator makes a directory for all to look into.
#[test]
fn nobody_else_gets_into_the_store() {
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o7777;
    let open = |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
    let mut cluster = Cluster::start_on(2, |dir| {
        fs::create_dir(dir).expect("a directory");
        open(dir, 0o755);
    });
    let private = |proxy: &Proxy| {
        let dir = proxy.data_dir();
        assert_eq!(mode(&dir), 0o755, "what an operator has made is not changed");
        for (name, expected) in [("store", 0o700), ("identity", 0o700), ("lock", 0o600), ("secret", 0o600), ("admin.sock", 0o600)] {
            assert_eq!(mode(&dir.join(name)), expected, "{name} of {}", proxy.name());
        }
    };
    cluster.proxies().iter().for_each(private);
    // As an earlier version has left it.
    cluster.proxy_mut(1).stop();
    let dir = cluster.proxy(1).data_dir();
    open(&dir.join("store"), 0o755);
    open(&dir.join("lock"), 0o644);
    cluster.proxy_mut(1).restart(Ports::Same);
    cluster.proxy_mut(1).wait_ready();
    private(cluster.proxy(1));
}

/// Asks to be enrolled with this secret, and goes away as soon as the proxy has heard that.
async fn ask_and_leave(connection: quinn::Connection, (secret, name): ([u8; 32], &str)) {
    let env = Env::real();
    let (mut send, _recv) = connection.open_bi().await.expect("a stream");
    let role = Heard::Known(TokenRole::Client);
    let request =
        EnrollRequest { hello: Hello::ours(), secret, role, name: name.to_owned(), request: MachineKey::generate(&env.entropy).csr() };
    frame::write(&mut send, &request, frame::MAX_MESSAGE).await.expect("written");
    send.finish().expect("it is open");
    assert_eq!(send.stopped().await.expect("heard"), None);
    connection.close(0_u32.into(), b"");
}

/// Whoever tries tokens must not go unseen, nor be tried again, by not waiting for the answers.
#[test]
fn who_leaves_before_it_is_answered_is_told_and_counted() {
    let further = "[limits]\nfailed_enrollments_per_source = 3\nheader_timeout = \"50s\"\n";
    let mut cluster = Cluster::start_with(2, |proxy| audited_with(proxy, further));
    let (created, unused) = (cluster.create_token("client", &[]), cluster.create_token("client", &[]));
    let address = cluster.proxy(0).public_address();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut strangers: Vec<_> = runtime.block_on(async {
        let mut strangers = Vec::new();
        for _ in 0..4 {
            strangers.push(Later::stranger(&created, address).await);
        }
        strangers
    });
    // Nobody confirms that a token is unknown, and nobody records that one was used.
    cluster.proxy_mut(1).freeze();
    let good = strangers.pop().expect("four");
    let mut tries = JoinSet::new();
    tries.spawn_on(ask_and_leave(good, (Later::secret(&created), "leaver")), runtime.handle());
    for stranger in strangers {
        tries.spawn_on(ask_and_leave(stranger, ([5; 32], "guesser")), runtime.handle());
    }
    runtime.block_on(tries.join_all());
    let proxy = cluster.proxy(0);
    let leaver = &told(proxy, &[("event", "enrolment"), ("name", "leaver"), ("outcome", "cancelled")])[0];
    assert_eq!((&leaver["token"], &leaver["role"]), (&created["id"], &"client".into()), "{leaver}");
    assert!(leaver["reason"].as_str().is_some_and(|reason| reason.contains("may be enrolled")), "{leaver}");
    assert!(leaver["from"].is_string() && leaver["key"].is_string(), "{leaver}");
    wait_for("all are counted", || {
        let (_, metrics) = support::get(proxy.http_address(), "/metrics").ok()?;
        metrics.lines().any(|line| line == "warren_enrollments_total{outcome=\"left\"} 4").then_some(())
    });
    assert_eq!(told(proxy, &[("event", "enrolment"), ("name", "guesser"), ("outcome", "cancelled")]).len(), 3);
    let file = cluster.home().join("unused.token");
    fs::write(&file, unused["token"].as_str().expect("a token")).expect("a file");
    let next = Client::unenrolled(cluster.home(), "next").enroll_at("next", &[address], &file);
    next.must_fail(1, "too many tries to enrol from this address have failed");
}

#[test]
fn the_socket_is_its_owner_s_whatever_the_umask_is() {
    let Some([setpriv, curl]) = all_installed("the_socket_is_its_owner_s_whatever_the_umask_is", ["setpriv", "curl"]) else { return };
    if !is_root() {
        return not_run("the_socket_is_its_owner_s_whatever_the_umask_is", "only root can be another user");
    }
    rustix::process::umask(rustix::fs::Mode::empty());
    let cluster = Cluster::start_with(1, audited);
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let proxy = cluster.proxy(0);
    let socket = proxy.data_dir().join("admin.sock");
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&socket), mode(&proxy.data_dir())), (0o600, 0o700));
    let as_nobody = |path: &str| {
        let mut command = Command::new(&setpriv);
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&curl);
        command.args(["-sS", "-X", "POST", "-d", "{}", "--unix-socket", text(&socket), &format!("http://a{path}")]);
        run(command, b"")
    };
    let refused = as_nobody("/v1/tokens");
    assert!(refused.status != Some(0) && refused.stdout.is_empty(), "{refused:?}");
    // Somebody has opened the way: the proxy still looks at who comes.
    for (path, open) in [(cluster.home().to_owned(), 0o755), (proxy.data_dir(), 0o755), (socket.clone(), 0o666)] {
        fs::set_permissions(path, fs::Permissions::from_mode(open)).expect("root may");
    }
    for path in ["/v1/tokens", "/v1/status", "/livez", "/v1/raft/snapshot/stale"] {
        let refused = as_nobody(path);
        let answer = String::from_utf8_lossy(&refused.stdout).into_owned();
        assert!(answer.contains("\"denied\"") && answer.contains("user 65534"), "{path}: {refused:?}");
    }
    let denial = &told(proxy, &[("event", "denial"), ("port", "admin")])[0];
    assert_eq!((&denial["by"]["uid"], denial["by"]["pid"].is_i64()), (&65_534.into(), true), "{denial}");
    assert!(proxy.get("/v1/tokens").is_some(), "root is served");
}
