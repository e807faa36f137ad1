//! What happens to identities while the endpoints run.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use warren_raft::{KeyHash, ProxyId, Serial};

use super::super::{Alpn, ClientTls, Expected, Refused, SERVER_NAME, ServerTls, peer_identity, refused};
use super::forge::{CLUSTER, SECRET, World, identity, shake};
use crate::identity::policy::AdmitAll;
use crate::identity::{CredentialsHandle, Identity, Policy, Refusal, Role};
use crate::net::quic::{Endpoint, Port, Profile, client_config, server_config};

/// A table that refuses whom it is told to.
#[derive(Default)]
struct Table(ArcSwapOption<Refusal>);

impl Policy for Table {
    fn admit(&self, _: &Identity, _: KeyHash) -> Result<(), Refusal> {
        self.0.load().as_deref().map_or(Ok(()), |refusal| Err(*refusal))
    }

    fn admit_serial(&self, _: Serial) -> Result<(), Refusal> {
        Ok(())
    }
}

fn public(world: &World, credentials: &CredentialsHandle, policy: Arc<dyn Policy>) -> quinn::ServerConfig {
    server_config(ServerTls::public_port(credentials, policy, &world.env), &world.env, &SECRET, Port::Public.accepting(&world.env.quic))
}

fn tunnel(world: &World, credentials: &CredentialsHandle, server: &quinn::Endpoint) -> quinn::ClientConfig {
    let tls = ClientTls::proxy(credentials, Alpn::Agent, Expected::AnyProxy, &world.env);
    client_config(tls, &world.env, Profile::Tunnel.dialling(server.local_addr().expect("an address"), &world.env.quic))
}

