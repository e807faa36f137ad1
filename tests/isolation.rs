//! A proxy that is cut off from the others: it says so, keeps its agents and their streams, and comes back by itself.

mod support;

use std::io::Write;
use std::time::Duration;

use serde_json::Value;
use support::{Agent, Client, Cluster, Namespaces, Open, Target, wait_for, wait_up_to};
use tokio::time::Instant;

/// The lease of the proxies under test.
const LEASE: Duration = Duration::from_secs(2);
/// How long the others may take to end its epoch: the lease and a quarter, an election and a whole lease where it led, and what a busy machine adds.
const EXPIRY: Duration = Duration::from_secs(20);

struct Scene {
    // The processes go before their networks do.
    cluster: Cluster,
    echo: Target,
    machines: Namespaces,
}

#[test]
fn a_proxy_that_is_cut_off_keeps_its_streams_and_comes_back() {
    let Some(machines) = Namespaces::new("tests/isolation.rs", 3) else { return };
    let cluster = Cluster::on(&machines);
    // The agents' services are on loopback of each machine, which are not the same.
    let lonely = (cluster.leader() + 1) % 3;
    let echo = machines.on(lonely, Target::echo);
    let mut scene = Scene { cluster, echo, machines };
    let (mut agent, client) = scene.settle(lonely, "follower-side");
    scene.cut_off_and_back(lonely, ("follower-side", &mut agent, &client));

    let leader = scene.cluster.leader();
    scene.echo = scene.machines.on(leader, Target::echo);
    let (mut agent, client) = scene.settle(leader, "leader-side");
    scene.cut_off_and_back(leader, ("leader-side", &mut agent, &client));
}

impl Scene {
    /// An agent and a client on the machine of the proxy with this index.
    fn settle(&self, index: usize, name: &str) -> (Agent, Client) {
        self.machines.on(index, || {
            let agent = self.cluster.agent(name, &[index], &[("echo", self.echo.address().to_string())]);
            let token = self.cluster.token("client", &["--allow", "*/*"]);
            let client = Client::enroll(self.cluster.home(), name, self.cluster.proxy(index).public_address(), &token);
            (agent, client)
        })
    }

    fn cut_off_and_back(&mut self, lonely: usize, (name, agent, client): (&str, &mut Agent, &Client)) {
        let other = (lonely + 1) % 3;
        let target = format!("{name}/echo");
        let before = self.epoch(lonely, lonely).expect("an epoch");
        let mut stream = self.machines.on(lonely, || client.open(&target, self.cluster.proxy(lonely)));
        moves(&mut stream, b'a');

        let cut_at = Instant::now();
        self.machines.cut(lonely);
        self.is_isolated(lonely);
        moves(&mut stream, b'b');
        let dialled = self.machines.on(lonely, || client.connect(&target, self.cluster.proxy(lonely), b"hello"));
        assert_eq!(dialled.must_succeed(), b"hello", "its own agents stay dialable through it");
        wait_up_to(EXPIRY, "the others end its epoch", || self.ends_epoch(other, lonely).then_some(()));
        assert!(cut_at.elapsed() >= LEASE, "it had its lease");
        let seen = self.cluster.proxy(other).status().expect("an answer");
        assert_eq!(row(&seen, self.cluster.proxy(lonely).name())["state"], "down", "they cannot hear it");
        assert_eq!(self.cluster.proxy(other).places_of(name), [""; 0], "its routes went with its epoch");
        moves(&mut stream, b'c');

        self.machines.mend(lonely);
        wait_for("it has a new epoch", || self.epoch(lonely, lonely).filter(|epoch| *epoch > before));
        wait_for("it is ready", || (self.readyz(lonely).0 == 200).then_some(()));
        let place = self.cluster.proxy(lonely).name().to_owned();
        wait_for("its tunnels are registered again", || self.cluster.proxy(other).places_of(name).contains(&place).then_some(()));
        self.cluster.wait_healthy();
        moves(&mut stream, b'd');
        drop(stream.input.take());
        assert_eq!((stream.read_to_end(), stream.wait()), (Vec::new(), Some(0)), "the stream ends well");
        agent.process().must_run();
        let log = agent.process().log();
        assert!(log.contains("not registered yet"), "the agent was told: {log}");
        let lost = |line: &&str| line.contains("tunnel lost") && line.contains("\"proxy\":");
        assert_eq!(log.lines().filter(lost).count(), 0, "its tunnel was held: {log}");
    }

    /// Waits until the proxy says that it has no lease, wherever it is asked, and that it is without a quorum, from which that follows.
    fn is_isolated(&self, index: usize) {
        let proxy = self.cluster.proxy(index);
        wait_up_to(EXPIRY, "it knows that it is isolated", || {
            let status = proxy.status()?;
            let codes: Vec<_> = status["problems"].as_array()?.iter().map(|problem| problem["code"].clone()).collect();
            (row(&status, proxy.name())["state"] == "isolated"
                && codes.contains(&"no_quorum".into())
                && !codes.contains(&"proxy_isolated".into()))
            .then_some(())
        });
        let (code, body) = self.readyz(index);
        assert!(code == 503 && body.contains("[-] lease"), "{code} {body}");
    }

    fn readyz(&self, index: usize) -> (u16, String) {
        let address = self.cluster.proxy(index).http_address();
        self.machines.on(index, || support::get(address, "/readyz?verbose").expect("an answer"))
    }

    /// Whether one proxy has the epoch of another one as ended.
    fn ends_epoch(&self, asked: usize, of: usize) -> bool {
        self.cluster.proxy(asked).status().is_some_and(|status| row(&status, self.cluster.proxy(of).name())["epoch"].is_null())
    }

    /// The epoch of one proxy as another one has it.
    fn epoch(&self, asked: usize, of: usize) -> Option<u64> {
        let status = self.cluster.proxy(asked).status()?;
        row(&status, self.cluster.proxy(of).name())["epoch"].as_u64()
    }
}

fn row(status: &Value, name: &str) -> Value {
    status["proxies"].as_array().expect("proxies").iter().find(|row| row["name"] == name).expect("it is listed").clone()
}

/// A byte goes to the service and comes back.
fn moves(stream: &mut Open, byte: u8) {
    let input = stream.input.as_mut().expect("it is open");
    input.write_all(&[byte]).and_then(|()| input.flush()).expect("it takes a byte");
    assert_eq!(stream.read_byte(), byte);
}
