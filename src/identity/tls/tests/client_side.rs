//! Which servers a client of ours goes on with.

use warren_raft::ProxyId;

use super::super::{Alpn, ClientTls, Expected, Refused, refused};
use super::forge::{CLUSTER, ELSEWHERE, Flaw, Presented, World, forging_server, identity, shake};
use crate::identity::{Identity, Role, Token};
use crate::net::Entropy;
use crate::net::quic::{Profile, client_config};

const ALPNS: [&[u8]; 4] = [b"warren-peer/1", b"warren-agent/1", b"warren-client/1", b"warren-enroll/1"];

/// Whether a client with `tls` accepts a server that presents `presented`, and if not, why.
async fn meets(world: &World, tls: ClientTls, presented: &Presented) -> Result<(), Refused> {
    let server = world.endpoint(Some(forging_server(presented, &ALPNS)));
    let transport = Profile::Tunnel.dialling(server.local_addr().expect("an address"), &world.env.quic);
    let outcome = shake(&world.endpoint(None), client_config(tls, &world.env, transport), &server).await;
    outcome.client.map(|_| ()).map_err(|error| refused(&error).expect("a refusal"))
}

fn expected_of(flaw: Flaw) -> Result<(), Refused> {
    match flaw {
        Flaw::Good => Ok(()),
        Flaw::SelfSigned | Flaw::OtherAuthority | Flaw::BesideGood | Flaw::SignedByLeaf => Err(Refused::OtherAuthority),
        Flaw::Expired | Flaw::NotYetValid => Err(Refused::OutOfDate),
        Flaw::OtherCluster | Flaw::TwoNames | Flaw::NoName => Err(Refused::OtherIdentity),
    }
}

#[tokio::test]
async fn only_a_proxy_of_the_cluster_is_believed() {
    let world = World::new();
    let mine = world.credentials(&identity(Role::Agent));
    let proxy = Identity::proxy(CLUSTER, ProxyId(7));
    for flaw in Flaw::ALL {
        let presented = world.present(&proxy, flaw);
        for alpn in [Alpn::Peer, Alpn::Agent, Alpn::Client] {
            let tls = ClientTls::proxy(&mine, alpn, Expected::AnyProxy, &world.env);
            assert_eq!(meets(&world, tls, &presented).await, expected_of(flaw), "{alpn} {flaw:?}");
        }
    }
    for role in [Role::Agent, Role::Client] {
        let presented = world.present(&identity(role), Flaw::Good);
        let tls = ClientTls::proxy(&mine, Alpn::Agent, Expected::AnyProxy, &world.env);
        assert_eq!(meets(&world, tls, &presented).await, Err(Refused::OtherIdentity), "{role}");
    }
}

#[tokio::test]
async fn a_peer_is_the_one_that_was_dialled() {
    let world = World::new();
    let mine = world.credentials(&identity(Role::Proxy));
    let presented = world.present(&Identity::proxy(CLUSTER, ProxyId(7)), Flaw::Good);
    for (expected, outcome) in [(7, Ok(())), (1, Err(Refused::OtherIdentity)), (8, Err(Refused::OtherIdentity))] {
        let tls = ClientTls::peer(&mine, ProxyId(expected), &world.env);
        assert_eq!(meets(&world, tls, &presented).await, outcome, "proxy {expected}");
    }
}

#[tokio::test]
async fn enrolment_believes_the_authority_that_the_token_names() {
    let world = World::new();
    let token = Token::generate(&world.authority.fingerprint(), &Entropy::os());
    let proxy = Identity::proxy(CLUSTER, ProxyId(7));
    let enroll = || ClientTls::enroll(token.fingerprint(), &world.env);

    for flaw in Flaw::ALL {
        let presented = world.present(&proxy, flaw);
        let (tls, verified) = enroll();
        let expected = match flaw {
            // Without a cluster of its own yet, the machine takes the one that the right authority vouches for.
            Flaw::OtherCluster => Ok(()),
            // These do not even come with the right authority.
            Flaw::SelfSigned | Flaw::OtherAuthority => Err(Refused::OtherIdentity),
            Flaw::Good | Flaw::Expired | Flaw::NotYetValid | Flaw::TwoNames | Flaw::NoName | Flaw::BesideGood | Flaw::SignedByLeaf => {
                expected_of(flaw)
            }
        };
        assert_eq!(meets(&world, tls, &presented).await, expected, "{flaw:?}");
        assert_eq!(verified.ca().as_ref(), expected.ok().map(|()| world.authority.certificate_der()), "{flaw:?}");
        let cluster = if flaw == Flaw::OtherCluster { ELSEWHERE } else { CLUSTER };
        assert_eq!(verified.proxy(), expected.ok().map(|()| Identity { cluster, ..proxy.clone() }), "{flaw:?}");
    }

    for role in [Role::Agent, Role::Client] {
        let presented = world.present(&identity(role), Flaw::Good);
        assert_eq!(meets(&world, enroll().0, &presented).await, Err(Refused::OtherIdentity), "{role}");
    }
}

#[tokio::test]
async fn enrolment_takes_no_authority_from_beside_the_chain() {
    let world = World::new();
    let token = Token::generate(&world.authority.fingerprint(), &Entropy::os());
    let proxy = Identity::proxy(CLUSTER, ProxyId(7));
    let ca = world.authority.certificate_der().clone();

    let mut alone = world.present(&proxy, Flaw::Good);
    alone.chain.truncate(1);
    let mut foreign = world.present(&proxy, Flaw::OtherAuthority);
    foreign.chain.push(ca.clone());
    let mut as_leaf = world.present(&proxy, Flaw::OtherAuthority);
    as_leaf.chain[1] = ca;

    let table = [
        ("no authority at all", alone, Refused::OtherIdentity),
        ("another one's chain with the right authority after it", foreign, Refused::OtherAuthority),
        ("another one's leaf under the right authority", as_leaf, Refused::OtherAuthority),
    ];
    for (case, presented, expected) in table {
        let (tls, verified) = ClientTls::enroll(token.fingerprint(), &world.env);
        assert_eq!(meets(&world, tls, &presented).await, Err(expected), "{case}");
        assert_eq!(verified.ca(), None, "{case}");
    }
}
