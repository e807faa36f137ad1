//! A torn stream is never whole: whoever stops a stream half way, both of its ends see a failure; and what is whole has arrived.

mod support;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread;

use support::{Agent, Client, Cluster, LONG, Open, Target, random_bytes};

const MIB: usize = 1 << 20;
/// How often an agent is stopped: whether its last words get out is a race.
const AGENTS: usize = 4;

#[test]
fn whole_means_arrived_and_torn_is_told() {
    let mut cluster = Cluster::start(2);
    let client = cluster.client("laptop", "*/*");
    what_is_sent_after_the_target_has_finished_arrives(&cluster, &client);
    an_agent_that_stops_tears(&cluster, &client);
    a_proxy_that_stops_tears(&mut cluster, &client);
}

/// The client ends as soon as both directions have ended: what it sent last must not be lost by that.
fn what_is_sent_after_the_target_has_finished_arrives(cluster: &Cluster, client: &Client) {
    let (target, received) = Target::greeting(b"bye".to_vec());
    let _agent = cluster.agent("deaf", &[1], &[("greeting", target.address().to_string())]);
    let bytes = random_bytes(1, 8 * MIB);
    for proxy in cluster.proxies() {
        assert_eq!(client.connect("deaf/greeting", proxy, &bytes).must_succeed(), b"bye");
        let arrived = received.recv_timeout(LONG).expect("a report").expect("no reset");
        assert!(arrived == bytes, "{} of {} bytes arrived through `{}`", arrived.len(), bytes.len(), proxy.name());
    }
}

fn an_agent_that_stops_tears(cluster: &Cluster, client: &Client) {
    for number in 0..AGENTS {
        let mut torn = Torn::begin(cluster, client, &format!("stopped-{number}"));
        torn.agent.process().signal("TERM");
        torn.check();
    }
    // As one that runs out of memory: nothing of it can say anything any more, but for the kernel.
    let mut torn = Torn::begin(cluster, client, "killed");
    torn.agent.process().kill();
    torn.check();
}

fn a_proxy_that_stops_tears(cluster: &mut Cluster, client: &Client) {
    let torn = Torn::begin(cluster, client, "abandoned");
    cluster.proxy_mut(1).stop();
    torn.check();
}

/// A stream that only downloads and one that only uploads, through the first proxy to an agent at the second.
struct Torn {
    agent: Agent,
    download: Open,
    upload: Open,
    uploaded: std::sync::mpsc::Receiver<std::io::Result<Vec<u8>>>,
    _sink: Target,
}

impl Torn {
    fn begin(cluster: &Cluster, client: &Client, name: &str) -> Self {
        let (sink, uploaded) = Target::sink();
        let agent = cluster.agent(name, &[1], &[("endless", endless().to_string()), ("sink", sink.address().to_string())]);
        let open = |service: &str| {
            let mut stream = client.open(&format!("{name}/{service}"), cluster.proxy(0));
            stream.read_byte();
            stream
        };
        let (mut download, mut upload) = (open("endless"), open("sink"));
        drop(download.input.take());
        upload.input.as_mut().expect("open").write_all(b"a part").expect("it takes it");
        Self { agent, download, upload, uploaded, _sink: sink }
    }

    fn check(mut self) {
        self.download.read_to_end();
        assert_eq!(self.download.wait(), Some(1), "a download that was cut off");
        assert_eq!(self.upload.wait(), Some(1), "an upload that was cut off");
        let uploaded = self.uploaded.recv_timeout(LONG).expect("a report");
        assert!(uploaded.is_err(), "the target takes {uploaded:?} for whole");
    }
}

/// A server that sends without an end.
#[expect(clippy::disallowed_methods, reason = "a target is outside of warren")]
fn endless() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the agent");
        while stream.write_all(&[7; 1000]).is_ok() {}
    });
    address
}
