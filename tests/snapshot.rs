//! Backups: the README's own commands save a running cluster, and bring it back when everything else is lost.

mod support;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use support::{Cluster, Ended, Ports, Proxy, Target, adapted, readme_commands, shell, wait_for, warren};
use tempfile::TempDir;

const HEADING: &str = "## Backups";

/// The commands of the README: save, restore, start.
fn told() -> [String; 3] {
    readme_commands(HEADING).try_into().unwrap_or_else(|commands| panic!("other commands than expected: {commands:#?}"))
}

/// Runs a line of the README's on the machine of `proxy`, in `dir`.
fn on(proxy: &Proxy, dir: &Path, line: &str) -> Ended {
    shell(dir, &adapted(line, &[("config.toml", proxy.config().to_str().expect("text"))]))
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).expect("listed").map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect();
    names.sort();
    names
}

#[test]
fn a_cluster_comes_back_from_a_file() {
    let [save, restore, start] = told();
    let mut cluster = Cluster::start(3);
    let echo = Target::echo();
    let mut agents: Vec<_> =
        ["lab", "rack"].into_iter().map(|name| cluster.agent(name, &[0, 1, 2], &[("echo", echo.address().to_string())])).collect();
    let client = cluster.client("laptop", "*/*");
    let unused = cluster.token("client", &["--allow", "lab/echo"]);
    let vault = TempDir::new().expect("a directory");
    save_under_load(&cluster, &client, vault.path(), &save);
    let again = on(cluster.proxy(0), vault.path(), &save);
    again.must_fail(1, "exists already");

    cluster.kill_all();
    for proxy in cluster.proxies() {
        fs::remove_dir_all(proxy.data_dir()).expect("removed");
    }
    let restored = on(cluster.proxy(0), vault.path(), &restore);
    assert_eq!(restored.stderr, "");
    let said = String::from_utf8(restored.must_succeed()).expect("text");
    assert!(said.contains("proxy-1 (id 1001) as its only proxy") && said.contains("2 agents, 1 client"), "{said}");
    on(cluster.proxy(0), vault.path(), &restore).must_fail(1, "is not empty");

    let start = adapted(&start, &[("config.toml", cluster.proxy(0).config().to_str().expect("text"))]);
    cluster.proxy_mut(0).start_by(&start);
    cluster.proxy_mut(0).wait_ready();
    for name in ["lab", "rack"] {
        cluster.wait_online(name);
        assert_eq!(client.connect(&format!("{name}/echo"), cluster.proxy(0), b"hello").must_succeed(), b"hello");
    }
    for agent in &mut agents {
        agent.process().must_run();
    }
    let late = support::Client::enroll(cluster.home(), "late", cluster.proxy(0).public_address(), &unused);
    for index in [1, 2] {
        let token = cluster.token("proxy", &[]);
        let address = cluster.proxy(0).public_address();
        cluster.proxy_mut(index).join(address, &token);
        cluster.proxy_mut(index).wait_ready();
    }
    cluster.wait_healthy();
    for proxy in cluster.proxies() {
        assert_eq!(late.connect("lab/echo", proxy, b"hello").must_succeed(), b"hello");
    }
}

