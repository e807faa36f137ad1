//! The bytes of one value of every message, written down: another version must read them.

use std::fmt::Debug;

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use warren_raft::{
    ClusterId, ProxyId, RotationPhase, Sequence, Serial, Service, ServiceKind, Strategy, StrategyKind, Timestamp, TokenRole,
};

use super::dial::{ClientRequest, DialAnswer, DialHeader, DialReply, DialRequest, Entered, PingReply, PingRequest};
use super::enroll::{EnrollReply, EnrollRequest, Enrolled};
use super::member::{ClusterView, Member, MemberState};
use super::orientation::{DepartureReply, ProxiesReply, Reachable, ServicesReply};
use super::peer::{AgentProgress, ControlReply, ControlRequest, DiskFault, DiskReport, Held, LinkKind, PeerHello, PeerReport};
use super::trust::{Authorities, AuthoritiesReply, AuthoritiesRequest, CertificateReport, Holdings, LiveCertificates, Machine};
use super::tunnel::{AgentHello, AgentMessage, Obstacle, Progress, ProxyMessage, Waiting, Welcome};
use super::vitals::{LinkVitals, MemberRole, Vitals};
use super::{Heard, Hello, TraceId};
use crate::failure::{Code, Failure, Stage};
use crate::target::Target;

fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(message: &T, golden: &str) {
    let bytes = postcard::to_stdvec(message).expect("it encodes");
    assert_eq!(hex::encode(&bytes), golden, "{message:?}");
    assert_eq!(&postcard::from_bytes::<T>(&bytes).expect("it decodes"), message);
    // What a newer version adds at the end is passed over.
    let longer = [bytes.as_slice(), b"added later"].concat();
    assert_eq!(&postcard::from_bytes::<T>(&longer).expect("it decodes"), message);
}

/// Every variant of an enum, in the order of their numbers: one that is added and not listed does not compile, and [`check_all`] wants bytes for each.
macro_rules! variants {
    ($type:ty { $($pattern:pat),+ $(,)? }) => {{
        fn number(value: &$type) -> usize {
            let mut number = 0;
            $(if matches!(value, $pattern) { return number; } number += 1;)+
            match value { $($pattern => number),+ }
        }
        (number as fn(&$type) -> usize, [$(stringify!($pattern)),+].len())
    }};
}

/// Checks the bytes of values of which every variant is one, stored under its number.
fn check_all<T, const N: usize>((number, count): (fn(&T) -> usize, usize), table: [(T, &str); N])
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let mut seen = std::collections::BTreeSet::new();
    for (message, golden) in &table {
        check(message, golden);
        let bytes = postcard::to_stdvec(message).expect("it encodes");
        let (stored, _) = postcard::take_from_bytes::<u32>(&bytes).expect("a variant begins with its number");
        assert_eq!(stored as usize, number(message), "the number of a variant");
        seen.insert(stored);
    }
    assert_eq!(seen.len(), count, "each variant has its bytes");
}

/// The same for messages and what is asked for in them: whoever reads one that a later version has added knows that.
fn check_messages<T, const N: usize>((number, count): (fn(&T) -> usize, usize), table: [(T, &str); N])
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let next = u32::try_from(count).expect("few");
    let later = [postcard::to_stdvec(&next).expect("it encodes").as_slice(), &[0xff; 9]].concat();
    assert_eq!(Heard::<T>::decode(&later).expect("it is heard"), Heard::Unknown(next));
    for (message, golden) in &table {
        let bytes = hex::decode(golden).expect("hex");
        assert_eq!(Heard::<T>::decode(&bytes).expect("it is heard").known().as_ref(), Some(message));
    }
    check_all((number, count), table);
}

