//! What is left of a handshake, and what it is good for.

use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::{ClientConfig, ServerConfig, Session};
use quinn::{ConnectionId, Side};
use quinn_proto::transport_parameters::TransportParameters;
use tokio::time::timeout;

use super::super::session::is_valid_retry;
use super::super::{Alpn, ClientTls, Expected, SERVER_NAME, ServerTls, negotiated, peer_identity};
use super::forge::{SECRET, World, forging_client, identity, shake};
use crate::identity::Role;
use crate::identity::policy::AdmitAll;
use crate::net::quic::{Port, Profile, VERSION, client_config, server_config};

const PATIENCE: Duration = Duration::from_secs(10);

/// A public port, and its TLS.
fn port(world: &World) -> (ServerTls, quinn::Endpoint) {
    let tls = ServerTls::public_port(&world.credentials(&identity(Role::Proxy)), Arc::new(AdmitAll), &world.env);
    let config = server_config(tls.clone(), &world.env, &SECRET, Port::Public.accepting(&world.env.quic));
    (tls, world.endpoint(Some(config)))
}

fn tunnel(world: &World, server: &quinn::Endpoint) -> quinn::ClientConfig {
    let tls = ClientTls::proxy(&world.credentials(&identity(Role::Agent)), Alpn::Agent, Expected::AnyProxy, &world.env);
    client_config(tls, &world.env, Profile::Tunnel.dialling(server.local_addr().expect("an address"), &world.env.quic))
}

/// Sends a byte from one side and reads it at the other.
async fn pass(from: &quinn::Connection, to: &quinn::Connection) {
    let passed = async {
        let (mut send, _) = from.open_bi().await.expect("a stream");
        send.write_all(b"!").await.expect("written");
        send.finish().expect("open");
        let (_, mut recv) = to.accept_bi().await.expect("a stream");
        assert_eq!(recv.read_to_end(1).await.expect("read"), b"!");
    };
    timeout(PATIENCE, passed).await.expect("it arrives in time");
}

#[tokio::test]
async fn a_connection_keeps_nothing_of_its_handshake_but_who_and_what() {
    let world = World::new();
    let ((tls, server), client) = (port(&world), world.endpoint(None));
    let idle = tls.handshakes();
    let mut connections = Vec::new();
    for _ in 0..3 {
        let outcome = shake(&client, tunnel(&world, &server), &server).await;
        let (near, far) = (outcome.client.expect("met"), outcome.server.expect("admitted"));
        pass(&near, &far).await;
        connections.extend([near, far]);
    }
    assert_eq!(tls.handshakes(), idle, "each that is under way has a judge");
    for (place, connection) in connections.iter().enumerate() {
        let role = if place % 2 == 0 { Role::Proxy } else { Role::Agent };
        assert_eq!(peer_identity(connection).map(|(who, _)| who), Some(identity(role)));
        assert_eq!(negotiated(connection), Some(Alpn::Agent));
        let mut keys = [0; 32];
        assert!(connection.export_keying_material(&mut keys, b"", b"").is_err(), "nothing is left to make keys of");
    }
}

#[tokio::test]
async fn keys_are_updated_by_either_side_as_often_as_it_likes() {
    let world = World::new();
    let ((_, server), client) = (port(&world), world.endpoint(None));
    let ours = shake(&client, tunnel(&world, &server), &server).await;
    // quinn's own session on the other side: both have to come to the same keys.
    let agent = world.present(&identity(Role::Agent), super::forge::Flaw::Good);
    let theirs = shake(&client, forging_client(Some(&agent), &[Alpn::Agent.as_bytes()]), &server).await;
    for outcome in [ours, theirs] {
        let (near, far) = (outcome.client.expect("met"), outcome.server.expect("admitted"));
        near.set_max_concurrent_bi_streams(8_u32.into());
        pass(&near, &far).await;
        for _ in 0..4 {
            near.force_key_update();
            pass(&near, &far).await;
            far.force_key_update();
            pass(&far, &near).await;
        }
    }
}

