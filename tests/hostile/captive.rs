//! An agent whose proxy does what no proxy does.

use std::net::SocketAddr;

use quinn::{Connection, RecvStream, SendStream};
use serde::Serialize;
use warren::identity::Alpn;
use warren::identity::tls::negotiated;
use warren::wire::{AgentHello, DialAnswer, DialHeader, Hello, Member, MemberState, TraceId, frame};
use warren_raft::{ProxyId, TokenRole};

use crate::scene::{MIB, descriptors, memory};
use crate::support::later::{Later, ask, echoes, hear, hello, record, say};
use crate::support::{Agent, Cluster, LONG, Target};

/// The agent's connection to a proxy, after its hello.
async fn tunnel(endpoint: &quinn::Endpoint) -> (Connection, SendStream, RecvStream) {
    loop {
        let incoming = tokio::time::timeout(LONG, endpoint.accept()).await.expect("it comes in time").expect("it is open");
        let Ok(connection) = incoming.await else { continue };
        if negotiated(&connection) != Some(Alpn::Agent) {
            continue;
        }
        // A try that the agent has given up meanwhile says nothing.
        let Ok((send, mut recv)) = connection.accept_bi().await else { continue };
        let said: AgentHello = hear(&mut recv).await;
        assert_eq!(said.hello, Hello::ours());
        return (connection, send, recv);
    }
}

/// A welcome to a cluster of one proxy.
fn welcome(me: ProxyId, address: SocketAddr) -> impl Serialize {
    let member = Member {
        id: me,
        name: "mallet".to_owned(),
        peer_address: String::new(),
        public_addresses: vec![address.to_string()],
        zone: String::new(),
        state: MemberState::Up,
        tunnels: 0,
    };
    (0_u32, hello(1), me, 7_u64, record(&(vec![record(&member)], record(&(0_u32, 1_u32)), 1_000_u32)))
}

fn header(number: u32) -> DialHeader {
    DialHeader {
        trace: TraceId(u128::from(number).to_be_bytes()),
        client: "nobody".parse().expect("a name"),
        client_address: "192.0.2.1:1".to_owned(),
        agent: "captive".parse().expect("a name"),
        service: "x".parse().expect("a name"),
        budget_ms: 10_000,
        entered: None,
    }
}

/// The agent serves what it publishes and nothing else, and stays within its bounds, whatever its proxy sends.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_outlives_its_proxys_whims() {
    let mut cluster = Cluster::start(1);
    let echo = Target::echo();
    let services = [("x", echo.address().to_string())];
    drop(cluster.agent("captive", &[0], &services));
    let mallet = Later::enroll(&cluster, TokenRole::Proxy, "mallet").await;
    let token = cluster.token("agent", &[]);
    cluster.kill_all();

    let endpoint = mallet.listen();
    let address = endpoint.local_addr().expect("an address");
    let mut agent = Agent::start(cluster.home(), "captive", &[address], &token, &services);
    let (connection, mut send, _recv) = tunnel(&endpoint).await;
    say(&mut send, &welcome(mallet.proxy_id(), address)).await;
    let (answer, there, back) = ask::<DialAnswer>(&connection, &header(0)).await;
    assert_eq!(answer, DialAnswer::Connected);
    echoes(there, back).await;
    let pid = agent.process().pid();
    let (before, open) = (memory(pid, "VmRSS:"), descriptors(pid));

    // As many streams as it takes, half of a header on each, or one that is none; it does not connect for any of them.
    let mut silent = Vec::new();
    for number in 0..1_000 {
        let opened = tokio::time::timeout(LONG, connection.open_bi()).await.expect("there is room in time");
        let (mut send, recv) = opened.expect("a stream");
        if number % 2 == 0 {
            send.write_all(&[0]).await.expect("written");
            silent.push((send, recv));
        } else {
            // It may have been refused within the message.
            let _ = send.write_all(&[0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff]).await;
        }
    }
    let other = DialHeader { service: "not-published".parse().expect("a name"), ..header(1) };
    for _ in 0..500 {
        let (answer, ..) = ask::<DialAnswer>(&connection, &other).await;
        assert_eq!(answer, DialAnswer::UnknownService);
    }
    // What it does not know is answered, and what it is told again is no news.
    let flood = frame::encode(&(90_u32, [0_u8; 32]), frame::MAX_MESSAGE).expect("short").repeat(2_000);
    let _ = tokio::time::timeout(LONG, send.write_all(&flood)).await;
    assert_eq!(echo.accepted(), 1, "it has connected for nobody else");
    assert!(descriptors(pid) <= open + 8, "{} descriptors, and {open} before", descriptors(pid));
    let more = memory(pid, "VmHWM:").saturating_sub(before);
    assert!(more <= 48 * MIB, "{} MiB more than the {} before", more / MIB, before / MIB);

    // It is there, for this proxy or the next.
    connection.close(0_u32.into(), b"");
    let (connection, mut send, _recv) = tunnel(&endpoint).await;
    say(&mut send, &welcome(mallet.proxy_id(), address)).await;
    let (answer, there, back) = ask::<DialAnswer>(&connection, &header(2)).await;
    assert_eq!(answer, DialAnswer::Connected);
    echoes(there, back).await;
}
