//! One proxy: its directory, its configuration and its process.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Process, Relay, get_json, wait_for};

/// What [`Pace::Test`] adds to a configuration.
const PACE: &str = "[raft]\nheartbeat = \"100ms\"\nelection_timeout = \"1s\"\npromote_after = \"200ms\"\n\
    [liveness]\nlease = \"2s\"\n[telemetry]\nlog = \"info,warren=debug,warren_raft=debug,openraft=error\"\n";

/// Which ports a proxy takes when it starts again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ports {
    /// Whichever are free.
    Fresh,
    /// Those that it had.
    Same,
}

/// A proxy that runs, or did.
#[derive(Debug)]
pub(crate) struct Proxy {
    name: String,
    home: PathBuf,
    process: Option<Process>,
    listen: [String; 2],
    advertise: [Option<SocketAddr>; 2],
    relays: Option<[Relay; 2]>,
    further: String,
    /// Further keys of `[peer]`.
    peer: String,
    drain_timeout: &'static str,
    /// How much those before this process have logged.
    logged: usize,
    pace: Pace,
}

/// How fast a proxy is to notice what happens, and how much it logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// Quick to notice, but not so quick that a busy machine looks like a dead one; logs all that a failure is understood by.
    Test,
    /// As whoever configures nothing of that has it.
    Default,
}

impl Proxy {
    /// A proxy `proxy-NUMBER` that keeps everything in `home` and does not run yet.
    pub(crate) fn new(home: &Path, number: usize) -> Self {
        let any = || "127.0.0.1:0".to_owned();
        let (name, home) = (format!("proxy-{number}"), home.to_owned());
        let (listen, advertise, further, peer) = ([any(), any()], [None; 2], String::new(), String::new());
        Self { name, home, process: None, listen, advertise, relays: None, further, peer, drain_timeout: "2s", logged: 0, pace: Pace::Test }
    }

    /// The same proxy, where it has this address.
    pub(crate) fn at(self, address: Ipv4Addr) -> Self {
        let any = || format!("{address}:0");
        Self { listen: [any(), any()], ..self }
    }

    /// The same proxy with further tables in its configuration.
    pub(crate) fn configured(self, further: &str) -> Self {
        Self { further: further.to_owned(), ..self }
    }

    /// The same proxy, which keeps so many connections for dials to each peer.
    pub(crate) fn keeping(self, data_connections: u8) -> Self {
        Self { peer: format!("data_connections = {data_connections}\n"), ..self }
    }

    /// The same proxy, which tells agents and clients to come to this address, wherever it listens.
    pub(crate) fn advertising(self, public: SocketAddr) -> Self {
        Self { advertise: [self.advertise[0], Some(public)], ..self }
    }

    /// The same proxy, which gives streams so long when it drains, such as `30s`.
    pub(crate) fn draining_for(self, drain_timeout: &'static str) -> Self {
        Self { drain_timeout, ..self }
    }

    /// The same proxy behind relays: peers, agents and clients are told the relays' addresses. They lead to it once it is ready.
    pub(crate) fn behind_relays(self) -> Self {
        let relays = [Relay::new(), Relay::new()];
        Self { advertise: relays.each_ref().map(|relay| Some(relay.address())), relays: Some(relays), ..self }
    }

    /// The relay to which its peers are told to come.
    pub(crate) fn peer_relay(&self) -> &Relay {
        &self.relays.as_ref().expect("it is behind relays")[0]
    }

    /// The relay to which agents and clients are told to come.
    pub(crate) fn public_relay(&self) -> &Relay {
        &self.relays.as_ref().expect("it is behind relays")[1]
    }

    /// The same proxy with the defaults of everything but its name, directory and ports.
    pub(crate) fn with_defaults(self) -> Self {
        Self { pace: Pace::Default, ..self }
    }

    /// Starts it: a new data directory begins a cluster.
    pub(crate) fn start(&mut self) {
        self.run(&["proxy"]);
    }

    /// Starts it as a further proxy of the cluster behind `address`.
    pub(crate) fn join(&mut self, address: SocketAddr, token: &Path) {
        self.run(&["join", &address.to_string(), "--token-file", text(token)]);
    }

    /// Enrols it as a further proxy, and does not run it.
    pub(crate) fn enroll_only(&mut self, address: SocketAddr, token: &Path) {
        self.run(&["join", &address.to_string(), "--token-file", text(token), "--enroll-only"]);
        let (status, log) = self.wait_ended();
        assert_eq!(status, Some(0), "{log}");
    }

    /// Starts it again, as a process that is given only its configuration.
    pub(crate) fn restart(&mut self, ports: Ports) {
        assert!(self.process.is_none(), "`{}` runs", self.name);
        if ports == Ports::Fresh {
            self.listen = ["127.0.0.1:0"; 2].map(str::to_owned);
        }
        self.start();
    }

    /// Starts it by a line of the README's, `warren WORDS..`.
    pub(crate) fn start_by(&mut self, line: &str) {
        let words: Vec<_> = line.split_whitespace().collect();
        assert_eq!(words.first(), Some(&"warren"), "{line}");
        fs::write(self.config(), self.configuration()).expect("its configuration");
        self.begin(&words[1..]);
    }

