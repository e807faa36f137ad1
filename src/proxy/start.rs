//! From what a proxy is to be to one that runs.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use warren_raft::command::ProxyStart;
use warren_raft::disk::SledDisk;
use warren_raft::{ProposeError, ProxyId, ProxyName, RoutingStore, StoreConfig, Strategy, Tuning};

use super::admin::{Admin, AdminError, AdminParts};
use super::data_dir::{DataDir, DataDirError};
use super::dial::{Dialer, Owner};
use super::follow;
use super::lifecycle::{Parts, RunningProxy};
use super::member::{self, JoinError, Joining, Membership, NewCluster};
use super::mesh::{self, Links, PeerAcceptor, PeerConnection};
use super::metrics::Metrics;
use super::policy::TablePolicy;
use super::public::{Agents, Clients, ClusterView, Enrollments, PublicAcceptor};
use super::registrar::Registrar;
use super::renewal::keep_renewed;
use super::service::Service;
use super::tunnels::Tunnels;
use crate::identity::credentials::CredentialsError;
use crate::identity::{CredentialsHandle, ServerTls, StoreError};
use crate::net::Env;
use crate::net::quic::{self, Endpoint, Port};

/// Connections to peers that wait to be served.
const MADE: usize = 64;

/// What a proxy is to be.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// Its name.
    pub name: ProxyName,
    /// Where it keeps everything.
    pub data_dir: PathBuf,
    /// Its zone; empty when there is only one.
    pub zone: String,
    /// How long streams may run on when it goes away.
    pub drain_timeout: Duration,
    /// The peer port, UDP.
    pub peer_listen: SocketAddr,
    /// Where peers reach it, if not where it listens.
    pub peer_advertise: Option<String>,
    /// The public port, UDP.
    pub public_listen: SocketAddr,
    /// Where agents and clients reach it, if not where it listens.
    pub public_advertise: Vec<String>,
    /// The name of a new cluster.
    pub cluster_name: String,
    /// How agents of a new cluster hold their tunnels.
    pub strategy: Strategy,
    /// How it joins a cluster; without it, a new data directory makes a new one.
    pub join: Option<Joining>,
    /// The routing store's timings.
    pub raft: RaftSettings,
    /// Streams of one agent's tunnel at the same time.
    pub streams_per_agent: u64,
    /// Longest budget of a dial.
    pub dial_timeout: Duration,
    /// Where operators on this machine reach it.
    pub admin_socket: PathBuf,
    /// Where probes and scrapers reach it; `None` for nowhere.
    pub http_listen: Option<SocketAddr>,
}

/// The routing store's timings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RaftSettings {
    /// How often a leader shows itself.
    pub heartbeat: Duration,
    /// How long a follower waits for it.
    pub election_timeout: Duration,
    /// Most voters.
    pub max_voters: usize,
    /// How long a learner must have been healthy to be promoted.
    pub promote_after: Duration,
    /// How long a lease lasts.
    pub lease: Duration,
}

/// Why a proxy does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its data directory.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// It did not become a member.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// A socket.
    #[error("cannot listen on {address}/udp: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        error: std::io::Error,
    },
    /// The administration's sockets.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// Its store.
    #[error(transparent)]
    Store(#[from] warren_raft::OpenError),
    /// The first entries of a new cluster.
    #[error("the new cluster's store was not written: {0}")]
    Bootstrap(#[from] ProposeError),
    /// Its certificate.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        Self::DataDir(error.into())
    }
}

/// Both sockets, bound.
struct Sockets {
    secret: [u8; 32],
    peer: quinn::Endpoint,
    peer_address: String,
    public: quinn::Endpoint,
    public_addresses: Vec<String>,
}

impl Proxy {
    /// Binds the sockets, becomes a member, opens the store and serves. Returns once the proxy serves; whether it may act for the cluster
    /// yet, [`RunningProxy::ready`] tells.
    ///
    /// # Errors
    /// [`StartError`]
    pub async fn start(self, env: Env) -> Result<RunningProxy, StartError> {
        let dir = DataDir::open(&self.data_dir)?;
        let sockets = self.bind(&dir, &env)?;
        let membership = self.membership(&dir, &sockets, &env).await?;
        let credentials = CredentialsHandle::new(membership.credentials.clone())?;
        let (made, connections) = mpsc::channel(MADE);
        let links = Links::new(membership.member.id, env.clone(), sockets.peer.clone(), credentials.clone(), made.clone());
        let ground = Ground { proxy: self, env, dir, sockets, membership, credentials, links, made };
        let store = ground.open_store().await?;
        Wiring::new(ground, store).run(connections).await
    }

