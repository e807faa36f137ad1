//! What can be dialled: `AGENT/SERVICE`, `AGENT:PORT` or `any/SERVICE`; the same as host names below the default domain.

mod host_name;

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use warren_raft::names::ANY;
use warren_raft::{AgentName, NameError, ServiceName};

pub use host_name::DEFAULT_DOMAIN;

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
    #[error(
        "as a host name a target is `AGENT.{domain}` with a port, `SERVICE.AGENT.{domain}` or `SERVICE.any.{domain}`, not `{}`",
        crate::failure::Printable(.host)
    )]
    HostName {
        /// The name.
        host: String,
        /// What it would have to be below.
        domain: String,
    },
}

/// The port of a service's own target, `HOST:PORT`.
pub fn port_of(target: &str) -> Option<NonZeroU16> {
    target.rsplit_once(':').and_then(|(_, port)| port.parse().ok())
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
            return Self::from_host_and_port(text);
        }
        let (agent, number) = text.split_once(':').ok_or_else(|| TargetError::Form(shown()))?;
        let number = port(number)?;
        Ok(Self::Port(agent.parse()?, number))
    }
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