/// Checks that each of these records within the message can grow: they are given with the byte of their length.
fn check_grown<T: DeserializeOwned + PartialEq + Debug>(message: &T, golden: &str, records: &[&str]) {
    for inner in records {
        let length = u8::from_str_radix(&inner[..2], 16).expect("hex");
        assert_eq!(usize::from(length), inner.len() / 2 - 1, "{inner}");
        assert!(golden.contains(inner), "{inner} in {golden}");
        let grown = golden.replacen(inner, &format!("{:02x}{}2b2b2b", length + 3, &inner[2..]), 1);
        let read: T = postcard::from_bytes(&hex::decode(&grown).expect("hex")).unwrap_or_else(|error| panic!("{grown}: {error}"));
        assert_eq!(&read, message, "{grown}");
    }
}

fn hello() -> Hello {
    Hello { version: 1, features: 0, software: "0.1.0".to_owned() }
}

fn member() -> Member {
    Member {
        id: ProxyId(2),
        name: "p".to_owned(),
        peer_address: "a:1".to_owned(),
        public_addresses: vec!["a:2".to_owned()],
        zone: "z".to_owned(),
        state: MemberState::Draining,
        tunnels: 300,
    }
}

fn failure() -> Failure {
    Failure::new(Code::Denied, Stage::Ingress, "no").with_cause("c").with_hint("h").at("p").with_trace("t")
}

fn cluster() -> ClusterView {
    ClusterView { proxies: vec![member()], strategy: strategy(), pulse_ms: 300, index: 300 }
}

fn progress() -> Progress {
    let obstacles = vec![Obstacle { proxy: Some(ProxyId(2)), reason: "r".to_owned() }];
    Progress { wanted: 3, held: 1, retiring: 2, obstacles }
}

/// A record within a message: its length in front.
fn record(digits: &str) -> String {
    format!("{:02x}{digits}", digits.len() / 2)
}

/// The same of 128 bytes and more, whose length takes two.
fn long_record(digits: &str) -> String {
    let length = digits.len() / 2;
    if length < 128 { record(digits) } else { format!("{:02x}{:02x}{digits}", length % 128 + 128, length / 128) }
}

fn cluster_hex() -> String {
    record(&format!("01{MEMBER_HEX}{REST_OF_CLUSTER_HEX}"))
}

fn strategy() -> Strategy {
    Strategy { kind: StrategyKind::ProxyPeering, agent_connection_count: 2 }
}

fn holdings() -> Holdings {
    Holdings {
        serial: Serial([0xab; 16]),
        expires_at: Timestamp(300),
        lifetime_ms: 300,
        issuer: Some([0xab; 32]),
        trusted: vec![[0xab; 32]],
    }
}

fn holdings_hex() -> String {
    format!("{TRACE_HEX}ac02ac0201{TRACE_HEX}{TRACE_HEX}01{TRACE_HEX}{TRACE_HEX}")
}

fn authorities() -> Authorities {
    Authorities { index: 300, certificates: vec![vec![1, 2], vec![3]] }
}

/// As a record within a message.
const AUTHORITIES_HEX: &str = "08ac02020201020103";

const TRACE: TraceId = TraceId([0xab; 16]);
const TRACE_HEX: &str = "abababababababababababababababab";
/// As a record within a message.
const HELLO_HEX: &str = "08010005302e312e30";
const MEMBER_HEX: &str = "1102017003613a310103613a32017a01ac02";
const PROGRESS_HEX: &str = "030102010401020172";
/// Without the proxies: the strategy as a record, the pulse and the index.
const REST_OF_CLUSTER_HEX: &str = "020102ac02ac02";
const FAILURE_HEX: &str = "05026e6f01016301016801010170010174";

