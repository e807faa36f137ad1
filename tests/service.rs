//! A proxy and an agent under a service manager: what it is told, what a reload takes over, and what it refuses.

mod support;

use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{Process, Target, wait_for, warren};
use tempfile::TempDir;

/// A service manager, as far as it listens.
struct Manager {
    socket: UnixDatagram,
    heard: Vec<String>,
}

impl Manager {
    fn at_path(path: &Path) -> Self {
        Self::listening(UnixDatagram::bind(path).expect("a socket"))
    }

    fn with_name(name: &str) -> Self {
        let address = SocketAddr::from_abstract_name(name).expect("a name");
        Self::listening(UnixDatagram::bind_addr(&address).expect("a socket"))
    }

    fn listening(socket: UnixDatagram) -> Self {
        socket.set_nonblocking(true).expect("a socket");
        Self { socket, heard: Vec::new() }
    }

    /// Forgets what it was told until now.
    fn forget(&mut self) {
        self.listen();
        self.heard.clear();
    }

    fn listen(&mut self) {
        let mut buffer = [0; 4096];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            self.heard.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
        }
    }

    /// Waits until it is told something that has this line, and forgets all up to it.
    fn wait_for(&mut self, line: &str) -> String {
        wait_for(&format!("the service manager is told `{line}`"), || {
            self.listen();
            let at = self.heard.iter().position(|told| told.lines().any(|its| its == line))?;
            self.heard.drain(..=at).next_back()
        })
    }
}

/// The configuration of a proxy in `home` that listens anywhere on loopback.
fn proxy_config(home: &Path, further: &str) -> PathBuf {
    let path = home.join("config.toml");
    let text = format!(
        "[proxy]\nname = \"proxy-1\"\ndata_dir = {:?}\n{further}\n[peer]\nlisten = \"127.0.0.1:0\"\n[public]\nlisten = \"127.0.0.1:0\"\n\
         [admin]\nhttp = \"127.0.0.1:0\"\n[raft]\nheartbeat = \"100ms\"\n",
        home.join("data")
    );
    fs::write(&path, text).expect("a file");
    path
}

