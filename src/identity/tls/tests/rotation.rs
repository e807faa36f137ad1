//! Two authorities at once, and single certificates that are refused.

use std::sync::Arc;
use std::time::Duration;

use quinn::ServerConfig;
use rustls::pki_types::CertificateDer;
use warren_raft::{KeyHash, ProxyId, Serial};

use super::super::{Alpn, ClientTls, Expected, Refused, ServerTls, entrance, refused};
use super::forge::{CLUSTER, Outcome, SECRET, World, identity, shake};
use crate::identity::policy::AdmitAll;
use crate::identity::{Authority, Credentials, CredentialsHandle, Identity, MachineKey, Policy, Refusal, Role, Token};
use crate::net::quic::{Port, Profile, client_config, server_config};

/// Who issues, and who is trusted: the old authority, the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Old,
    New,
    Third,
}

/// The authorities that there are.
struct Authorities {
    world: World,
    new: Authority,
    third: Authority,
}

impl Authorities {
    fn make() -> Self {
        let world = World::new();
        let [new, third] = [(); 2].map(|()| Authority::create(CLUSTER, "lab", &world.env).expect("created"));
        Self { world, new, third }
    }

    fn get(&self, who: Who) -> &Authority {
        match who {
            Who::Old => &self.world.authority,
            Who::New => &self.new,
            Who::Third => &self.third,
        }
    }

    fn credentials(&self, key: &MachineKey, identity: &Identity, (issuer, trusted): (Who, &[Who])) -> Credentials {
        let trusted: Vec<CertificateDer<'static>> = trusted.iter().map(|who| self.get(*who).certificate_der().clone()).collect();
        let issued = self.get(issuer).issue(&key.csr(), identity, Duration::from_secs(3600), &self.world.env).expect("issued");
        let credentials = Credentials::new(issued.certificate, self.get(issuer).certificate_der().clone(), key.clone());
        credentials.and_then(|credentials| credentials.trusting(trusted)).expect("credentials")
    }

    fn handle(&self, identity: &Identity, has: (Who, &[Who])) -> CredentialsHandle {
        let key = MachineKey::generate(&self.world.env.entropy);
        CredentialsHandle::new(self.credentials(&key, identity, has)).expect("a handle")
    }

    fn public(&self, credentials: &CredentialsHandle, policy: Arc<dyn Policy>) -> ServerConfig {
        let (env, port) = (&self.world.env, Port::Public);
        server_config(ServerTls::public_port(credentials, policy, env), env, &SECRET, port.accepting(&env.quic))
    }

    async fn shake(&self, agent: &CredentialsHandle, server: ServerConfig) -> Outcome {
        let server = self.world.endpoint(Some(server));
        let tls = ClientTls::proxy(agent, Alpn::Agent, Expected::AnyProxy, &self.world.env);
        let transport = Profile::Tunnel.dialling(server.local_addr().expect("an address"), &self.world.env.quic);
        shake(&self.world.endpoint(None), client_config(tls, &self.world.env, transport), &server).await
    }
}

#[tokio::test]
async fn leaves_of_every_trusted_authority_are_believed_and_of_no_other() {
    use Who::{New, Old, Third};
    let all = Authorities::make();
    let unknown = Some(Refused::OtherAuthority);
    // What the agent has and whom it trusts, the same of the proxy, and what becomes of it.
    type Has<'a> = (Who, &'a [Who]);
    let table: [(Has<'_>, Has<'_>, Option<Refused>); 9] = [
        ((Old, &[Old]), (Old, &[Old]), None),
        ((Old, &[Old]), (Old, &[Old, New]), None),
        ((Old, &[Old, New]), (Old, &[Old, New]), None),
        ((New, &[New, Old]), (Old, &[New, Old]), None),
        ((New, &[New, Old]), (New, &[New]), None),
        // An agent that was away: it knows only the old one.
        ((Old, &[Old]), (New, &[New, Old]), unknown),
        ((Old, &[Old, New]), (New, &[New]), unknown),
        ((Third, &[Old, New]), (Old, &[Old, New]), unknown),
        ((Old, &[Old, New]), (Third, &[Old, New]), unknown),
    ];
    for (agent, proxy, expected) in table {
        let server = all.public(&all.handle(&identity(Role::Proxy), proxy), Arc::new(AdmitAll));
        let outcome = all.shake(&all.handle(&identity(Role::Agent), agent), server).await;
        let found = outcome.client.err().map(|error| refused(&error).expect("a refusal"));
        assert_eq!(found, expected, "agent {agent:?}, proxy {proxy:?}");
    }
}

