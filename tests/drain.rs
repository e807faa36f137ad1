//! A proxy is taken out of service, by the README's own commands, and nobody notices but for streams that outlast their time.

mod support;

use std::io::Write;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use support::{
    Agent, Client, Cluster, Dialling, Ended, Open, Ports, Proxy, Relay, Target, adapted, get, readme_commands, shell, wait_for, warren,
};
use tokio::time::Instant;

/// A cluster of three with an agent `lab` that publishes an echo, and where the agent's tunnel is.
struct World {
    cluster: Cluster,
    client: Client,
    owner: usize,
    echo: Target,
    agent: Agent,
}

impl World {
    fn new(drain_timeout: &'static str) -> Self {
        let cluster = Cluster::start_with(3, |proxy| proxy.draining_for(drain_timeout));
        let echo = Target::echo();
        let agent = cluster.agent("lab", &[1], &[("echo", echo.address().to_string())]);
        let client = cluster.client("laptop", "*/*");
        let owner = cluster.owner_of("lab");
        Self { cluster, client, owner, echo, agent }
    }

    /// Another proxy than the owner.
    fn other(&self) -> &Proxy {
        self.cluster.proxy((self.owner + 1) % 3)
    }

    fn owner(&self) -> &Proxy {
        self.cluster.proxy(self.owner)
    }

    /// A stream through another proxy over the owner's tunnel, which runs.
    fn stream(&self) -> Open {
        let mut open = self.client.open("lab/echo", self.other());
        echoes(&mut open);
        open
    }

    /// Dials that go on through every proxy.
    fn dialling(&self) -> Vec<Dialling> {
        let via = |proxy: &Proxy| self.client.forward(&format!("via-{}", proxy.name()), "lab/echo", &[proxy.public_address()]);
        self.cluster.proxies().iter().map(|proxy| Dialling::start(via(proxy))).collect()
    }

    /// Runs a verb at another proxy.
    fn at_other(&self, words: &[&str]) -> Ended {
        let config = self.other().config();
        warren(&[&["--config", config.to_str().expect("a text")], words].concat(), b"")
    }

    /// What another proxy shows of the owner.
    fn row(&self) -> Value {
        let status = wait_for("status", || self.other().status());
        let rows = status["proxies"].as_array().expect("rows");
        rows.iter().find(|row| row["name"] == self.owner().name()).expect("the owner").clone()
    }

    fn wait_row(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        wait_for(what, || Some(self.row()).filter(&wanted))
    }

    /// Waits until the agent has its only route at another proxy.
    fn wait_moved(&self) {
        wait_for("the agent is at another proxy", || {
            let places = self.other().places_of("lab");
            (!places.is_empty() && !places.iter().any(|place| place == self.owner().name())).then_some(())
        });
    }

    /// The commands of the README's section for this test's proxy, to be run on another's machine.
    fn readme(&self) -> Vec<String> {
        let config = self.other().config();
        let own = [("proxy-2", self.owner().name()), ("config.toml", config.to_str().expect("a text"))];
        readme_commands("## Taking a proxy out of service").iter().map(|line| adapted(line, &own)).collect()
    }
}

/// A byte there and back.
fn echoes(open: &mut Open) {
    let input = open.input.as_mut().expect("it is open");
    input.write_all(b"x").and_then(|()| input.flush()).expect("a byte is written");
    assert_eq!(open.read_byte(), b'x');
}

fn none_failed(dialling: Vec<Dialling>) {
    for (via, dialling) in dialling.into_iter().enumerate() {
        dialling.wait_for_more(5);
        let succeeded = dialling.succeeded();
        assert_eq!(dialling.failures(), [""; 0], "through the proxy with the index {via}, where {succeeded} succeeded");
    }
}

