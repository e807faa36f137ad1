//! Proxies that are killed or stopped, and paths that lose packets in one direction or both: what still can be dialled is dialled, soon, and all of it comes back by
//! itself. The bounds are those of the design, and the figures are printed.

mod support;

use std::io::Write;
use std::time::Duration;

use support::{Agent, Client, Cluster, Dialling, Open, Ports, Proxy, Target, Towards, wait_for, wait_up_to};
use tokio::time::Instant;

/// How long the first dial may take over a way that has just died.
const FAILOVER: Duration = Duration::from_secs(2);
/// How long a tunnel may be in the table that is dead.
const GONE: Duration = Duration::from_secs(10);
/// How long until a stream through a proxy that is gone has ended.
const RESET: Duration = Duration::from_secs(10);
/// How long an agent may be out of reach whose one proxy was killed: in the middle, and at worst.
const REACHABLE: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(5));
/// How often an owner is killed.
const DEATHS: usize = 10;
/// Of so many agents, each with two tunnels to three proxies, one has any two.
const MOST_AGENTS: usize = 20;
/// How long a new leader may take: in the middle, and where two candidates meet.
const ELECTION: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(5));
/// How often a dial is sent by two ways.
const ROUNDS: usize = 5;
/// How often an election is tried.
const ELECTIONS: usize = 3;

/// Three proxies, an agent with so many tunnels, its target, and a client.
struct Scene {
    cluster: Cluster,
    client: Client,
    echo: Target,
    /// The name of the agent that is dialled.
    lab: String,
    agents: Vec<Agent>,
}

impl Scene {
    fn new(count: usize, make: impl FnMut(Proxy) -> Proxy) -> Self {
        let cluster = Cluster::start_with(3, make);
        let words = ["strategy", "set", "proxy_peering", "--agent-connection-count", &count.to_string(), "-o", "json"];
        cluster.run_at(cluster.proxy(0), &words);
        let echo = Target::echo();
        let client = cluster.client("laptop", "*/*");
        let mut scene = Self { cluster, client, echo, lab: String::new(), agents: Vec::new() };
        scene.add_agent();
        scene.wait_tunnels(&[0, 1, 2], count);
        scene
    }

    /// Starts one more agent, which is dialled from now on.
    fn add_agent(&mut self) {
        self.lab = format!("lab-{}", self.agents.len());
        self.agents.push(self.cluster.agent(&self.lab, &[0, 1, 2], &[("echo", self.echo.address().to_string())]));
    }

    /// Has an agent dialled whose two tunnels are at these proxies.
    fn choose_agent(&mut self, owners: &[usize]) {
        for number in 0..MOST_AGENTS {
            if number == self.agents.len() {
                self.add_agent();
                self.wait_tunnels(&[0, 1, 2], owners.len());
            }
            self.lab = format!("lab-{number}");
            if self.owners(0) == owners {
                return;
            }
        }
        panic!("none of {MOST_AGENTS} agents has its tunnels at {owners:?}");
    }

    fn target(&self) -> String {
        format!("{}/echo", self.lab)
    }

    /// The proxies that hold a tunnel, as one of them knows.
    fn owners(&self, asked: usize) -> Vec<usize> {
        let places = self.cluster.proxy(asked).places_of(&self.lab);
        (0..3).filter(|index| places.iter().any(|place| place == self.cluster.proxy(*index).name())).collect()
    }

    /// Waits until each of the asked proxies knows of so many tunnels.
    fn wait_tunnels(&self, asked: &[usize], count: usize) {
        wait_for(&format!("{count} tunnels"), || asked.iter().all(|index| self.owners(*index).len() == count).then_some(()));
    }

    /// Dials that go on through the proxies with these indexes, in this order.
    fn dialling(&self, name: &str, through: &[usize]) -> Dialling {
        let addresses: Vec<_> = through.iter().map(|index| entrance(self.cluster.proxy(*index))).collect();
        Dialling::start(self.client.forward(name, &self.target(), &addresses))
    }

