//! The proxy of a member: on loopback, at any ports, with the timings of the default configuration.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use warren::limits::Limits;
use warren::net::Env;
use warren::proxy::{Joining, Proxy, RaftSettings, Reloads, RunningProxy};
use warren_raft::Strategy;

use crate::order::Settings;

/// Starts it.
pub(super) async fn start(settings: &Settings) -> anyhow::Result<RunningProxy> {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let join = settings.join.as_ref().map(|(address, token)| Joining { addresses: vec![address.clone()], token: Some(token.clone()) });
    let proxy = Proxy {
        name: format!("proxy-{}", settings.number).parse()?,
        data_dir: settings.directory.clone(),
        zone: String::new(),
        drain_timeout: Duration::from_secs(1),
        peer_listen: any_port,
        peer_advertise: None,
        data_connections: 1,
        public_listen: any_port,
        public_advertise: Vec::new(),
        cluster_name: "bench".to_owned(),
        strategy: Strategy::default(),
        join,
        raft: RaftSettings {
            heartbeat: Duration::from_millis(150),
            election_timeout: Duration::from_secs(1),
            max_voters: 5,
            // The default waits for ten seconds; nothing of it is measured.
            promote_after: Duration::from_millis(200),
            lease: Duration::from_secs(3),
        },
        certificate_lifetime: warren::identity::LIFETIME,
        streams_per_agent: 1024,
        dial_timeout: Duration::from_secs(10),
        limits: Limits::default(),
        admin_socket: settings.directory.join("admin.sock"),
        http_listen: None,
        reloads: Reloads::default(),
        ingress: Vec::new(),
    };
    Ok(proxy.start(Env::real()).await?)
}