#[tokio::test]
async fn a_machine_that_enrols_is_shown_the_authority_that_its_token_names() {
    use Who::{New, Old, Third};
    let all = Authorities::make();
    let (env, me, key) = (&all.world.env, identity(Role::Proxy), MachineKey::generate(&all.world.env.entropy));
    let own = all.credentials(&key, &me, (Old, &[New, Old]));
    let handle = CredentialsHandle::new(own.clone()).expect("a handle");
    handle.replace_with(own, &[all.credentials(&key, &me, (New, &[New, Old]))]).expect("replaced");
    let server = all.world.endpoint(Some(all.public(&handle, Arc::new(AdmitAll))));
    let (client, address) = (all.world.endpoint(None), server.local_addr().expect("an address"));
    let accepting = async {
        while let Some(incoming) = server.accept().await {
            let _ = incoming.await;
        }
    };
    let dialling = async {
        for (named, hinted, is_shown) in
            [(Old, true, true), (New, true, true), (Third, true, false), (New, false, true), (Old, false, false)]
        {
            let token = Token::generate(&all.get(named).fingerprint(), &env.entropy);
            let (tls, verified) = ClientTls::enroll(token.fingerprint(), env);
            // A machine of an older version names none, and is shown the one that issues.
            let name = if hinted { entrance::name(token.fingerprint()) } else { "warren".to_owned() };
            let config = client_config(tls, env, Profile::Enroll.dialling(address, &env.quic));
            let connected = client.connect_with(config, address, &name).expect("started").await;
            assert_eq!(connected.is_ok(), is_shown, "{named:?}, hinted {hinted}");
            assert_eq!(verified.ca(), is_shown.then(|| all.get(named).certificate_der().clone()), "{named:?}");
        }
    };
    tokio::select! {
        () = accepting => panic!("the server is open"),
        done = tokio::time::timeout(Duration::from_secs(20), dialling) => done.expect("it ends"),
    }
}

/// Refuses one certificate.
struct Refuses(Serial);

impl Policy for Refuses {
    fn admit(&self, _: &Identity, _: KeyHash) -> Result<(), Refusal> {
        Ok(())
    }

    fn admit_serial(&self, serial: Serial) -> Result<(), Refusal> {
        if serial == self.0 { Err(Refusal::Certificate) } else { Ok(()) }
    }
}

#[tokio::test]
async fn a_refused_certificate_is_told_from_its_identity() {
    let all = Authorities::make();
    let (env, has) = (&all.world.env, (Who::Old, &[Who::Old][..]));
    let (proxy, agent, peer) = (
        all.handle(&identity(Role::Proxy), has),
        all.handle(&identity(Role::Agent), has),
        all.handle(&Identity::proxy(CLUSTER, ProxyId(2)), has),
    );
    let refusing = |handle: &CredentialsHandle| Arc::new(Refuses(handle.current().serial()));
    let outcome = all.shake(&agent, all.public(&proxy, refusing(&agent))).await;
    assert_eq!(outcome.client.err().and_then(|error| refused(&error)), Some(Refused::Revoked));
    assert!(all.shake(&agent, all.public(&proxy, refusing(&peer))).await.client.is_ok(), "another one is");

    // A proxy would take itself for removed: it is told to get itself another certificate.
    let server = all.world.endpoint(Some(server_config(
        ServerTls::peer_port(&proxy, refusing(&peer), env),
        env,
        &SECRET,
        Port::Peer.accepting(&env.quic),
    )));
    let transport = Profile::PeerControl.dialling(server.local_addr().expect("an address"), &env.quic);
    let config = client_config(ClientTls::peer(&peer, ProxyId(1), env), env, transport);
    let outcome = shake(&all.world.endpoint(None), config, &server).await;
    assert_eq!(outcome.client.err().and_then(|error| refused(&error)), Some(Refused::OutOfDate));
}
