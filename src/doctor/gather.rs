//! Where the facts come from.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use warren_raft::{LEAST_FREE, ProxyId};

use super::facts::{
    Buffers, Certificate, Disk, Facts, Files, Interface, Lifetime, Occupant, Offload, Peer, Port, Protocol, Route, SecretFile,
};
use super::reach::{Party, reaches};
use crate::api::{self, AgentsView, ProxyRow, RaftView, StatusView};
use crate::config::{Config, HostPort, Origin, TokenSource};
use crate::http::{AdminClient, ClientError};
use crate::identity::{CredentialStore, CredentialsHandle, KnownProxies, Token};
use crate::net::{Budget, Env};

/// How long a name may take.
const RESOLVE: Duration = Duration::from_secs(5);
/// How long a proxy may take to answer.
const ANSWER: Duration = Duration::from_secs(2);
/// Below how many bytes an agent cannot be relied on to keep a renewed certificate.
const LEAST_FREE_OF_AGENT: u64 = 1 << 20;
/// Most addresses of proxies that are looked at.
const MAX_KNOWN: usize = 16;
/// Files beside those of streams: sockets, the store, the log.
const OWN_FILES: u64 = 256;
/// Files per stream at an agent: the connection to what it publishes.
const FILES_PER_STREAM: u64 = 1;

/// Looks at this machine as `config` would use it, and a client whose identity is in `client`; how other proxies are `admin` is asked.
pub async fn gather(config: &Config, client: Option<&Path>, admin: &AdminClient, env: &Env) -> Facts {
    let whose = if admin.socket() == config.admin.socket { Whose::Ours } else { Whose::Another };
    let roles = Roles::of(config, whose);
    let (mut ports, mut ways, mut certificates, mut disks, mut secrets) = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let asked = if roles.proxy || whose == Whose::Another { Some(Asked::ask(admin).await) } else { None };
    if roles.proxy {
        let runs = asked.as_ref().filter(|_| whose == Whose::Ours).map_or(Runs::No, Runs::by);
        let agents = asked.as_ref().and_then(|asked| asked.as_ref().ok()?.agents.as_ref());
        ports = self::ports(config, &runs, env).await;
        ways = super::ways::ways(config, (&runs, agents), env).await;
        let identity = config.proxy.data_dir.join("identity");
        secrets.extend(config.cluster.token_file.as_ref().and_then(|token| secret("cluster.token_file", token, &identity, env)));
        certificates.push(certificate("proxy", identity, env));
        disks.push(disk("proxy", &config.proxy.data_dir, LEAST_FREE, env));
    }
    if roles.agent {
        let dir = &config.agent.data_dir;
        secrets.extend(config.agent.token_file.as_ref().and_then(|token| secret("agent.token_file", token, dir, env)));
        certificates.push(certificate("agent", dir.clone(), env));
        disks.push(disk("agent", dir, LEAST_FREE_OF_AGENT, env));
    }
    let targets = if roles.agent { super::targets::targets(&config.agent.services, env).await } else { Vec::new() };
    let asked = asked.and_then(Result::ok);
    // Whoever has never enrolled is no client.
    let client = client.filter(|dir| CredentialStore::new(&env.files, *dir).is_enrolled());
    certificates.extend(client.map(|dir| certificate("client", dir.to_owned(), env)));
    let mut known = known(config, (&roles, client), env);
    let others: Vec<_> = asked.iter().flat_map(Asked::others).cloned().collect();
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
        ways,
        targets,
        asked: asked.filter(|_| whose == Whose::Another).map(|asked| asked.name()),
        disks,
        secrets,
        certificates,
    }
}

/// Whose admin socket is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    /// The one of the configuration.
    Ours,
    /// One that was named beside it.
    Another,
}

/// What a running proxy says.
struct Asked {
    id: ProxyId,
    status: StatusView,
    /// `None` if it did not say so in time.
    agents: Option<AgentsView>,
}