fn words<'a>(config: &'a Path, verb: &[&'a str]) -> Vec<&'a str> {
    [verb, &["--config", config.to_str().expect("a path")]].concat()
}

/// Waits until a proxy that was started with this configuration answers.
fn wait_ready(config: &Path) {
    wait_for("the proxy answers", || (warren(&words(config, &["status"]), b"").status == Some(0)).then_some(()));
}

#[test]
fn a_service_manager_is_told_of_a_proxy_s_life() {
    let home = TempDir::new().expect("a directory");
    let (config, socket) = (proxy_config(home.path(), ""), home.path().join("notify"));
    let mut manager = Manager::at_path(&socket);
    let variables = [("NOTIFY_SOCKET", socket.to_str().expect("a path")), ("WATCHDOG_USEC", "400000")];
    let mut proxy = Process::start("proxy", home.path(), &words(&config, &["proxy"]), &variables);
    manager.wait_for("STATUS=starting");
    manager.wait_for("READY=1");
    manager.wait_for("WATCHDOG=1");
    manager.wait_for("WATCHDOG=1");

    proxy.signal("HUP");
    let reloading = manager.wait_for("RELOADING=1");
    let since = reloading.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")?.parse::<u64>().ok());
    assert!(since.is_some_and(|usec| usec > 0), "{reloading}");
    manager.wait_for("READY=1");
    fs::write(&config, "[proxy]\nname = 3\n").expect("a file");
    proxy.signal("HUP");
    let failed = manager.wait_for("READY=1");
    assert!(failed.contains("STATUS=not reloaded: `proxy.name`: expected a string, found an integer"), "{failed}");
    // Nor is it gone with the next sign of life.
    for _ in 0..3 {
        let alive = manager.wait_for("WATCHDOG=1");
        assert!(alive.contains("STATUS=not reloaded: `proxy.name`"), "{alive}");
    }
    proxy_config(home.path(), "");
    proxy.signal("HUP");
    let reloaded = manager.wait_for("READY=1");
    assert!(reloaded.contains("STATUS=") && !reloaded.contains("not reloaded"), "{reloaded}");

    proxy.signal("TERM");
    let stopping = manager.wait_for("STOPPING=1");
    assert!(stopping.contains("EXTEND_TIMEOUT_USEC=45000000"), "{stopping}");
    assert_eq!(proxy.wait().code(), Some(0), "{}", proxy.log());
}

#[test]
fn an_agent_is_ready_with_its_first_tunnel_and_publishes_what_a_reload_says() {
    let home = TempDir::new().expect("a directory");
    let config = proxy_config(home.path(), "");
    let _proxy = Process::start("proxy", home.path(), &words(&config, &["proxy"]), &[]);
    wait_ready(&config);
    let status = warren(&words(&config, &["status", "-o", "json"]), b"").json();
    let entry = status["proxies"][0]["public_addresses"][0].as_str().expect("an address").to_owned();
    let token = warren(&words(&config, &["token", "create", "--role", "agent", "--allow", "*/web", "*/echo"]), b"").must_succeed();
    // As systemd hands it over: by name, in a directory of its own.
    fs::write(home.path().join("agent-token"), token).expect("a file");
    let target = Target::echo();
    let agent_config = home.path().join("agent.toml");
    let write = |services: &[&str], further: &str| {
        let services: Vec<_> =
            services.iter().map(|name| format!("[[agent.service]]\nname = {name:?}\ntarget = \"{}\"\n", target.address())).collect();
        let text = format!(
            "[agent]\nname = \"lab\"\nproxies = [{entry:?}]\ndata_dir = {:?}\ntoken_file = \"credential:agent-token\"\n{further}\n{}",
            home.path().join("agent"),
            services.concat()
        );
        fs::write(&agent_config, text).expect("a file");
    };
    write(&["web"], "");
    let name = format!("warren-service-{}", std::process::id());
    let mut manager = Manager::with_name(&name);
    let variables = [
        ("NOTIFY_SOCKET", &*format!("@{name}")),
        ("WATCHDOG_USEC", "400000"),
        ("CREDENTIALS_DIRECTORY", home.path().to_str().expect("a path")),
    ];
    let mut agent = Process::start("agent", home.path(), &words(&agent_config, &["agent"]), &variables);
    manager.wait_for("READY=1");
    manager.wait_for("WATCHDOG=1");
    let published = || {
        let agents = warren(&words(&config, &["agents", "show", "lab", "-o", "json"]), b"").json();
        let services = agents["services"].as_array().or_else(|| agents["agent"]["services"].as_array()).expect("services").clone();
        services.iter().map(|service| service["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    let opened = |agent: &Process| agent.log().matches("tunnel open").count();
    assert_eq!((published(), opened(&agent)), (vec!["web".to_owned()], 1));

    // By command: what has changed is said, and the tunnel stays.
    let reload = words(&agent_config, &["config", "reload", "--role", "agent"]);
    write(&["web", "echo"], "drain_timeout = \"5s\"");
    let ended = warren(&reload, b"");
    let shown = String::from_utf8(ended.clone().must_succeed()).expect("text");
    assert!(shown.starts_with("reloaded:\n") && shown.contains("agent.drain_timeout: \"30s\" -> \"5s\"\n"), "{shown}");
    assert_eq!((published(), opened(&agent)), (vec!["echo".to_owned(), "web".to_owned()], 1));

    is_found_by_its_directory(&home.path().join("agent"));

    // What it may not publish is refused, and nothing has changed.
    write(&["web", "other"], "drain_timeout = \"5s\"");
    warren(&reload, b"").must_fail(1, "agent `lab` may not publish the service `other`");
    assert_eq!((published(), opened(&agent)), (vec!["echo".to_owned(), "web".to_owned()], 1));

    // By signal.
    write(&["echo"], "drain_timeout = \"5s\"");
    manager.forget();
    agent.signal("HUP");
    manager.wait_for("RELOADING=1");
    manager.wait_for("READY=1");
    assert_eq!((published(), opened(&agent)), (vec!["echo".to_owned()], 1));
    agent.signal("TERM");
    let stopping = manager.wait_for("STOPPING=1");
    assert!(stopping.contains("EXTEND_TIMEOUT_USEC=20000000"), "{stopping}");
    assert_eq!(agent.wait().code(), Some(0), "{}", agent.log());
    warren(&reload, b"").must_fail(6, "no agent is running at");
}

/// Whoever started an agent by flags has no file to name, but knows where it keeps its state.
fn is_found_by_its_directory(dir: &Path) {
    let reload = |dir: &str| warren(&["config", "reload", "--role", "agent", "--data-dir", dir], b"");
    assert_eq!(reload(dir.to_str().expect("a path")).must_succeed(), b"reloaded: nothing has changed\n");
    reload("/nowhere").must_fail(6, "hint: `--data-dir DIR` or `--config FILE` as it was started with");
}

#[test]
fn a_reload_takes_over_all_or_nothing() {
    let home = TempDir::new().expect("a directory");
    let config = proxy_config(home.path(), "drain_timeout = \"20s\"");
    let proxy = Process::start("proxy", home.path(), &words(&config, &["proxy"]), &[]);
    wait_ready(&config);
    let reload = words(&config, &["config", "reload"]);
    assert_eq!(warren(&reload, b"").must_succeed(), b"reloaded: nothing has changed\n");

    let limits = "\n[limits]\ndials_per_client = 7\n[telemetry]\nlog = \"debug\"\nformat = \"text\"\n";
    let whole = |first: &str, limits: &str| {
        proxy_config(home.path(), first);
        let text = fs::read_to_string(&config).expect("a file");
        fs::write(&config, text + limits).expect("a file");
    };
    whole("drain_timeout = \"10s\"", limits);
    let shown = String::from_utf8(warren(&reload, b"").must_succeed()).expect("text");
    for line in [
        "  proxy.drain_timeout: \"20s\" -> \"10s\"\n",
        "  limits.dials_per_client: 1024 -> 7\n",
        "  telemetry.log: \"info\" -> \"debug\"\n",
        "  telemetry.format: \"auto\" -> \"text\"\n",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    let is_text = |line: &str| line.contains("configuration reloaded") && !line.starts_with('{');
    assert!(proxy.log().lines().any(is_text), "{}", proxy.log());

    // One key among others that wants a restart: nothing of it.
    whole("drain_timeout = \"9s\"\nzone = \"b\"", limits);
    let refused = warren(&reload, b"");
    refused.must_fail(1, "a restart is wanted for `proxy.zone`: nothing was changed");
    assert!(String::from_utf8_lossy(&refused.stdout).contains("proxy.zone: \"\" -> \"b\"  (restart)"), "{refused:?}");
    let status = warren(&words(&config, &["status", "-o", "json"]), b"").json();
    assert_eq!((&status["healthy"], &status["problems"][0]["code"]), (&true.into(), &"reload_failed".into()), "{status}");
    let hint = status["problems"][0]["hint"].as_str().expect("text");
    assert!(hint.starts_with("restart it, `systemctl restart warren-proxy`"), "{hint}");

    // A wrong file: every error, with its line, and the status of a wrong configuration.
    whole("drain_timeout = 9\nzoned = \"b\"", limits);
    let wrong = warren(&reload, b"");
    assert_eq!(wrong.status, Some(78), "{wrong:?}");
    assert!(wrong.stderr.contains("did you mean `zone`?") && wrong.stderr.contains("drain_timeout = 9\n"), "{wrong:?}");
    // The proxy was told, whose socket the file still names, even where it is no TOML, and says so to whoever looks.
    let socket = home.path().join("data/admin.sock");
    let status = || warren(&["status", "--addr", socket.to_str().expect("a path"), "-o", "json"], b"").json();
    for (first, part) in [("drain_timeout = 9", "expected a string"), ("drain_timeout = = 9", "--> ")] {
        whole(first, limits);
        assert_eq!(warren(&reload, b"").status, Some(78), "{first}");
        let problem = &status()["problems"][0];
        assert_eq!(problem["code"], "reload_failed", "{first}: {problem}");
        let (message, hint) = (problem["message"].as_str().expect("text"), problem["hint"].as_str().expect("text"));
        assert!(message.contains(part) && hint.starts_with("`warren config check --config "), "{first}: {problem}");
    }

    whole("drain_timeout = \"20s\"", limits);
    let again = String::from_utf8(warren(&reload, b"").must_succeed()).expect("text");
    assert_eq!(again, "reloaded:\n  proxy.drain_timeout: \"10s\" -> \"20s\"\n");
    let logged = proxy.log().matches("configuration reloaded").count();
    whole("drain_timeout = \"20s\"", &limits.replace("debug", "error"));
    warren(&reload, b"").must_succeed();
    assert_eq!(proxy.log().matches("configuration reloaded").count(), logged, "it logs errors only");
    let status = warren(&words(&config, &["status", "-o", "json"]), b"").json();
    assert_eq!(status["problems"], serde_json::json!([]), "{status}");
}

/// A HUP in the middle of a start is obeyed later, one in the middle of the end is passed over; neither does any harm.
#[test]
fn hang_ups_at_any_moment_kill_nobody() {
    let home = TempDir::new().expect("a directory");
    let config = proxy_config(home.path(), "drain_timeout = \"1s\"");
    let mut proxy = Process::start("proxy", home.path(), &words(&config, &["proxy"]), &[]);
    // From the moment on at which signals are caught.
    wait_for("it catches signals", || {
        let status = fs::read_to_string(format!("/proc/{}/status", proxy.pid())).expect("its status");
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("a mask").trim().to_owned();
        (u64::from_str_radix(&caught, 16).expect("a mask") & 1 == 1).then_some(())
    });
    for _ in 0..20 {
        proxy.signal("HUP");
    }
    wait_ready(&config);
    wait_for("it has reloaded", || proxy.log().contains("configuration reloaded").then_some(()));
    let hang_up = format!("kill -TERM {0}; for i in 1 2 3 4 5; do kill -HUP {0} 2>/dev/null; done; true", proxy.pid());
    assert!(Command::new("sh").arg("-c").arg(hang_up).status().expect("a shell").success());
    assert_eq!(proxy.wait().code(), Some(0), "{}", proxy.log());
}
