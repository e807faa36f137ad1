//! The ways to the target, each as processes of one role.
#![allow(dead_code, reason = "what a side offers is not all used by the measures that there are")]

mod chain;
mod far;
mod program;
mod ssh;
mod warren;

use std::net::SocketAddr;
use std::time::Duration;

pub(crate) use chain::Chain;
pub(crate) use far::Far;
use program::Programs;
use ssh::Ssh;
pub(crate) use warren::Warren;

use super::relay::Protocol;
use super::shared::Usage;

/// A way to the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// No hop at all.
    Direct,
    /// Plain TCP relays in the places of warren's two hops: the limit of a tunnel in user space.
    TcpTwo,
    /// gRPC in the places of warren's two hops.
    GrpcTwo,
    /// The same with larger windows and frames.
    GrpcWide,
    /// `warren`, where the client enters at the proxy that has the agent's tunnel.
    WarrenOne,
    /// `warren`, where it enters at another one.
    WarrenTwo,
    /// The same, where no packet is larger than the internet takes.
    WarrenInternet,
    /// `ssh -R` and OpenSSH's `sshd`.
    Ssh,
    /// `rathole`, a tunnel in Rust.
    Rathole,
    /// `bore`, another one.
    Bore,
    /// `warren` with two hops and so many data connections between the proxies; only where pools are compared.
    Pool(u8),
}

impl Kind {
    /// All that are measured beside each other, in the order of the report.
    pub(crate) const ALL: [Self; 10] = [
        Self::Direct,
        Self::TcpTwo,
        Self::GrpcTwo,
        Self::GrpcWide,
        Self::WarrenOne,
        Self::WarrenTwo,
        Self::WarrenInternet,
        Self::Ssh,
        Self::Rathole,
        Self::Bore,
    ];

    /// As it is told of.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::TcpTwo => "TCP relays, two hops",
            Self::GrpcTwo => "gRPC, two hops",
            Self::GrpcWide => "gRPC, wide windows",
            Self::WarrenOne => "warren, one hop",
            Self::WarrenTwo => "warren, two hops",
            Self::WarrenInternet => "warren, two hops, 1452",
            Self::Ssh => "ssh -R",
            Self::Rathole => "rathole",
            Self::Bore => "bore",
            Self::Pool(1) => "pool of 1",
            Self::Pool(2) => "pool of 2",
            Self::Pool(4) => "pool of 4",
            Self::Pool(_) => "pool of 8",
        }
    }
}

/// What came of starting a side.
pub(crate) enum Start {
    /// It runs.
    Runs(Box<Side>),
    /// This machine has not what it takes.
    NotHere(String),
}

/// A way to the target that runs. Dropping it kills its processes.
pub(crate) struct Side {
    address: SocketAddr,
    hops: Hops,
}

/// The processes of a side.
enum Hops {
    None,
    Chain(Chain),
    Warren(Box<Warren>),
    Ssh(Ssh),
    Programs(Programs),
}

impl Side {
    /// Starts one that leads to `target`.
    pub(crate) fn start(kind: Kind, target: SocketAddr) -> anyhow::Result<Start> {
        let (address, hops) = match kind {
            Kind::Direct => (target, Hops::None),
            Kind::TcpTwo => chain(Protocol::Tcp, target)?,
            Kind::GrpcTwo => chain(Protocol::Grpc, target)?,
            Kind::GrpcWide => chain(Protocol::GrpcWide, target)?,
            Kind::WarrenOne => tunnel(Warren::start(1, &[], target)?),
            Kind::WarrenTwo => tunnel(Warren::start(2, &[], target)?),
            Kind::Ssh => match Ssh::start(target)? {
                Ok(ssh) => (ssh.address(), Hops::Ssh(ssh)),
                Err(why) => return Ok(Start::NotHere(why)),
            },
            Kind::Rathole => match Programs::rathole(target)? {
                Some(programs) => (programs.address(), Hops::Programs(programs)),
                None => return Ok(Start::NotHere("not installed".to_owned())),
            },
            Kind::Bore => match Programs::bore(target)? {
                Some(programs) => (programs.address(), Hops::Programs(programs)),
                None => return Ok(Start::NotHere("not installed".to_owned())),
            },
            Kind::Pool(count) => tunnel(Warren::pool(count, target)?),
            Kind::WarrenInternet => tunnel(Warren::start(2, &[("WARREN_TRANSPORT_MAX_UDP_PAYLOAD", "1452B")], target)?),
        };
        Ok(Start::Runs(Box::new(Self { address, hops })))
    }

    /// Where clients connect by TCP.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The processes of all hops.
    pub(crate) fn pids(&self) -> Vec<u32> {
        match &self.hops {
            Hops::None => Vec::new(),
            Hops::Chain(chain) => chain.pids(),
            Hops::Warren(warren) => warren.pids(),
            Hops::Ssh(ssh) => ssh.pids(),
            Hops::Programs(programs) => programs.pids(),
        }
    }

    /// The processor time that all hops have taken so far.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        self.pids().into_iter().map(|pid| Ok(Usage::of(pid)?.cpu)).sum()
    }

    /// The memory that all hops hold, as resident size.
    pub(crate) fn resident(&self) -> anyhow::Result<u64> {
        self.pids().into_iter().map(|pid| Ok(Usage::of(pid)?.resident)).sum()
    }

    /// The cluster and what is around it, of a side that is warren's.
    pub(crate) fn warren(&self) -> Option<&Warren> {
        match &self.hops {
            Hops::Warren(warren) => Some(warren),
            Hops::None | Hops::Chain(_) | Hops::Ssh(_) | Hops::Programs(_) => None,
        }
    }

    /// Ends its processes.
    pub(crate) fn stop(self) -> anyhow::Result<()> {
        match self.hops {
            Hops::None | Hops::Warren(_) | Hops::Ssh(_) | Hops::Programs(_) => Ok(()),
            Hops::Chain(chain) => chain.stop(),
        }
    }
}

fn chain(protocol: Protocol, target: SocketAddr) -> anyhow::Result<(SocketAddr, Hops)> {
    let chain = Chain::start(protocol, Chain::TWO_HOPS, target)?;
    Ok((chain.address(), Hops::Chain(chain)))
}

fn tunnel(warren: Warren) -> (SocketAddr, Hops) {
    (warren.address(), Hops::Warren(Box::new(warren)))
}
