//! Targets as host names, for programs that know nothing else: `AGENT.<domain>` with a port, `SERVICE.AGENT.<domain>` and `SERVICE.any.<domain>`. Pure.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use warren_raft::NameError;
use warren_raft::names::ANY;

use crate::failure::{Code, Failure, Printable, Stage};
use crate::target::Target;

/// Longest host name (RFC 1035, section 2.3.4).
const MAX_HOST: usize = 253;
/// The domain where none is set.
pub const DEFAULT_DOMAIN: &str = "warren";

/// What follows the names of agents in host names: labels of letters, digits and `-`, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Domain(String);

/// A text that is no domain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no domain such as `warren` or `mesh.example.net`", Printable(.0))]
pub struct DomainError(String);

/// Why a host name is no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// It is of another domain, or an address.
    #[error("`{}` does not end with `.{domain}`", Printable(.host))]
    Elsewhere {
        /// The name.
        host: String,
        /// The domain of this way in.
        domain: Domain,
    },
    /// It has no label, or more than two, before the domain.
    #[error("`{}` has not one or two labels before `.{domain}`", Printable(.host))]
    Labels {
        /// The name.
        host: String,
        /// The domain of this way in.
        domain: Domain,
    },
    /// A label is no name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// An agent alone, where no port says which of its services is meant.
    #[error("`{}` names an agent and there is no port that says which of its services", Printable(.0))]
    Port(String),
}

impl Domain {
    /// The target that a host name means; `port` where the protocol has one. In `SERVICE.AGENT.<domain>` the port plays no part.
    ///
    /// # Errors
    /// [`HostError`]
    pub fn target(&self, host: &str, port: Option<NonZeroU16>) -> Result<Target, HostError> {
        let shown = || host.chars().take(MAX_HOST).collect::<String>();
        let lower = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let elsewhere = || HostError::Elsewhere { host: shown(), domain: self.clone() };
        let names = lower.strip_suffix(&self.0).filter(|_| lower.len() <= MAX_HOST).and_then(|rest| rest.strip_suffix('.'));
        let mut labels = names.ok_or_else(elsewhere)?.split('.');
        match (labels.next(), labels.next(), labels.next()) {
            (Some(service), Some(ANY), None) => Ok(Target::Any(service.parse()?)),
            (Some(service), Some(agent), None) => Ok(Target::Service(agent.parse()?, service.parse()?)),
            (Some(agent), None, None) => {
                let agent = agent.parse()?;
                port.map(|port| Target::Port(agent, port)).ok_or_else(|| HostError::Port(shown()))
            }
            (_, _, _) => Err(HostError::Labels { host: shown(), domain: self.clone() }),
        }
    }

    /// The domain as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Domain {
    fn default() -> Self {
        Self(DEFAULT_DOMAIN.to_owned())
    }
}

impl FromStr for Domain {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, DomainError> {
        let fits = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-');
        let is_label = |label: &str| (1..=63).contains(&label.len()) && label.chars().all(fits);
        if text.len() > MAX_HOST - 2 * 64 || !text.split('.').all(is_label) {
            return Err(DomainError(text.chars().take(MAX_HOST).collect()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl HostError {
    /// What whoever asked for it is told.
    pub fn failure(&self) -> Failure {
        let failure = Failure::new(Code::ServiceUnknown, Stage::Ingress, "the host name is no service of this cluster");
        let hint = match self {
            Self::Elsewhere { domain, .. } | Self::Labels { domain, .. } => {
                format!("`SERVICE.AGENT.{domain}`, `SERVICE.any.{domain}`, or `AGENT.{domain}` with a port")
            }
            Self::Name(_) => "names have lower-case letters, digits and `-`".to_owned(),
            Self::Port(_) => "put the service's name in front: `SERVICE.AGENT.<domain>`".to_owned(),
        };
        failure.with_cause(self.to_string()).with_hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn host_names_are_targets() {
        let domain: Domain = "mesh.example.net".parse().expect("a domain");
        let table = [
            ("lab-pi.mesh.example.net", Some(22), Some("lab-pi:22")),
            ("lab-pi.mesh.example.net", None, None),
            ("web.lab-pi.mesh.example.net", Some(443), Some("lab-pi/web")),
            ("web.lab-pi.mesh.example.net", None, Some("lab-pi/web")),
            ("WEB.Lab-Pi.Mesh.Example.NET.", None, Some("lab-pi/web")),
            ("web.any.mesh.example.net", Some(80), Some("any/web")),
            ("any.mesh.example.net", Some(80), None),
            ("any.lab-pi.mesh.example.net", Some(80), None),
            ("a.web.lab-pi.mesh.example.net", Some(80), None),
            ("mesh.example.net", Some(80), None),
            (".mesh.example.net", Some(80), None),
            ("xmesh.example.net", Some(80), None),
            ("web.lab-pi.warren", Some(80), None),
            ("web..mesh.example.net", Some(80), None),
            ("web.lab_pi.mesh.example.net", Some(80), None),
            ("127.0.0.1", Some(80), None),
            ("", Some(80), None),
        ];
        for (host, port, expected) in table {
            let target = domain.target(host, port.and_then(NonZeroU16::new));
            assert_eq!(target.as_ref().ok().map(ToString::to_string).as_deref(), expected, "{host}: {target:?}");
            if let Err(error) = target {
                assert_eq!(error.failure().code(), Code::ServiceUnknown);
            }
        }
    }

    #[test]
    fn domains() {
        for good in ["warren", "mesh.example.net", "a-b.c1"] {
            assert_eq!(good.parse::<Domain>().expect(good).to_string(), good);
        }
        for bad in ["", ".", "a.", ".a", "A", "a_b", "a b", &"a".repeat(64), &"a.".repeat(90)] {
            assert!(bad.parse::<Domain>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_target_or_refused(host in "[a-c.A]{0,20}\\.warren|\\PC{0,30}", port in 0_u16..3) {
            if let Ok(target) = Domain::default().target(&host, NonZeroU16::new(port)) {
                prop_assert_eq!(target.to_string().parse::<Target>(), Ok(target));
            }
        }
    }
}
