//! How the parts of a proxy are put together.

use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use warren_raft::command::ProxyStart;
use warren_raft::{ProxyId, RoutingStore, StoreConfig, reached};

use super::admin::{self, Admin, AdminParts};
use super::commit_metrics::CommitMetrics;
use super::custody::Custody;
use super::data_dir::DataDir;
use super::dial::{Dialer, Owner};
use super::enrollment_guard::EnrollmentGuard;
use super::follow;
use super::gatekeeper::{Counts, Gatekeeper};
use super::grants::Grants;
use super::handover::{Drain, Handover};
use super::ingress::{Bound, Entrances, IngressListeners, IngressMetrics, Listening, Logins, Publishing, ServerCertificate};
use super::issuing::Issuing;
use super::lifecycle::{Parts, RunningProxy};
use super::member::Membership;
use super::mesh::{self, Links, PeerAcceptor, PeerBounds, PeerConnection};
use super::metrics::Metrics;
use super::peer_metrics::PeerMetrics;
use super::policy::TablePolicy;
use super::public::{Admission, Agents, Clients, Enrollments, PublicAcceptor, Shares, cluster_view, with_pulse};
use super::recent::{self, Lookout};
use super::registrar::Registrar;
use super::removal::Removal;
use super::rotation::{Connected, Rotations, announced, cut_revoked, drive};
use super::service::Service;
use super::settings::Proxy;
use super::sockets::Sockets;
use super::start_error::StartError;
use super::strategy::{Settled, Settling};
use super::threads::Threads;
use super::tuning::{Tunable, Tuning};
use super::tunnels::Tunnels;
use super::watch::watch;
use crate::http;
use crate::identity::{CredentialsHandle, IngressTls, ServerTls};
use crate::net::Env;
use crate::net::quic::{Door, Port};
use crate::wire::{Authorities, ClusterView};

/// What is there before the store.
pub(super) struct Ground {
    pub(super) proxy: Proxy,
    pub(super) env: Env,
    pub(super) dir: DataDir,
    pub(super) sockets: Sockets,
    pub(super) membership: Membership,
    pub(super) credentials: CredentialsHandle,
    pub(super) links: Links,
    pub(super) made: mpsc::Sender<PeerConnection>,
    pub(super) threads: Threads,
}

impl Ground {
    /// Opens the routing store, and writes the first entries of a new cluster.
    pub(super) async fn open_store(&self) -> Result<RoutingStore, StartError> {
        let (raft, member, wall) = (&self.proxy.raft, &self.membership.member, self.env.wall.clone());
        let config = StoreConfig {
            id: member.id,
            opened: self.dir.opened()?,
            peer_address: self.sockets.peer_address.clone(),
            seeds: member.seeds.iter().map(|seed| (seed.id, seed.peer_address.clone())).collect(),
            heartbeat: raft.heartbeat,
            election_timeout: raft.election_timeout,
            max_voters: raft.max_voters,
            promote_after: raft.promote_after,
            lease: raft.lease,
            seed: u64::from_be_bytes(self.env.entropy.split("raft").bytes()),
            wall: Arc::new(move || wall.now()),
            tuning: self.env.stores.tuning(),
        };
        let store = RoutingStore::open(config, self.env.stores.volume(&self.dir.store()), Arc::new(self.links.clone())).await?;
        if let Some(bootstrap) = self.membership.bootstrap.clone() {
            store.bootstrap(bootstrap).await?;
            reached!("proxy.bootstrapped");
            self.dir.save_member(member)?;
        }
        self.dir.save_opened(store.incarnation())?;
        Ok(store)
    }
}

/// The parts, as they are put together.
pub(super) struct Wiring {
    ground: Ground,
    store: RoutingStore,
    registry: Registry,
    metrics: Metrics,
    tunnels: Arc<Tunnels>,
    tuning: Tuning,
    grants: Arc<Grants>,
    guard: EnrollmentGuard,
    tasks: TaskTracker,
    drain: Drain,
    leaving: CancellationToken,
    stopped: CancellationToken,
    removed: CancellationToken,
    /// Why this proxy's certificate was not renewed.
    renewal_failed: watch::Sender<Option<String>>,
    connected: Connected,
    lookout: Lookout,
    dialer: Arc<Dialer>,
    shares: Shares,
    ingress: IngressMetrics,
    listening: Listening,
}

