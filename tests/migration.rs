//! How agents hold their tunnels is changed on a running cluster, by the README's own commands and both ways: no dial fails and no stream is cut.
#![expect(clippy::print_stdout, reason = "the figures are what this measures")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use support::{Agent, Client, Cluster, Dialling, Echoing, Ended, Forward, Proxy, Target, adapted, readme_commands, shell, wait_for};
use tokio::time::Instant;

const AGENTS: [&str; 4] = ["lab-0", "lab-1", "lab-2", "lab-3"];
/// How soon every connected agent has been told of a change.
const TOLD: Duration = Duration::from_secs(1);

/// Runs a line of the README's on the machine of `proxy`.
fn on(cluster: &Cluster, proxy: &Proxy, line: &str) -> Ended {
    let http = proxy.http_address().to_string();
    let config = proxy.config();
    shell(cluster.home(), &adapted(line, &[("config.toml", config.to_str().expect("text")), ("127.0.0.1:3081", &http)]))
}

/// The commands below a heading, as many as expected.
fn told<const N: usize>(heading: &str) -> [String; N] {
    readme_commands(heading).try_into().unwrap_or_else(|commands| panic!("other commands than expected: {commands:#?}"))
}

struct Scene {
    // Before the cluster, which takes the logs with it.
    agents: Vec<Agent>,
    client: Client,
    cluster: Cluster,
    _echo: Target,
}

impl Scene {
    /// Three proxies that begin with this strategy, and agents with as many tunnels as it wants.
    fn new(strategy: &str, wanted: usize) -> Self {
        let table = format!("[tunnel_strategy]\n{strategy}\n");
        let cluster = Cluster::start_with(3, |proxy| proxy.configured(&table));
        let echo = Target::echo();
        let agents = AGENTS.iter().enumerate();
        let agents = agents.map(|(index, name)| cluster.agent(name, &[index % 3], &[("ssh", echo.address().to_string())]));
        let (agents, client) = (agents.collect(), cluster.client("laptop", "*/*"));
        let scene = Self { cluster, client, agents, _echo: echo };
        scene.wait_tunnels(wanted);
        scene
    }

    /// Forwards through each proxy to each agent.
    fn forwards(&self, purpose: &str) -> Vec<Vec<Forward>> {
        let through = |proxy: &Proxy| {
            let to = |agent: &&str| {
                let name = format!("{purpose}-{}-{agent}", proxy.name());
                self.client.forward(&name, &format!("{agent}/ssh"), &[proxy.public_address()])
            };
            AGENTS.iter().map(to).collect()
        };
        self.cluster.proxies().iter().map(through).collect()
    }

    /// Waits until every proxy knows of exactly so many tunnels of each agent.
    fn wait_tunnels(&self, wanted: usize) {
        for proxy in self.cluster.proxies() {
            wait_for(&format!("each agent has {wanted} tunnels, as {} sees it", proxy.name()), || {
                AGENTS.iter().all(|agent| proxy.places_of(agent).len() == wanted).then_some(())
            });
        }
    }

    /// How often the agents were told of a strategy, such as `agent_mesh`.
    fn told(&self) -> Vec<usize> {
        self.agents.iter().map(|agent| agent.log().matches("told of the strategy").count()).collect()
    }

    /// Runs the command that changes the strategy, and waits until each agent has been told.
    fn change(&self, through: usize, line: &str) {
        let before = self.told();
        let said = String::from_utf8(on(&self.cluster, self.cluster.proxy(through), line).must_succeed()).expect("text");
        let committed = Instant::now();
        assert!(said.starts_with("strategy is "), "{said}");
        wait_for("every agent is told", || self.told().iter().zip(&before).all(|(told, before)| told > before).then_some(()));
        let took = committed.elapsed();
        println!("{line}: {} agents told within {took:?} of its end", AGENTS.len());
        assert!(took < TOLD, "{took:?}");
    }
}

/// The load of a migration.
struct Load {
    dials: Vec<Dialling>,
    streams: Vec<Echoing>,
    /// What the streams go through.
    _forwards: Vec<Vec<Forward>>,
}

impl Load {
    /// The `nth` of a test.
    fn start(scene: &Scene, nth: usize) -> Self {
        let dials = scene.forwards(&format!("dials-{nth}")).into_iter().map(Dialling::rotating).collect();
        let forwards = scene.forwards(&format!("streams-{nth}"));
        Self { dials, streams: forwards.iter().map(|forwards| Echoing::start(forwards)).collect(), _forwards: forwards }
    }

