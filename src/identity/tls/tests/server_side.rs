//! Who gets in at which port.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;

use super::super::{Alpn, Refused, ServerTls, negotiated, peer_identity, provider, refused};
use super::forge::{Flaw, Outcome, SECRET, UnknownGroup, World, forging_client, forging_client_by, identity, shake};
use crate::identity::policy::AdmitAll;
use crate::identity::{Identity, Role};
use crate::net::Entropy;
use crate::net::quic::{Port, server_config};

const PORTS: [Port; 2] = [Port::Peer, Port::Public];
const ROLES: [Role; 3] = [Role::Proxy, Role::Agent, Role::Client];

fn server(world: &World, port: Port) -> quinn::Endpoint {
    let credentials = world.credentials(&identity(Role::Proxy));
    let tls = match port {
        Port::Peer => ServerTls::peer_port(&credentials, Arc::new(AdmitAll), &world.env),
        Port::Public => ServerTls::public_port(&credentials, Arc::new(AdmitAll), &world.env),
    };
    world.endpoint(Some(server_config(tls, &world.env, &SECRET, port.accepting(&world.env.quic))))
}

fn serves(port: Port, alpn: Alpn) -> bool {
    (port == Port::Peer) == (alpn == Alpn::Peer)
}

/// The alert that a flaw of a certificate of the right role deserves.
fn alert(flaw: Flaw) -> Refused {
    match flaw {
        Flaw::SelfSigned | Flaw::OtherAuthority | Flaw::BesideGood | Flaw::SignedByLeaf => Refused::OtherAuthority,
        Flaw::Expired | Flaw::NotYetValid => Refused::OutOfDate,
        Flaw::Good | Flaw::OtherCluster | Flaw::TwoNames | Flaw::NoName => Refused::OtherIdentity,
    }
}

/// Whom the port should take the client for, or why it should refuse.
fn verdict(port: Port, alpn: Alpn, role: Role, flaw: Flaw) -> Result<Option<Identity>, Refused> {
    match alpn.client_role() {
        _ if !serves(port, alpn) => Err(Refused::Protocol),
        None => Ok(None),
        Some(wanted) if wanted == role && flaw == Flaw::Good => Ok(Some(identity(role))),
        Some(_) => Err(alert(flaw)),
    }
}

fn check(case: &str, alpn: Alpn, outcome: Outcome, expected: Result<Option<Identity>, Refused>) {
    match (outcome.server, expected) {
        (Ok(connection), Ok(expected)) => {
            assert_eq!(peer_identity(&connection).map(|(who, _)| who), expected, "{case}");
            assert_eq!(negotiated(&connection), Some(alpn), "{case}");
            assert!(outcome.client.is_ok(), "{case}");
        }
        (Err(error), Err(expected)) => {
            assert_eq!(refused(&error), Some(expected), "{case}: {error}");
            let error = outcome.client.expect_err(case);
            assert_eq!(refused(&error), Some(expected), "the client of {case}: {error}");
        }
        (server, expected) => panic!("{case}: {server:?} instead of {expected:?}"),
    }
}

#[tokio::test]
async fn each_port_and_protocol_admits_its_role_and_nobody_else() {
    let world = World::new();
    let client = world.endpoint(None);
    let certificates = ROLES.into_iter().flat_map(|role| Flaw::ALL.map(|flaw| (role, flaw, world.present(&identity(role), flaw))));
    let certificates: Vec<_> = certificates.collect();
    for (port, alpn) in PORTS.into_iter().flat_map(|port| Alpn::ALL.map(|alpn| (port, alpn))) {
        let server = server(&world, port);
        for (role, flaw, presented) in &certificates {
            let outcome = shake(&client, forging_client(Some(presented), &[alpn.as_bytes()]), &server).await;
            check(&format!("{port:?} {alpn} {role} {flaw:?}"), alpn, outcome, verdict(port, alpn, *role, *flaw));
        }
    }
}