    /// What the dials of that name were told when they came to nothing. A stream that was cut is none of them.
    fn failed_dials(&self, name: &str) -> Vec<String> {
        let log = support::Process::logged(&format!("forward-{name}"), self.cluster.home());
        log.lines().filter(|line| line.contains("\"code\":")).map(str::to_owned).collect()
    }

    /// How many dials the proxy has sent by a second way.
    fn tried_beside(&self, index: usize) -> usize {
        self.cluster.proxy(index).log().matches("tried beside those that take long").count()
    }

    /// Dials once through the proxy with this index, and says how long it took.
    fn dial(&self, through: usize) -> Duration {
        let begun = Instant::now();
        let ended = self.client.connect_at(&self.target(), entrance(self.cluster.proxy(through)), b"hello");
        assert_eq!(ended.must_succeed(), b"hello");
        begun.elapsed()
    }

    /// A stream to the agent's service, over which a byte has gone, and the owner proxy that it goes through.
    fn open(&self, through: usize, owners: &[usize]) -> (Open, usize) {
        let mut stream = self.client.open(&self.target(), self.cluster.proxy(through));
        moves(&mut stream);
        let owner = wait_for("the stream is counted", || {
            owners.iter().copied().find(|owner| streams(self.cluster.proxy(*owner), self.cluster.proxy(*owner).name()) > 0)
        });
        (stream, owner)
    }

    /// How long after `since` one of these proxies leads.
    fn wait_leader(&self, asked: &[usize], since: Instant) -> Duration {
        let leads = |index: &usize| self.cluster.proxy(*index).get("/v1/raft").is_some_and(|raft| raft["state"] == "leader");
        wait_for("a new leader", || asked.iter().any(leads).then_some(()));
        since.elapsed()
    }
}

/// Where a client enters at a proxy itself, whatever is in front of it.
fn entrance(proxy: &Proxy) -> std::net::SocketAddr {
    proxy.ports().expect("it runs")[1]
}

/// Streams that run through a proxy, as `asked` says.
fn streams(asked: &Proxy, of: &str) -> u64 {
    let status = asked.status().expect("an answer");
    let rows = status["proxies"].as_array().expect("proxies").clone();
    rows.iter().find(|row| row["name"] == of).and_then(|row| row["streams"].as_u64()).unwrap_or_default()
}

/// A byte goes to the service and comes back.
fn moves(stream: &mut Open) {
    let input = stream.input.as_mut().expect("it is open");
    input.write_all(b"x").and_then(|()| input.flush()).expect("it takes a byte");
    assert_eq!(stream.read_byte(), b'x');
}

#[expect(clippy::print_stderr, reason = "the figures are what the test is for")]
fn print(what: &str, figures: impl std::fmt::Debug) {
    eprintln!("{what}: {figures:?}");
}

/// At most the stream that was running is cut, and no dial has failed.
fn must_be_unharmed(scene: &Scene, name: &str, dialling: Dialling, cut: usize) {
    let slowest = dialling.slowest_ms();
    let ended = dialling.failures();
    assert_eq!(scene.failed_dials(name), [""; 0], "{name}: {ended:?}");
    assert!(ended.len() <= cut, "{name}: {ended:?}");
    print(&format!("{name}: slowest dial in ms, streams cut"), (slowest, ended.len()));
}

#[test]
fn the_death_of_one_of_two_owners_costs_no_dial_and_its_streams_end() {
    let mut scene = Scene::new(2, |proxy| proxy);
    let owners = scene.owners(0);
    let third = (0..3).find(|index| !owners.contains(index)).expect("a proxy without a tunnel");
    let (mut stream, victim) = scene.open(third, &owners);
    let other = owners.into_iter().find(|owner| *owner != victim).expect("two owners");
    let dialling = [("via-third", third), ("via-owner", other)].map(|(name, index)| (name, scene.dialling(name, &[index])));

    let killed = Instant::now();
    scene.cluster.proxy_mut(victim).kill();
    let first = scene.dial(third);
    assert_eq!(stream.wait(), Some(1), "a stream that was cut is an error");
    let reset = killed.elapsed();
    print("first dial, end of the stream after the death of its owner", (first, reset));
    assert!(first < FAILOVER && reset < RESET, "{first:?} {reset:?}");
    scene.wait_tunnels(&[third, other], 2);
    dialling.iter().for_each(|(_, dialling)| dialling.wait_for_more(20));
    scene.cluster.proxy_mut(victim).restart(Ports::Same);
    scene.cluster.wait_healthy();
    for (name, dialling) in dialling {
        must_be_unharmed(&scene, name, dialling, 1);
    }
}

