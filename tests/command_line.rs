//! The real binary: what it prints where, and its exit statuses.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use async_trait::async_trait;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use warren::api::{self, ProxyRole, ProxyRow, ProxyState, Schema, StatusView, StrategyView, TokenCreated, TokenRequest};
use warren::failure::{Code, Failure, Stage};
use warren::http::{AdminSocket, Handler, HttpServer, Method, Request, Response, StatusCode};
use warren::net::Env;

fn warren(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_warren"));
    command.args(words).env_clear().stdin(Stdio::null());
    command
}

fn run(words: &[&str]) -> Output {
    warren(words).output().expect("the binary runs")
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("text")
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("text")
}

#[test]
fn help_and_version_are_data() {
    let version = run(&["--version"]);
    assert_eq!(stdout(&version), concat!("warren ", env!("CARGO_PKG_VERSION"), "\n"));
    assert_eq!(version.status.code(), Some(0));
    let help = run(&["--help"]);
    assert!(stdout(&help).contains("Usage: warren") && help.stderr.is_empty());
    assert_eq!(help.status.code(), Some(0));
}

#[test]
fn a_wrong_command_line_is_2() {
    for words in
        [&["stats"][..], &["connect", "lab"], &["forward", "80", "a/b", "81"], &["token", "create", "--role", "agent", "--uses", "0"]]
    {
        let output = run(&[&["--addr", "/nowhere"], words].concat());
        assert_eq!(output.status.code(), Some(2), "{words:?}: {}", stderr(&output));
        assert!(stderr(&output).starts_with("error: ") && output.stdout.is_empty(), "{words:?}: {}", stderr(&output));
    }
}

#[test]
fn a_wrong_configuration_is_78_and_shows_every_line() {
    let dir = TempDir::new().expect("a directory");
    let file = dir.path().join("config.toml");
    std::fs::write(&file, "[raft]\nheartbeat = 150\n\n[limits]\ndial_timout = \"1s\"\n").expect("a file");
    let file = file.to_str().expect("a path");
    for words in [&["config", "check"][..], &["proxy"], &["status"], &["agent"]] {
        let output = run(&[&["--config", file], words].concat());
        assert_eq!(output.status.code(), Some(78), "{words:?}");
        let shown = stderr(&output);
        assert!(shown.contains(":2:13\n") && shown.contains("heartbeat = 150"), "{shown}");
        assert!(shown.contains(":5:1\n") && shown.contains("did you mean `dial_timeout`?"), "{shown}");
    }
    assert_eq!(run(&["--config", "/nowhere", "config", "check"]).status.code(), Some(78));
    assert_eq!(warren(&["config", "check"]).env("WARREN_RAFT_HEARTBEAT", "0s").output().expect("a run").status.code(), Some(78));
}

#[test]
fn a_doctor_says_what_is_wrong_and_what_to_do() {
    let dir = TempDir::new().expect("a directory");
    let held = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).expect("a socket");
    held.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
    let held = held.local_addr().ok().and_then(|address| address.as_socket()).map(|address| (address, held)).expect("an address");
    let file = dir.path().join("config.toml");
    let settings = |peer: &str, join: &str| {
        let home = dir.path().display();
        format!(
            "[proxy]\ndata_dir = \"{home}/data\"\n[peer]\nlisten = \"{peer}\"\n[public]\nlisten = \"127.0.0.1:0\"\n[admin]\nhttp = \"127.0.0.1:0\"\n\
             {join}"
        )
    };
    let doctor = |peer: &str, join: &str| {
        std::fs::write(&file, settings(peer, join)).expect("a file");
        run(&["doctor", "--config", file.to_str().expect("a path"), "-o", "json"])
    };
    let check = |output: &Output, name: &str| -> serde_json::Value {
        let view: serde_json::Value = serde_json::from_str(stdout(output)).expect("JSON");
        assert_eq!(view["schema"], 1);
        let checks = view["checks"].as_array().expect("checks").clone();
        checks.into_iter().find(|check| check["check"] == name).unwrap_or_else(|| panic!("no {name} in {view}"))
    };

    let well = doctor("127.0.0.1:0", "");
    assert_eq!(well.status.code(), Some(0), "{}{}", stdout(&well), stderr(&well));
    assert_eq!(check(&well, "peer.listen")["severity"], "ok");
    assert_eq!(check(&well, "proxy certificate")["severity"], "ok");
    // The port is taken, and nobody there speaks QUIC.
    let join = format!("[cluster]\njoin = [\"{}\"]\ntoken_file = \"-\"\n", held.0);
    let taken = doctor(&held.0.to_string(), &join);
    let route = check(&taken, &format!("route to {}", held.0));
    assert!(route["message"].as_str().is_some_and(|message| message.starts_with("payloads up to ")), "{route}");
    let silent = check(&taken, &format!("udp to {}", held.0));
    assert_eq!((silent["severity"].as_str(), silent["hint"].is_string()), (Some("problem"), true), "{silent}");
    assert_eq!(taken.status.code(), Some(3), "{}", stdout(&taken));
    let port = check(&taken, "peer.listen");
    assert_eq!((port["severity"].as_str(), port["hint"].is_string()), (Some("problem"), true), "{port}");
    let wrong = doctor("nowhere", "");
    assert_eq!(wrong.status.code(), Some(78), "{}", stderr(&wrong));
    assert_eq!(check(&wrong, "configuration")["severity"], "problem");
    assert!(stderr(&wrong).contains("peer.listen") || stderr(&wrong).contains("nowhere"), "{}", stderr(&wrong));

    // Somebody is at the proxy's own socket and never answers, as a proxy that is stopped: whose the port is cannot be told.
    std::fs::create_dir(dir.path().join("data")).expect("a directory");
    let _silent = std::os::unix::net::UnixListener::bind(dir.path().join("data/admin.sock")).expect("a socket");
    let port = check(&doctor(&held.0.to_string(), ""), "peer.listen");
    let said = format!("{}/udp is in use, and by whom cannot be told: the proxy at `", held.0);
    assert!(port["message"].as_str().is_some_and(|message| message.starts_with(&said)), "{port}");
    assert!(port["hint"].as_str().is_some_and(|hint| hint.contains("`ps -o pid,stat")), "{port}");

    // Without its file nothing is known of what is to be judged.
    let absent = run(&["doctor", "--config", "/nowhere/warren.toml"]);
    assert_eq!((absent.status.code(), stdout(&absent)), (Some(78), ""));
    assert!(stderr(&absent).starts_with("error: cannot read `/nowhere/warren.toml`: "), "{}", stderr(&absent));
}