/// The authority's certificate goes only to who may not know it: with it the server's answer is two packets.
#[tokio::test]
async fn only_a_machine_that_enrols_is_shown_the_authority() {
    let world = World::new();
    let (server, client) = (server(&world, Port::Public), world.endpoint(None));
    for (alpn, role, shown) in [(Alpn::Agent, Role::Agent, 1), (Alpn::Client, Role::Client, 1), (Alpn::Enroll, Role::Agent, 2)] {
        let presented = world.present(&identity(role), Flaw::Good);
        let met = shake(&client, forging_client(Some(&presented), &[alpn.as_bytes()]), &server).await.client.expect("met");
        let chain = met.peer_identity().expect("a certificate").downcast::<Vec<CertificateDer<'static>>>().expect("quinn's own session");
        assert_eq!(chain.len(), shown, "{alpn}");
    }
}

/// The second hello after a HelloRetryRequest (RFC 8446, section 4.1.4) is judged like the first.
#[tokio::test]
async fn a_hello_that_is_sent_again_is_judged_again() {
    let world = World::new();
    let client = world.endpoint(None);
    let server = server(&world, Port::Public);
    let mut provider = CryptoProvider::clone(&provider());
    provider.kx_groups.insert(0, &UnknownGroup);
    let provider = Arc::new(provider);
    for (role, alpn) in ROLES.into_iter().flat_map(|role| Alpn::ALL.map(|alpn| (role, alpn))) {
        let presented = world.present(&identity(role), Flaw::Good);
        let config = forging_client_by(&provider, Some(&presented), &[alpn.as_bytes()]);
        let outcome = shake(&client, config, &server).await;
        check(&format!("{alpn} {role}"), alpn, outcome, verdict(Port::Public, alpn, role, Flaw::Good));
    }
}

/// What a seeded run uses instead of P-256 and the system's randomness passes the same checks.
#[tokio::test]
async fn a_seeded_world_shakes_hands_too() {
    let mut world = World::new();
    world.env.entropy = Entropy::seeded(7);
    let server = server(&world, Port::Public);
    let presented = world.present(&identity(Role::Agent), Flaw::Good);
    let outcome = shake(&world.endpoint(None), forging_client(Some(&presented), &[Alpn::Agent.as_bytes()]), &server).await;
    check("seeded", Alpn::Agent, outcome, Ok(Some(identity(Role::Agent))));
}

#[tokio::test]
async fn without_a_certificate_there_is_only_enrolment() {
    let world = World::new();
    let client = world.endpoint(None);
    for port in PORTS {
        let server = server(&world, port);
        for alpn in Alpn::ALL {
            let outcome = shake(&client, forging_client(None, &[alpn.as_bytes()]), &server).await;
            let expected = match (serves(port, alpn), alpn.client_role()) {
                (false, _) => Some(Refused::Protocol),
                (true, Some(_)) => Some(Refused::NoCertificate),
                (true, None) => None,
            };
            let found = outcome.server.err().map(|error| refused(&error).expect("a refusal"));
            assert_eq!(found, expected, "{port:?} {alpn}");
        }
    }
}

#[tokio::test]
async fn exactly_one_known_protocol_is_offered() {
    let world = World::new();
    let client = world.endpoint(None);
    let presented = world.present(&identity(Role::Agent), Flaw::Good);
    let server = server(&world, Port::Public);
    let (agent, enroll): (&[u8], &[u8]) = (Alpn::Agent.as_bytes(), Alpn::Enroll.as_bytes());
    let table: [(&[&[u8]], Option<Refused>); 9] = [
        (&[agent], None),
        (&[agent, enroll], Some(Refused::Other(49))),
        (&[enroll, agent], Some(Refused::Other(49))),
        (&[agent, b"h3"], Some(Refused::Other(49))),
        (&[b"h3", agent], Some(Refused::Other(49))),
        (&[agent, agent], Some(Refused::Other(49))),
        (&[b"h3"], Some(Refused::Protocol)),
        (&[b"warren-agent/2"], Some(Refused::Protocol)),
        (&[], Some(Refused::Protocol)),
    ];
    for (alpns, expected) in table {
        let outcome = shake(&client, forging_client(Some(&presented), alpns), &server).await;
        let found = outcome.server.err().map(|error| refused(&error).expect("a refusal"));
        assert_eq!(found, expected, "{alpns:?}");
    }
}