#[test]
fn dials() {
    let dial = |target: &str| {
        let target = Heard::Known(target.parse::<Target>().expect("a target"));
        ClientRequest::Dial(DialRequest { hello: hello(), target, budget_ms: 300, trace: TRACE })
    };
    check_grown(&dial("a/s"), &format!("00{HELLO_HEX}050001610173ac02{TRACE_HEX}"), &[HELLO_HEX, "050001610173"]);
    let table = [
        (dial("a/s"), &*format!("00{HELLO_HEX}050001610173ac02{TRACE_HEX}")),
        (dial("a:22"), &*format!("00{HELLO_HEX}0401016116ac02{TRACE_HEX}")),
        (dial("any/s"), &*format!("00{HELLO_HEX}03020173ac02{TRACE_HEX}")),
        (ClientRequest::Renew { hello: hello(), request: vec![1, 2] }, &*format!("01{HELLO_HEX}020102")),
        (
            ClientRequest::Authorities(AuthoritiesRequest { hello: hello(), holds: holdings() }),
            &*format!("02{HELLO_HEX}{}", record(&holdings_hex())),
        ),
        (
            ClientRequest::Ping(PingRequest { hello: hello(), proxy: Some("p".parse().expect("a name")), budget_ms: 300 }),
            &*format!("03{HELLO_HEX}010170ac02"),
        ),
        (ClientRequest::Ping(PingRequest { hello: hello(), proxy: None, budget_ms: 300 }), &*format!("03{HELLO_HEX}00ac02")),
        (ClientRequest::Proxies { hello: hello() }, &*format!("04{HELLO_HEX}")),
        (ClientRequest::Services { hello: hello() }, &*format!("05{HELLO_HEX}")),
        (ClientRequest::Departure { hello: hello() }, &*format!("06{HELLO_HEX}")),
    ];
    check_grown(&table[4].0, table[4].1, &[HELLO_HEX, &record(&holdings_hex())]);
    check_grown(&table[5].0, table[5].1, &[HELLO_HEX]);
    check_messages(
        variants!(ClientRequest {
            ClientRequest::Dial(_),
            ClientRequest::Renew { .. },
            ClientRequest::Authorities(_),
            ClientRequest::Ping(_),
            ClientRequest::Proxies { .. },
            ClientRequest::Services { .. },
            ClientRequest::Departure { .. }
        }),
        table,
    );
    let table = [
        (AuthoritiesReply::Authorities(authorities()), &*format!("00{AUTHORITIES_HEX}")),
        (AuthoritiesReply::Failed(failure()), &*format!("01{FAILURE_HEX}")),
    ];
    check_grown(&table[0].0, table[0].1, &[AUTHORITIES_HEX]);
    check_messages(variants!(AuthoritiesReply { AuthoritiesReply::Authorities(_), AuthoritiesReply::Failed(_) }), table);
    let target = |target: &str| target.parse::<Target>().expect("a target");
    let targets = [(target("a/s"), "0001610173"), (target("a:22"), "01016116"), (target("any/s"), "020173")];
    check_messages(variants!(Target { Target::Service(..), Target::Port(..), Target::Any(_) }), targets);
    let (agent, path) = ("a".parse().expect("a name"), vec![ProxyId(1), ProxyId(2)]);
    let connected = DialReply::Connected { agent, path, trace: TRACE, hello: hello() };
    let table =
        [(connected, &*format!("000161020102{TRACE_HEX}{HELLO_HEX}")), (DialReply::Failed(failure()), &*format!("01{FAILURE_HEX}"))];
    check_messages(variants!(DialReply { DialReply::Connected { .. }, DialReply::Failed(_) }), table);
}

#[test]
fn headers_of_dials() {
    let header = DialHeader {
        trace: TRACE,
        client: "c".parse().expect("a name"),
        client_address: "i:1".to_owned(),
        agent: "a".parse().expect("a name"),
        service: "s".parse().expect("a name"),
        budget_ms: 300,
        entered: None,
    };
    check(&header, &format!("{TRACE_HEX}016303693a3101610173ac0200"));
    // An older proxy leaves it out.
    let older = hex::decode(format!("{TRACE_HEX}016303693a3101610173ac02")).expect("digits");
    assert_eq!(postcard::from_bytes::<DialHeader>(&older).as_ref(), Ok(&header));
    let entered = DialHeader { entered: Some(Entered { rule: 300 }), ..header };
    check(&entered, &format!("{TRACE_HEX}016303693a3101610173ac0202ac02"));
}