/// Through every member, while clients dial and tokens are created.
fn save_under_load(cluster: &Cluster, client: &support::Client, vault: &Path, save: &str) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let dials = scope.spawn(|| {
            let mut dials = 0;
            while !stop.load(Ordering::Relaxed) {
                assert_eq!(client.connect("rack/echo", cluster.proxy(dials % 3), b"load").must_succeed(), b"load");
                dials += 1;
            }
            dials
        });
        let mut last_index = 0;
        for (index, proxy) in cluster.proxies().iter().enumerate() {
            // What is acknowledged before is in the file, whoever is asked.
            let created = cluster.create_token("agent", &["--name", &format!("before-{index}")]);
            let name = format!("{index}.snapshot");
            let saved = on(proxy, vault, &format!("{} -o json", save.replace("warren.snapshot", &name)));
            assert!(saved.stderr.contains("private key of the cluster's authority"), "{saved:?}");
            let file = vault.join(&name);
            let content = saved.json();
            assert_eq!(content["size_bytes"].as_u64(), Some(fs::metadata(&file).expect("the file").len()));
            assert_eq!(fs::metadata(&file).expect("the file").permissions().mode() & 0o777, 0o600);
            assert_eq!((&content["cluster"], &content["agents"]), (&"warren".into(), &2.into()));
            let tokens = content["tokens"].as_u64().expect("a number");
            assert_eq!(tokens, cluster.proxy(0).get("/v1/tokens").expect("an answer")["tokens"].as_array().expect("tokens").len() as u64);
            let at = content["index"].as_u64().expect("a number");
            assert!(at > last_index, "{created} is in it");
            last_index = at;
        }
        let saved = on(cluster.proxy(2), vault, save);
        assert_eq!(saved.status, Some(0), "{saved:?}");
        stop.store(true, Ordering::Relaxed);
        assert!(dials.join().expect("the dials") > 0);
    });
    assert_eq!(names(vault), ["0.snapshot", "1.snapshot", "2.snapshot", "warren.snapshot"]);
}

#[test]
fn a_proxy_of_the_cluster_before_is_told_why_it_is_alone() {
    let [save, restore, start] = told();
    let mut cluster = Cluster::start(2);
    let vault = TempDir::new().expect("a directory");
    on(cluster.proxy(0), vault.path(), &save).must_succeed();
    cluster.kill_all();
    fs::remove_dir_all(cluster.proxy(0).data_dir()).expect("removed");
    on(cluster.proxy(0), vault.path(), &restore).must_succeed();
    let start = adapted(&start, &[("config.toml", cluster.proxy(0).config().to_str().expect("text"))]);
    cluster.proxy_mut(0).start_by(&start);
    cluster.proxy_mut(0).wait_ready();
    cluster.proxy_mut(1).restart(Ports::Same);
    let old = cluster.proxy(1);
    wait_for("it says why it is alone", || {
        old.log().contains("another proxy of the cluster answers at the address of a peer").then_some(())
    });
    assert!(old.log().contains("stop it, empty its `data_dir` and `warren join` with a new token"), "{}", old.log());
}

#[test]
fn what_cannot_be_saved_leaves_nothing() {
    let [save, ..] = told();
    let mut cluster = Cluster::start(3);
    for index in [0, 2] {
        cluster.proxy_mut(index).kill();
    }
    let (proxy, vault) = (cluster.proxy(1), TempDir::new().expect("a directory"));
    let refused = on(proxy, vault.path(), &save);
    refused.must_fail(6, "could not be confirmed");
    assert!(refused.stderr.contains("hint: ") && refused.stderr.contains("`--stale`"), "{refused:?}");
    on(proxy, vault.path(), &save.replace("warren.snapshot", "no/warren.snapshot")).must_fail(1, "no/warren.snapshot");
    // A file system that is full says so in the middle of a write, as this limit does.
    on(proxy, vault.path(), &format!("trap '' XFSZ; ulimit -f 0; {save} --stale")).must_fail(1, "cannot write `warren.snapshot`");
    on(proxy, vault.path(), &format!("{save} --addr nowhere.sock")).must_fail(6, "no proxy is running");
    assert_eq!(names(vault.path()), Vec::<String>::new());
    on(proxy, vault.path(), &format!("{save} --stale")).must_succeed();

    let whole = fs::read(vault.path().join("warren.snapshot")).expect("a snapshot");
    let cases = [
        ("cut in the middle", whole.len() / 2, Answer::Chunked, "gave no valid answer"),
        ("cut, and called whole", whole.len() - 1, Answer::Whole, "it is incomplete"),
        ("empty", 0, Answer::Whole, "it is incomplete"),
    ];
    for (name, length, answer, part) in cases {
        let socket = vault.path().join("fake.sock");
        let listener = UnixListener::bind(&socket).expect("a socket");
        std::thread::scope(|scope| {
            scope.spawn(|| pretend(&listener, &whole[..length], answer));
            let words = ["raft", "snapshot", "save", "x", "--addr", "fake.sock"];
            let ended = shell(vault.path(), &format!("warren {}", words.join(" ")));
            ended.must_fail(1, part);
            assert_eq!(names(vault.path()), ["fake.sock", "warren.snapshot"], "{name}");
        });
        fs::remove_file(socket).expect("removed");
    }
}

