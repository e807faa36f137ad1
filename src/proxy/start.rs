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
use warren_raft::{ProposeError, ProxyName, RoutingStore, StoreConfig, Strategy, Tuning};

use super::admin::{Admin, AdminError, AdminParts};
use super::data_dir::{DataDir, DataDirError};
use super::dial::{Dialer, Owner};
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
use super::follow;
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
        let store = self.open_store(&dir, &membership, &sockets, &links, &env).await?;
        let wiring = Wiring { proxy: self, env, membership, credentials, links, store, sockets, made };
        wiring.run(dir, connections).await
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

    async fn open_store(
        &self,
        dir: &DataDir,
        membership: &Membership,
        sockets: &Sockets,
        links: &Links,
        env: &Env,
    ) -> Result<RoutingStore, StartError> {
        let disk = SledDisk::open(&dir.store())?;
        let wall = env.wall.clone();
        let config = StoreConfig {
            id: membership.member.id,
            peer_address: sockets.peer_address.clone(),
            seeds: membership.member.seeds.iter().map(|seed| (seed.id, seed.peer_address.clone())).collect(),
            heartbeat: self.raft.heartbeat,
            election_timeout: self.raft.election_timeout,
            max_voters: self.raft.max_voters,
            promote_after: self.raft.promote_after,
            lease: self.raft.lease,
            seed: u64::from_be_bytes(env.entropy.split("raft").bytes()),
            wall: Arc::new(move || wall.now()),
            tuning: Tuning::default(),
        };
        let store = RoutingStore::open(config, Arc::new(disk), Arc::new(links.clone())).await?;
        if let Some(bootstrap) = membership.bootstrap.clone() {
            store.bootstrap(bootstrap).await?;
            dir.save_member(&membership.member)?;
        }
        Ok(store)
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

/// Everything that is there before the parts are put together.
struct Wiring {
    proxy: Proxy,
    env: Env,
    membership: Membership,
    credentials: CredentialsHandle,
    links: Links,
    store: RoutingStore,
    sockets: Sockets,
    made: mpsc::Sender<PeerConnection>,
}

impl Wiring {
    async fn run(self, dir: DataDir, connections: mpsc::Receiver<PeerConnection>) -> Result<RunningProxy, StartError> {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let tunnels = Arc::new(Tunnels::default());
        let (tasks, leaving, stopped) = (TaskTracker::new(), CancellationToken::new(), CancellationToken::new());
        let admin_parts = AdminParts {
            me: self.membership.member.id,
            env: self.env.clone(),
            store: self.store.clone(),
            links: self.links.clone(),
            tunnels: tunnels.clone(),
            metrics: metrics.clone(),
            registry: Arc::new(registry),
            credentials: self.credentials.clone(),
            leaving: leaving.clone(),
        };
        let admin = Admin::bind(admin_parts, &self.proxy.admin_socket, self.proxy.http_listen).await?;
        let http_address = admin.http_addr();
        tasks.spawn(admin.run(stopped.clone()));
        self.serve_peers(connections, &tunnels, &metrics, &tasks, (&leaving, &stopped));
        self.serve_public(&tunnels, &metrics, &tasks, (&leaving, &stopped));
        self.open_ports();
        self.store.live(self.start());
        tasks.spawn(keep_renewed(self.store.clone(), dir.credentials(), self.credentials.clone(), self.env.clone(), stopped.clone()));
        Ok(RunningProxy::new(Parts {
            id: self.membership.member.id,
            store: self.store,
            links: self.links,
            tunnels,
            metrics,
            peer: self.sockets.peer,
            public: self.sockets.public,
            http_address,
            drain_timeout: self.proxy.drain_timeout,
            tasks,
            leaving,
            stopped,
            dir,
        }))
    }

    fn serve_peers(
        &self,
        connections: mpsc::Receiver<PeerConnection>,
        tunnels: &Arc<Tunnels>,
        metrics: &Metrics,
        tasks: &TaskTracker,
        (leaving, stopped): (&CancellationToken, &CancellationToken),
    ) {
        let (store, me) = (self.store.clone(), self.membership.member.id);
        let owner = Owner { me, store: store.clone(), tunnels: tunnels.clone(), metrics: metrics.clone() };
        let service = Arc::new(Service { store, owner, metrics: metrics.clone(), leaving: leaving.clone() });
        tasks.spawn(mesh::serve(connections, service, tasks.clone(), stopped.clone()));
        let acceptor = PeerAcceptor { endpoint: self.sockets.peer.clone(), links: self.links.clone(), made: self.made.clone() };
        tasks.spawn(acceptor.run(tasks.clone(), stopped.clone()));
    }

    fn serve_public(
        &self,
        tunnels: &Arc<Tunnels>,
        metrics: &Metrics,
        tasks: &TaskTracker,
        (leaving, stopped): (&CancellationToken, &CancellationToken),
    ) {
        let (me, env, store) = (self.membership.member.id, &self.env, &self.store);
        let name = self.proxy.name.to_string();
        let registrar = Arc::new(Registrar { me, store: store.clone(), tunnels: tunnels.clone(), env: env.clone() });
        let (tell, cluster) = watch::channel(ClusterView::of(&store.table()));
        tasks.spawn(follow::follow(store.clone(), self.links.clone(), tell, stopped.clone()));
        let (keeper, stop) = (registrar.clone(), stopped.clone());
        tasks.spawn(async move { keeper.follow_lease(&stop).await });
        let agents = Agents {
            me,
            name: name.clone(),
            env: env.clone(),
            store: store.clone(),
            tunnels: tunnels.clone(),
            registrar,
            streams_per_agent: self.proxy.streams_per_agent,
            cluster,
            leaving: leaving.clone(),
            stopped: stopped.clone(),
        };
        let dialer = Dialer { me, env: env.clone(), store: store.clone(), links: self.links.clone(), tunnels: tunnels.clone() };
        let clients = Clients {
            name: name.clone(),
            env: env.clone(),
            store: store.clone(),
            dialer,
            dial_timeout: self.proxy.dial_timeout,
            metrics: metrics.clone(),
            tasks: tasks.clone(),
        };
        let enrollments = Enrollments { env: env.clone(), store: store.clone(), name };
        let acceptor = PublicAcceptor {
            endpoint: self.sockets.public.clone(),
            agents: Arc::new(agents),
            clients: Arc::new(clients),
            enrollments: Arc::new(enrollments),
        };
        tasks.spawn(acceptor.run(tasks.clone(), stopped.clone()));
    }

    /// From now on strangers' packets are looked at.
    fn open_ports(&self) {
        let policy = || Arc::new(TablePolicy { store: self.store.clone() });
        let secret = &self.sockets.secret;
        let peer = ServerTls::peer_port(&self.credentials, policy(), &self.env);
        self.sockets.peer.set_server_config(Some(quic::server_config(peer, &self.env, secret, Port::Peer.accepting())));
        let public = ServerTls::public_port(&self.credentials, policy(), &self.env);
        self.sockets.public.set_server_config(Some(quic::server_config(public, &self.env, secret, Port::Public.accepting())));
    }

    fn start(&self) -> ProxyStart {
        ProxyStart {
            proxy: self.membership.member.id,
            peer_address: self.sockets.peer_address.clone(),
            public_addresses: self.sockets.public_addresses.clone(),
            zone: self.proxy.zone.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}
