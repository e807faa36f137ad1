//! A byte stream keeps its manners: half-close and reset arrive as what they were, and a dial that comes to nothing says why.

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::SockRef;
use support::{Agent, Client, Cluster, SharedCluster, Silent, Target, closed_port, mute_port, random_bytes, wait_for};
use tokio::time::Instant;

/// Where agents are, and where their tunnels are not: through the one a dial has one hop less.
const OWNER: usize = 1;
const MIB: usize = 1 << 20;

static CLUSTER: SharedCluster = SharedCluster::of(2);

/// An agent that publishes `x` at `target`, and a client that may reach it.
fn scene(cluster: &Cluster, name: &str, target: SocketAddr) -> (Agent, Client) {
    (cluster.agent(name, &[OWNER], &[("x", target.to_string())]), cluster.client(name, &format!("{name}/*")))
}

/// A connection through a new forward at each of the proxies in turn.
fn through_each(cluster: &Cluster, client: &Client, agent: &str, check: impl Fn(TcpStream)) {
    for proxy in cluster.proxies() {
        let forward = client.forward(&format!("{agent}-{}", proxy.name()), &format!("{agent}/x"), &[proxy.public_address()]);
        check(forward.connect());
    }
}

#[test]
fn a_server_may_answer_after_the_end_of_its_input() {
    let cluster = CLUSTER.get();
    let answer = random_bytes(1, MIB);
    let target = Target::answering_at_the_end(answer.clone());
    let (_agent, client) = scene(&cluster, "late", target.address());
    let question = random_bytes(2, MIB);
    let expected = [format!("{MIB}\n").into_bytes(), answer].concat();
    through_each(&cluster, &client, "late", |stream| {
        assert!(support::exchange(&stream, &question).expect("a whole stream") == expected);
    });
    for proxy in cluster.proxies() {
        assert!(client.connect("late/x", proxy, &question).must_succeed() == expected);
        assert!(client.connect("late/x", proxy, b"").must_succeed().starts_with(b"0\n"), "an empty input has an end too");
    }
}

#[test]
fn a_client_may_go_on_after_the_end_of_its_input() {
    let cluster = CLUSTER.get();
    let greeting = random_bytes(3, MIB);
    let (target, reports) = Target::greeting(greeting.clone());
    let (_agent, client) = scene(&cluster, "early", target.address());
    let more = random_bytes(4, MIB);
    through_each(&cluster, &client, "early", |mut stream| {
        let mut read = Vec::new();
        stream.read_to_end(&mut read).expect("a whole greeting");
        assert!(read == greeting);
        stream.write_all(&more).expect("that direction is open");
        stream.shutdown(Shutdown::Write).expect("that direction is open");
        assert!(reports.recv_timeout(support::LONG).expect("a report").expect("a whole stream") == more);
    });
    let mut connect = client.open("early/x", cluster.proxy(0));
    assert!(connect.read_to_end() == greeting, "its output has ended while its input is open");
    let mut input = connect.input.take().expect("a pipe");
    input.write_all(&more).expect("it reads");
    drop(input);
    assert!(reports.recv_timeout(support::LONG).expect("a report").expect("a whole stream") == more);
    assert_eq!(connect.wait(), Some(0));
}

#[test]
fn a_reset_of_the_server_is_a_reset_for_the_client() {
    let cluster = CLUSTER.get();
    let target = Target::resetting();
    let (_agent, client) = scene(&cluster, "torn", target.address());
    through_each(&cluster, &client, "torn", |mut stream| {
        stream.read_exact(&mut [0]).expect("it greets");
        stream.write_all(b"?").expect("it listens");
        let end = stream.read(&mut [0]).expect_err("no end of a whole stream");
        assert_eq!(end.kind(), ErrorKind::ConnectionReset);
    });
    // Its input stays open, as ssh's does: the reset alone must end it.
    let mut connect = client.open("torn/x", cluster.proxy(0));
    assert_eq!(connect.read_byte(), b'!');
    connect.input.as_mut().expect("a pipe").write_all(b"?").expect("it reads");
    assert_eq!(connect.wait(), Some(1));
    client.connect("torn/x", cluster.proxy(0), b"?").must_fail(1, "the stream to `torn/x` was reset");
}