#[test]
fn answers_to_pings() {
    let table = [
        (PingReply::Pong { path: vec!["p".parse().expect("a name")], at_ms: 300, hello: hello() }, &*format!("00010170ac02{HELLO_HEX}")),
        (PingReply::Failed(failure()), &*format!("01{FAILURE_HEX}")),
    ];
    check_grown(&table[0].0, table[0].1, &[HELLO_HEX]);
    check_messages(variants!(PingReply { PingReply::Pong { .. }, PingReply::Failed(_) }), table);
}

#[test]
fn answers_to_a_client_that_asks_its_way() {
    let proxies = ProxiesReply::Proxies { hello: hello(), proxies: vec![member()] };
    let table = [(proxies, &*format!("00{HELLO_HEX}01{MEMBER_HEX}")), (ProxiesReply::Failed(failure()), &*format!("01{FAILURE_HEX}"))];
    check_grown(&table[0].0, table[0].1, &[HELLO_HEX, MEMBER_HEX]);
    check_messages(variants!(ProxiesReply { ProxiesReply::Proxies { .. }, ProxiesReply::Failed(_) }), table);
    let leaving = DepartureReply::Leaving { hello: hello() };
    let table = [(leaving, &*format!("00{HELLO_HEX}")), (DepartureReply::Failed(failure()), &*format!("01{FAILURE_HEX}"))];
    check_grown(&table[0].0, table[0].1, &[HELLO_HEX]);
    check_messages(variants!(DepartureReply { DepartureReply::Leaving { .. }, DepartureReply::Failed(_) }), table);
    let reachable = Reachable { agent: "a".parse().expect("a name"), service: "s".parse().expect("a name"), online: true };
    let services = ServicesReply::Services { hello: hello(), services: vec![reachable], more: true };
    let table = [(services, &*format!("00{HELLO_HEX}0105016101730101")), (ServicesReply::Failed(failure()), &*format!("01{FAILURE_HEX}"))];
    check_grown(&table[0].0, table[0].1, &[HELLO_HEX, "050161017301"]);
    check_messages(variants!(ServicesReply { ServicesReply::Services { .. }, ServicesReply::Failed(_) }), table);
}

#[test]
fn answers_to_dials() {
    let table = [
        (DialAnswer::Connected, "00"),
        (DialAnswer::NotHere { hint: Some(ProxyId(2)) }, "010102"),
        (DialAnswer::Draining { hint: None }, "0200"),
        (DialAnswer::TargetRefused { reason: "r".to_owned() }, "030172"),
        (DialAnswer::TargetTimeout, "04"),
        (DialAnswer::Denied, "05"),
        (DialAnswer::Overloaded { retry_after_ms: 300 }, "06ac02"),
        (DialAnswer::UnknownService, "07"),
        (DialAnswer::TunnelLost { reason: "r".to_owned() }, "080172"),
        (DialAnswer::Unconfirmed { reason: "r".to_owned() }, "090172"),
        (DialAnswer::NotUnderstood { number: 300 }, "0bac02"),
        (DialAnswer::Superseded, "0a"),
    ];
    let all = variants!(DialAnswer {
        DialAnswer::Connected,
        DialAnswer::NotHere { .. },
        DialAnswer::Draining { .. },
        DialAnswer::TargetRefused { .. },
        DialAnswer::TargetTimeout,
        DialAnswer::Denied,
        DialAnswer::Overloaded { .. },
        DialAnswer::UnknownService,
        DialAnswer::TunnelLost { .. },
        DialAnswer::Unconfirmed { .. },
        DialAnswer::Superseded,
        DialAnswer::NotUnderstood { .. },
    });
    check_messages(all, table);
}

fn service() -> Service {
    Service { name: "s".parse().expect("a name"), target: "h:1".to_owned(), kind: ServiceKind::Tcp }
}

