//! A real handshake with each proxy that is known: does UDP get there and back, how large may packets be, what time is it there?

use std::net::SocketAddr;
use std::time::Duration;

use quinn::ConnectionError;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::facts::{Outcome, Reach};
use crate::client::time_of;
use crate::identity::tls::{self, Expected, SERVER_NAME};
use crate::identity::{Alpn, ClientTls, CredentialsHandle};
use crate::net::quic::{self, Profile};
use crate::net::{Budget, Env, dialling_endpoint};
use crate::wire::close::Close;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(3);
/// How long QUIC may search for the largest packet, and how often it is asked.
const SEARCH: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(50);
/// How long a proxy may take to tell the time.
const TELL: Duration = Duration::from_secs(2);
/// Most addresses that are tried.
const MAX_ADDRESSES: usize = 32;

/// As whom this machine talks to proxies.
#[derive(Clone, Debug)]
pub(super) enum Party {
    /// As the agent that it is.
    Agent(CredentialsHandle),
    /// As the client that it is.
    Client(CredentialsHandle),
    /// As nobody that they know: they answer, and that is all.
    Stranger,
}

impl Party {
    fn name(&self) -> &'static str {
        match self {
            Self::Agent(_) => "agent",
            Self::Client(_) => "client",
            Self::Stranger => "stranger",
        }
    }
}

/// Tries all of them at the same time.
pub(super) async fn reaches(doors: Vec<(String, SocketAddr, Party)>, env: &Env) -> Vec<Reach> {
    let mut tries = JoinSet::new();
    for (number, (to, address, party)) in doors.into_iter().take(MAX_ADDRESSES).enumerate() {
        let env = env.clone();
        tries.spawn(async move {
            let outcome = reach(address, &party, &env).await;
            (number, Reach { to, address, party: party.name(), outcome })
        });
    }
    let mut reaches = tries.join_all().await;
    reaches.sort_by_key(|(number, _)| *number);
    reaches.into_iter().map(|(_, reach)| reach).collect()
}

async fn reach(address: SocketAddr, party: &Party, env: &Env) -> Outcome {
    // Of its own, so that it is over when this is.
    let endpoint = match dialling_endpoint(env) {
        Ok(endpoint) => endpoint,
        Err(error) => return Outcome::NotSent(error.to_string()),
    };
    let settings = env.quic_towards(address);
    let (tls, transport) = match party {
        Party::Agent(credentials) => {
            (ClientTls::proxy(credentials, Alpn::Agent, Expected::AnyProxy, env), Profile::Tunnel.dialling(address, &settings))
        }
        Party::Client(credentials) => {
            (ClientTls::proxy(credentials, Alpn::Client, Expected::AnyProxy, env), Profile::Client.dialling(address, &settings))
        }
        // No authority has this fingerprint: it fails once the proxy has answered.
        Party::Stranger => (ClientTls::enroll([0; 16], env).0, Profile::Enroll.dialling(address, &settings)),
    };
    let connecting = match endpoint.connect_with(quic::client_config(tls, env, transport), address, SERVER_NAME) {
        Ok(connecting) => connecting,
        Err(error) => return Outcome::NotSent(error.to_string()),
    };
    match Budget::new(HANDSHAKE).run(connecting).await {
        Err(_) | Ok(Err(ConnectionError::TimedOut)) => Outcome::Silent,
        Ok(Err(error)) => refused(&error),
        Ok(Ok(connection)) => {
            let outcome = met(&connection, party, (settings.max_udp_payload, env)).await;
            Close::DONE.close(&connection);
            let _ = Budget::new(TELL).run(endpoint.wait_idle()).await;
            outcome
        }
    }
}

/// What a connection tells. For a client the handshake is complete before the server has judged it.
async fn met(connection: &quinn::Connection, party: &Party, (most, env): (u16, &Env)) -> Outcome {
    let ahead_ms = match party {
        Party::Client(_) => time_of(connection, Budget::new(TELL)).await.map(|(there, took)| {
            let here = env.wall.now().0.saturating_sub(u64::try_from(took.as_millis()).unwrap_or_default() / 2);
            i64::try_from(there.0).unwrap_or(i64::MAX).saturating_sub(i64::try_from(here).unwrap_or(i64::MAX))
        }),
        Party::Agent(_) | Party::Stranger => None,
    };
    let search = async {
        while connection.stats().path.current_mtu < most && connection.close_reason().is_none() {
            sleep(LOOK).await;
        }
    };
    // What has got there by then is what there is.
    let _ = Budget::new(SEARCH).run(search).await;
    match connection.close_reason() {
        Some(error) => refused(&error),
        None => Outcome::Met { round_trip: connection.rtt(), payload: connection.stats().path.current_mtu, ahead_ms },
    }
}

fn refused(error: &ConnectionError) -> Outcome {
    Outcome::Refused(tls::refused(error).map_or_else(|| error.to_string(), |refused| refused.to_string()))
}