/// As servers do that refuse an upload: what they have not read makes a reset of the close, behind the answer.
#[test]
fn an_answer_that_comes_before_the_end_of_the_input_arrives() {
    let cluster = CLUSTER.get();
    let target = Target::serving(|mut stream| {
        stream.read_exact(&mut [0; 1000])?;
        stream.write_all(b"enough")
    });
    let (_agent, client) = scene(&cluster, "enough", target.address());
    let upload = random_bytes(6, 4 * MIB);
    for proxy in cluster.proxies() {
        let forward = client.forward(&format!("enough-{}", proxy.name()), "enough/x", &[proxy.public_address()]);
        for _ in 0..5 {
            let (mut stream, mut answer) = (forward.connect(), [0; 6]);
            let mut writing = stream.try_clone().expect("another handle");
            std::thread::scope(|scope| {
                // It may or may not get rid of all of it.
                scope.spawn(|| writing.write_all(&upload).is_ok());
                stream.read_exact(&mut answer).expect("the answer comes before the reset");
            });
            assert_eq!(&answer, b"enough");
        }
    }
}

#[test]
fn a_reset_of_the_client_is_a_reset_for_the_server() {
    let cluster = CLUSTER.get();
    let (target, reports) = Target::sink();
    let (_agent, client) = scene(&cluster, "cut", target.address());
    through_each(&cluster, &client, "cut", |mut stream| {
        stream.read_exact(&mut [0]).expect("it greets");
        stream.write_all(b"half a word").expect("it listens");
        SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("a socket option");
        drop(stream);
        let end = reports.recv_timeout(support::LONG).expect("a report").expect_err("no end of a whole stream");
        assert_eq!(end.kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_target_that_refuses_is_told_apart() {
    let cluster = CLUSTER.get();
    let (_taken, address) = closed_port();
    let (_agent, client) = scene(&cluster, "shut", address);
    for proxy in cluster.proxies() {
        let ended = client.connect("shut/x", proxy, b"hello");
        ended.must_fail(1, "the target of `shut/x` refused");
        assert!(ended.stderr.contains("stage target, proxy `proxy-2`, trace `"), "{}", ended.stderr);
        assert!(ended.stdout.is_empty());
    }
    through_each(&cluster, &client, "shut", |mut stream| {
        let end = stream.read(&mut [0]).expect_err("nobody may take it for an empty answer");
        assert_eq!(end.kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn what_does_not_exist_or_is_not_allowed_is_told_apart() {
    let cluster = CLUSTER.get();
    let target = Target::echo();
    let (_agent, everything) = (cluster.agent("real", &[OWNER], &[("x", target.address().to_string())]), cluster.client("all", "*/*"));
    let other = cluster.client("other", "other/*");
    for proxy in cluster.proxies() {
        everything.connect("real/nothing", proxy, b"").must_fail(4, "agent `real` does not publish `nothing`");
        everything.connect("real:1", proxy, b"").must_fail(4, "no service of agent `real` has port 1");
        everything.connect("nobody/x", proxy, b"").must_fail(4, "no agent `nobody` has enrolled");
        everything.connect("any/nothing", proxy, b"").must_fail(4, "no agent publishes `nothing`");
        for target in ["real/x", "nobody/x", "any/x"] {
            other.connect(target, proxy, b"").must_fail(5, "is not allowed");
        }
        assert_eq!(everything.connect("real/x", proxy, b"hello").must_succeed(), b"hello");
    }
    assert_eq!(target.accepted(), cluster.proxies().len(), "only what was allowed has reached it");
}

#[test]
fn an_agent_that_left_is_offline() {
    let cluster = CLUSTER.get();
    let target = Target::echo();
    let (mut agent, client) = scene(&cluster, "gone", target.address());
    agent.process().signal("TERM");
    assert_eq!(agent.process().wait().code(), Some(0));
    for proxy in cluster.proxies() {
        wait_for("its route is withdrawn", || proxy.places_of("gone").is_empty().then_some(()));
        let ended = client.connect("gone/x", proxy, b"");
        ended.must_fail(6, "service `gone/x` has no agent online");
        assert!(ended.stderr.contains("agent `gone` was last seen at proxy-2"), "{}", ended.stderr);
    }
}

#[test]
fn who_does_not_answer_costs_no_more_than_the_budget() {
    let cluster = CLUSTER.get();
    let silent = Silent::new();
    let (_agent, client) = scene(&cluster, "silent", silent.address());
    client.limit_dials("2s");
    // Twice the budget leaves a busy machine room, and is far from any other limit: 10 s of a proxy, minutes of TCP.
    let within = |what: &str, limit: Duration, part: &str, dial: &dyn Fn() -> support::Ended| {
        let begun = Instant::now();
        dial().must_fail(6, part);
        assert!(begun.elapsed() < limit, "{what} took {:?}", begun.elapsed());
    };
    let limit = Duration::from_secs(5);
    for proxy in cluster.proxies() {
        within("a silent target", limit, "silent/x", &|| client.connect("silent/x", proxy, b""));
    }
    let (_mute, address) = mute_port();
    within("a mute proxy", limit, "no proxy", &|| client.connect_at("silent/x", address, b""));
}