    /// Enrols this machine as a proxy and stops there.
    ///
    /// # Errors
    /// [`StartError`]
    pub async fn enroll_only(self, env: Env) -> Result<(), StartError> {
        let dir = DataDir::open(&self.data_dir)?;
        let sockets = self.bind(&dir, &env)?;
        self.membership(&dir, &sockets, &env).await?;
        sockets.public.close(0_u32.into(), b"enrolled");
        sockets.public.wait_idle().await;
        Ok(())
    }

    fn bind(&self, dir: &DataDir, env: &Env) -> Result<Sockets, StartError> {
        let secret = dir.secret(&env.entropy)?;
        let peer = listen(env, self.peer_listen, &secret)?;
        let public = listen(env, self.public_listen, &secret)?;
        let peer_address = self.peer_advertise.clone().unwrap_or_else(|| reachable(self.peer_listen, &peer, env));
        let public_addresses = match self.public_advertise.as_slice() {
            [] => vec![reachable(self.public_listen, &public, env)],
            given => given.to_vec(),
        };
        Ok(Sockets { secret, peer, peer_address, public, public_addresses })
    }

    async fn membership(&self, dir: &DataDir, sockets: &Sockets, env: &Env) -> Result<Membership, StartError> {
        if let Some(membership) = member::resume(dir)? {
            return Ok(membership);
        }
        Ok(match &self.join {
            Some(joining) => member::join(dir, &self.name, joining, &sockets.public, env).await?,
            None => {
                let new = NewCluster { name: self.cluster_name.clone(), proxy: self.name.clone(), strategy: self.strategy };
                member::bootstrap(dir, new, env)?
            }
        })
    }
}

fn listen(env: &Env, address: SocketAddr, secret: &[u8; 32]) -> Result<quinn::Endpoint, StartError> {
    Endpoint::build(env, address, secret, None).map_err(|error| StartError::Listen { address, error })
}

/// Where others reach a socket: where it listens, or by the machine's routable address where it listens on all.
fn reachable(listen: SocketAddr, endpoint: &quinn::Endpoint, env: &Env) -> String {
    let port = endpoint.local_addr().map_or(listen.port(), |address| address.port());
    let ip = if listen.ip().is_unspecified() { env.net.routable_ip().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)) } else { listen.ip() };
    SocketAddr::new(ip, port).to_string()
}

/// What is there before the store.
struct Ground {
    proxy: Proxy,
    env: Env,
    dir: DataDir,
    sockets: Sockets,
    membership: Membership,
    credentials: CredentialsHandle,
    links: Links,
    made: mpsc::Sender<PeerConnection>,
}

impl Ground {
    async fn open_store(&self) -> Result<RoutingStore, StartError> {
        let disk = SledDisk::open(&self.dir.store())?;
        let (raft, member, wall) = (&self.proxy.raft, &self.membership.member, self.env.wall.clone());
        let config = StoreConfig {
            id: member.id,
            peer_address: self.sockets.peer_address.clone(),
            seeds: member.seeds.iter().map(|seed| (seed.id, seed.peer_address.clone())).collect(),
            heartbeat: raft.heartbeat,
            election_timeout: raft.election_timeout,
            max_voters: raft.max_voters,
            promote_after: raft.promote_after,
            lease: raft.lease,
            seed: u64::from_be_bytes(self.env.entropy.split("raft").bytes()),
            wall: Arc::new(move || wall.now()),
            tuning: Tuning::default(),
        };
        let store = RoutingStore::open(config, Arc::new(disk), Arc::new(self.links.clone())).await?;
        if let Some(bootstrap) = self.membership.bootstrap.clone() {
            store.bootstrap(bootstrap).await?;
            self.dir.save_member(member)?;
        }
        Ok(store)
    }
}

/// The parts, as they are put together.
struct Wiring {
    ground: Ground,
    store: RoutingStore,
    registry: Registry,
    metrics: Metrics,
    tunnels: Arc<Tunnels>,
    tasks: TaskTracker,
    leaving: CancellationToken,
    stopped: CancellationToken,
}

impl Wiring {
    fn new(ground: Ground, store: RoutingStore) -> Self {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        Self {
            ground,
            store,
            registry,
            metrics,
            tunnels: Arc::default(),
            tasks: TaskTracker::new(),
            leaving: CancellationToken::new(),
            stopped: CancellationToken::new(),
        }
    }

    async fn run(mut self, connections: mpsc::Receiver<PeerConnection>) -> Result<RunningProxy, StartError> {
        let admin = self.admin().await?;
        let http_address = admin.http_addr();
        self.tasks.spawn(admin.run(self.stopped.clone()));
        self.serve_peers(connections);
        self.serve_public();
        self.open_ports();
        self.store.live(self.particulars());
        let Self { ground, store, metrics, tunnels, tasks, leaving, stopped, .. } = self;
        tasks.spawn(keep_renewed(store.clone(), ground.dir.credentials(), ground.credentials, ground.env, stopped.clone()));
        Ok(RunningProxy::new(Parts {
            id: ground.membership.member.id,
            store,
            links: ground.links,
            tunnels,
            metrics,
            peer: ground.sockets.peer,
            public: ground.sockets.public,
            http_address,
            drain_timeout: ground.proxy.drain_timeout,
            tasks,
            leaving,
            stopped,
            dir: ground.dir,
        }))
    }

