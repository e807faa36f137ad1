//! Where the facts come from.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Resource, getrlimit};

use super::facts::{Buffers, Certificate, Facts, Files, Interface, Lifetime, Occupant, Offload, Peer, Port, Protocol, Route};
use super::reach::{Party, reaches};
use crate::api::{self, ProxyRow, StatusView};
use crate::config::{Config, HostPort, Origin};
use crate::http::AdminClient;
use crate::identity::{CredentialStore, CredentialsHandle, KnownProxies};
use crate::net::{Budget, Env};

/// How long a name may take.
const RESOLVE: Duration = Duration::from_secs(5);
/// How long a proxy may take to answer.
const ANSWER: Duration = Duration::from_secs(2);
/// Most addresses of proxies that are looked at.
const MAX_KNOWN: usize = 16;
/// Files beside those of streams: sockets, the store, the log.
const OWN_FILES: u64 = 256;
/// Files per stream at an agent: the connection to what it publishes.
const FILES_PER_STREAM: u64 = 1;

/// Looks at this machine as `config` would use it, and a client whose identity is in `client`.
pub async fn gather(config: &Config, client: Option<&Path>, env: &Env) -> Facts {
    let roles = Roles::of(config);
    let (mut ports, mut certificates) = (Vec::new(), Vec::new());
    let status = if roles.proxy { status(config, env).await } else { None };
    if roles.proxy {
        let runs = if status.is_some() { Runs::Yes } else { Runs::No };
        ports = self::ports(config, runs, env).await;
        certificates.push(certificate("proxy", config.proxy.data_dir.join("identity"), env));
    }
    if roles.agent {
        certificates.push(certificate("agent", config.agent.data_dir.clone(), env));
    }
    // Whoever has never enrolled is no client.
    let client = client.filter(|dir| CredentialStore::new(&env.files, *dir).is_enrolled());
    certificates.extend(client.map(|dir| certificate("client", dir.to_owned(), env)));
    let mut known = known(config, (&roles, client), env);
    let others = status.iter().flat_map(|status| &status.proxies).filter(|row| row.name != config.proxy.name);
    let others: Vec<_> = others.cloned().collect();
    for address in others.iter().flat_map(|row| &row.public_addresses).take(MAX_KNOWN) {
        // A proxy's identity is none for the port of agents and clients.
        if !known.iter().any(|(to, _)| to == address) {
            known.push((address.clone(), Party::Stranger));
        }
    }
    let routes = routes(&known, env).await;
    let streams = if roles.agent { u64::from(config.limits.streams_per_agent.get()) } else { 0 };
    Facts {
        now: env.wall.now(),
        buffers: env
            .net
            .udp_buffers()
            .map(|(receive, send)| Buffers { asked: env.quic.udp_buffer, receive, send })
            .map_err(|error| error.to_string()),
        offload: offload(env),
        interfaces: interfaces(),
        peers: others.iter().filter(|row| !row.peer_address.is_empty()).map(peer).collect(),
        reaches: reaches(doors(&known, &routes), env).await,
        routes,
        files: Files { limit: getrlimit(Resource::Nofile).current, needed: OWN_FILES + streams * FILES_PER_STREAM },
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        ports,
        certificates,
    }
}

/// What the configuration is for.
struct Roles {
    proxy: bool,
    agent: bool,
}

impl Roles {
    /// A file that only speaks of an agent is no proxy's.
    fn of(config: &Config) -> Self {
        let agent = !config.agent.proxies.is_empty() || !config.agent.services.is_empty();
        let is_proxys = |section: &str| matches!(section, "proxy" | "peer" | "public" | "cluster");
        let proxy = !agent || config.shown().iter().any(|shown| is_proxys(shown.section) && shown.origin != Origin::Default);
        Self { proxy, agent }
    }
}

fn offload(env: &Env) -> Result<Offload, String> {
    let socket = env.net.udp(SocketAddr::from(([127, 0, 0, 1], 0))).map_err(|error| error.to_string())?;
    Ok(Offload { sent_together: socket.max_transmit_segments(), received_together: socket.max_receive_segments() })
}