#[test]
fn tunnels() {
    let (agent, golden) =
        (AgentHello { hello: hello(), sequence: Sequence(300), services: vec![service()] }, format!("{HELLO_HEX}ac020107017303683a3100"));
    check(&agent, &golden);
    check_grown(&agent, &golden, &[HELLO_HEX, "07017303683a3100"]);
    let (failure_hex, cluster_hex) = (record(FAILURE_HEX), cluster_hex());
    let welcome = Welcome { hello: hello(), proxy: ProxyId(2), index: 300, cluster: cluster() };
    let waiting = Waiting { hello: hello(), proxy: ProxyId(2), failure: failure(), cluster: cluster() };
    let table = [
        (ProxyMessage::Welcome(welcome), &*format!("00{HELLO_HEX}02ac02{cluster_hex}")),
        (ProxyMessage::Refused { failure: failure(), retry_after_ms: 300 }, &*format!("01{failure_hex}ac02")),
        (ProxyMessage::Cluster(cluster()), &*format!("0201{MEMBER_HEX}{REST_OF_CLUSTER_HEX}")),
        (ProxyMessage::Leaving, "03"),
        (ProxyMessage::Renewed { certificate: vec![1, 2] }, "04020102"),
        (ProxyMessage::Waiting(waiting), &*format!("05{HELLO_HEX}02{failure_hex}{cluster_hex}")),
        (ProxyMessage::Move { to: ProxyId(2) }, "0602"),
        (ProxyMessage::Retired, "07"),
        (ProxyMessage::NotUnderstood { number: 300 }, "08ac02"),
        (ProxyMessage::Authorities(authorities()), &*format!("09{AUTHORITIES_HEX}")),
        (ProxyMessage::NotRenewed { reason: "r".to_owned() }, "0a0172"),
        (ProxyMessage::Published, "0b"),
        (ProxyMessage::NotPublished { failure: failure() }, &*format!("0c{failure_hex}")),
    ];
    check_grown(&table[9].0, table[9].1, &[AUTHORITIES_HEX]);
    let records = [HELLO_HEX, &failure_hex, &cluster_hex];
    for ((message, golden), records) in [
        (&table[0], &records[..1]),
        (&table[0], &records[2..]),
        (&table[1], &records[1..2]),
        (&table[5], &records),
        (&table[12], &records[1..2]),
    ] {
        check_grown(message, golden, records);
    }
    check_grown(&table[2].0, table[2].1, &[MEMBER_HEX, "020102"]);
    let all = variants!(ProxyMessage {
        ProxyMessage::Welcome(_),
        ProxyMessage::Refused { .. },
        ProxyMessage::Cluster(_),
        ProxyMessage::Leaving,
        ProxyMessage::Renewed { .. },
        ProxyMessage::Waiting(_),
        ProxyMessage::Move { .. },
        ProxyMessage::Retired,
        ProxyMessage::NotUnderstood { .. },
        ProxyMessage::Authorities(_),
        ProxyMessage::NotRenewed { .. },
        ProxyMessage::Published,
        ProxyMessage::NotPublished { .. },
    });
    check_messages(all, table);
}

#[test]
fn agents() {
    let table = [
        (AgentMessage::Renew { request: vec![1, 2] }, "00020102"),
        (AgentMessage::Retire, &*format!("{:02x}", AgentMessage::RETIRE)),
        (AgentMessage::Pulse, "02"),
        (AgentMessage::Progress(progress()), &*format!("03{PROGRESS_HEX}")),
        (AgentMessage::NotUnderstood { number: 300 }, "04ac02"),
        (AgentMessage::Holds(holdings()), &*format!("05{}", record(&holdings_hex()))),
        (AgentMessage::Publish { services: vec![service()] }, &*format!("{:02x}0107017303683a3100", AgentMessage::PUBLISH)),
    ];
    check_grown(&table[6].0, table[6].1, &["07017303683a3100"]);
    check_grown(&table[5].0, table[5].1, &[&record(&holdings_hex())]);
    let all = variants!(AgentMessage {
        AgentMessage::Renew { .. },
        AgentMessage::Retire,
        AgentMessage::Pulse,
        AgentMessage::Progress(_),
        AgentMessage::NotUnderstood { .. },
        AgentMessage::Holds(_),
        AgentMessage::Publish { .. },
    });
    check_messages(all, table);
    check_grown(&AgentMessage::Progress(progress()), &format!("03{PROGRESS_HEX}"), &["0401020172"]);
    let states = [(MemberState::Up, "00"), (MemberState::Draining, "01"), (MemberState::Down, "02")];
    check_all(variants!(MemberState { MemberState::Up, MemberState::Draining, MemberState::Down }), states);
}

