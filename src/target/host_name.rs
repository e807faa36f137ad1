//! Targets as host names, for programs that know nothing else (ssh, SOCKS5, CONNECT, SNI). Pure.
//!
//! ```text
//!  lab-pi.warren  with port 22    lab-pi:22      the service of the agent whose own target has that port
//!  ssh.lab-pi.warren              lab-pi/ssh     whatever the port
//!  ssh.any.warren                 any/ssh        whatever the port
//! ```

use std::num::NonZeroU16;

use warren_raft::names::ANY;

use super::{Target, TargetError};

/// The domain below which targets are host names where nobody has said another one.
pub const DEFAULT_DOMAIN: &str = "warren";

/// Longest host name that is looked at (RFC 1035, section 2.3.4).
const MAX_HOST_NAME: usize = 253;

impl Target {
    /// What a host name below `domain` means, upper case or lower case, with or without a dot at its end. A port means something only where no service is named.
    ///
    /// # Errors
    /// [`TargetError`] when it is not below the domain, when there are more names before the domain than two or none, when one of them is none, and when neither a
    /// service nor a port is named.
    pub fn from_host_name(host: &str, port: Option<NonZeroU16>, domain: &str) -> Result<Self, TargetError> {
        let other = || TargetError::HostName { host: host.chars().take(MAX_HOST_NAME).collect(), domain: domain.to_owned() };
        if host.len() > MAX_HOST_NAME + 1 {
            return Err(other());
        }
        let lower = host.to_ascii_lowercase();
        let name = lower.strip_suffix('.').unwrap_or(&lower);
        let below = name.strip_suffix(domain.to_ascii_lowercase().trim_end_matches('.')).and_then(|rest| rest.strip_suffix('.'));
        match below.ok_or_else(other)?.split('.').collect::<Vec<_>>()[..] {
            [agent] if agent == ANY => Err(other()),
            [agent] => Ok(Self::Port(agent.parse()?, port.ok_or_else(other)?)),
            [service, agent] if agent == ANY => Ok(Self::Any(service.parse()?)),
            [service, agent] => Ok(Self::Service(agent.parse()?, service.parse()?)),
            _ => Err(other()),
        }
    }

    /// `HOST` or `HOST:PORT` below the default domain.
    pub(super) fn from_host_and_port(text: &str) -> Result<Self, TargetError> {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(super::port(port)?)),
            None => (text, None),
        };
        Self::from_host_name(host, port, DEFAULT_DOMAIN)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(host: &str, port: u16, domain: &str, expected: Option<&str>) {
        let target = Target::from_host_name(host, NonZeroU16::new(port), domain);
        assert_eq!(target.map(|target| target.to_string()).ok().as_deref(), expected, "{host} {port} {domain}");
    }

    #[test]
    fn host_names_mean_targets() {
        check("lab-pi.warren", 22, "warren", Some("lab-pi:22"));
        check("ssh.lab-pi.warren", 0, "warren", Some("lab-pi/ssh"));
        check("ssh.lab-pi.warren", 2222, "warren", Some("lab-pi/ssh"));
        check("web.any.warren", 443, "warren", Some("any/web"));
        check("LAB-pi.Warren.", 22, "wArren", Some("lab-pi:22"));
        check("web.lab-pi.mesh.example.net", 443, "mesh.example.net", Some("lab-pi/web"));
        check("lab-pi.mesh.example.net.", 443, "mesh.example.net.", Some("lab-pi:443"));
    }

    #[test]
    fn what_means_nothing_is_refused() {
        let hosts = [
            "",
            ".",
            "warren",
            ".warren",
            "lab-pi",
            "any.warren",
            "lab_pi.warren",
            "a.b.c.warren",
            "lab-pi.warren.example",
            "lab-piwarren",
            "a..warren",
            ".a.warren",
            "127.0.0.1",
            "::1",
            "lab-pi.warren..",
            "ssh.any.any.warren",
            "any.lab-pi.warren",
            "lab pi.warren",
        ];
        for host in hosts {
            check(host, 22, "warren", None);
        }
        check("lab-pi.warren", 0, "warren", None);
        check(&format!("{}.warren", "a".repeat(64)), 22, "warren", None);
        check(&format!("{}.warren", "a.".repeat(200)), 22, "warren", None);
        let error = Target::from_host_name("lab-pi.example", None, "warren").expect_err("another domain").to_string();
        assert!(error.contains("`lab-pi.example`") && error.contains("`AGENT.warren`"), "{error}");
    }

    proptest! {
        #[test]
        fn any_host_is_a_target_or_refused(host in "[a-cA-C.\\-]{0,16}(\\.warren)?|\\PC{0,40}", port in 0_u16..3) {
            if let Ok(target) = Target::from_host_name(&host, NonZeroU16::new(port), DEFAULT_DOMAIN) {
                prop_assert_eq!(target.to_string().parse::<Target>(), Ok(target));
            }
        }
    }
}
