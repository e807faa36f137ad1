//! Where connections come from, by the PROXY protocol: taken in front, and told to services.

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc;

use warren::ingress::proxy_header::{self, Origin};
use warren::wire::TraceId;

use crate::support::{Cluster, LONG, Process, Target, wait_for};
use crate::{connect, exchange, text};

/// Behind a balancer on loopback, behind one that is elsewhere, and behind none.
const BEHIND: &str = "\
    [[ingress.tcp]]\nlisten = \"127.0.0.1:0\"\ntarget = \"shed/told\"\nproxy_protocol = \"accept\"\nproxy_protocol_from = [\"127.0.0.0/8\"]\n\
    [[ingress.tcp]]\nlisten = \"127.0.0.1:0\"\ntarget = \"shed/told\"\nproxy_protocol = \"accept\"\nproxy_protocol_from = [\"10.0.0.0/8\"]\n\
    [[ingress.tcp]]\nlisten = \"127.0.0.1:0\"\ntarget = \"shed/told\"\n\
    [[ingress.tcp]]\nlisten = \"127.0.0.1:0\"\ntarget = \"shed/untold\"\n\
    [limits]\nheader_timeout = \"1s\"\n";

#[test]
fn a_service_is_told_where_each_connection_comes_from() {
    let cluster = Cluster::start_with(2, |proxy| proxy.configured(BEHIND));
    let (report, reports) = mpsc::channel();
    let target = Target::serving(move |mut stream| {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        // Nobody may care for the report.
        let _ = report.send(bytes);
        stream.write_all(b"seen")
    });
    let config = cluster.home().join("agent.toml");
    let service = |name: &str, more: &str| format!("[[agent.service]]\nname = {name:?}\ntarget = \"{}\"\n{more}", target.address());
    let (token, data_dir) = (cluster.token("agent", &[]), cluster.home().join("agent-shed"));
    let agent = format!(
        "[agent]\nname = \"shed\"\nproxies = [\"{}\"]\ndata_dir = {data_dir:?}\ntoken_file = {token:?}\n{}{}",
        cluster.proxy(1).public_address(),
        service("told", "proxy_protocol = true\n"),
        service("untold", "")
    );
    fs::write(&config, agent).expect("a file");
    let _agent = Process::start("agent-shed", cluster.home(), &["agent", "--config", text(&config)], &[]);
    cluster.wait_online("shed");
    let proxy = cluster.proxy(0);
    proxy.wait_published(4);
    let ports = proxy.all_ingress("tcp");
    let came = || reports.recv_timeout(LONG).expect("a connection");
    let ask = |port: SocketAddr, words: &[u8]| {
        let mut stream = connect(port);
        stream.write_all(words).expect("it is taken");
        stream.shutdown(std::net::Shutdown::Write).expect("it is open");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).map(|_| answer)
    };
    let from = |bytes: &[u8]| match proxy_header::parse(bytes).expect("a header").expect("whole") {
        (Origin::From(from), length) => (from, bytes[length..].to_vec()),
        (Origin::Itself, _) => panic!("nobody in particular"),
    };

    // What the balancer says is what the service is told.
    for client in ["192.0.2.7:4660", "[2001:db8::9]:443"] {
        let client: SocketAddr = client.parse().expect("an address");
        let header = proxy_header::encode(Some(client), TraceId([9; 16]));
        assert_eq!(ask(ports[0], &[&header[..], b"hello"].concat()).expect("an answer"), b"seen");
        assert_eq!(from(&came()), (client, b"hello".to_vec()));
    }
    // A balancer that looks whether the port lives speaks for itself.
    assert_eq!(ask(ports[0], &proxy_header::encode(None, TraceId([9; 16]))).expect("an answer"), b"seen");
    assert_eq!(from(&came()).0.ip(), IpAddr::from([127, 0, 0, 1]));
    // Without one it is whoever has connected; a service that has not asked is told nothing.
    assert_eq!(ask(ports[2], b"hello").expect("an answer"), b"seen");
    let told = from(&came());
    assert_eq!((told.0.ip(), told.1), (IpAddr::from([127, 0, 0, 1]), b"hello".to_vec()));
    assert_eq!(ask(ports[3], b"hello").expect("an answer"), b"seen");
    assert_eq!(came(), b"hello");

    // Whoever has no header, or none that can be read, or is elsewhere, does not get through.
    assert!(ask(ports[0], b"GET / HTTP/1.1\r\n\r\n").is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset));
    assert_eq!(exchange(ports[0], b"\r\n\r\n\0\r\nQUIT\n"), b"", "cut when its time is over");
    let header = proxy_header::encode("192.0.2.7:4660".parse().ok(), TraceId([9; 16]));
    assert_eq!(exchange(ports[1], &header), b"");
    for (outcome, count) in [("malformed", 1), ("silent", 1), ("untrusted", 1)] {
        let name = format!("warren_ingress_connections_total{{ingress=\"tcp\",outcome=\"{outcome}\"}}");
        wait_for(&name, || (proxy.counter(&name) == count).then_some(()));
    }
    assert!(reports.try_recv().is_err(), "the service has seen none of them");
}