    /// Everything goes on.
    fn goes_on(&self) {
        self.dials.iter().for_each(|dials| dials.wait_for_more(2 * AGENTS.len()));
        self.streams.iter().for_each(|streams| streams.wait_for_more(5));
    }

    /// Ends it: nothing has failed.
    fn must_have_worked(self, what: &str) {
        let (dials, blocks) =
            (self.dials.iter().map(Dialling::succeeded).sum::<usize>(), self.streams.iter().map(Echoing::total).sum::<usize>());
        let streams = self.streams.len() * AGENTS.len();
        let failed: Vec<_> = self.dials.into_iter().flat_map(Dialling::failures).collect();
        let cut: Vec<_> = self.streams.into_iter().flat_map(Echoing::failures).collect();
        println!(
            "{what}: {dials} dials, {} failed; {streams} streams with {blocks} blocks there and back, {} cut",
            failed.len(),
            cut.len()
        );
        assert!(failed.is_empty() && cut.is_empty(), "{failed:#?} {cut:#?}");
    }
}

#[test]
fn the_guide_leads_from_mesh_to_peering_and_back_and_nobody_notices() {
    let scene = Scene::new("type = \"agent_mesh\"", 3);
    let cluster = &scene.cluster;
    let load = Load::start(&scene, 1);

    let [show] = told("## How agents hold their tunnels");
    wait_for("it shows that all agents have what they want", || {
        let shown = String::from_utf8(on(cluster, cluster.proxy(0), &show).must_succeed()).expect("text");
        assert!(shown.starts_with("strategy agent_mesh: "), "{shown}");
        shown.contains("4 agents converged").then_some(())
    });
    let [status, peers, addresses] = told("### What it needs");
    on(cluster, cluster.proxy(1), &status).must_succeed();
    for proxy in cluster.proxies() {
        assert_eq!(String::from_utf8(on(cluster, proxy, &peers).must_succeed()).expect("text").trim(), "warren_peers_connected 2");
    }
    let wide = String::from_utf8(on(cluster, cluster.proxy(1), &addresses).must_succeed()).expect("text");
    assert!(wide.contains("PEER ADDRESS"), "{wide}");

    let [dry, set, wait, status, routes, connects @ .., dry_one, set_one, wait_one] = &told::<11>("### The change");
    plan(&scene, dry, "4 agents online, 2 tunnels each: 0 tunnels would open, then 4 would close");
    scene.change(0, set);
    followed(&scene, wait, 2);
    load.goes_on();
    on(cluster, cluster.proxy(2), status).must_succeed();
    wait_for("two routes for each agent", || {
        let shown = String::from_utf8(on(cluster, cluster.proxy(2), routes).must_succeed()).expect("text");
        (shown.lines().count() == 1 + 2 * AGENTS.len()).then_some(())
    });
    every_proxy_leads_there(&scene, connects);

    let said = plan(&scene, dry_one, "4 agents online, 1 tunnel each: 0 tunnels would open, then 4 would close");
    assert!(said.contains("2 s at the median") && said.contains("ONLY TUNNEL"), "{said}");
    scene.change(1, set_one);
    followed(&scene, wait_one, 1);
    load.goes_on();

    let [dry, set, wait] = told("### The way back");
    plan(&scene, &dry, "4 agents online, 3 tunnels each: 8 tunnels would open, then 0 would close");
    scene.change(2, &set);
    followed(&scene, &wait, 3);
    load.goes_on();
    load.must_have_worked("agent_mesh to peering with 2, with 1, and back");
    nothing_is_left_over(&scene, 3);
}

#[test]
fn the_count_goes_up_and_down_and_nobody_notices() {
    let mut scene = Scene::new("type = \"proxy_peering\"\nagent_connection_count = 1", 1);
    let load = Load::start(&scene, 1);
    for (through, count) in [(0, 2), (1, 1), (2, 2), (0, 1)] {
        scene.change(through, &format!("warren strategy set proxy_peering --agent-connection-count {count} --config config.toml"));
        followed(&scene, "warren strategy show --wait --config config.toml", count);
        load.goes_on();
    }
    load.must_have_worked("a count of 1, 2, 1, 2, 1");
    nothing_is_left_over(&scene, 1);

    // Changed again before the agents have followed, it is the last one that counts.
    let load = Load::start(&scene, 2);
    for strategy in ["agent_mesh", "proxy_peering --agent-connection-count 1", "agent_mesh", "proxy_peering --agent-connection-count 2"] {
        on(&scene.cluster, scene.cluster.proxy(1), &format!("warren strategy set {strategy} --config config.toml")).must_succeed();
    }
    followed(&scene, "warren strategy show --wait --config config.toml", 2);
    load.goes_on();
    load.must_have_worked("four changes at once");
    nothing_is_left_over(&scene, 2);
    scene.agents.iter_mut().for_each(|agent| agent.process().must_run());
}