#[tokio::test]
async fn the_table_has_the_last_word() {
    let world = World::new();
    let table = Arc::new(Table::default());
    let server = world.endpoint(Some(public(&world, &world.credentials(&identity(Role::Proxy)), table.clone())));
    let (agent, client) = (world.credentials(&identity(Role::Agent)), world.endpoint(None));
    let cases = [
        (None, None),
        (Some(Refusal::Revoked), Some(Refused::Revoked)),
        (Some(Refusal::OtherKey), Some(Refused::OtherIdentity)),
        (Some(Refusal::Unknown), Some(Refused::OtherIdentity)),
        (None, None),
    ];
    for (refusal, expected) in cases {
        table.0.store(refusal.map(Arc::new));
        let outcome = shake(&client, tunnel(&world, &agent, &server), &server).await;
        let found = outcome.client.err().map(|error| refused(&error).expect("a refusal"));
        assert_eq!(found, expected, "{refusal:?}");
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_presented_at_once_by_both_sides() {
    let world = World::new();
    let (proxy, agent) = (world.credentials(&identity(Role::Proxy)), world.credentials(&identity(Role::Agent)));
    let server = world.endpoint(Some(public(&world, &proxy, Arc::new(AdmitAll))));
    let (client, config) = (world.endpoint(None), tunnel(&world, &agent, &server));
    let keys = |outcome: super::forge::Outcome| {
        let (server, client) = (outcome.server.expect("accepted"), outcome.client.expect("connected"));
        let (near, far) = (peer_identity(&server).expect("an agent"), peer_identity(&client).expect("a proxy"));
        assert_eq!((near.0, far.0), (identity(Role::Agent), identity(Role::Proxy)));
        (near.1, far.1)
    };

    let before = keys(shake(&client, config.clone(), &server).await);
    assert_eq!(before, (agent.current().key_hash(), proxy.current().key_hash()));
    for handle in [&proxy, &agent] {
        let renewed = world.credentials(&handle.identity()).current();
        handle.replace(renewed).expect("replaced");
    }
    let after = keys(shake(&client, config, &server).await);
    assert_eq!(after, (agent.current().key_hash(), proxy.current().key_hash()));
    assert!(before.0 != after.0 && before.1 != after.1);

    let stranger = world.credentials(&Identity::proxy(CLUSTER, ProxyId(2))).current();
    proxy.replace(stranger).expect_err("somebody else's certificate");
    assert_eq!(proxy.current().key_hash(), after.1, "the old one stays");
}

/// Both ends allow for it: the largest payload is found on loopback, and what a port's protocol needs is set once it is known.
#[tokio::test]
async fn large_packets_are_found_and_streams_allowed() {
    let world = World::new();
    let server = world.endpoint(Some(public(&world, &world.credentials(&identity(Role::Proxy)), Arc::new(AdmitAll))));
    let (client, agent) = (world.endpoint(None), world.credentials(&identity(Role::Agent)));
    let outcome = shake(&client, tunnel(&world, &agent, &server), &server).await;
    let (near, far) = (outcome.client.expect("connected"), outcome.server.expect("accepted"));
    Profile::Tunnel.settle(&far);
    // quinn searches no further where a step would gain less than this.
    let largest = world.env.quic.max_udp_payload - 20;

    let (mut send, _) = far.open_bi().await.expect("a stream");
    send.write_all(b"x").await.expect("sent");
    let (_, mut receive) = near.accept_bi().await.expect("the stream");
    let pour = async {
        while far.stats().path.current_mtu < largest {
            send.write_all(&[0; 16 << 10]).await.expect("sent");
        }
    };
    let drain = async { while receive.read_chunk(64 << 10, true).await.expect("received").is_some() {} };
    let found = async {
        tokio::select! { () = pour => (), () = drain => panic!("nobody ends the stream") }
    };
    tokio::time::timeout(Duration::from_secs(20), found).await.expect("the search ends");

    let mut streams = Vec::new();
    while streams.len() < 99 {
        streams.push(tokio::time::timeout(Duration::from_secs(5), far.open_bi()).await.expect("within the limit").expect("a stream"));
    }
}

/// Strangers get through the handshake of the public port: what they send must not fill memory that nobody reads.
#[tokio::test]
async fn little_is_taken_until_it_is_settled_who_sends() {
    const MUCH: usize = 1 << 20;
    let world = World::new();
    let (proxy, agent) = (world.credentials(&identity(Role::Proxy)), world.credentials(&identity(Role::Agent)));
    let server = world.endpoint(Some(public(&world, &proxy, Arc::new(AdmitAll))));
    let client = world.endpoint(None);
    let address = server.local_addr().expect("an address");
    let dialling = client.connect_with(tunnel(&world, &agent, &server), address, SERVER_NAME).expect("started");
    let (near, far) = tokio::join!(dialling, async { server.accept().await.expect("open").await });
    let (near, far) = (near.expect("connected"), far.expect("accepted"));
    let (mut send, _recv) = near.open_bi().await.expect("a stream");
    let taken = send.write(&vec![0; MUCH]).await.expect("some of it");
    assert!(taken <= 256 << 10, "{taken} bytes of a stranger");
    Profile::Tunnel.settle(&far);
    let rest = vec![0; MUCH - taken];
    tokio::time::timeout(Duration::from_secs(5), send.write_all(&rest)).await.expect("the window is open").expect("written");
}

/// A restarted process has the secret of the one before, and so the right to say that the connections of that one are gone.
#[test]
fn a_restart_is_told_to_former_peers_at_once() {
    let world = World::new();
    let credentials = world.credentials(&identity(Role::Proxy));
    let config = || Some(public(&world, &credentials, Arc::new(AdmitAll)));
    let (process, peers) = (runtime(), runtime());
    let server = process.block_on(async { world.endpoint(config()) });
    let addr = server.local_addr().expect("an address");
    // Accepted there, so that nothing of the connection lives on elsewhere.
    let accepting = server.clone();
    let accepted = process.spawn(async move { accepting.accept().await.expect("open").await });
    let (near, far) = peers.block_on(async {
        let agent = world.credentials(&identity(Role::Agent));
        let dialled = world.endpoint(None).connect_with(tunnel(&world, &agent, &server), addr, SERVER_NAME).expect("started");
        (dialled.await.expect("connected"), accepted.await.expect("no panic").expect("accepted"))
    });
    // The tasks go first, so that nothing is left that could say goodbye when the handles go.
    process.shutdown_timeout(Duration::from_secs(5));
    drop((server, far));
    peers.block_on(async {
        let _restarted = Endpoint::build(&world.env, addr, &SECRET, config()).expect("the port is free again");
        // Any packet is answered with a reset, be it this one or one before it.
        if let Ok((mut stream, _recv)) = near.open_bi().await {
            let _ = stream.write_all(b"anybody there?").await;
        }
        let end = tokio::time::timeout(Duration::from_secs(5), near.closed()).await.expect("an answer before the idle time-out");
        assert_eq!(end, quinn::ConnectionError::Reset);
    });
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
}