impl Wiring {
    pub(super) fn new(ground: Ground, store: RoutingStore) -> Self {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry, &ground.env.readers.count());
        ground.links.calls().register(&mut registry);
        let guard = EnrollmentGuard::new(&ground.proxy.limits, metrics.reached().clone(), &mut registry);
        ground.env.audit.register(&mut registry);
        let tuning = Tuning::from(Tunable::from(&ground.proxy));
        let ingress = IngressMetrics::register(&mut registry);
        let (leaving, tunnels, connected) = (CancellationToken::new(), Arc::<Tunnels>::default(), Connected::default());
        let renewal_failed = watch::Sender::new(None);
        let lookout = Lookout::new(recent::Seen {
            env: ground.env.clone(),
            store: store.clone(),
            links: ground.links.clone(),
            tunnels: tunnels.clone(),
            metrics: metrics.clone(),
            connected: connected.clone(),
            renewal_failed: renewal_failed.subscribe(),
        });
        let parts = (ground.links.clone(), Arc::clone(&tunnels));
        let me = (ground.membership.member.id, &ground.proxy.name);
        Self {
            dialer: Arc::new(Dialer::new(me, ground.env.clone(), store.clone(), parts, metrics.dials().clone())),
            shares: Shares::new(tuning.limits()),
            ingress,
            listening: Listening::default(),
            ground,
            store,
            registry,
            metrics,
            tunnels,
            tuning,
            grants: Arc::default(),
            guard,
            tasks: TaskTracker::new(),
            drain: Drain::new(leaving.clone()),
            leaving,
            stopped: CancellationToken::new(),
            removed: CancellationToken::new(),
            renewal_failed,
            connected,
            lookout,
        }
    }

    /// Puts the parts together and sets them to work.
    pub(super) async fn run(mut self, connections: mpsc::Receiver<PeerConnection>) -> Result<RunningProxy, StartError> {
        let bound = Bound::bind_all(&self.ground.proxy.ingress, &self.ground.env).await?;
        let admin = self.admin().await?;
        let http_address = admin.http_addr();
        self.tasks.spawn(admin.run(self.stopped.clone()));
        let (peers, strangers) = self.doors();
        self.serve_peers(connections, peers.clone());
        self.serve_public(strangers.clone());
        // From now on strangers' packets are looked at.
        self.ground.sockets.peer.set_server_config(Some(peers.config()));
        self.ground.sockets.public.set_server_config(Some(strangers.config()));
        {
            // Its lease is renewed where Raft is.
            let _there = self.ground.threads.control.enter();
            self.store.live(self.particulars());
        }
        self.tasks.spawn(self.lookout.clone().run(self.stopped.clone()));
        self.serve_ingress(bound);
        self.tasks.spawn(self.removal().watch(self.stopped.clone()));
        self.tasks.spawn(self.handover().run(self.stopped.clone()));
        self.tasks.spawn(self.grants.clone().follow(self.store.clone(), self.metrics.clone(), self.stopped.clone()));
        self.tasks.spawn(watch(self.tunnels.clone(), self.stopped.clone()));
        self.tasks.spawn(self.ground.env.readers.clone().watch(self.stopped.clone()));
        self.tasks.spawn(self.custody().run(self.stopped.clone()));
        self.tasks.spawn(drive(self.rotations(), self.stopped.clone()));
        self.tasks.spawn(cut_revoked(self.rotations(), self.metrics.clone(), self.stopped.clone()));
        let Self { ground, store, metrics, tuning, drain, tasks, leaving, stopped, removed, .. } = self;
        tasks.spawn(ground.dir.opened_note().follow(store.openings(), stopped.clone()));
        Ok(RunningProxy::new(Parts {
            id: ground.membership.member.id,
            store,
            links: ground.links,
            metrics,
            tuning,
            heart: ground.threads.heart(),
            drain,
            peer: ground.sockets.peer,
            public: ground.sockets.public,
            http_address,
            tasks,
            leaving,
            stopped,
            removed,
            dir: ground.dir,
        }))
    }

    fn serve_ingress(&self, bound: Vec<Bound>) {
        let publishing = Publishing {
            me: self.me(),
            env: self.ground.env.clone(),
            store: self.store.clone(),
            rules: bound.iter().map(Bound::rule).collect(),
        };
        self.listening.serve(&publishing.rules);
        self.tasks.spawn(publishing.run(self.stopped.clone()));
        let Ground { env, credentials, .. } = &self.ground;
        let policy = Arc::new(TablePolicy { store: self.store.clone(), env: env.clone() });
        let presented = Arc::new(ServerCertificate::new(self.issuing(), self.server_names(&bound)));
        let listeners = IngressListeners {
            env: env.clone(),
            entrances: Arc::new(self.entrances()),
            limits: self.tuning.limits().clone(),
            tls: IngressTls::new(credentials, policy, presented, env),
            metrics: self.ingress.clone(),
            listening: self.listening.clone(),
            drain: self.drain.clone(),
            tasks: self.tasks.clone(),
            stopped: self.stopped.clone(),
        };
        listeners.serve(bound);
    }

    fn entrances(&self) -> Entrances {
        let Ground { env, proxy, .. } = &self.ground;
        Entrances {
            me: self.me(),
            name: proxy.name.to_string(),
            env: env.clone(),
            store: self.store.clone(),
            dialer: self.dialer.clone(),
            tuning: self.tuning.clone(),
            shares: self.shares.clone(),
            metrics: self.metrics.clone(),
            grants: self.grants.clone(),
            entering: self.drain.entering().clone(),
            logins: Logins::new(env.clone(), self.store.clone(), (&proxy.limits, self.metrics.reached().clone())),
        }
    }

    /// By which names the ways in are reached, as far as that is known here: the proxy's own, those of its public addresses, and the addresses where it listens.
    fn server_names(&self, bound: &[Bound]) -> Vec<String> {
        let Ground { env, proxy, sockets, .. } = &self.ground;
        let host = |address: &String| address.rsplit_once(':').map(|(host, _)| host.trim_matches(['[', ']']).to_owned());
        let public = sockets.public_addresses.iter().filter_map(host);
        let listening = bound.iter().map(Bound::ip).filter(|ip| !ip.is_unspecified());
        let own = [proxy.name.to_string(), "localhost".to_owned()].into_iter();
        let mut names: Vec<_> = own.chain(public).chain(listening.chain(env.net.routable_ip()).map(|ip| ip.to_string())).collect();
        names.sort();
        names.dedup();
        names
    }

    fn issuing(&self) -> Issuing {
        Issuing { store: self.store.clone(), env: self.ground.env.clone(), lifetime: self.ground.proxy.certificate_lifetime }
    }

    fn rotations(&self) -> Rotations {
        Rotations {
            me: self.me(),
            env: self.ground.env.clone(),
            store: self.store.clone(),
            links: self.ground.links.clone(),
            connected: self.connected.clone(),
            credentials: self.ground.credentials.clone(),
            lifetime: self.ground.proxy.certificate_lifetime,
            failed: self.renewal_failed.subscribe(),
        }
    }

    fn custody(&self) -> Custody {
        Custody {
            issuing: self.issuing(),
            files: self.ground.dir.credentials(),
            credentials: self.ground.credentials.clone(),
            metrics: self.metrics.clone(),
            failed: self.renewal_failed.clone(),
        }
    }

    fn removal(&self) -> Removal {
        Removal {
            me: self.me(),
            store: self.store.clone(),
            links: self.ground.links.clone(),
            leaving: self.leaving.clone(),
            removed: self.removed.clone(),
        }
    }

    fn me(&self) -> ProxyId {
        self.ground.membership.member.id
    }

    async fn admin(&mut self) -> Result<Admin, StartError> {
        let (store, links, lookout) = (self.store.clone(), self.ground.links.clone(), self.lookout.clone());
        self.registry.register_collector(Box::new(CommitMetrics { store: store.clone() }));
        self.registry.register_collector(Box::new(PeerMetrics { store, links, lookout }));
        let parts = AdminParts {
            me: self.me(),
            env: self.ground.env.clone(),
            store: self.store.clone(),
            links: self.ground.links.clone(),
            tunnels: self.tunnels.clone(),
            metrics: self.metrics.clone(),
            registry: Arc::new(std::mem::take(&mut self.registry)),
            credentials: self.ground.credentials.clone(),
            drain: self.drain.clone(),
            rotations: self.rotations(),
            settled: self.settled(),
            guard: self.guard.clone(),
            listening: self.listening.clone(),
            saves: Arc::new(Semaphore::new(admin::MAX_AT_ONCE)),
            lookout: self.lookout.clone(),
            page: admin::PageCache::default(),
            reloads: self.ground.proxy.reloads.clone(),
            data_dir: self.ground.proxy.data_dir.clone(),
        };
        let (proxy, reached) = (&self.ground.proxy, self.metrics.reached());
        let bounds = http::Bounds::new(&proxy.limits, reached);
        Ok(Admin::bind(parts, bounds, (&proxy.admin_socket, proxy.http_listen)).await?)
    }

    fn settled(&self) -> watch::Receiver<Settled> {
        let settling = Settling::new(self.ground.env.clone());
        let settled = settling.seen();
        self.tasks.spawn(settling.follow(self.store.clone(), self.stopped.clone()));
        settled
    }

    fn serve_peers(&self, connections: mpsc::Receiver<PeerConnection>, door: Door) {
        let owner = Owner {
            me: self.me(),
            store: self.store.clone(),
            tunnels: self.tunnels.clone(),
            metrics: self.metrics.clone(),
            env: self.ground.env.clone(),
            grants: self.grants.clone(),
        };
        let service = Service {
            store: self.store.clone(),
            owner,
            links: self.ground.links.clone(),
            metrics: self.metrics.clone(),
            drain: self.drain.clone(),
            rotations: self.rotations(),
            lookout: self.lookout.clone(),
        };
        let threads = &self.ground.threads;
        let bounds = PeerBounds::new(&self.ground.proxy.limits, self.metrics.reached());
        self.tasks.spawn(mesh::serve(connections, Arc::new(service), (self.tasks.clone(), threads.clone()), bounds, self.stopped.clone()));
        let Ground { sockets, links, made, env, .. } = &self.ground;
        let (links, made, env) = (links.clone(), made.clone(), env.clone());
        let keeper = self.gatekeeper(Counter::default());
        let acceptor = PeerAcceptor { endpoint: sockets.peer.clone(), door, env, links, made, threads: threads.clone(), keeper };
        self.tasks.spawn_on(acceptor.run(self.tasks.clone(), self.stopped.clone()), &threads.control);
    }

    fn serve_public(&self, door: Door) {
        let index = *self.store.applied().borrow();
        let (tell, cluster) = watch::channel(with_pulse(cluster_view(&self.store.table(), index), self.me(), 0));
        let (announce, authorities) = watch::channel(announced(&self.store.table(), index));
        self.tasks.spawn(follow::follow(self.me(), self.store.clone(), self.ground.links.clone(), (tell, announce), self.stopped.clone()));
        let enrollments = {
            let parts = (self.issuing(), self.ground.proxy.name.to_string());
            Enrollments::new(parts, self.tuning.limits(), (self.metrics.reached().clone(), self.guard.clone()))
        };
        let acceptor = PublicAcceptor {
            endpoint: self.ground.sockets.public.clone(),
            door,
            env: self.ground.env.clone(),
            agents: Arc::new(self.agents(cluster, authorities.clone())),
            clients: Arc::new(self.clients(authorities)),
            connected: self.connected.clone(),
            enrollments: Arc::new(enrollments),
            grants: self.grants.clone(),
            keeper: self.gatekeeper(self.metrics.tunnels().handshakes_refused.clone()),
        };
        self.tasks.spawn(acceptor.run(self.tasks.clone(), self.stopped.clone()));
    }

    fn agents(&self, cluster: watch::Receiver<ClusterView>, authorities: watch::Receiver<Authorities>) -> Agents {
        let (me, env, store) = (self.me(), self.ground.env.clone(), self.store.clone());
        Agents {
            me,
            name: self.ground.proxy.name.to_string(),
            registrar: Registrar::new(me, store.clone(), env.clone()),
            env,
            store,
            issuing: self.issuing(),
            tunnels: self.tunnels.clone(),
            tuning: self.tuning.clone(),
            reached: self.metrics.reached().clone(),
            cluster,
            authorities,
            admission: Admission::new(self.drain.clone(), self.metrics.clone(), &self.ground.proxy.limits),
            stopped: self.stopped.clone(),
        }
    }

    fn handover(&self) -> Handover {
        Handover {
            me: self.me(),
            zone: self.ground.proxy.zone.clone(),
            env: self.ground.env.clone(),
            store: self.store.clone(),
            tunnels: self.tunnels.clone(),
            metrics: self.metrics.clone(),
            drain: self.drain.clone(),
            tuning: self.tuning.clone(),
        }
    }

    fn clients(&self, authorities: watch::Receiver<Authorities>) -> Clients {
        let (env, store) = (self.ground.env.clone(), self.store.clone());
        Clients {
            name: self.ground.proxy.name.to_string(),
            env,
            store,
            issuing: self.issuing(),
            authorities,
            dialer: self.dialer.clone(),
            tuning: self.tuning.clone(),
            shares: self.shares.clone(),
            metrics: self.metrics.clone(),
            grants: self.grants.clone(),
            drain: self.drain.clone(),
            tasks: self.tasks.clone(),
        }
    }

    /// Who may come in at one of the ports.
    fn gatekeeper(&self, refused: Counter) -> Gatekeeper {
        let counts = Counts { refused, retried: self.metrics.tunnels().handshakes_retried.clone() };
        Gatekeeper::new(self.tuning.limits(), self.metrics.reached().clone(), counts)
    }

    /// How the two ports accept.
    fn doors(&self) -> (Door, Door) {
        let Ground { env, credentials, sockets, .. } = &self.ground;
        let policy = || Arc::new(TablePolicy { store: self.store.clone(), env: env.clone() });
        let peer = ServerTls::peer_port(credentials, policy(), env);
        let public = ServerTls::public_port(credentials, policy(), env);
        (Door::new(Port::Peer, peer, env, &sockets.secret), Door::new(Port::Public, public, env, &sockets.secret))
    }

    /// What the proxy says of itself in the table.
    fn particulars(&self) -> ProxyStart {
        ProxyStart {
            proxy: self.me(),
            peer_address: self.ground.sockets.peer_address.clone(),
            public_addresses: self.ground.sockets.public_addresses.clone(),
            zone: self.ground.proxy.zone.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            level: self.store.known_level(),
        }
    }
}