#[test]
fn peers() {
    let (peer, golden) = (PeerHello { hello: hello(), kind: Heard::Known(LinkKind::Bulk), lane: 3 }, format!("{HELLO_HEX}010103"));
    check(&peer, &golden);
    check_grown(&peer, &golden, &[HELLO_HEX]);
    check_messages(variants!(LinkKind { LinkKind::Control, LinkKind::Bulk }), [(LinkKind::Control, "00"), (LinkKind::Bulk, "01")]);
    let requests = [
        (ControlRequest::Store(Bytes::from_static(&[1, 2])), "00020102"),
        (ControlRequest::Ping, "01"),
        (ControlRequest::WhoHas(Heard::Known("a/s".parse().expect("a target"))), "02050001610173"),
        (ControlRequest::Unsettled, "03"),
        (ControlRequest::Certificates, "04"),
        (ControlRequest::LiveCertificates, "05"),
        (ControlRequest::Vitals, "06"),
    ];
    let all = variants!(ControlRequest {
        ControlRequest::Store(_),
        ControlRequest::Ping,
        ControlRequest::WhoHas(_),
        ControlRequest::Unsettled,
        ControlRequest::Certificates,
        ControlRequest::LiveCertificates,
        ControlRequest::Vitals,
    });
    check_messages(all, requests);
}

/// What proxies tell each other of certificates, with its bytes.
fn about_certificates() -> ((CertificateReport, String), (LiveCertificates, String)) {
    let machine = Machine { role: TokenRole::Agent, name: "a".to_owned(), serial: Serial([0xab; 16]), holds: Some(holdings()) };
    let machine_hex = record(&format!("010161{TRACE_HEX}01{}", holdings_hex()));
    let certificates = CertificateReport {
        index: 300,
        own: holdings(),
        lifetime_ms: 300,
        failed: Some("r".to_owned()),
        ready: 300,
        clients_ready: vec!["c".to_owned()],
        lagging: 300,
        laggards: vec![machine.clone()],
        rotation: Some((Timestamp(300), RotationPhase::Presenting)),
    };
    let certificates_hex = format!("ac02{}ac02010172ac02010163ac0201{}01ac0202", record(&holdings_hex()), long_record(&machine_hex[2..]));
    let live = LiveCertificates { proxy: ProxyId(2), machines: vec![machine] };
    let live_hex = format!("0201{}", long_record(&machine_hex[2..]));
    ((certificates, certificates_hex), (live, live_hex))
}

/// How a proxy does, whose role is the second and which has one link.
fn vitals() -> Vitals {
    Vitals {
        role: Heard::Known(MemberRole::Follower),
        leader: Some(ProxyId(2)),
        term: 3,
        last_log_index: 300,
        committed_index: 7,
        applied_index: 6,
        sent_per_second: 300,
        received_per_second: 5,
        dials_connected: 4,
        dials_failed: 1,
        links: vec![LinkVitals { peer: ProxyId(3), round_trip_us: Some(7), lost_ppm: Some(300) }],
    }
}

const VITALS_HEX: &str = "0101010203ac020706ac02050401010603010701ac02";

