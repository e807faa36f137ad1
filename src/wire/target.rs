//! What a client asks for: `AGENT/SERVICE`, `AGENT:PORT` or `any/SERVICE`.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use warren_raft::names::{ANY, NameError};
use warren_raft::{AgentName, ServiceName};

/// A service to be reached.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Target {
    /// 0: a service of one agent, by name.
    Service(AgentName, ServiceName),
    /// 1: the service of one agent whose target has this port.
    Port(AgentName, NonZeroU16),
    /// 2: a service of any agent that publishes it.
    Any(ServiceName),
}

/// Why a text is no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Neither of the three forms.
    #[error("a target is `AGENT/SERVICE`, `AGENT:PORT` or `{ANY}/SERVICE`, not `{0}`")]
    Form(String),
    /// A part that is no name.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let form = || TargetError::Form(text.chars().take(200).collect());
        if let Some((agent, service)) = text.split_once('/') {
            let service = service.parse()?;
            return Ok(if agent == ANY { Self::Any(service) } else { Self::Service(agent.parse()?, service) });
        }
        let (agent, port) = text.split_once(':').ok_or_else(form)?;
        Ok(Self::Port(agent.parse()?, port.parse().map_err(|_| form())?))
    }
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
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn knows_its_three_forms() {
        for text in ["lab-pi/ssh", "lab-pi:22", "any/postgres", "a/b", "0:65535"] {
            assert_eq!(text.parse::<Target>().expect(text).to_string(), text);
        }
        assert!(matches!("any/web".parse(), Ok(Target::Any(_))));
        for bad in ["", "lab-pi", "/", "lab-pi/", "/ssh", "a/b/c", "lab-pi:", "lab-pi:0", "lab-pi:65536", "lab-pi:x", "any:22", "Lab/ssh", "a/any", "-:+1"] {
            assert!(bad.parse::<Target>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_parses_prints_the_same(text in "[a-z0-9:/-]{0,20}") {
            if let Ok(target) = text.parse::<Target>() {
                prop_assert_eq!(target.to_string().parse::<Target>(), Ok(target));
            }
        }
    }
}
