//! An address as people write it: a host name or an IP address, and a port.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU16;
use std::str::FromStr;

use crate::failure::Printable;

/// Longest host name (RFC 1035, section 2.3.4).
const MAX_HOST: usize = 253;

/// `HOST:PORT`, with IPv6 addresses in brackets. The host is not resolved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPort {
    host: String,
    port: NonZeroU16,
}

/// A text that is not `HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not `HOST:PORT`", Printable(.0))]
pub struct AddressError(String);

impl HostPort {
    /// The host: a name, or an IP address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port.get()
    }

    fn split(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let port = port.parse().ok().filter(|_| port.bytes().all(|digit| digit.is_ascii_digit()))?;
        let host = match host.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?.to_string(),
            None => Some(host).filter(|host| is_host(host))?.to_owned(),
        };
        Some(Self { host, port })
    }
}

/// Whether a text could be a host name or an IPv4 address; `_` is allowed as resolvers do.
fn is_host(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.len() <= MAX_HOST && text.chars().all(fits) && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
}

impl FromStr for HostPort {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::split(text).ok_or_else(|| AddressError(text.chars().take(MAX_HOST).collect()))
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.parse::<IpAddr>() {
            Ok(IpAddr::V6(host)) => write!(f, "[{host}]:{}", self.port),
            Ok(IpAddr::V4(_)) | Err(_) => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hosts_and_ports() {
        for good in ["proxy.example.net:3024", "127.0.0.1:80", "[::1]:22", "my_service:1", "a:65535"] {
            assert_eq!(good.parse::<HostPort>().expect(good).to_string(), good);
        }
        for bad in ["", "a", ":80", "a:", "a:0", "a:+1", "a:65536", "::1:80", "[::1]", "[a]:1", "a b:1", "-a:1", "[::1]x:1", "ä:1"] {
            assert!(bad.parse::<HostPort>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "[a:0-9\\[\\].-]{0,12}|\\PC{0,20}") {
            if let Ok(address) = text.parse::<HostPort>() {
                prop_assert_eq!(address.to_string().parse::<HostPort>(), Ok(address));
            }
        }
    }
}
