//! A client that is told to stop in the middle of a stream: the service learns of it at once, and neither side takes what has arrived for all of it.

mod support;

use std::io::{ErrorKind, Read, Result};
use std::net::TcpStream;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use support::{Agent, Client, Cluster, SharedCluster, Target};

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

#[test]
fn forward_is_stopped() {
    let cluster = CLUSTER.get();
    let scene = Scene::new(&cluster, "stopped");
    let mut forward = scene.client.forward("stopped", "stopped/x", &[cluster.proxy(0).public_address()]);
    let stream = begun(&forward.connect());
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