#[test]
fn an_agent_whose_one_proxy_dies_is_reachable_again_soon() {
    let mut scene = Scene::new(1, |proxy| proxy);
    let mut took = Vec::new();
    for _ in 0..DEATHS {
        let owner = scene.cluster.owner_of(&scene.lab);
        let through = entrance(scene.cluster.proxy((owner + 1) % 3));
        scene.cluster.proxy_mut(owner).kill();
        let killed = Instant::now();
        wait_for("it can be dialled", || (scene.client.connect_at(&scene.target(), through, b"hello").status == Some(0)).then_some(()));
        took.push(killed.elapsed());
        scene.cluster.proxy_mut(owner).restart(Ports::Same);
        scene.cluster.wait_healthy();
        scene.wait_tunnels(&[0, 1, 2], 1);
    }
    took.sort();
    print("reachable again after the death of the one owner", &took);
    let (median, worst) = (took[DEATHS / 2], took[DEATHS - 1]);
    assert!(median < REACHABLE.0 && worst < REACHABLE.1, "median {median:?}, worst {worst:?}");
}

#[test]
fn a_proxy_that_is_stopped_and_goes_on_breaks_nothing() {
    let mut scene = Scene::new(2, |proxy| proxy);
    // An owner that is not the leader, then the leader.
    let leader = scene.cluster.leader();
    let follower = scene.owners(0).into_iter().find(|owner| *owner != leader).expect("two owners");
    for frozen in [follower, scene.cluster.leader()] {
        let others = [(frozen + 1) % 3, (frozen + 2) % 3];
        let name = scene.cluster.proxy(frozen).name().to_owned();
        let was_leader = frozen == scene.cluster.leader();
        let label = |what: &str| format!("{what}-{name}");
        let dialling = [(label("via-a"), vec![others[0]]), (label("via-b"), vec![others[1]]), (label("via-all"), vec![frozen, others[0]])];
        let dialling = dialling.map(|(label, through)| {
            let dialling = scene.dialling(&label, &through);
            (label, dialling)
        });
        scene.cluster.proxy_mut(frozen).freeze();
        let since = Instant::now();
        for other in others {
            let first = scene.dial(other);
            print(&format!("first dial after {name} was stopped"), first);
            assert!(first < FAILOVER, "{first:?}");
        }
        if was_leader {
            let elected = scene.wait_leader(&others, since);
            print("a new leader after the stop of the former", elected);
            assert!(elected < ELECTION.1, "{elected:?}");
        }
        let gone = |index: &usize| !scene.owners(*index).contains(&frozen);
        wait_up_to(GONE, "its tunnels are withdrawn", || others.iter().all(gone).then_some(()));
        scene.wait_tunnels(&others, 2);
        dialling.iter().for_each(|(_, dialling)| dialling.wait_for_more(20));
        scene.cluster.proxy_mut(frozen).thaw();
        scene.cluster.wait_healthy();
        scene.wait_tunnels(&[0, 1, 2], 2);
        dialling.iter().for_each(|(_, dialling)| dialling.wait_for_more(20));
        for (label, dialling) in dialling {
            must_be_unharmed(&scene, &label, dialling, 1);
        }
    }
}