#[tokio::test]
async fn a_machine_that_has_to_prove_its_address_does() {
    let world = World::new();
    let ((_, server), client) = (port(&world), world.endpoint(None));
    let met = async {
        let connecting = client.connect_with(tunnel(&world, &server), server.local_addr().expect("an address"), SERVER_NAME);
        connecting.expect("a dial").await
    };
    let admitted = async {
        server.accept().await.expect("it listens").retry().expect("its address is not proved");
        let incoming = server.accept().await.expect("it listens");
        assert!(incoming.remote_address_validated());
        incoming.await
    };
    let (met, admitted) = timeout(PATIENCE, async { tokio::join!(met, admitted) }).await.expect("in time");
    pass(&met.expect("met"), &admitted.expect("admitted")).await;
}

/// The packet of RFC 9001, appendix A.4.
#[test]
fn only_the_server_that_was_dialled_can_ask_for_a_retry() {
    let (header, payload) = ("ff000000010008f067a5502a4262b5", "746f6b656e04a265ba2eff4d829058fb3f0f2496ba");
    let bytes = |text: &str| hex::decode(text).expect("hexadecimal");
    let dialled = ConnectionId::new(&bytes("8394c8f03e515708"));
    let (header, payload) = (bytes(header), bytes(payload));
    assert!(is_valid_retry(&dialled, &header, &payload));
    assert!(!is_valid_retry(&ConnectionId::new(&bytes("8394c8f03e515709")), &header, &payload));
    assert!(!is_valid_retry(&dialled, &header[1..], &payload));
    for place in 0..payload.len() {
        let mut other = payload.clone();
        other[place] ^= 1;
        assert!(!is_valid_retry(&dialled, &header, &other), "byte {place}");
    }
    (0..payload.len()).for_each(|length| assert!(!is_valid_retry(&dialled, &header, &payload[..length]), "{length} bytes"));
}

/// The sessions of both sides of a handshake that is over.
fn shaken(world: &World) -> (Box<dyn Session>, Box<dyn Session>) {
    let parameters = TransportParameters::read(Side::Client, &mut &[][..]).expect("nothing is set");
    let tls = ClientTls::proxy(&world.credentials(&identity(Role::Agent)), Alpn::Agent, Expected::AnyProxy, &world.env);
    let client: Arc<dyn ClientConfig> = tls.into();
    let server: Arc<dyn ServerConfig> =
        ServerTls::public_port(&world.credentials(&identity(Role::Proxy)), Arc::new(AdmitAll), &world.env).into();
    let mut near = client.start_session(VERSION, SERVER_NAME, &parameters).expect("begun");
    let mut far = server.start_session(VERSION, &parameters);
    for _ in 0..2 {
        carry(&mut *near, &mut *far);
        carry(&mut *far, &mut *near);
    }
    (near, far)
}

/// Takes what one side has to say to the other, each level of encryption by itself.
fn carry(from: &mut dyn Session, to: &mut dyn Session) {
    loop {
        let mut said = Vec::new();
        let keys = from.write_handshake(&mut said);
        if keys.is_none() && said.is_empty() {
            break;
        }
        if !said.is_empty() {
            to.read_handshake(&said).expect("understood");
        }
    }
}

/// What comes after the end: a client passes over tickets, and a server has nothing to hear.
#[test]
fn what_comes_after_the_handshake_is_passed_over_by_a_client_and_refused_by_a_server() {
    let world = World::new();
    let (mut near, mut far) = shaken(&world);
    assert!(!near.is_handshaking() && !far.is_handshaking());
    // A NewSessionTicket without anything in it.
    let ticket = [4, 0, 0, 0];
    assert!(!near.read_handshake(&ticket).expect("passed over"));
    assert!(far.read_handshake(&ticket).is_err());
    assert!(near.write_handshake(&mut Vec::new()).is_none() && far.write_handshake(&mut Vec::new()).is_none());
}