/// How a proxy that is not one ends its answer.
#[derive(Clone, Copy)]
enum Answer {
    /// It breaks off.
    Chunked,
    /// As if that was all.
    Whole,
}

/// Answers one request with these bytes.
fn pretend(listener: &UnixListener, bytes: &[u8], answer: Answer) {
    let (mut stream, _) = listener.accept().expect("a connection");
    let mut request = [0; 1024];
    let _ = stream.read(&mut request).expect("a request");
    let head = match answer {
        Answer::Chunked => format!("transfer-encoding: chunked\r\n\r\n{:x}\r\n", bytes.len() + 100),
        Answer::Whole => format!("content-length: {}\r\n\r\n", bytes.len()),
    };
    stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}").as_bytes()).expect("written");
    stream.write_all(bytes).expect("written");
}

#[test]
fn what_cannot_be_restored_changes_nothing() {
    let [save, restore, start] = told();
    let (home, vault) = (TempDir::new().expect("a directory"), TempDir::new().expect("a directory"));
    let mut proxy = Proxy::new(home.path(), 1);
    proxy.start();
    proxy.wait_ready();
    on(&proxy, vault.path(), &save).must_succeed();
    proxy.stop();
    let file = vault.path().join("warren.snapshot");
    on(&proxy, vault.path(), &restore).must_fail(1, "is not empty");
    fs::remove_dir_all(proxy.data_dir()).expect("removed");

    let whole = fs::read(&file).expect("a snapshot");
    let flipped: Vec<u8> = whole.iter().enumerate().map(|(place, byte)| if place == whole.len() / 2 { byte ^ 1 } else { *byte }).collect();
    for (content, part) in [
        (flipped, "is damaged"),
        (whole[..whole.len() - 7].to_vec(), "it is incomplete"),
        (b"-----BEGIN CERTIFICATE-----\nsomething else altogether\n".to_vec(), "it is not a snapshot of warren"),
        (Vec::new(), "it is incomplete"),
    ] {
        fs::write(&file, content).expect("written");
        on(&proxy, vault.path(), &restore).must_fail(1, part);
        assert!(!proxy.data_dir().exists(), "{part}");
    }
    fs::write(&file, &whole).expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("set");
    let exposed = on(&proxy, vault.path(), &restore);
    exposed.must_fail(1, "can be read by others");
    assert!(exposed.stderr.contains("hint: `chmod 600 warren.snapshot`"), "{exposed:?}");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("set");
    on(&proxy, vault.path(), &restore.replace("warren.snapshot", "nothing")).must_fail(1, "nothing");
    for other in ["/dev/null", "."] {
        let ended = on(&proxy, vault.path(), &restore.replace("warren.snapshot", other));
        ended.must_fail(1, "it is not a regular file");
        assert!(!ended.stderr.contains("chmod"), "{ended:?}");
    }

    on(&proxy, vault.path(), &restore).must_succeed();
    // As a kill before the last step leaves it.
    fs::rename(proxy.data_dir().join("member.json"), proxy.data_dir().join("restoring.json")).expect("renamed");
    on(&proxy, vault.path(), &start).must_fail(1, "was cut off");
    on(&proxy, vault.path(), &restore).must_succeed();
    proxy.start();
    proxy.wait_ready();
    let config = proxy.config();
    let status = warren(&["status", "-o", "json", "--config", config.to_str().expect("text")], b"").json();
    assert_eq!((&status["proxies"][0]["id"], &status["healthy"]), (&1_001.into(), &true.into()));
}