#[test]
fn the_death_of_the_leader_costs_no_dial_through_another_proxy() {
    let mut scene = Scene::new(2, |proxy| proxy);
    let mut took = Vec::new();
    for round in 0..ELECTIONS {
        let leader = scene.cluster.leader();
        let others = [(leader + 1) % 3, (leader + 2) % 3];
        let dialling = others.map(|index| {
            let name = format!("via-{index}-{round}");
            (name.clone(), scene.dialling(&name, &[index]))
        });
        scene.cluster.proxy_mut(leader).kill();
        took.push(scene.wait_leader(&others, Instant::now()));
        dialling.iter().for_each(|(_, dialling)| dialling.wait_for_more(20));
        scene.wait_tunnels(&others, 2);
        scene.cluster.proxy_mut(leader).restart(Ports::Same);
        scene.cluster.wait_healthy();
        for (name, dialling) in dialling {
            must_be_unharmed(&scene, &name, dialling, 1);
        }
    }
    took.sort();
    print("a new leader after the death of the former", &took);
    assert!(took[ELECTIONS / 2] < ELECTION.0 && took[ELECTIONS - 1] < ELECTION.1, "{took:?}");
}

#[test]
fn a_dial_that_goes_over_two_tunnels_reaches_its_target_once() {
    let mut scene = Scene::new(2, |proxy| proxy);
    let owners = scene.owners(0);
    let third = (0..3).find(|index| !owners.contains(index)).expect("a proxy without a tunnel");
    for _ in 0..ROUNDS {
        let (accepted, beside) = (scene.echo.accepted(), scene.tried_beside(third));
        scene.agents[0].process().signal("STOP");
        let mut stream = scene.client.open(&scene.target(), scene.cluster.proxy(third));
        wait_for("the dial goes by both ways", || (scene.tried_beside(third) > beside).then_some(()));
        scene.agents[0].process().signal("CONT");
        moves(&mut stream);
        drop(stream.input.take());
        assert_eq!((stream.read_to_end(), stream.wait()), (Vec::new(), Some(0)));
        assert_eq!(scene.echo.accepted(), accepted + 1);
    }
}

#[test]
fn a_tunnel_whose_path_loses_packets_is_left_soon_and_gone() {
    let scene = Scene::new(2, Proxy::behind_relays);
    for cut in [&[Towards::Target][..], &[Towards::Source], &Towards::BOTH] {
        let owners = scene.owners(0);
        let (dead, other) = (owners[0], owners[1]);
        let label = format!("via-{}-{cut:?}", scene.cluster.proxy(other).name()).replace(['[', ']', ',', ' '], "");
        let dialling = scene.dialling(&label, &[other]);
        let cut_at = Instant::now();
        scene.cluster.proxy(dead).public_relay().cut(cut);
        // Its own tunnel is the nearest.
        let first = scene.dial(dead);
        let second = scene.dial(dead);
        wait_up_to(GONE, "the tunnel is gone", || (!scene.owners(other).contains(&dead)).then_some(()));
        print(&format!("{cut:?} lost: first dial, second dial, tunnel gone"), (first, second, cut_at.elapsed()));
        assert!(first < FAILOVER && second < FAILOVER, "{first:?} {second:?}");
        scene.wait_tunnels(&[0, 1, 2], 2);
        dialling.wait_for_more(20);
        scene.cluster.proxy(dead).public_relay().mend();
        must_be_unharmed(&scene, &label, dialling, 0);
    }
}

#[test]
fn a_path_between_two_proxies_that_loses_packets_costs_no_dial() {
    let mut scene = Scene::new(2, Proxy::behind_relays);
    // Of the second and the third, the third dials.
    let (lost, ingress) = (1, 2);
    for cut in [&[Towards::Target][..], &[Towards::Source], &Towards::BOTH] {
        scene.choose_agent(&[0, lost]);
        let label = format!("via-ingress-{cut:?}").replace(['[', ']', ',', ' '], "");
        let dialling = scene.dialling(&label, &[ingress]);
        scene.cluster.proxy(lost).peer_relay().cut(cut);
        let first = scene.dial(ingress);
        print(&format!("{cut:?} lost between two proxies: first dial"), first);
        assert!(first < FAILOVER, "{first:?}");
        dialling.wait_for_more(50);
        scene.cluster.proxy(lost).peer_relay().mend();
        scene.cluster.wait_healthy();
        dialling.wait_for_more(20);
        must_be_unharmed(&scene, &label, dialling, 1);
    }
}
