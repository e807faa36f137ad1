//! From `[ingress.*]` to the doors of a proxy.

use warren_raft::table::Reach;
use warren_raft::{IngressAdmits, Pattern, ServiceName};

use crate::config::{IngressTable, NamedSettings, PortSettings};
use crate::ingress::{Asks, Protocol};
use crate::proxy::IngressDoor;
use crate::target::Target;

/// The doors that the configuration describes, static ports first.
pub(super) fn doors(ingress: &IngressTable) -> Vec<IngressDoor> {
    let ports = ingress.tcp.iter().map(port);
    let tls = ingress.tls.iter().map(|named| door(named, Protocol::Tls(named.domain.clone())));
    let http = ingress.http_connect.iter().map(|named| door(named, Protocol::HttpConnect(named.domain.clone(), asks(named))));
    let socks = ingress.socks5.iter().map(|named| door(named, Protocol::Socks5(named.domain.clone(), asks(named))));
    ports.chain(tls).chain(http).chain(socks).collect()
}

fn port(port: &PortSettings) -> IngressDoor {
    IngressDoor {
        listen: port.listen,
        protocol: Protocol::Tcp(port.target.clone()),
        admits: IngressAdmits::Anybody,
        reach: vec![reach(&port.target)],
        trusted: port.trusted.clone(),
    }
}

/// What a port lets through: its target and nothing else.
fn reach(target: &Target) -> Reach {
    let pattern = |agent: &str, service: &ServiceName| {
        let pattern = format!("{agent}/{service}").parse::<Pattern>();
        Reach::Pattern(pattern.expect("names and `*` are a pattern"))
    };
    match target {
        Target::Service(agent, service) => pattern(agent.as_str(), service),
        Target::Any(service) => pattern("*", service),
        Target::Port(agent, port) => Reach::Port(agent.clone(), *port),
    }
}

fn door(named: &NamedSettings, protocol: Protocol) -> IngressDoor {
    IngressDoor {
        listen: named.listen,
        protocol,
        admits: named.admits,
        reach: named.allow.iter().cloned().map(Reach::Pattern).collect(),
        trusted: named.trusted.clone(),
    }
}

/// A certificate is shown before the protocol begins.
fn asks(named: &NamedSettings) -> Asks {
    match named.admits {
        IngressAdmits::Password => Asks::Password,
        IngressAdmits::Anybody | IngressAdmits::Certificate => Asks::Nothing,
    }
}