/// Those that are up, by name. Where `/sys` is not there, none.
fn interfaces() -> Vec<Interface> {
    let Ok(entries) = fs::read_dir("/sys/class/net") else { return Vec::new() };
    let mut found: Vec<_> = entries.flatten().filter_map(|entry| interface(entry.path())).collect();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

fn interface(path: PathBuf) -> Option<Interface> {
    let read = |file: &str| fs::read_to_string(path.join(file)).ok().map(|text| text.trim().to_owned());
    let name = path.file_name()?.to_string_lossy().into_owned();
    let is_up = read("operstate").is_some_and(|state| state == "up" || state == "unknown") && name != "lo";
    is_up.then(|| read("mtu")?.parse().ok()).flatten().map(|mtu| Interface { name, mtu })
}

/// The proxies that this machine knows of, each once, and as whom it talks to them.
fn known(config: &Config, (roles, client): (&Roles, Option<&Path>), env: &Env) -> Vec<(String, Party)> {
    let mut known: Vec<(String, Party)> = Vec::new();
    let mut add = |addresses: Vec<String>, party: &Party| {
        for address in addresses {
            if known.len() < MAX_KNOWN && !known.iter().any(|(to, _)| *to == address) {
                known.push((address, party.clone()));
            }
        }
    };
    let told = |dir: &Path| KnownProxies::new(&CredentialStore::new(&env.files, dir)).load().unwrap_or_default();
    let texts = |addresses: &[HostPort]| addresses.iter().map(ToString::to_string).collect::<Vec<_>>();
    if roles.agent {
        let party = identity(&config.agent.data_dir, env).map_or(Party::Stranger, Party::Agent);
        add(texts(&config.agent.proxies), &party);
        add(KnownProxies::addresses(&told(&config.agent.data_dir)), &party);
    }
    if let Some(dir) = client {
        let party = identity(dir, env).map_or(Party::Stranger, Party::Client);
        add(KnownProxies::addresses(&told(dir)), &party);
    }
    add(texts(&config.cluster.join), &Party::Stranger);
    known
}

fn identity(dir: &Path, env: &Env) -> Option<CredentialsHandle> {
    let credentials = CredentialStore::new(&env.files, dir).load().ok()?;
    CredentialsHandle::new(credentials).ok()
}

/// The addresses to shake hands with.
fn doors(known: &[(String, Party)], routes: &[Route]) -> Vec<(String, SocketAddr, Party)> {
    let party = |to: &str| known.iter().find(|(known, _)| known == to).map_or(Party::Stranger, |(_, party)| party.clone());
    let addresses = routes.iter().flat_map(|route| route.payloads.iter().flatten().map(move |(address, _)| (&route.to, *address)));
    addresses.map(|(to, address)| (to.clone(), address, party(to))).collect()
}

async fn routes(known: &[(String, Party)], env: &Env) -> Vec<Route> {
    let mut routes = Vec::new();
    for (to, _) in known {
        routes.push(route(to.clone(), env).await);
    }
    routes
}

async fn route(to: String, env: &Env) -> Route {
    let payloads = match Budget::new(RESOLVE).run(env.net.resolve(&to)).await {
        Ok(Ok(addresses)) => Ok(addresses.into_iter().map(|address| (address, env.net.udp_payload(address))).collect()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    Route { to, payloads }
}

/// Whether the proxy of the configuration runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runs {
    Yes,
    No,
}

/// What the proxy of the configuration says, if it runs.
async fn status(config: &Config, env: &Env) -> Option<StatusView> {
    let admin = AdminClient::new(env.net.clone(), config.admin.socket.clone()).with_deadline(ANSWER);
    admin.get_json(api::Path::Status).await.ok()
}

fn peer(row: &ProxyRow) -> Peer {
    let round_trip = row.rtt_ms.and_then(|ms| Duration::try_from_secs_f64(ms / 1e3).ok());
    Peer { name: row.name.to_string(), address: row.peer_address.clone(), round_trip }
}

async fn ports(config: &Config, runs: Runs, env: &Env) -> Vec<Port> {
    let mut ports = Vec::new();
    for (key, listen) in [("peer.listen", config.peer.listen), ("public.listen", config.public.listen)] {
        ports.push(Port { key, protocol: Protocol::Udp, listen, occupant: occupant(env.net.udp(listen), runs) });
    }
    if let Some(listen) = config.admin.http {
        ports.push(Port { key: "admin.http", protocol: Protocol::Tcp, listen, occupant: occupant(env.net.listen(listen).await, runs) });
    }
    ports
}

fn occupant<T>(bound: std::io::Result<T>, runs: Runs) -> Occupant {
    match bound {
        Ok(_) => Occupant::Nobody,
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && runs == Runs::Yes => Occupant::Warren,
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Occupant::Other,
        Err(error) => Occupant::Refused(error.to_string()),
    }
}

fn certificate(of: &'static str, path: PathBuf, env: &Env) -> Certificate {
    let lifetime = match CredentialStore::new(&env.files, &path).load() {
        Ok(credentials) if credentials.not_before() > env.wall.now() => Lifetime::From(credentials.not_before()),
        Ok(credentials) => Lifetime::Until(credentials.not_after()),
        Err(error) if error.is_absent() => Lifetime::Absent,
        Err(error) => Lifetime::Unreadable(error.to_string()),
    };
    Certificate { of, path, lifetime }
}