#[test]
fn roles_of_members() {
    check_messages(
        variants!(MemberRole {
            MemberRole::Leader,
            MemberRole::Follower,
            MemberRole::Candidate,
            MemberRole::Learner,
            MemberRole::Stopped,
        }),
        [
            (MemberRole::Leader, "00"),
            (MemberRole::Follower, "01"),
            (MemberRole::Candidate, "02"),
            (MemberRole::Learner, "03"),
            (MemberRole::Stopped, "04"),
        ],
    );
}

#[test]
fn answers_of_peers() {
    let report = PeerReport {
        applied_index: 300,
        streams: 7,
        isolated: true,
        draining: false,
        disk: None,
        tunnels: 5,
        cut_streams: 6,
        unreachable: vec![ProxyId(3)],
        drained: true,
        leaving: true,
    };
    for (fault, number) in [(DiskFault::Full, "00"), (DiskFault::Failed, "01")] {
        let disk = Some(DiskReport { fault, location: "d".to_owned(), reason: "r".to_owned(), seconds: 300 });
        let (pong, golden) =
            (ControlReply::Pong(PeerReport { disk, ..report.clone() }), format!("01ac020701000107{number}01640172ac02050601030101"));
        check(&pong, &golden);
        check_grown(&pong, &golden, &[&format!("07{number}01640172ac02")]);
    }
    let held = Held { agent: "a".parse().expect("a name"), service: "s".parse().expect("a name") };
    let unsettled = AgentProgress { agent: "a".parse().expect("a name"), progress: progress(), seconds: 300 };
    let unsettled_hex = record(&format!("0161{}ac02", record(PROGRESS_HEX)));
    let ((certificates, certificates_hex), (live, live_hex)) = about_certificates();
    let replies = [
        (ControlReply::Store(Bytes::from_static(&[1, 2])), "00020102"),
        (ControlReply::Pong(report), "01ac0207010000050601030101"),
        (ControlReply::Refused("r".to_owned()), "020172"),
        (ControlReply::Held(vec![held]), "03010401610173"),
        (ControlReply::Unsettled(vec![unsettled]), &*format!("0401{unsettled_hex}")),
        (ControlReply::Certificates(certificates), &*format!("05{}", long_record(&certificates_hex))),
        (ControlReply::LiveCertificates(live), &*format!("06{}", long_record(&live_hex))),
        (ControlReply::Vitals(vitals()), &*format!("07{}", record(VITALS_HEX))),
    ];
    check_grown(&replies[3].0, replies[3].1, &["0401610173"]);
    check_grown(&replies[4].0, replies[4].1, &[&unsettled_hex]);
    check_grown(&replies[7].0, replies[7].1, &[&record(VITALS_HEX)]);
    check_grown(&vitals(), VITALS_HEX, &[&record("03010701ac02")]);
    let all = variants!(ControlReply {
        ControlReply::Store(_),
        ControlReply::Pong(_),
        ControlReply::Refused(_),
        ControlReply::Held(_),
        ControlReply::Unsettled(_),
        ControlReply::Certificates(_),
        ControlReply::LiveCertificates(_),
        ControlReply::Vitals(_),
    });
    check_messages(all, replies);
}

