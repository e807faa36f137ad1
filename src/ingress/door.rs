//! One way in, as it is set up.

use std::time::Duration;

use super::conversation::Conversation;
use super::{Domain, Entrance, Outcome, Visitor, http_connect, socks5, tcp, tls};
use crate::net::Stream;
use crate::target::Target;

/// One way in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    /// What is spoken there.
    pub protocol: Protocol,
    /// How long whoever comes in may take to say what they want.
    pub header_timeout: Duration,
}

/// What is spoken at a door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Anything: it leads there.
    Tcp(Target),
    /// TLS, passed on as it is, whose SNI is of this domain.
    Tls(Domain),
    /// HTTP, as to a proxy.
    HttpConnect(Domain, Asks),
    /// SOCKS5.
    Socks5(Domain, Asks),
}

/// What whoever comes in has to show within the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// Nothing.
    Nothing,
    /// The name of a client and a secret of it.
    Password,
}

impl Door {
    /// Serves a connection until it ends.
    pub async fn serve(&self, stream: Box<dyn Stream>, visitor: Visitor, entrance: &dyn Entrance) -> Outcome {
        let conversation = Conversation::new(stream, self.header_timeout);
        match &self.protocol {
            Protocol::Tcp(target) => tcp::serve(conversation, target, &visitor, entrance).await,
            Protocol::Tls(domain) => tls::serve(conversation, domain, &visitor, entrance).await,
            Protocol::HttpConnect(domain, asks) => http_connect::serve(conversation, (domain, *asks), visitor, entrance).await,
            Protocol::Socks5(domain, asks) => socks5::serve(conversation, (domain, *asks), visitor, entrance).await,
        }
    }
}