#[test]
fn a_count_above_the_number_of_proxies_means_all_of_them_and_those_that_come_later() {
    let mut scene = Scene::new("agent_connection_count = 9", 3);
    let load = Load::start(&scene, 1);
    let token = scene.cluster.token("proxy", &[]);
    let mut fourth = Proxy::new(scene.cluster.home(), 4);
    fourth.join(scene.cluster.proxy(0).public_address(), &token);
    fourth.wait_ready();
    scene.wait_tunnels(4);
    followed(&scene, "warren strategy show --wait --config config.toml", 4);
    load.goes_on();
    load.must_have_worked("a fourth proxy");
    let shown = scene.cluster.run_at(&fourth, &["strategy", "show", "-o", "json"]);
    assert_eq!(shown["strategy"], serde_json::json!({"type": "proxy_peering", "agent_connection_count": 9}));
    scene.agents.iter_mut().for_each(|agent| agent.process().must_run());
}

/// A dry run says this, and nothing is changed. Proxies level what is uneven among them all the time: a tunnel that is just moved is there twice for a moment.
fn plan(scene: &Scene, line: &str, part: &str) -> String {
    let strategy = || scene.cluster.proxy(1).status().expect("an answer")["strategy"].clone();
    let before = (strategy(), scene.told());
    let said = wait_for(&format!("`{line}` says `{part}`"), || {
        let said = String::from_utf8(on(&scene.cluster, scene.cluster.proxy(1), line).must_succeed()).expect("text");
        assert!(said.ends_with("nothing was changed\n") && !said.contains("warning"), "{said}");
        said.contains(part).then_some(said)
    });
    assert_eq!((strategy(), scene.told()), before);
    said
}

/// All agents have exactly `wanted` tunnels once the command has ended, as every proxy sees it, spread as is to be expected.
fn followed(scene: &Scene, wait: &str, wanted: usize) {
    let begun = Instant::now();
    let shown = on(&scene.cluster, scene.cluster.proxy(2), &format!("{wait} -o json")).json();
    println!("followed after {:?}", begun.elapsed());
    assert_eq!(shown["agents"], serde_json::json!({"converged": AGENTS.len(), "moving": 0, "stuck": 0, "offline": 0}), "{shown:#}");
    assert_eq!((&shown["wanted"], &shown["lagging"]), (&wanted.into(), &serde_json::json!([])));
    let tunnels: u64 = shown["proxies"].as_array().expect("proxies").iter().map(|row| row["tunnels"].as_u64().expect("a number")).sum();
    assert_eq!(tunnels as usize, wanted * AGENTS.len(), "{shown:#}");
    scene.wait_tunnels(wanted);
}

/// The tunnels that were given up are closed once their streams have ended.
fn nothing_is_left_over(scene: &Scene, wanted: usize) {
    let connections: BTreeMap<String, u64> = wait_for("exactly the wanted connections are left", || {
        let shown = scene.cluster.proxy(0).get("/v1/strategy")?;
        let rows = shown["proxies"].as_array()?.iter();
        let counts = rows.map(|row| Some((row["name"].as_str()?.to_owned(), row["connections"].as_u64()?)));
        let counts: BTreeMap<_, _> = counts.collect::<Option<_>>()?;
        (counts.values().sum::<u64>() as usize == wanted * AGENTS.len()).then_some(counts)
    });
    println!("connections in the end: {connections:?}");
    // What is unevenly spread after all that is levelled, one tunnel after the other.
    wait_for("nothing is wrong", || {
        let status = scene.cluster.proxy(0).status()?;
        (status["healthy"] == Value::Bool(true) && status["problems"] == serde_json::json!([])).then_some(())
    });
}

/// The client's commands of the guide, for each agent.
fn every_proxy_leads_there(scene: &Scene, lines: &[String]) {
    let identity = scene.client.identity().to_str().expect("text");
    assert_eq!(lines.len(), 3);
    for agent in AGENTS {
        for (line, proxy) in lines.iter().zip(scene.cluster.proxies()) {
            let theirs = format!("{}.example.net:3024", proxy.name());
            assert!(line.contains(&theirs), "{line}");
            let ours = format!("{} --identity {identity}", proxy.public_address());
            let ended = shell(scene.cluster.home(), &adapted(line, &[(&theirs, &ours), ("lab-pi/ssh", &format!("{agent}/ssh"))]));
            assert_eq!(ended.stderr, "");
            ended.must_succeed();
        }
    }
}
