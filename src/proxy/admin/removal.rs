//! `proxies rm`.

use std::time::Duration;

use warren_raft::{ProposeError, ProxyId, ProxyName, Rejection, RemoveError};

use super::parts::AdminParts;
use super::transfer::{id_of, unknown};
use super::views;
use crate::api::{Declined, ProxyRole, ProxyRow, ProxyState, RemovalPlan, RemovalRequest, RemovalView, Schema};
use crate::failure::{Code, Failure, Stage};
use crate::http::{Response, StatusCode};
use crate::net::Budget;

/// How long the cluster may take to record the removal.
const COMMIT: Duration = Duration::from_secs(10);
/// How long the proxy may then take to leave the group.
const LEAVE: Duration = Duration::from_secs(15);

/// Removes a proxy, and waits until it has left.
pub(super) async fn remove(parts: &AdminParts, body: &[u8]) -> Response {
    let (id, name) = match asked(parts, body) {
        Ok(asked) => asked,
        Err(response) => return *response,
    };
    match parts.store.remove_proxy(id, COMMIT).await {
        Ok(()) => {
            tracing::warn!(proxy = %id, %name, "a proxy was removed by an operator");
            // It will not hear of its own end, and says what it knows.
            let gone = id != parts.me && Budget::new(LEAVE).run(left(parts, id)).await.is_ok();
            Response::json(&RemovalView { schema: Schema, id, name, gone })
        }
        Err(error) => refused(&name, error),
    }
}

/// Says what a removal would leave, or refuses it as the removal itself would.
pub(super) async fn check(parts: &AdminParts, body: &[u8]) -> Response {
    let (id, name) = match asked(parts, body) {
        Ok(asked) => asked,
        Err(response) => return *response,
    };
    match parts.store.check_removal(id, COMMIT).await {
        Ok(()) => {
            let (voters, tolerates) = remaining(&views::status(parts).await.proxies, &name);
            Response::json(&RemovalPlan { schema: Schema, id, name, voters, tolerates })
        }
        Err(error) => refused(&name, error),
    }
}

/// Who is to be removed; the only proxy can not be.
fn asked(parts: &AdminParts, body: &[u8]) -> Result<(ProxyId, ProxyName), Box<Response>> {
    let RemovalRequest { name } = serde_json::from_slice(body)
        .map_err(|error| Response::text(StatusCode::BAD_REQUEST, &format!("not a request to remove a proxy: {error}")))?;
    let table = parts.store.table();
    let id = id_of(&table, &name).ok_or_else(|| unknown(&name))?;
    if table.proxies().any(|(other, proxy)| other != id && !proxy.removed) { Ok((id, name)) } else { Err(only(&name).into()) }
}

/// How many voters there are without a proxy, and how many of them may fail: the first learner that is up takes the seat of a voter.
fn remaining(proxies: &[ProxyRow], name: &ProxyName) -> (u64, u64) {
    let is_up = |row: &&ProxyRow| matches!(row.state, ProxyState::Healthy | ProxyState::Draining);
    let is_seat_free = proxies.iter().any(|row| row.name == *name && row.role == ProxyRole::Voter);
    let others = || proxies.iter().filter(|row| row.name != *name);
    let seated = others().filter(|row| row.role == ProxyRole::Learner && is_seat_free).filter(is_up).take(1).count();
    let voters = others().filter(|row| row.role == ProxyRole::Voter).count() + seated;
    let up = others().filter(|row| row.role == ProxyRole::Voter).filter(is_up).count() + seated;
    (voters as u64, up.saturating_sub(voters / 2 + 1) as u64)
}

fn only(name: &ProxyName) -> Response {
    let declined = Declined::new(
        format!("proxy `{name}` was not removed: it is the only proxy"),
        "to end the cluster, stop it; to replace it, `warren join` on another machine adds a proxy first",
    );
    Response::declined(StatusCode::CONFLICT, declined)
}

fn refused(name: &ProxyName, error: RemoveError) -> Response {
    match error {
        RemoveError::Refused(reason) => Response::declined(
            StatusCode::CONFLICT,
            Declined::new(
                format!("proxy `{name}` was not removed: {reason}"),
                "bring the voters that are down back first, or remove those: `warren status`",
            ),
        ),
        RemoveError::Propose(ProposeError::Rejected(Rejection::LastProxy)) => only(name),
        RemoveError::Propose(ProposeError::Rejected(Rejection::ProxyUnknown(_))) => unknown(name),
        RemoveError::Propose(error) => Response::failure(not_removed(&error)),
    }
}

/// Waits until the proxy is not in the table any more.
async fn left(parts: &AdminParts, id: ProxyId) {
    let mut applied = parts.store.applied();
    while parts.store.table().proxy(id).is_some() {
        if applied.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

fn not_removed(error: &ProposeError) -> Failure {
    let (code, hint) = match error {
        ProposeError::Rejected(_) => (Code::Denied, "`warren status`"),
        ProposeError::AboveLevel { .. } => (Code::Denied, "`warren raft status` shows which proxies are to be updated"),
        ProposeError::QueueFull(_) => (Code::LimitReached, "try again"),
        ProposeError::NoQuorum(_) | ProposeError::Disk(_) | ProposeError::Stopped(_) => (
            Code::NoQuorum,
            "start the voters that are down: `warren status`. If they are lost for good, stop this proxy and run `warren raft recover` on it: \
             it takes all others out of the cluster",
        ),
    };
    Failure::new(code, Stage::Store, "the removal is not confirmed").with_cause(error.to_string()).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who is to go, the proxies from `p1` on, and the voters and failures that are left.
    type Case<'a> = (&'a str, &'a [(ProxyRole, ProxyState)], (u64, u64));

    fn row(name: &str, role: ProxyRole, state: ProxyState) -> ProxyRow {
        ProxyRow {
            id: ProxyId(1),
            name: name.parse().expect("a name"),
            peer_address: String::new(),
            public_addresses: Vec::new(),
            role,
            joining: false,
            leader: false,
            state,
            epoch: None,
            rtt_ms: None,
            lag_entries: None,
            agents: 0,
            streams: None,
            version: String::new(),
            feature_level: None,
            tunnels: None,
            drain: None,
            certificate: None,
            ingress: Vec::new(),
        }
    }

    #[test]
    fn what_remains_is_counted() {
        use ProxyRole::{Learner, Voter};
        use ProxyState::{Down, Healthy};
        let table: &[Case] = &[
            ("p1", &[(Voter, Healthy), (Voter, Healthy), (Voter, Healthy)], (2, 0)),
            ("p1", &[(Voter, Healthy), (Voter, Healthy), (Voter, Healthy), (Learner, Healthy)], (3, 1)),
            ("p1", &[(Voter, Healthy), (Voter, Healthy), (Voter, Healthy), (Learner, Down)], (2, 0)),
            ("p4", &[(Voter, Healthy), (Voter, Healthy), (Voter, Healthy), (Learner, Healthy)], (3, 1)),
            ("p4", &[(Voter, Healthy), (Voter, Healthy), (Voter, Down), (Learner, Healthy)], (3, 0)),
            ("p1", &[(Voter, Down), (Voter, Healthy)], (1, 0)),
        ];
        for &(name, proxies, expected) in table {
            let rows: Vec<_> = proxies.iter().zip(1..).map(|((role, state), n)| row(&format!("p{n}"), *role, *state)).collect();
            assert_eq!(remaining(&rows, &name.parse().expect("a name")), expected, "{name} of {proxies:?}");
        }
    }
}
