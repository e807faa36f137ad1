//! Two hops of which the last leg, from the owner proxy to the agent, is a line that is emulated packet by packet.

use std::net::SocketAddr;

use anyhow::Context;

use crate::relay::{Authority, Protocol, Ready, Role, Settings};
use crate::shared::{Worker, home};
use crate::support::{Agent, Client, Cluster, Forward, Side, Span};

/// Proxies vote at once, so that a cluster stands soon; all else is as whoever configures nothing has it.
const SOON: &str = "[raft]\npromote_after = \"200ms\"\n";

/// A way over the line. Dropping it kills its processes.
pub(crate) struct Far {
    address: SocketAddr,
    _hops: Hops,
}

#[expect(dead_code, reason = "they are held as long as the way is used")]
enum Hops {
    /// The processes go before the directory of the cluster does.
    Warren(Box<(Forward, Client, Agent, Cluster)>),
    Grpc(Vec<Worker<(), Ready>>),
}

impl Far {
    /// `warren`, where the client enters at another proxy than the one that has the agent's tunnel.
    pub(crate) fn warren(span: &Span, target: SocketAddr) -> anyhow::Result<Self> {
        let (home, core) = (home()?, span.address(Side::Core));
        let cluster = span.on(Side::Core, || Cluster::start_in(home, 2, |proxy| proxy.with_defaults().configured(SOON).at(core)));
        let agent = span.on(Side::Edge, || cluster.agent("far", &[1], &[("target", target.to_string())]));
        let entry = cluster.proxy(1 - cluster.owner_of("far")).public_address();
        let client = span.on(Side::Core, || cluster.client("near", "*/*"));
        let forward = span.on(Side::Core, || client.forward("near", "far/target", &[entry]));
        Ok(Self { address: forward.address(), _hops: Hops::Warren(Box::new((forward, client, agent, cluster))) })
    }

    /// gRPC in the same places.
    pub(crate) fn grpc(span: &Span, target: SocketAddr) -> anyhow::Result<Self> {
        let (authority, mut next, mut relays) = (Authority::new()?, target, Vec::new());
        for (role, side) in [(Role::Agent, Side::Edge), (Role::Proxy, Side::Core), (Role::Proxy, Side::Core), (Role::Entry, Side::Core)] {
            let settings = Settings { protocol: Protocol::Grpc, role, host: span.address(side), next, identity: authority.issue()? };
            let relay = span.on(side, || Worker::start("--relay", &settings, format!("{role:?} over a line"), &[]))?;
            let ready: Ready = relay.answer().context("a relay does not start")?;
            next = ready.address;
            relays.push(relay);
        }
        Ok(Self { address: next, _hops: Hops::Grpc(relays) })
    }

    /// Where clients connect by TCP, on the near side.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}