#[test]
fn the_documented_configuration_is_valid_and_shown() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.toml");
    let file = file.to_str().expect("a path");
    // An empty variable is as good as none, beside the option and without it.
    for words in [&["config", "check", "--config", file][..], &["--config", file, "config", "check"], &["config", "check"]] {
        let checked = warren(words).env("WARREN_CONFIG", "").env("WARREN_OUTPUT", "").output().expect("a run");
        assert_eq!(checked.status.code(), Some(0), "{words:?}: {}", stderr(&checked));
        let said = if words.contains(&file) { format!("{file}: valid\n") } else { "no file was named".to_owned() };
        assert!(stdout(&checked).starts_with(&said), "{words:?}: {}", stdout(&checked));
    }
    assert_eq!(run(&["config", "check", "--config", file]).status.code(), Some(0));
    let shown =
        warren(&["config", "show", "-o", "jsonl"]).env("WARREN_CONFIG", file).env("WARREN_PROXY_ZONE", "a").output().expect("a run");
    assert!(
        stdout(&shown).contains("{\"key\":\"proxy.zone\",\"value\":\"\\\"a\\\"\",\"origin\":\"WARREN_PROXY_ZONE\"}\n"),
        "{}",
        stdout(&shown)
    );
}

/// A file of an agent that is to be told the rest on its command line.
#[test]
fn what_an_agent_would_still_have_to_be_told_is_said() {
    let dir = TempDir::new().expect("a directory");
    let file = dir.path().join("agent.toml");
    let data_dir = dir.path().join("data");
    std::fs::write(&file, format!("[agent]\nname = \"lab\"\ndata_dir = \"{}\"\n", data_dir.display())).expect("a file");
    let file = file.to_str().expect("a path");
    let checked = run(&["config", "check", "--config", file]);
    assert_eq!(checked.status.code(), Some(0));
    for part in ["agent.toml: valid\n", "no proxy to go to: `--proxy ADDR`", "no service to publish: `--publish "] {
        assert!(stdout(&checked).contains(part), "{part}: {}", stdout(&checked));
    }
    let view: serde_json::Value = serde_json::from_str(stdout(&run(&["config", "check", "--config", file, "-o", "json"]))).expect("JSON");
    assert_eq!((&view["valid"], view["missing"].as_array().map(Vec::len)), (&serde_json::Value::Bool(true), Some(2)), "{view}");
    // It is no proxy's either, and a proxy is what reloads unless another role is named.
    let reload = run(&["config", "reload", "--config", file]);
    assert_eq!(reload.status.code(), Some(6));
    assert!(stderr(&reload).contains("hint: `warren config reload --role agent`"), "{}", stderr(&reload));
    let pages = dir.path().join("share/man1");
    assert_eq!(run(&["generate", "man", "--dir", pages.to_str().expect("a path")]).status.code(), Some(0));
    assert!(pages.join("warren-config-check.1").is_file(), "the directory is made");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = warren(&["config", "show"]).stdout(writer).output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stderr(&output), "");
}

