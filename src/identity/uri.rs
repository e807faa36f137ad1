//! An identity and the URI that carries it in a certificate.

use std::fmt;
use std::str::FromStr;

use warren_raft::{AgentName, ClientName, ClusterId, ProxyId};

const SCHEME: &str = "warren://";

/// What a machine is to its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// A member of the cluster.
    Proxy,
    /// Offers services over tunnels.
    Agent,
    /// Uses services.
    Client,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Proxy => "proxy",
            Self::Agent => "agent",
            Self::Client => "client",
        })
    }
}

impl FromStr for Role {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        match text {
            "proxy" => Ok(Self::Proxy),
            "agent" => Ok(Self::Agent),
            "client" => Ok(Self::Client),
            _ => Err(IdentityError::Role(shortened(text))),
        }
    }
}

/// Cluster, role and name: `warren://<cluster-id>/<role>/<name>`. A proxy's name is its number, an agent's and a client's a
/// DNS label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The cluster whose authority vouches for it.
    pub cluster: ClusterId,
    /// What the machine may do at all.
    pub role: Role,
    /// Unique within cluster and role.
    pub name: String,
}

impl Identity {
    /// A proxy's identity.
    pub fn proxy(cluster: ClusterId, id: ProxyId) -> Self {
        Self { cluster, role: Role::Proxy, name: id.to_string() }
    }

    /// An agent's identity.
    pub fn agent(cluster: ClusterId, name: &AgentName) -> Self {
        Self { cluster, role: Role::Agent, name: name.to_string() }
    }

    /// A client's identity.
    pub fn client(cluster: ClusterId, name: &ClientName) -> Self {
        Self { cluster, role: Role::Client, name: name.to_string() }
    }

    /// The proxy's number, if it is one.
    pub fn proxy_id(&self) -> Option<ProxyId> {
        if self.role == Role::Proxy { parse_proxy_id(&self.name) } else { None }
    }

    /// The agent's name, if it is one.
    pub fn agent_name(&self) -> Option<AgentName> {
        if self.role == Role::Agent { self.name.parse().ok() } else { None }
    }

    /// The client's name, if it is one.
    pub fn client_name(&self) -> Option<ClientName> {
        if self.role == Role::Client { self.name.parse().ok() } else { None }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}/{}", self.cluster, self.role, self.name)
    }
}

impl FromStr for Identity {
    type Err = IdentityError;

    /// Accepts exactly what [`Display`](fmt::Display) writes: one spelling for each identity.
    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let form = || IdentityError::Form(shortened(text));
        let mut parts = text.strip_prefix(SCHEME).ok_or_else(form)?.split('/');
        let (Some(cluster), Some(role), Some(name), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(form());
        };
        if cluster.contains(|c: char| c.is_ascii_uppercase()) {
            return Err(IdentityError::Cluster(shortened(cluster)));
        }
        let cluster = cluster.parse().map_err(|_| IdentityError::Cluster(shortened(cluster)))?;
        let role: Role = role.parse()?;
        let well_named = match role {
            Role::Proxy => parse_proxy_id(name).is_some(),
            Role::Agent => name.parse::<AgentName>().is_ok(),
            Role::Client => name.parse::<ClientName>().is_ok(),
        };
        if well_named { Ok(Self { cluster, role, name: name.to_owned() }) } else { Err(IdentityError::Name(role, shortened(name))) }
    }
}

/// Decimal, from 1, without leading zeros or signs.
fn parse_proxy_id(name: &str) -> Option<ProxyId> {
    let digits = name.bytes().all(|b| b.is_ascii_digit()) && !name.starts_with('0');
    if digits { name.parse().ok().map(ProxyId) } else { None }
}

/// Errors repeat what a stranger wrote: enough to recognise it, no more.
fn shortened(text: &str) -> String {
    text.chars().take(100).collect()
}

/// Why a text names no identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Not of the form of an identity at all.
    #[error("an identity is `warren://CLUSTER/ROLE/NAME`, not `{0}`")]
    Form(String),
    /// The cluster is not 32 hex digits in lower case.
    #[error("`{0}` is not a cluster's id: it has 32 hex digits in lower case")]
    Cluster(String),
    /// No such role.
    #[error("`{0}` is not a role: it is `proxy`, `agent` or `client`")]
    Role(String),
    /// A name that the role cannot have.
    #[error("`{1}` is not the name of a role `{0}`")]
    Name(Role, String),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "000102030405060708090a0b0c0d0e0f";

    #[test]
    fn one_spelling_for_each_identity() {
        for good in ["proxy/1", "proxy/18446744073709551615", "agent/lab-pi", "client/a", "agent/proxy"] {
            let text = format!("warren://{ID}/{good}");
            assert_eq!(text.parse::<Identity>().expect(&text).to_string(), text);
        }
        for bad in [
            "proxy/0",
            "proxy/01",
            "proxy/+1",
            "proxy/",
            "proxy/x",
            "proxy/18446744073709551616",
            "agent/",
            "agent/any",
            "agent/A",
            "agent/a/b",
            "agent/a/",
            "agent/a?b",
            "agent/a%20b",
            "Agent/a",
            "server/a",
            "agent",
            "/agent/a",
        ] {
            let text = format!("warren://{ID}/{bad}");
            assert!(text.parse::<Identity>().is_err(), "{text}");
        }
        for bad in [
            String::new(),
            "warren://".to_owned(),
            format!("WARREN://{ID}/agent/a"),
            format!("http://{ID}/agent/a"),
            format!("warren:{ID}/agent/a"),
            format!(" warren://{ID}/agent/a"),
            format!("warren://{}/agent/a", ID.to_uppercase()),
            format!("warren://{}/agent/a", &ID[1..]),
            format!("warren://user@{ID}/agent/a"),
        ] {
            assert!(bad.parse::<Identity>().is_err(), "{bad}");
        }
    }

    #[test]
    fn names_come_back_by_role() {
        let cluster = ClusterId([7; 16]);
        assert_eq!(Identity::proxy(cluster, ProxyId(12)).proxy_id(), Some(ProxyId(12)));
        let agent = Identity::agent(cluster, &"12".parse().expect("a name"));
        assert_eq!((agent.proxy_id(), agent.client_name()), (None, None));
        assert_eq!(agent.agent_name().expect("an agent").as_str(), "12");
    }

    proptest! {
        #[test]
        fn what_is_parsed_is_written_alike(text in "(warren://)?[0-9a-f]{32}/(proxy|agent|client)/[a-z0-9-]{0,70}") {
            if let Ok(identity) = text.parse::<Identity>() {
                prop_assert_eq!(identity.to_string(), text);
            }
        }

        #[test]
        fn nothing_makes_it_panic(text in any::<String>()) {
            let _ = text.parse::<Identity>();
        }

        #[test]
        fn identities_round_trip(cluster in any::<[u8; 16]>(), id in 1u64.., name in "[a-z0-9][a-z0-9-]{3,62}") {
            let cluster = ClusterId(cluster);
            for identity in [
                Identity::proxy(cluster, ProxyId(id)),
                Identity::agent(cluster, &name.parse().expect("a name")),
                Identity::client(cluster, &name.parse().expect("a name")),
            ] {
                prop_assert_eq!(identity.to_string().parse::<Identity>(), Ok(identity));
            }
        }
    }
}
