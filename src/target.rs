//! What can be dialled: `AGENT/SERVICE`, `AGENT:PORT` or `any/SERVICE`; the same as host names below the default domain.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use warren_raft::names::ANY;
pub use warren_raft::table::port_of;
use warren_raft::{AgentName, NameError, ServiceName};

use crate::ingress::{Domain, HostError};

/// A destination as people write it, not yet looked up. Sent as its position in this declaration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// `AGENT/SERVICE`: one service of one agent.
    Service(AgentName, ServiceName),
    /// `AGENT:PORT`: the service of the agent whose own target has that port.
    Port(AgentName, NonZeroU16),
    /// `any/SERVICE`: any agent that publishes it.
    Any(ServiceName),
}

/// Why a text is not a target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It has neither form.
    #[error("a target is `AGENT/SERVICE`, `AGENT:PORT` or `any/SERVICE`, not `{}`", crate::failure::Printable(.0))]
    Form(String),
    /// One of its parts is not a name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// What follows the colon is no port.
    #[error("`{}` is not a port from 1 to 65535", crate::failure::Printable(.0))]
    Port(String),
    /// A host name that means nothing.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        if let Some((agent, service)) = text.split_once('/') {
            let service = service.parse()?;
            return Ok(if agent == ANY { Self::Any(service) } else { Self::Service(agent.parse()?, service) });
        }
        let shown = || text.chars().take(128).collect();
        // No name has a dot.
        if text.contains('.') {
            return by_host_name(text);
        }
        let (agent, number) = text.split_once(':').ok_or_else(|| TargetError::Form(shown()))?;
        let number = port(number)?;
        Ok(Self::Port(agent.parse()?, number))
    }
}

/// `HOST` or `HOST:PORT` below the default domain.
fn by_host_name(text: &str) -> Result<Target, TargetError> {
    let (host, number) = match text.rsplit_once(':') {
        Some((host, number)) => (host, Some(port(number)?)),
        None => (text, None),
    };
    Ok(Domain::default().target(host, number)?)
}

fn port(text: &str) -> Result<NonZeroU16, TargetError> {
    let is_number = text.bytes().all(|digit| digit.is_ascii_digit());
    text.parse().ok().filter(|_| is_number).ok_or_else(|| TargetError::Port(text.chars().take(16).collect()))
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(agent, service) => write!(f, "{agent}/{service}"),
            Self::Port(agent, port) => write!(f, "{agent}:{port}"),
            Self::Any(service) => write!(f, "{ANY}/{service}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_three_forms() {
        for good in ["lab-pi/ssh", "lab-pi:22", "any/postgres", "a:65535"] {
            assert_eq!(good.parse::<Target>().expect(good).to_string(), good);
        }
        assert!(matches!("any/ssh".parse(), Ok(Target::Any(_))));
        for (host, target) in [("lab-pi.warren:22", "lab-pi:22"), ("ssh.lab-pi.warren:22", "lab-pi/ssh"), ("ssh.any.warren", "any/ssh")] {
            assert_eq!(host.parse::<Target>().expect(host).to_string(), target);
        }
        for bad in [
            "",
            "lab-pi",
            "/",
            "a/",
            "/b",
            "a/b/c",
            "a/any",
            "any:22",
            "a:",
            "a:0",
            "a:65536",
            "a:+22",
            "A/b",
            "a:22:23",
            "a b/c",
            "lab-pi.warren",
            "lab-pi.example:22",
            "a.b/c",
            "lab-pi.warren:x",
        ] {
            assert!(bad.parse::<Target>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "[a-c/:0-9*]{0,12}|\\PC{0,20}") {
            if let Ok(target) = text.parse::<Target>() {
                prop_assert_eq!(target.to_string().parse::<Target>(), Ok(target));
            }
        }
    }
}