#[test]
fn the_readme_takes_a_proxy_out_of_service_and_back_and_no_dial_fails() {
    let world = World::new("60s");
    let [drain, show, resume] = &world.readme()[..] else { panic!("three commands") };
    let home = world.cluster.home().to_owned();
    let (mut stream, dialling) = (world.stream(), world.dialling());
    let waiting = thread::spawn({
        let (home, line) = (home.clone(), drain.clone());
        move || shell(&home, &line)
    });
    world.wait_moved();
    let row = world.wait_row("what is left is shown", |row| row["tunnels"] == 1);
    assert_eq!((&row["state"], &row["agents"]), (&Value::from("draining"), &Value::from(0)), "{row}");
    let shown = String::from_utf8(shell(&home, show).must_succeed()).expect("text");
    assert!(shown.contains("is draining: 1 tunnel and ") && shown.contains("`warren proxies resume "), "{shown}");
    let (status, checks) = get(world.owner().http_address(), "/readyz?verbose").expect("an answer");
    assert!(status == 503 && checks.contains("[-] not draining") && checks.contains("tunnels left: 1"), "{checks}");
    let status = world.owner().status().expect("an answer");
    let problem = status["problems"].as_array().and_then(|problems| problems.iter().find(|problem| problem["code"] == "proxy_draining"));
    assert!(problem.is_some_and(|problem| problem["hint"].as_str().is_some_and(|hint| hint.contains("resume"))), "{status}");
    assert_ne!(world.cluster.leader(), world.owner, "it leads no more");
    echoes(&mut stream);
    assert!(!waiting.is_finished(), "a stream is left");
    drop(stream.input.take());
    assert_eq!((stream.read_to_end(), stream.wait()), (vec![], Some(0)), "it came to its own end");
    let told = String::from_utf8(waiting.join().expect("a thread").must_succeed()).expect("text");
    assert!(told.contains("is drained: no stream was cut"), "{told}");
    assert_eq!(world.row()["tunnels"], 0);
    // What is done on purpose is nothing wrong.
    let shown = String::from_utf8(world.at_other(&["status"]).must_succeed()).expect("text");
    assert!(shown.contains("notice: proxy `") && shown.contains("` is drained: tunnels left: 0"), "{shown}");
    assert_eq!(world.row()["state"], "draining");
    let metrics = get(world.owner().http_address(), "/metrics").expect("an answer").1;
    assert!(
        metrics.contains("warren_tunnels_handed_over_total 1") && metrics.contains("warren_streams_cut_total{reason=\"drain\"} 0"),
        "{metrics}"
    );

    let told = String::from_utf8(shell(&home, resume).must_succeed()).expect("text");
    assert_eq!(told, format!("proxy {} takes tunnels again\n", world.owner().name()));
    world.wait_row("it takes tunnels again", |row| row["state"] == "healthy" && row["drain"].is_null());
    none_failed(dialling);
}

#[test]
fn what_is_left_at_the_deadline_is_cut_and_counted() {
    let world = World::new("3s");
    let (mut first, mut second) = (world.stream(), world.stream());
    let told = world.at_other(&["proxies", "drain", world.owner().name(), "--wait", "-o", "json"]).json();
    assert_eq!(told["drain"], serde_json::json!({"ordered": true, "done": true, "cut_streams": 2}), "{told}");
    assert_eq!((&told["tunnels"], &told["streams"]), (&Value::from(0), &Value::from(0)), "{told}");
    // Torn streams, as they are, and not whole ones.
    assert_eq!([first.wait(), second.wait()], [Some(1); 2]);
    for stream in [&mut first, &mut second] {
        let said = stream.errors();
        assert!(said.contains("was cut: a proxy on its way went out of service") && !said.contains("stage target"), "{said}");
    }
    assert!(world.owner().log().contains("the streams that were left at the deadline were cut"));
    let metrics = get(world.owner().http_address(), "/metrics").expect("an answer").1;
    assert!(metrics.contains("warren_streams_cut_total{reason=\"drain\"} 2"), "{metrics}");
    for proxy in world.cluster.proxies() {
        assert_eq!(world.client.connect("lab/echo", proxy, b"hello").must_succeed(), b"hello", "it goes on serving");
    }
    // Whoever asks again is told the same.
    let again = world.at_other(&["proxies", "drain", world.owner().name(), "--wait", "-o", "json"]).json();
    assert_eq!(again["drain"]["done"], true, "{again}");
}

/// What only enters by a proxy that drains has nothing to do with its tunnels.
#[test]
fn a_stream_that_only_enters_there_is_not_cut() {
    let world = World::new("4s");
    let mut over = world.stream();
    world.at_other(&["proxies", "drain", world.owner().name()]).must_succeed();
    world.wait_moved();
    let mut entering = world.client.open("lab/echo", world.owner());
    echoes(&mut entering);
    world.wait_row("the drain is over", |row| row["drain"]["done"] == true);
    assert_eq!(over.wait(), Some(1), "its time is over");
    echoes(&mut entering);
    assert_eq!(world.row()["drain"]["cut_streams"], 1);
    drop(entering.input.take());
    assert_eq!((entering.read_to_end(), entering.wait()), (vec![], Some(0)), "it came to its own end");
}