    /// Ends it as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.process().kill();
        self.process = None;
    }

    /// Stops its process without ending it, as STOP does: its sockets live and nobody reads them.
    pub(crate) fn freeze(&mut self) {
        self.process().signal("STOP");
    }

    /// Lets it go on.
    pub(crate) fn thaw(&mut self) {
        self.process().signal("CONT");
    }

    /// Ends it by TERM, and expects it to end well.
    pub(crate) fn stop(&mut self) {
        self.terminate();
        self.wait_stopped();
    }

    /// Tells it to end.
    pub(crate) fn terminate(&mut self) {
        self.process().signal("TERM");
    }

    /// Waits until it has ended well.
    pub(crate) fn wait_stopped(&mut self) {
        let ended = self.process().wait();
        assert_eq!(ended.code(), Some(0), "{}", self.log());
        self.process = None;
    }

    /// Waits until it has ended by itself, and gives its status and what it and those before it have logged.
    pub(crate) fn wait_ended(&mut self) -> (Option<i32>, String) {
        let ended = self.process().wait();
        let log = self.log();
        self.process = None;
        (ended.code(), log)
    }

    /// Waits until it has its lease, and notes its ports.
    pub(crate) fn wait_ready(&mut self) {
        wait_for(&format!("`{}` is ready", self.name.clone()), || {
            self.must_run();
            self.lead_relays()?;
            let status = self.status()?;
            let row = row(&status, &self.name)?;
            // Only a proxy that holds its lease calls itself healthy.
            (row["state"] == "healthy").then_some(())
        });
        self.listen = self.ports().expect("it has logged them").map(|address| address.to_string());
    }

    /// Leads its relays to where it listens; `None` while that is not known.
    fn lead_relays(&self) -> Option<()> {
        for (relay, port) in self.relays.iter().flatten().zip(self.ports()?) {
            relay.lead_to(&[port]);
        }
        Some(())
    }

    /// Panics if its process has ended.
    pub(crate) fn must_run(&mut self) {
        self.process().must_run();
    }

    /// Whether its process has been started and not been ended.
    pub(crate) fn runs(&self) -> bool {
        self.process.is_some()
    }

    /// The number of its process, while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its configuration.
    pub(crate) fn config(&self) -> PathBuf {
        self.home.join(format!("{}.toml", self.name))
    }

    /// Its data directory.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.home.join(&self.name)
    }

    /// What it shows of the cluster; `None` while it does not answer.
    pub(crate) fn status(&self) -> Option<Value> {
        self.get("/v1/status")
    }

    /// What it shows at `path` of its admin socket; `None` while it does not answer.
    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        get_json(&self.data_dir().join("admin.sock"), path)
    }

    /// Where it listens for peers and for the public, whatever it tells them; `None` before it has logged that.
    pub(crate) fn ports(&self) -> Option<[SocketAddr; 2]> {
        let line = self.running()?;
        Some([address(&line["peer"]), address(&line["public"])])
    }

    /// Where agents and clients are told to reach it.
    pub(crate) fn public_address(&self) -> SocketAddr {
        address(&self.row()["public_addresses"][0])
    }

    /// Where peers are told to reach it.
    pub(crate) fn peer_address(&self) -> SocketAddr {
        address(&self.row()["peer_address"])
    }

    /// Where probes reach it, as it has logged.
    pub(crate) fn http_address(&self) -> SocketAddr {
        address(&self.running().expect("it has logged that it runs")["http"])
    }

    /// What it logged when it had started.
    fn running(&self) -> Option<Value> {
        let log = self.log();
        let lines = log.get(self.logged..)?.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.into_iter().find(|line| line["message"] == "proxy runs")
    }

    /// The names of the proxies at which this one sees `agent`.
    pub(crate) fn places_of(&self, agent: &str) -> Vec<String> {
        let routes = self.get("/v1/routes");
        let routes = routes.iter().flat_map(|view| view["routes"].as_array().expect("routes"));
        routes.filter(|route| route["agent"] == agent).map(|route| word(&route["proxy"])).collect()
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        self.process.as_ref().map(Process::log).unwrap_or_default()
    }

    /// Shows the end of its log, for a test that fails.
    pub(crate) fn show(&self) {
        self.process.iter().for_each(Process::show);
    }

    fn row(&self) -> Value {
        let status = self.status().expect("it answers");
        row(&status, &self.name).expect("it is in its own table").clone()
    }

    fn run(&mut self, words: &[&str]) {
        fs::write(self.config(), self.configuration()).expect("its configuration");
        let config = self.config();
        self.begin(&[&["--config", text(&config)], words].concat());
    }

    fn begin(&mut self, words: &[&str]) {
        self.logged = Process::logged(&self.name, &self.home).len();
        self.process = Some(Process::start(&self.name, &self.home, words, &[]));
    }

    fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("it was started")
    }

    fn configuration(&self) -> String {
        let (name, data_dir, drain_timeout) = (&self.name, self.data_dir(), self.drain_timeout);
        let [peer, public] = &self.listen;
        let [peer_advertise, public_advertise] = self.advertise.map(|address| address.map(|address| address.to_string()));
        let (peer_advertise, public_advertise) = (peer_advertise.unwrap_or_default(), Vec::from_iter(public_advertise));
        let drain_timeout = if self.pace == Pace::Test { format!("drain_timeout = {drain_timeout:?}\n") } else { String::new() };
        let pace = if self.pace == Pace::Test { PACE } else { "" };
        format!(
            "[proxy]\nname = {name:?}\ndata_dir = {data_dir:?}\n{drain_timeout}\
             [peer]\nlisten = {peer:?}\nadvertise = {peer_advertise:?}\n{}\
             [public]\nlisten = {public:?}\nadvertise = {public_advertise:?}\n\
             [admin]\nhttp = \"127.0.0.1:0\"\n{pace}{}",
            self.peer, self.further
        )
    }
}

/// A path in a command line.
pub(super) fn text(path: &Path) -> &str {
    path.to_str().expect("a path of this test is text")
}

fn row<'a>(status: &'a Value, name: &str) -> Option<&'a Value> {
    status["proxies"].as_array()?.iter().find(|row| row["name"] == name)
}

fn word(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn address(value: &Value) -> SocketAddr {
    word(value).parse().expect("an address")
}