impl Asked {
    async fn ask(admin: &AdminClient) -> Result<Self, ClientError> {
        let admin = admin.clone().with_deadline(ANSWER);
        let raft: RaftView = admin.get_json(api::Path::Raft).await?;
        let status = admin.get_json(api::Path::Status).await?;
        Ok(Self { id: raft.id, status, agents: admin.get_json(api::Path::Agents).await.ok() })
    }

    /// Every proxy but itself, whatever name its configuration would give it.
    fn others(&self) -> impl Iterator<Item = &ProxyRow> {
        self.status.proxies.iter().filter(|row| row.id != self.id)
    }

    fn name(&self) -> String {
        self.status.proxies.iter().find(|row| row.id == self.id).map_or_else(|| self.id.to_string(), |row| row.name.to_string())
    }
}

/// What the configuration is for.
struct Roles {
    proxy: bool,
    agent: bool,
}

impl Roles {
    /// A file that only speaks of an agent is no proxy's.
    fn of(config: &Config, whose: Whose) -> Self {
        let agent = !config.agent.proxies.is_empty() || !config.agent.services.is_empty();
        let is_proxys = |section: &str| matches!(section, "proxy" | "peer" | "public" | "cluster");
        // Whoever asks another proxy by its socket alone need have none here.
        let proxy = (!agent && whose == Whose::Ours)
            || config.shown().iter().any(|shown| is_proxys(shown.section) && shown.origin != Origin::Default);
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Runs {
    Yes,
    No,
    /// Somebody is at its socket and does not say, for this reason.
    Unasked(String),
}

impl Runs {
    /// By what came of asking it.
    fn by(asked: &Result<Asked, ClientError>) -> Self {
        match asked {
            Ok(_) => Self::Yes,
            Err(ClientError::NotRunning(_)) => Self::No,
            Err(error) => Self::Unasked(error.to_string()),
        }
    }
}

fn peer(row: &ProxyRow) -> Peer {
    let round_trip = row.rtt_ms.and_then(|ms| Duration::try_from_secs_f64(ms / 1e3).ok());
    Peer { name: row.name.to_string(), address: row.peer_address.clone(), round_trip }
}

async fn ports(config: &Config, runs: &Runs, env: &Env) -> Vec<Port> {
    let mut ports = Vec::new();
    for (key, listen) in [("peer.listen", config.peer.listen), ("public.listen", config.public.listen)] {
        let occupant = occupant((env.net.udp(listen), listen.port()), runs);
        ports.push(Port { key: key.to_owned(), protocol: Protocol::Udp, listen, occupant });
    }
    if let Some(listen) = config.admin.http {
        let occupant = occupant((env.net.listen(listen).await, listen.port()), runs);
        ports.push(Port { key: "admin.http".to_owned(), protocol: Protocol::Tcp, listen, occupant });
    }
    ports
}

/// Who has a port, by what came of taking it.
pub(super) fn occupant<T>((bound, port): (std::io::Result<T>, u16), runs: &Runs) -> Occupant {
    match bound {
        // Any port can be had always.
        Ok(_) if *runs == Runs::Yes && port != 0 => Occupant::Absent,
        Ok(_) => Occupant::Nobody,
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => match runs {
            Runs::Yes => Occupant::Warren,
            Runs::Unasked(why) => Occupant::Unasked(why.clone()),
            Runs::No => Occupant::Other,
        },
        Err(error) => Occupant::Refused(error.to_string()),
    }
}

/// The file system of a directory, or of the nearest one above it that is there.
fn disk(of: &'static str, dir: &Path, least: u64, env: &Env) -> Disk {
    let free = dir.ancestors().find_map(|dir| env.files.free_bytes(dir));
    Disk { of, path: dir.to_owned(), free, least }
}

/// The file of a token, while the identity that it is for is not there.
fn secret(key: &'static str, token: &TokenSource, identity: &Path, env: &Env) -> Option<SecretFile> {
    let TokenSource::File(path) = token else { return None };
    let is_needed = !CredentialStore::new(&env.files, identity).is_enrolled();
    let error = || Token::read(&*env.files, path).err().map(|error| error.to_string());
    is_needed.then(|| SecretFile { key, path: path.clone(), error: error() })
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