/// To cut an agent off that reaches no other proxy helps nobody: it would only come back.
#[test]
fn an_agent_that_reaches_no_other_proxy_keeps_its_tunnel() {
    let nowhere = Relay::new();
    let silent = nowhere.address();
    let make = |proxy: Proxy| if proxy.name() == "proxy-2" { proxy.advertising(silent) } else { proxy };
    let cluster = Cluster::start_with(2, |proxy| make(proxy.draining_for("2s")));
    let echo = Target::echo();
    let _agent = cluster.agent("lab", &[0], &[("echo", echo.address().to_string())]);
    let client = cluster.client("laptop", "*/*");
    let mut stream = client.open("lab/echo", cluster.proxy(0));
    echoes(&mut stream);
    let dialling = Dialling::start(client.forward("via-proxy-1", "lab/echo", &[cluster.proxy(0).public_address()]));
    let config = cluster.proxy(0).config();
    let words = ["--config", config.to_str().expect("a text"), "proxies", "drain", "proxy-1", "--wait"];
    let told = warren(&words, b"");
    let text = String::from_utf8_lossy(&told.stdout);
    assert!(told.status == Some(3) && text.contains("1 tunnel stays, of agents that reach no other proxy"), "{told:?}");
    echoes(&mut stream);
    assert_eq!(cluster.proxy(0).places_of("lab"), ["proxy-1"]);
    none_failed(vec![dialling]);
}

#[test]
fn resume_takes_a_drain_back_in_the_middle() {
    let world = World::new("60s");
    let (mut stream, dialling) = (world.stream(), world.dialling());
    let name = world.owner().name().to_owned();
    world.at_other(&["proxies", "drain", &name]).must_succeed();
    let waiting = thread::spawn({
        let config = world.other().config();
        let name = name.clone();
        move || warren(&["--config", config.to_str().expect("a text"), "proxies", "drain", &name, "--wait"], b"")
    });
    world.wait_moved();
    world.wait_row("it drains", |row| row["drain"]["ordered"] == true && row["drain"]["done"] == false);
    let told = world.at_other(&["proxies", "resume", &name]).must_succeed();
    assert!(String::from_utf8_lossy(&told).contains("takes tunnels again"), "{told:?}");
    world.wait_row("it takes tunnels again", |row| row["state"] == "healthy");
    waiting.join().expect("a thread").must_fail(1, "was taken back");
    // The agent's new tunnel is there to stay, and so is the stream over the old one.
    echoes(&mut stream);
    // And it does take tunnels.
    world.at_other(&["strategy", "set", "agent_mesh"]).must_succeed();
    wait_for("the agent has a tunnel there", || world.other().places_of("lab").contains(&name).then_some(()));
    echoes(&mut stream);
    none_failed(dialling);
}

#[test]
fn a_proxy_killed_in_the_middle_leaves_an_honest_record() {
    let mut world = World::new("60s");
    let owner = world.owner;
    let mut stream = world.stream();
    // It is to stop, and waits for the stream.
    world.cluster.proxy_mut(owner).terminate();
    let row = world.wait_row("it drains", |row| row["state"] == "draining");
    assert_eq!(row["drain"]["ordered"], false, "{row}");
    world.wait_moved();
    echoes(&mut stream);
    world.cluster.proxy_mut(owner).kill();
    world.wait_row("it is down", |row| row["state"] == "down" && row["epoch"].is_null() && row["drain"].is_null());
    assert_ne!(stream.wait(), Some(0), "torn, and told so");
    world.cluster.proxy_mut(owner).restart(Ports::Same);
    world.cluster.wait_healthy();
    assert!(world.row()["drain"].is_null(), "what is said of a process ends with it");
    let log = world.owner().log();
    assert!(!log.contains("this proxy takes tunnels again"), "it does not act on what was said of the process before it: {log}");

    // An operator's order is another matter.
    let name = world.owner().name().to_owned();
    world.at_other(&["proxies", "drain", &name]).must_succeed();
    world.cluster.proxy_mut(owner).kill();
    let row = world.wait_row("it is down", |row| row["state"] == "down" && row["epoch"].is_null());
    assert_eq!(row["drain"]["ordered"], true, "{row}");
    world.cluster.proxy_mut(owner).restart(Ports::Same);
    world.wait_row("it drains again", |row| row["state"] == "draining" && row["drain"]["done"] == true);
    world.at_other(&["proxies", "resume", &name]).must_succeed();
    world.cluster.wait_healthy();
}