    fn me(&self) -> ProxyId {
        self.ground.membership.member.id
    }

    async fn admin(&mut self) -> Result<Admin, StartError> {
        let parts = AdminParts {
            me: self.me(),
            env: self.ground.env.clone(),
            store: self.store.clone(),
            links: self.ground.links.clone(),
            tunnels: self.tunnels.clone(),
            metrics: self.metrics.clone(),
            registry: Arc::new(std::mem::take(&mut self.registry)),
            credentials: self.ground.credentials.clone(),
            leaving: self.leaving.clone(),
        };
        Ok(Admin::bind(parts, &self.ground.proxy.admin_socket, self.ground.proxy.http_listen).await?)
    }

    fn serve_peers(&self, connections: mpsc::Receiver<PeerConnection>) {
        let owner = Owner { me: self.me(), store: self.store.clone(), tunnels: self.tunnels.clone(), metrics: self.metrics.clone() };
        let service = Service { store: self.store.clone(), owner, metrics: self.metrics.clone(), leaving: self.leaving.clone() };
        self.tasks.spawn(mesh::serve(connections, Arc::new(service), self.tasks.clone(), self.stopped.clone()));
        let Ground { sockets, links, made, .. } = &self.ground;
        let acceptor = PeerAcceptor { endpoint: sockets.peer.clone(), links: links.clone(), made: made.clone() };
        self.tasks.spawn(acceptor.run(self.tasks.clone(), self.stopped.clone()));
    }

    fn serve_public(&self) {
        let (tell, cluster) = watch::channel(ClusterView::of(&self.store.table()));
        self.tasks.spawn(follow::follow(self.store.clone(), self.ground.links.clone(), tell, self.stopped.clone()));
        let enrollments = Enrollments::new(self.ground.env.clone(), self.store.clone(), self.ground.proxy.name.to_string());
        let acceptor = PublicAcceptor {
            endpoint: self.ground.sockets.public.clone(),
            agents: Arc::new(self.agents(cluster)),
            clients: Arc::new(self.clients()),
            enrollments: Arc::new(enrollments),
        };
        self.tasks.spawn(acceptor.run(self.tasks.clone(), self.stopped.clone()));
    }

    fn agents(&self, cluster: watch::Receiver<ClusterView>) -> Agents {
        let (me, env, store, tunnels) = (self.me(), self.ground.env.clone(), self.store.clone(), self.tunnels.clone());
        let registrar = Arc::new(Registrar { me, store: store.clone(), tunnels: tunnels.clone(), env: env.clone() });
        let (keeper, stopped) = (registrar.clone(), self.stopped.clone());
        self.tasks.spawn(async move { keeper.follow_lease(&stopped).await });
        Agents {
            me,
            name: self.ground.proxy.name.to_string(),
            env,
            store,
            tunnels,
            registrar,
            streams_per_agent: self.ground.proxy.streams_per_agent,
            cluster,
            leaving: self.leaving.clone(),
            stopped: self.stopped.clone(),
        }
    }

    fn clients(&self) -> Clients {
        let (env, store) = (self.ground.env.clone(), self.store.clone());
        let (links, tunnels) = (self.ground.links.clone(), self.tunnels.clone());
        Clients {
            name: self.ground.proxy.name.to_string(),
            env: env.clone(),
            store: store.clone(),
            dialer: Dialer { me: self.me(), env, store, links, tunnels },
            dial_timeout: self.ground.proxy.dial_timeout,
            metrics: self.metrics.clone(),
            tasks: self.tasks.clone(),
        }
    }

    /// From now on strangers' packets are looked at.
    fn open_ports(&self) {
        let Ground { env, credentials, sockets, .. } = &self.ground;
        let policy = || Arc::new(TablePolicy { store: self.store.clone() });
        let peer = ServerTls::peer_port(credentials, policy(), env);
        sockets.peer.set_server_config(Some(quic::server_config(peer, env, &sockets.secret, Port::Peer.accepting())));
        let public = ServerTls::public_port(credentials, policy(), env);
        sockets.public.set_server_config(Some(quic::server_config(public, env, &sockets.secret, Port::Public.accepting())));
    }

    /// What the proxy says of itself in the table.
    fn particulars(&self) -> ProxyStart {
        ProxyStart {
            proxy: self.me(),
            peer_address: self.ground.sockets.peer_address.clone(),
            public_addresses: self.ground.sockets.public_addresses.clone(),
            zone: self.ground.proxy.zone.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}
