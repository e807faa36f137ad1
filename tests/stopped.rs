//! A client that is told to stop in the middle of a stream: the service learns of it at once, and neither side takes what has arrived for all of it.

mod support;

use std::io::{ErrorKind, Read, Result};
use std::net::TcpStream;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use support::{Agent, Client, Cluster, SharedCluster, Target, wait_for};

/// Sooner than any silence is noticed.
const SOON: Duration = Duration::from_secs(5);

static CLUSTER: SharedCluster = SharedCluster::of(2);

struct Scene {
    _agent: Agent,
    client: Client,
    reports: Receiver<Result<Vec<u8>>>,
    _target: Target,
}

impl Scene {
    fn new(cluster: &Cluster, name: &str) -> Self {
        let (target, reports) = Target::sink();
        let agent = cluster.agent(name, &[1], &[("x", target.address().to_string())]);
        Self { _agent: agent, client: cluster.client(name, &format!("{name}/x")), reports, _target: target }
    }

    /// The target must learn of the end, and that it is none.
    fn must_be_reset(&self) {
        let report = self.reports.recv_timeout(SOON).expect("the target learns of it soon");
        assert_eq!(report.map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset));
    }
}

#[test]
fn connect_is_hung_up_on() {
    let cluster = CLUSTER.get();
    let scene = Scene::new(&cluster, "hung-up");
    for signal in ["HUP", "TERM", "INT"] {
        let mut open = scene.client.open("hung-up/x", cluster.proxy(0));
        assert_eq!(open.read_byte(), b'!');
        open.signal(signal);
        scene.must_be_reset();
        assert_eq!(open.wait(), Some(1), "{signal}");
    }
}

/// Nobody reads what `connect` writes any more: that is no fault of the target, and none at all where the reader has what it wanted.
#[test]
fn output_that_nobody_takes_is_not_the_targets_fault() {
    let cluster = CLUSTER.get();
    let target = Target::flooding();
    let _agent = cluster.agent("flood", &[1], &[("x", target.address().to_string())]);
    let client = cluster.client("flooded", "flood/x");
    let mut open = client.open("flood/x", cluster.proxy(0));
    open.read_byte();
    drop(open.output.take());
    assert_eq!((open.wait(), open.errors()), (Some(0), String::new()), "as `| head` wants it");

    let full = std::fs::File::create("/dev/full").expect("it takes nothing");
    let mut open = client.open_into("flood/x", cluster.proxy(0), full);
    let (status, said) = (open.wait(), open.errors());
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("standard output") && !said.contains("stage target"), "{said}");
}

#[test]
fn forward_is_stopped() {
    let cluster = CLUSTER.get();
    let scene = Scene::new(&cluster, "stopped");
    let mut forward = scene.client.forward("stopped", "stopped/x", &[cluster.proxy(0).public_address()]);
    let stream = begun(&forward.connect());
    // The first lets what runs come to its end.
    forward.process().signal("TERM");
    wait_for("it tells that a stream is open", || forward.process().log().contains("waiting up to").then_some(()));
    assert!(scene.reports.try_recv().is_err(), "the stream runs on");
    forward.process().signal("TERM");
    scene.must_be_reset();
    must_be_torn(stream);
}

/// A stream whose dial has connected.
fn begun(stream: &TcpStream) -> TcpStream {
    let mut stream = stream.try_clone().expect("a socket");
    let mut byte = [0];
    stream.read_exact(&mut byte).expect("the first byte");
    assert_eq!(&byte, b"!");
    stream
}

fn must_be_torn(mut stream: TcpStream) {
    let mut rest = Vec::new();
    let ended = stream.read_to_end(&mut rest);
    assert_eq!(ended.map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset));
}