#[test]
fn enrolments() {
    let request = EnrollRequest {
        hello: hello(),
        secret: [0xab; 32],
        role: Heard::Known(TokenRole::Agent),
        name: "a".to_owned(),
        request: vec![1, 2],
    };
    let golden = format!("{HELLO_HEX}{TRACE_HEX}{TRACE_HEX}01010161020102");
    check(&request, &golden);
    check_grown(&request, &golden, &[HELLO_HEX]);
    let roles = [(TokenRole::Proxy, "00"), (TokenRole::Agent, "01"), (TokenRole::Client, "02")];
    check_messages(variants!(TokenRole { TokenRole::Proxy, TokenRole::Agent, TokenRole::Client }), roles);
    let enrolled = Enrolled {
        hello: hello(),
        cluster: ClusterId([0xab; 16]),
        cluster_name: "c".to_owned(),
        proxy: Some(ProxyId(2)),
        certificate: vec![1, 2],
        proxies: vec![member()],
        authorities: None,
    };
    let rotating = Enrolled { authorities: Some(authorities()), ..enrolled.clone() };
    let table = [
        (EnrollReply::Enrolled(enrolled), &*format!("00{HELLO_HEX}{TRACE_HEX}0163010202010201{MEMBER_HEX}")),
        (EnrollReply::Enrolled(rotating), &*format!("00{HELLO_HEX}{TRACE_HEX}0163010202010201{MEMBER_HEX}{AUTHORITIES_HEX}")),
        (EnrollReply::Failed(failure()), &*format!("01{FAILURE_HEX}")),
    ];
    check_grown(&table[0].0, table[0].1, &[HELLO_HEX, MEMBER_HEX]);
    check_messages(variants!(EnrollReply { EnrollReply::Enrolled(_), EnrollReply::Failed(_) }), table);
}

#[test]
fn failures() {
    for (number, code) in (0_u8..).zip(Code::ALL) {
        check(&code, &format!("{number:02x}"));
    }
    let stages = [
        (Stage::Local, "00"),
        (Stage::Ingress, "01"),
        (Stage::Route, "02"),
        (Stage::Peer, "03"),
        (Stage::Tunnel, "04"),
        (Stage::Target, "05"),
        (Stage::Store, "06"),
        (Stage::Other, "07"),
    ];
    let all = variants!(Stage { Stage::Local, Stage::Ingress, Stage::Route, Stage::Peer, Stage::Tunnel, Stage::Target, Stage::Store, Stage::Other });
    check_all(all, stages);
}

/// A later version adds fields to a proxy's record, and states that this one does not know.
#[test]
fn a_list_of_proxies_can_grow() {
    let member = hex::decode(MEMBER_HEX).expect("hex");
    let longer = [&[member[0] + 2], &member[1..], b"++"].concat();
    let mut unknown = member.clone();
    let state = unknown.len() - 3;
    unknown[state] = 9;
    let bytes = [&[3_u8], longer.as_slice(), &unknown, &member, &[2, 1, 2, 5, 6]].concat();
    let view: ClusterView = postcard::from_bytes(&bytes).expect("it decodes");
    assert_eq!(
        view,
        ClusterView { proxies: vec![super::golden::member(), super::golden::member()], strategy: strategy(), pulse_ms: 5, index: 6 }
    );
}

/// What a later version has added where this one has a word for anything else.
#[test]
fn later_words_have_a_meaning() {
    let later: ClusterView = postcard::from_bytes(&[0, 3, 9, 4, 7, 5, 6]).expect("it decodes");
    let counted = Strategy { kind: StrategyKind::ProxyPeering, agent_connection_count: 4 };
    assert_eq!(later, ClusterView { proxies: Vec::new(), strategy: counted, pulse_ms: 5, index: 6 });
    for (kind, number) in [(StrategyKind::AgentMesh, 0), (StrategyKind::ProxyPeering, 1)] {
        let read: ClusterView = postcard::from_bytes(&[0, 2, number, 1, 5, 6]).expect("it decodes");
        assert_eq!(read.strategy, Strategy { kind, agent_connection_count: 1 });
    }
    assert_eq!(postcard::from_bytes::<DiskFault>(&[7]), Ok(DiskFault::Failed));
    // A target of a new form, and all around it as it is.
    let hello = hex::decode(HELLO_HEX).expect("hex");
    let bytes = [&[0], hello.as_slice(), &[3, 9, 1, 2, 0xac, 2], &TRACE.0].concat();
    let dial = DialRequest { hello: super::golden::hello(), target: Heard::Unknown(9), budget_ms: 300, trace: TRACE };
    assert_eq!(postcard::from_bytes(&bytes), Ok(ClientRequest::Dial(dial)));
}
