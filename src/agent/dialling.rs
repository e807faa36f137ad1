//! From addresses to a connection with a proxy that is wanted: several tries beside each other, each a moment after the one before (RFC 8305, "happy
//! eyeballs"), and the first that answers and is wanted wins.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use warren_raft::{ProxyId, Sequence};

use super::events::{Event, What};
use super::placement::Meeting;
use super::tunnel::{TunnelError, Tunnels};
use crate::identity::tls::{Expected, SERVER_NAME};
use crate::identity::{Alpn, ClientTls, peer_identity};
use crate::net::quic::{self, Profile};
use crate::net::{Budget, dialling_endpoint};
use crate::wire::close::Close;

/// How long a name may take to resolve, and a handshake on one address.
const TRY: Duration = Duration::from_secs(3);
/// How long after one address the next is tried beside it.
const STAGGER: Duration = Duration::from_millis(250);
/// How long after the addresses that are preferred the others are tried beside them.
const OTHERS: Duration = Duration::from_secs(1);
/// Most addresses of one tunnel that are tried at the same time.
const MAX_AT_ONCE: usize = 4;
/// Most addresses that are tried for one tunnel.
const MAX_ADDRESSES: usize = 16;

/// Which socket a tunnel is dialled from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Socket {
    /// The agent's own.
    Shared,
    /// One of its own: a balancer that tells flows apart by their ports would lead to the same proxy again.
    Fresh,
}

/// Where to dial, names and numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Addresses {
    /// These first.
    pub(super) preferred: Vec<String>,
    /// These when none of the first answers.
    pub(super) others: Vec<String>,
}

/// A proxy that has answered and is wanted.
#[derive(Debug)]
pub(super) struct Met {
    pub(super) connection: quinn::Connection,
    pub(super) proxy: ProxyId,
    pub(super) address: String,
}

/// The dial of one tunnel.
#[derive(Clone, Debug)]
pub(super) struct Dial {
    pub(super) tunnels: Arc<Tunnels>,
    pub(super) sequence: Sequence,
    pub(super) endpoint: quinn::Endpoint,
}

/// What the tasks of a dial come back with.
enum Outcome {
    Resolved(String, Vec<SocketAddr>),
    Met(Met),
    Failed(TunnelError),
}

impl Dial {
    /// A dial from the agent's socket, or from one of its own.
    pub(super) fn new(tunnels: &Arc<Tunnels>, sequence: Sequence, socket: Socket) -> Result<Self, TunnelError> {
        let endpoint = match socket {
            Socket::Shared => tunnels.endpoint.clone(),
            Socket::Fresh => dialling_endpoint(&tunnels.env).map_err(TunnelError::Socket)?,
        };
        Ok(Self { tunnels: tunnels.clone(), sequence, endpoint })
    }

    /// Tries `addresses`, and all that each stands for. What it fails with is what came of those that are preferred; of the others the log tells.
    pub(super) async fn run(&self, Addresses { preferred, others }: Addresses) -> Result<Met, TunnelError> {
        let mut tasks = JoinSet::new();
        let spare = others.clone();
        let mut others = Some(others).filter(|others| !others.is_empty());
        let mut found: VecDeque<(String, SocketAddr)> = VecDeque::new();
        let (mut last, mut tried, mut next) = (TunnelError::NoAddress, 0, Instant::now());
        let others_at = next + OTHERS;
        self.resolve_all(&mut tasks, preferred);
        loop {
            let may_try = !found.is_empty() && tried < MAX_ADDRESSES;
            if tasks.is_empty() && !may_try {
                match others.take() {
                    Some(others) => self.resolve_all(&mut tasks, others),
                    None => return Err(last),
                }
            }
            tokio::select! {
                () = sleep_until(others_at), if others.is_some() => self.resolve_all(&mut tasks, others.take().unwrap_or_default()),
                outcome = tasks.join_next(), if !tasks.is_empty() => match outcome {
                    Some(Ok(Outcome::Resolved(name, addresses))) => interleave(&mut found, &name, addresses),
                    Some(Ok(Outcome::Met(met))) => return Ok(met),
                    Some(Ok(Outcome::Failed(error))) => {
                        last = worse(last, error, &spare);
                        next = Instant::now();
                    }
                    // A task that panicked says so itself.
                    Some(Err(_)) | None => {}
                },
                () = sleep_until(next), if may_try && tasks.len() < MAX_AT_ONCE => {
                    if let Some((name, address)) = found.pop_front() {
                        let dial = self.clone();
                        tasks.spawn(async move { dial.try_one(name, address).await });
                        (tried, next) = (tried + 1, Instant::now() + STAGGER);
                    }
                }
            }
        }
    }

    fn resolve_all(&self, tasks: &mut JoinSet<Outcome>, names: Vec<String>) {
        for name in names.into_iter().take(MAX_ADDRESSES) {
            let dial = self.clone();
            tasks.spawn(async move { dial.resolve(name).await });
        }
    }

