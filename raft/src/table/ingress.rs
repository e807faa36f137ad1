//! By which doors of a proxy somebody without an identity of the cluster may come in, and to what.
//!
//! Each proxy says so of itself, so that everybody can see it, and so that the owner of a tunnel can check what an ingress proxy sends on.

use std::fmt;
use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};

use super::allowances::bounded;
use super::apply::Answer;
use super::{Service, Table};
use crate::command::{Accepted, Rejection};
use crate::ids::ProxyId;
use crate::names::{AgentName, Pattern, ServiceName};

/// Most doors of one proxy.
pub const MAX_INGRESS_RULES: usize = 64;
/// Longest address of a door: one of IPv6 with its zone and port.
const MAX_LISTEN: usize = 80;

/// The doors of a proxy. Fields are only ever added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ingress {
    /// The doors; a dial names the one it came in by by its place here.
    pub rules: Vec<IngressRule>,
}

/// One door of a proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IngressRule {
    /// What is spoken there.
    pub kind: IngressKind,
    /// Where it is, `IP:PORT`.
    pub listen: String,
    /// Whom it lets in.
    pub admits: IngressAdmits,
    /// What whoever shows no identity may reach; nothing where one has to be shown.
    pub reach: Vec<Reach>,
}

/// What is spoken at a door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum IngressKind {
    /// 0: anything; the door leads to one target.
    Tcp,
    /// 1: TLS, whose SNI names the target.
    Tls,
    /// 2: HTTP, as to a proxy: CONNECT, and requests for whole URLs.
    HttpConnect,
    /// 3: SOCKS5.
    Socks5,
}

impl IngressKind {
    /// The word in configuration, logs and labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::HttpConnect => "http_connect",
            Self::Socks5 => "socks5",
        }
    }
}

impl fmt::Display for IngressKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whom a door lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IngressAdmits {
    /// 0: everybody.
    Anybody,
    /// 1: clients of the cluster, by name and a credential that it has issued.
    Password,
    /// 2: clients of the cluster, by their certificate.
    Certificate,
}

impl IngressAdmits {
    /// The word in configuration and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Anybody => "none",
            Self::Password => "password",
            Self::Certificate => "certificate",
        }
    }
}

impl fmt::Display for IngressAdmits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What may be reached by a door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reach {
    /// 0: services by name.
    Pattern(Pattern),
    /// 1: the service of an agent whose own target has that port.
    Port(AgentName, NonZeroU16),
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pattern(pattern) => pattern.fmt(f),
            Self::Port(agent, port) => write!(f, "{agent}:{port}"),
        }
    }
}

impl IngressRule {
    /// Whether whoever shows no identity may reach every service that `agent` has or may have, or all that is meant for it there.
    pub fn allows_all_of(&self, agent: &AgentName) -> bool {
        self.is_open()
            && self.reach.iter().any(|reach| match reach {
                Reach::Pattern(pattern) => pattern.allows_all_of(agent),
                // The door leads to that one port: whoever comes in may know whether something is there.
                Reach::Port(of, _) => of == agent,
            })
    }

    /// Whether whoever shows no identity may reach `service` of any agent that there is or may be.
    pub fn allows_somewhere(&self, service: &ServiceName) -> bool {
        self.is_open() && self.patterns().any(|pattern| pattern.allows_somewhere(service))
    }

    /// Whether whoever shows no identity may reach `service` of every agent that there is or may be.
    pub fn allows_everywhere(&self, service: &ServiceName) -> bool {
        self.is_open() && self.patterns().any(|pattern| pattern.allows_everywhere(service))
    }

    fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        self.reach.iter().filter_map(|reach| match reach {
            Reach::Pattern(pattern) => Some(pattern),
            Reach::Port(..) => None,
        })
    }

    fn is_open(&self) -> bool {
        self.admits == IngressAdmits::Anybody
    }
}

impl Table {
    /// The doors of a proxy.
    pub fn ingress(&self, proxy: ProxyId) -> &[IngressRule] {
        self.ingress.get(&proxy).map_or(&[], |ingress| &ingress.rules)
    }

    /// The door of a proxy with this number.
    pub fn ingress_rule(&self, proxy: ProxyId, number: u16) -> Option<&IngressRule> {
        self.ingress(proxy).get(usize::from(number))
    }

    /// Whether whoever comes in by this door of `proxy` and shows no identity may reach `service` of `agent`.
    pub fn ingress_allows(&self, (proxy, number): (ProxyId, u16), agent: &AgentName, service: &ServiceName) -> bool {
        let may = |reach: &Reach| match reach {
            Reach::Pattern(pattern) => pattern.allows(agent, service),
            Reach::Port(of, port) => of == agent && self.has_port(agent, service, *port),
        };
        self.ingress_rule(proxy, number).is_some_and(|rule| rule.is_open() && rule.reach.iter().any(may))
    }

    fn has_port(&self, agent: &AgentName, service: &ServiceName, port: NonZeroU16) -> bool {
        let has = |known: &Service| known.name == *service && port_of(&known.target) == Some(port);
        self.agent(agent).is_some_and(|record| record.services.iter().any(has))
    }

    pub(super) fn set_ingress(&mut self, id: ProxyId, rules: &[IngressRule]) -> Answer {
        let proxy = self.proxies.get(&id).ok_or(Rejection::ProxyUnknown(id))?;
        if proxy.removed {
            return Err(Rejection::ProxyRemoved(id));
        }
        if rules.len() > MAX_INGRESS_RULES {
            return Err(Rejection::TooMany { what: "ingress rules".to_owned(), limit: MAX_INGRESS_RULES as u64 });
        }
        for rule in rules {
            bounded(&rule.reach)?;
            if rule.listen.len() > MAX_LISTEN {
                return Err(Rejection::TooMany { what: "bytes of an address".to_owned(), limit: MAX_LISTEN as u64 });
            }
        }
        if rules.is_empty() {
            self.ingress.remove(&id);
        } else if self.ingress(id) != rules {
            self.ingress.insert(id, Ingress { rules: rules.to_vec() });
        }
        Ok(Accepted::Done)
    }
}

/// The port of a service's own target, `HOST:PORT`.
pub fn port_of(target: &str) -> Option<NonZeroU16> {
    target.rsplit_once(':').and_then(|(_, port)| port.parse().ok())
}
