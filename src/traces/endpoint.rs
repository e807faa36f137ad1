//! Where spans go: the address of a collector.

use std::fmt;
use std::str::FromStr;

/// Longest address.
const MAX: usize = 1024;
/// The path for spans (OTLP specification, "OTLP/HTTP request").
const TRACES: &str = "/v1/traces";

/// A collector that takes OTLP over HTTP, such as `http://127.0.0.1:4318`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    authority: String,
    path: String,
}

/// A text that is no such address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// It does not begin as one.
    #[error("an address is `http://HOST:PORT`, with a path if the collector wants another one than `/v1/traces`")]
    Form,
    /// TLS is the business of a collector beside this process.
    #[error("only `http://` is spoken: let a collector on this machine speak TLS to those further away")]
    Tls,
}

impl Endpoint {
    /// `HOST:PORT`, to be connected to.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The path to post to.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        if text.starts_with("https://") {
            return Err(EndpointError::Tls);
        }
        let rest = text.strip_prefix("http://").filter(|_| text.len() <= MAX).ok_or(EndpointError::Form)?;
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'@' | b'#' | b'?' | b'"' | b'\\'));
        let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "80"));
        if host.is_empty() || port.parse::<u16>().ok().is_none_or(|port| port == 0) || !is_plain(rest) {
            return Err(EndpointError::Form);
        }
        let path = if path.is_empty() || path == "/" { TRACES } else { path };
        Ok(Self { authority: format!("{host}:{port}"), path: path.to_owned() })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { authority, path } = self;
        if path == TRACES { write!(f, "http://{authority}") } else { write!(f, "http://{authority}{path}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_collectors() {
        let table = [
            ("http://127.0.0.1:4318", Ok(("127.0.0.1:4318", "/v1/traces"))),
            ("http://[::1]:4318/", Ok(("[::1]:4318", "/v1/traces"))),
            ("http://otel", Ok(("otel:80", "/v1/traces"))),
            ("http://otel:4318/custom/traces", Ok(("otel:4318", "/custom/traces"))),
            ("https://otel:4318", Err(EndpointError::Tls)),
            ("127.0.0.1:4318", Err(EndpointError::Form)),
            ("http://", Err(EndpointError::Form)),
            ("http://a:0", Err(EndpointError::Form)),
            ("http://a:x", Err(EndpointError::Form)),
            ("http://user@a:1", Err(EndpointError::Form)),
            ("http://a:1/x\r\ny", Err(EndpointError::Form)),
        ];
        for (text, expected) in table {
            let read = text.parse::<Endpoint>();
            assert_eq!(read.as_ref().map(|one| (one.authority(), one.path())).map_err(|error| *error), expected, "{text}");
        }
        for text in ["http://a:1", "http://a:1/x"] {
            assert_eq!(text.parse::<Endpoint>().expect("an address").to_string(), text);
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_read_is_shown_as_it_can_be_read_again(text in "http://[a-z.:/0-9@]{0,20}|\\PC{0,20}") {
            if let Ok(read) = text.parse::<Endpoint>() {
                proptest::prop_assert_eq!(read.to_string().parse::<Endpoint>(), Ok(read));
            }
        }
    }
}