/// The route of the agent's dead process stands for a while, so that the proxy takes it for one that has a tunnel elsewhere.
#[test]
#[expect(clippy::print_stdout, reason = "figures")]
fn an_agent_that_comes_back_at_a_proxy_that_drains_finds_the_others() {
    let mut world = World::new("60s");
    let drained = (world.owner + 1) % 3;
    let last = world.cluster.proxy((world.owner + 2) % 3);
    world.at_other(&["proxies", "drain", world.cluster.proxy(drained).name()]).must_succeed();
    wait_for("it drains", || {
        let status = last.status()?;
        let mut rows = status["proxies"].as_array()?.iter();
        rows.any(|row| row["name"] == world.cluster.proxy(drained).name() && row["state"] == "draining").then_some(())
    });
    world.agent.process().kill();
    let before = world.agent.log().len();
    let (begun, entry) = (Instant::now(), world.cluster.proxy(drained).public_address());
    let services = [("echo", world.echo.address().to_string())];
    let token = world.cluster.token("agent", &[]);
    world.agent = Agent::start(world.cluster.home(), "lab", &[entry], &token, &services);
    wait_for("a tunnel", || world.agent.log()[before..].contains("tunnel open").then_some(()));
    world.client.connect("lab/echo", last, b"back").must_succeed();
    let (took, log) = (begun.elapsed(), world.agent.log()[before..].to_owned());
    let refused = log.matches("refused: this proxy is draining").count();
    println!("reachable after {took:?}, refused {refused} times");
    assert!(took < Duration::from_secs(8) && refused <= 2, "after {took:?}: {log}");
}

#[test]
fn a_second_signal_stops_at_once() {
    let mut world = World::new("60s");
    let owner = world.owner;
    let mut stream = world.stream();
    world.cluster.proxy_mut(owner).terminate();
    world.wait_moved();
    echoes(&mut stream);
    world.cluster.proxy_mut(owner).terminate();
    let (status, log) = world.cluster.proxy_mut(owner).wait_ended();
    assert_eq!(status, Some(0), "{log}");
    assert!(log.contains("stopping at once") && log.contains("\"cut_streams\":1"), "{log}");
    assert_ne!(stream.wait(), Some(0), "torn, and told so");
}

#[test]
fn the_only_proxy_is_not_drained_unless_one_insists() {
    let cluster = Cluster::start(1);
    let echo = Target::echo();
    let _agent = cluster.agent("lab", &[0], &[("echo", echo.address().to_string())]);
    let client = cluster.client("laptop", "*/*");
    let config = cluster.proxy(0).config();
    let run = |words: &[&str]| warren(&[&["--config", config.to_str().expect("a text")], words].concat(), b"");
    let refused = run(&["proxies", "drain", "proxy-1"]);
    refused.must_fail(1, "no other proxy is up and takes tunnels");
    assert!(refused.stderr.contains("hint: ") && refused.stderr.contains("proxies drain proxy-1 --yes"), "{refused:?}");
    assert_eq!(cluster.proxy(0).status().expect("an answer")["proxies"][0]["state"], "healthy");
    run(&["proxies", "drain", "proxy-9"]).must_fail(4, "there is no proxy `proxy-9`");
    run(&["proxies", "resume", "proxy-9"]).must_fail(4, "there is no proxy `proxy-9`");

    let told = run(&["proxies", "drain", "proxy-1", "--yes", "--wait"]);
    // It finds no other proxy.
    assert!(told.status == Some(3) && String::from_utf8_lossy(&told.stdout).contains("1 tunnel stays"), "{told:?}");
    assert_eq!(client.connect("lab/echo", cluster.proxy(0), b"hello").must_succeed(), b"hello");
    run(&["proxies", "resume", "proxy-1"]).must_succeed();
    assert_eq!(client.connect("lab/echo", cluster.proxy(0), b"hello").must_succeed(), b"hello");
}