    async fn resolve(&self, address: String) -> Outcome {
        match Budget::new(TRY).run(self.tunnels.env.net.resolve(&address)).await {
            Ok(Ok(found)) => Outcome::Resolved(address, found),
            Ok(Err(error)) => Outcome::Failed(TunnelError::Resolve { address, error }),
            Err(_) => Outcome::Failed(TunnelError::Resolve { address, error: std::io::ErrorKind::TimedOut.into() }),
        }
    }

    async fn try_one(&self, name: String, address: SocketAddr) -> Outcome {
        let met = Budget::new(TRY).run(self.handshake(address)).await.map_err(TunnelError::from).flatten();
        let met = match met {
            Ok((connection, proxy)) => self.ask(connection, proxy, name.clone()).await,
            Err(error) => Err(error),
        };
        met.map_or_else(|error| Outcome::Failed(error.at(name)), Outcome::Met)
    }

    async fn handshake(&self, address: SocketAddr) -> Result<(quinn::Connection, ProxyId), TunnelError> {
        // Behind an address there may be many proxies. Any of them is one of the cluster's, by its certificate.
        let tls = ClientTls::proxy(&self.tunnels.credentials, Alpn::Agent, Expected::AnyProxy, &self.tunnels.env);
        let env = &self.tunnels.env;
        let transport = Profile::Tunnel.dialling_with(env.paths.grant(address), address, &env.quic_towards(address));
        let config = quic::client_config(tls, env, transport);
        let connection = self.endpoint.connect_with(config, address, SERVER_NAME)?.await?;
        env.paths.met(&connection);
        let proxy = peer_identity(&connection).and_then(|(identity, _)| identity.proxy_id()).ok_or(TunnelError::NoProxy)?;
        Ok((connection, proxy))
    }

    /// Asks whether the proxy that answered is wanted. A connection that is not is closed before anything is said on it: a hello would take the place of the
    /// tunnel that is there.
    async fn ask(&self, connection: quinn::Connection, proxy: ProxyId, address: String) -> Result<Met, TunnelError> {
        let (answer, decided) = oneshot::channel();
        let what = What::Met { proxy, address: address.clone(), answer };
        let event = Event { sequence: self.sequence, what };
        self.tunnels.events.send(event).await.map_err(|_| TunnelError::Stopping)?;
        match decided.await.map_err(|_| TunnelError::Stopping)? {
            Meeting::Taken => Ok(Met { connection, proxy, address }),
            meeting @ (Meeting::Held | Meeting::Enough) => {
                Close::DONE.close(&connection);
                Err(TunnelError::NotNeeded(meeting))
            }
        }
    }
}

/// What a dial has failed with so far, once this has failed too. What came of a `spare` address is not the fault of those that were meant.
fn worse(last: TunnelError, error: TunnelError, spare: &[String]) -> TunnelError {
    match error.address() {
        Some(address) if spare.iter().any(|spare| spare == address) => {
            tracing::info!(address, reason = %error, "no tunnel");
            last
        }
        Some(_) | None => error.or_rather(last),
    }
}

/// Puts the addresses of one name among those of others, so that no name has to wait for all of another's.
fn interleave(found: &mut VecDeque<(String, SocketAddr)>, name: &str, addresses: Vec<SocketAddr>) {
    let mut others = std::mem::take(found).into_iter();
    for address in addresses.into_iter().take(MAX_ADDRESSES) {
        found.extend(others.next());
        found.push_back((name.to_owned(), address));
    }
    found.extend(others);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_answered_are_not_blamed_for_others() {
        let silent = |address: &str| TunnelError::Elapsed(crate::net::Elapsed).at(address.to_owned());
        let spare = ["127.0.0.1:13999".to_owned()];
        let held = || TunnelError::NotNeeded(Meeting::Held);
        let answered = worse(worse(TunnelError::NoAddress, held(), &spare), silent(&spare[0]), &spare);
        assert!(matches!(answered, TunnelError::NotNeeded(Meeting::Held)), "{answered}");
        let failed = worse(worse(held(), silent("proxy:3024"), &spare), silent(&spare[0]), &spare);
        assert_eq!(failed.to_string(), "no answer from proxy:3024");
    }

    #[test]
    fn no_name_waits_for_all_addresses_of_another() {
        let addresses =
            |from: u16, count: u16| (from..from + count).map(|port| SocketAddr::from(([127, 0, 0, 1], port))).collect::<Vec<_>>();
        let mut found = VecDeque::new();
        interleave(&mut found, "a", addresses(10, 4));
        interleave(&mut found, "b", addresses(20, 2));
        let ports: Vec<_> = found.iter().map(|(_, address)| address.port()).collect();
        assert_eq!(ports, [10, 20, 11, 21, 12, 13]);
    }
}