#[test]
fn no_proxy_is_6() {
    let dir = TempDir::new().expect("a directory");
    let socket = dir.path().join("admin.sock");
    for words in [&["status"][..], &["agents", "ls"], &["routes", "ls"], &["token", "ls"], &["raft", "status"]] {
        let output = warren(words).env("WARREN_ADDR", &socket).output().expect("the binary runs");
        assert_eq!(output.status.code(), Some(6), "{words:?}");
        let expected = format!("error: no proxy is running at `{}`\nhint: `warren proxy --config FILE`", socket.display());
        assert!(stderr(&output).starts_with(&expected), "{}", stderr(&output));
    }
}

/// A proxy's admin socket with made-up answers.
struct Sample;

#[async_trait]
impl Handler for Sample {
    async fn handle(&self, request: Request) -> Response {
        match (api::Path::parse(&request.path), request.method) {
            (Some(api::Path::Status), Method::GET) => Response::json(&degraded()),
            (Some(api::Path::Tokens), Method::POST) => {
                let wish: TokenRequest = serde_json::from_slice(&request.body).expect("a request for a token");
                Response::json(&TokenCreated {
                    schema: Schema,
                    token: "warren1_00_secret".to_owned(),
                    id: api::TokenText(warren_raft::TokenId([1; 8])),
                    role: wish.role,
                    expires_at: warren_raft::Timestamp(0).into(),
                    uses: wish.uses,
                    command: api::command_for(wish.role, &wish.name, "127.0.0.1:3024"),
                })
            }
            (Some(api::Path::Revoke(_)), Method::POST) => Response::text(StatusCode::NOT_FOUND, "no such token"),
            _ => Response::failure(Failure::new(Code::NoQuorum, Stage::Store, "no quorum").with_hint("`warren status`")),
        }
    }
}

fn degraded() -> StatusView {
    let proxy = ProxyRow {
        id: warren_raft::ProxyId(1),
        name: "proxy-1".parse().expect("a name"),
        peer_address: "127.0.0.1:3021".to_owned(),
        public_addresses: vec!["127.0.0.1:3024".to_owned()],
        role: ProxyRole::Voter,
        joining: false,
        leader: false,
        state: ProxyState::Isolated,
        epoch: None,
        rtt_ms: None,
        lag_entries: None,
        agents: 0,
        streams: None,
        version: "0.1.0".to_owned(),
        feature_level: Some(1),
        tunnels: Some(1),
        drain: None,
        certificate: None,
        ingress: Vec::new(),
    };
    StatusView {
        schema: Schema,
        cluster: "warren".to_owned(),
        healthy: false,
        leader: None,
        term: 1,
        committed_index: 1,
        voters: 1,
        voters_up: 0,
        tolerates: 0,
        proxies: vec![proxy],
        agents: 0,
        agents_offline: 0,
        last_offline: None,
        routes: 0,
        strategy: StrategyView { kind: "proxy_peering".to_owned(), agent_connection_count: 1 },
        problems: vec![],
        feature_level: 1,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn answers_of_a_proxy() {
    let dir = TempDir::new().expect("a directory");
    let config = dir.path().join("config.toml");
    let mut file = std::fs::File::create(&config).expect("a file");
    writeln!(file, "[proxy]\ndata_dir = {:?}", dir.path()).expect("a file");
    let socket = AdminSocket::bind(&*Env::real().net, &dir.path().join("admin.sock")).await.expect("a socket");
    let shutdown = CancellationToken::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(HttpServer::new(Arc::new(Sample), shutdown.clone()).serve(socket));

    let config = config.to_str().expect("a path");
    let status = run(&["--config", config, "status"]);
    assert_eq!(status.status.code(), Some(3), "{}", stderr(&status));
    assert!(stdout(&status).starts_with("cluster warren: degraded\n  leader none, term 1"), "{}", stdout(&status));
    let json = run(&["--config", config, "status", "-o", "json"]);
    assert_eq!(serde_json::from_slice::<StatusView>(&json.stdout).expect("JSON"), degraded());

    let created = run(&["--config", config, "token", "create", "--role", "agent", "--name", "lab-pi"]);
    assert_eq!(stdout(&created), "warren1_00_secret\n");
    assert!(
        stderr(&created)
            .ends_with("  warren agent --proxy 127.0.0.1:3024 --token-file warren.token --name lab-pi --publish NAME=HOST:PORT\n"),
        "{}",
        stderr(&created)
    );
    for role in ["agent", "client"] {
        let quiet = run(&["--config", config, "token", "create", "--role", role, "-q"]);
        assert_eq!((stdout(&quiet), stderr(&quiet)), ("warren1_00_secret\n", ""), "whoever wants errors alone gets the token alone");
    }
    let revoked = run(&["--config", config, "token", "revoke", "0101010101010101"]);
    assert_eq!((revoked.status.code(), stderr(&revoked)), (Some(4), "error: the proxy refused: no such token\n"));
    let failed = run(&["--config", config, "agents", "ls"]);
    assert_eq!((failed.status.code(), stderr(&failed)), (Some(6), "error: no quorum\nhint: `warren status`\n"));
    shutdown.cancel();
    tasks.join_next().await.expect("the server").expect("no panic");
}
