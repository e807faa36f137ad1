//! `/readyz`: whether this proxy may take traffic.

use warren_raft::{DiskState, LeaseState};

use super::parts::AdminParts;
use crate::http::{Response, StatusCode};

/// 200 only while every check passes; `verbose` lists them.
pub(super) fn readyz(parts: &AdminParts, verbose: bool) -> Response {
    let checks = [
        ("member", parts.store.table().proxy(parts.me).is_some()),
        ("lease", matches!(*parts.store.lease().borrow(), LeaseState::Held(_))),
        ("disk", *parts.store.disk().borrow() == DiskState::Writable),
        ("ingress", parts.listening.is_well()),
        ("not draining", !parts.drain.is_on()),
    ];
    let ready = checks.iter().all(|(_, passed)| *passed);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let verdict = if ready { "ready" } else { "not ready" };
    if !verbose {
        return Response::text(status, verdict);
    }
    let left = parts.drain.is_on().then(|| {
        let (tunnels, streams) = (parts.tunnels.all().len(), parts.metrics.streams().running());
        format!("tunnels left: {tunnels}, streams: {streams}; `warren proxies ls` shows whether it is about to stop or was told to drain")
    });
    let lines = checks.iter().map(|(check, passed)| format!("[{}] {check}", if *passed { '+' } else { '-' }));
    Response::text(status, &lines.chain(left).chain([verdict.to_owned()]).collect::<Vec<_>>().join("\n"))
}
