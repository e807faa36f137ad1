//! Who may ask, and what is told of those who do.

use std::net::{IpAddr, SocketAddr};

use super::parts::AdminParts;
use crate::api::Path;
use crate::audit::{Administration, Audit, By, Denial, Event, Port};
use crate::failure::{Code, Failure, Stage};
use crate::http::{Caller, Method, Request, Response, StatusCode};
use crate::net::LocalPeer;

/// Largest request that is told as it is, in bytes.
const MAX_TOLD: usize = 4_096;

/// Refuses whoever is not the proxy's own user or root. The socket's mode does so already, unless somebody has changed it, or handed on the open socket.
///
/// # Errors
/// The answer.
pub(super) fn operator(parts: &AdminParts, caller: Caller) -> Result<By, Box<Response>> {
    let user = parts.env.net.user();
    let peer = match caller {
        Caller::Local(peer) if may_administer(&peer, user) => return Ok(by(peer)),
        Caller::Local(peer) => peer,
        // Only the HTTP address is reached that way.
        Caller::Remote(_) => return Err(Response::text(StatusCode::FORBIDDEN, "only by the admin socket").into()),
    };
    let reason = format!("a process of user {} may not administer this proxy", peer.uid);
    parts.env.audit.denied(Denial { port: Port::Admin, from: None, ingress: None, by: Some(by(peer)), who: None, reason: reason.clone() });
    tracing::warn!(uid = peer.uid, pid = peer.pid, "a process of another user was refused at the admin socket");
    Err(Response::failure(Failure::new(Code::Denied, Stage::Local, reason).with_hint(format!("as root, or as user {user}"))).into())
}

/// Refuses a request at a loopback address for another name than the machine's own: a web page whose name was made to lead here (DNS rebinding) could read the answer.
///
/// # Errors
/// The answer.
pub(super) fn visitor(listens: Option<SocketAddr>, host: Option<&str>) -> Result<(), Box<Response>> {
    let is_loopback = listens.is_some_and(|address| address.ip().is_loopback());
    if is_loopback && !host.is_none_or(is_own_name) {
        let why = "by its address or as `localhost` only: `admin.http` listens on loopback";
        return Err(Response::text(StatusCode::MISDIRECTED_REQUEST, why).into());
    }
    Ok(())
}

fn may_administer(peer: &LocalPeer, user: u32) -> bool {
    peer.uid == 0 || peer.uid == user
}

/// Whether a `Host` (RFC 9110, section 7.2) is an address or this machine's own name, which nobody else's DNS can give.
pub(in crate::proxy) fn is_own_name(host: &str) -> bool {
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && (port.is_empty() || port.parse::<u16>().is_ok());
    let name = match host.strip_prefix('[') {
        Some(bracketed) => {
            let Some((inner, rest)) = bracketed.split_once(']') else { return false };
            return inner.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6()) && rest.strip_prefix(':').map_or(rest.is_empty(), is_port);
        }
        None => match host.rsplit_once(':') {
            Some((name, port)) if is_port(port) => name,
            Some(_) => return false,
            None => host,
        },
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

/// The operator behind a request by the socket.
pub(super) fn asker(request: &Request) -> Option<By> {
    match request.caller {
        Caller::Local(peer) => Some(by(peer)),
        Caller::Remote(_) => None,
    }
}

fn by(peer: LocalPeer) -> By {
    By { uid: peer.uid, gid: peer.gid, pid: peer.pid }
}

/// A request that is told once it has ended, however it ends: an operator who goes away takes back nothing.
#[derive(Debug)]
pub(super) struct Act {
    audit: Audit,
    told: Option<Administration>,
}

impl Act {
    /// What `by` asks for, if it changes something or hands out something secret.
    pub(super) fn begin(audit: &Audit, by: By, (method, path): (&Method, Path), request: &Request) -> Self {
        let is_told = audit.is_on() && is_act(method, path);
        let told =
            is_told.then(|| Administration { by, action: format!("{method} {path}"), request: body(request), outcome: "unanswered" });
        Self { audit: audit.clone(), told }
    }

    /// It was answered.
    pub(super) fn ended(mut self, response: &Response) {
        if let Some(told) = &mut self.told {
            told.outcome = response.outcome();
        }
    }
}

impl Drop for Act {
    fn drop(&mut self) {
        if let Some(told) = self.told.take() {
            self.audit.record(Event::Administration(told));
        }
    }
}

/// Whether such a request changes something, or hands out something secret.
fn is_act(method: &Method, path: Path) -> bool {
    match path {
        Path::Snapshot(_) => method == Method::GET,
        Path::Tokens
        | Path::Strategy
        | Path::Revoke(_)
        | Path::Transfer
        | Path::Removal
        | Path::Drain
        | Path::Resume
        | Path::AgentRemoval
        | Path::ClientRemoval
        | Path::Credential
        | Path::CredentialRevocation
        | Path::Rotate
        | Path::Rollback
        | Path::RevokeSerial
        | Path::Reload
        | Path::Allow => method == Method::POST,
        Path::Authority | Path::Certificates => false,
        Path::Clients | Path::Status | Path::Agents | Path::Routes | Path::Raft | Path::RemovalCheck | Path::StrategyPlan => false,
    }
}

/// No request carries a secret: those are made by the proxy, and are in answers alone.
fn body(request: &Request) -> serde_json::Value {
    match request.body.len() {
        length if length > MAX_TOLD => format!("{length} bytes").into(),
        _ => serde_json::from_slice(&request.body).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_and_the_proxy_s_own_user_administer() {
        let table = [(0, 1_000, true), (1_000, 1_000, true), (0, 0, true), (1_001, 1_000, false), (1_000, 0, false), (65_534, 0, false)];
        for (uid, user, expected) in table {
            // The group gives no right: a member of root's is not root.
            assert_eq!(may_administer(&LocalPeer { uid, gid: 0, pid: None }, user), expected, "{uid} at a proxy of {user}");
        }
    }

    #[test]
    fn a_foreign_name_is_not_served_at_loopback() {
        let (loopback, open) = ("127.0.0.1:3081", "0.0.0.0:3081");
        let table = [
            (loopback, Some("127.0.0.1:3081"), true),
            (loopback, Some("localhost:3081"), true),
            (loopback, Some("LOCALHOST"), true),
            (loopback, Some("[::1]:3081"), true),
            (loopback, Some("[::1]"), true),
            (loopback, None, true),
            (loopback, Some("evil.example"), false),
            (loopback, Some("evil.example:3081"), false),
            (loopback, Some("localhost.evil.example"), false),
            (loopback, Some("127.0.0.1.evil.example:3081"), false),
            (loopback, Some("[::1].evil.example"), false),
            (loopback, Some("[::1"), false),
            (loopback, Some("[127.0.0.1]"), false),
            (loopback, Some("127.0.0.1:x"), false),
            (loopback, Some("127.0.0.1:+80"), false),
            (loopback, Some("evil@localhost"), false),
            (loopback, Some(""), false),
            (open, Some("proxy-1.example.net:3081"), true),
        ];
        for (listens, host, expected) in table {
            let listens = listens.parse().expect("an address");
            assert_eq!(visitor(Some(listens), host).is_ok(), expected, "{host:?} at {listens}");
        }
    }
}
