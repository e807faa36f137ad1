//! `ca status|ls|rotate|rollback|revoke`.

use std::time::Duration;

use rustls::pki_types::CertificateDer;
use warren_raft::command::NewAuthority;
use warren_raft::{Command, ProposeError, ProxyId, Rejection, RotationPhase, Table, Timestamp};

use super::parts::AdminParts;
use super::tokens::{no_cluster, not_recorded};
use crate::api::{
    AbsentRow, AuthorityRow, AuthorityView, CertificateRow, CertificatesView, Declined, LaggardRow, RevokedRow, RollbackRequest,
    RotateRequest, RotationView, Schema, SerialRequest, SerialRevoked, SerialText,
};
use crate::http::{Response, StatusCode};
use crate::identity::fingerprint::fingerprint;
use crate::identity::{Authority, LONGEST_LIFETIME};
use crate::proxy::rotation::{Absent, may_advance};
use crate::wire::{CertificateReport, Machine};

/// How long the cluster may take to record a change.
const COMMIT: Duration = Duration::from_secs(10);

/// The authorities, and how far a rotation is.
pub(super) async fn show(parts: &AdminParts) -> Response {
    Response::json(&view(parts).await)
}

async fn view(parts: &AdminParts) -> AuthorityView {
    let seen = parts.rotations.look().await;
    let (table, now) = (parts.store.table(), parts.env.wall.now());
    let rotation = seen.map(|(seen, reports)| RotationView {
        phase: seen.rotation.1.as_str().to_owned(),
        began_at: seen.rotation.0.into(),
        phase_at: seen.phase_at.into(),
        ready: seen.ready(),
        lagging: seen.lagging(),
        away: seen.machines_away(),
        laggards: laggards(reports.values()),
        absent: seen
            .absent
            .iter()
            .map(|machine| AbsentRow { role: machine.role.as_str().to_owned(), name: machine.name.clone() })
            .collect(),
        waits_for: seen.obstacles().iter().map(ToString::to_string).collect(),
    });
    let revoked = table.revoked().filter(|(_, until)| *until > now);
    AuthorityView {
        schema: Schema,
        authorities: authorities(&table),
        rotation,
        revoked: revoked.map(|(serial, until)| RevokedRow { serial: SerialText(serial), until: until.into() }).collect(),
    }
}

fn authorities(table: &Table) -> Vec<AuthorityRow> {
    let (issuing, presented) = (table.issuing_authority(), table.presented_authority());
    let row = |record: warren_raft::AuthorityRecord<'_>| AuthorityRow {
        fingerprint: hex::encode(fingerprint(record.certificate)),
        issues: Some(record) == issuing,
        presented: Some(record) == presented,
        expires_at: expiry(record.certificate).map(Into::into),
    };
    table.trusted_authorities().into_iter().map(row).collect()
}

fn expiry(certificate: &[u8]) -> Option<Timestamp> {
    let certificate = CertificateDer::from(certificate);
    let (_, parsed) = x509_parser::parse_x509_certificate(&certificate).ok()?;
    u64::try_from(parsed.validity().not_after.timestamp()).ok().map(|seconds| Timestamp(seconds.saturating_mul(1000)))
}

/// An agent with several tunnels lags at each of them, and is one machine.
fn laggards<'a>(reports: impl Iterator<Item = &'a CertificateReport>) -> Vec<LaggardRow> {
    let row = |machine: &Machine| LaggardRow {
        role: machine.role.as_str().to_owned(),
        name: machine.name.clone(),
        outdated: machine.holds.is_none(),
    };
    let mut rows: Vec<_> = reports.flat_map(|report| report.laggards.iter().map(row)).collect();
    // It is outdated if any of its connections is.
    rows.sort_unstable_by(|a, b| (&a.role, &a.name, b.outdated).cmp(&(&b.role, &b.name, a.outdated)));
    rows.dedup_by(|later, first| (&later.role, &later.name) == (&first.role, &first.name));
    rows
}

/// The certificates in use.
pub(super) async fn certificates(parts: &AdminParts) -> Response {
    let live = parts.rotations.all_live().await;
    let table = parts.store.table();
    let mut certificates = Vec::new();
    for live in &live {
        let Some(proxy) = table.proxy(live.proxy).map(|proxy| proxy.name.clone()) else { continue };
        certificates.extend(live.machines.iter().map(|machine| CertificateRow {
            role: machine.role.as_str().to_owned(),
            name: if machine.role == warren_raft::TokenRole::Proxy { proxy.to_string() } else { machine.name.clone() },
            proxy: proxy.clone(),
            serial: SerialText(machine.holds.as_ref().map_or(machine.serial, |holds| holds.serial)),
            expires_at: machine.holds.as_ref().map(|holds| holds.expires_at.into()),
            authority: machine.holds.as_ref().and_then(|holds| holds.issuer).map(hex::encode),
        }));
    }
    certificates.sort_unstable();
    Response::json(&CertificatesView { schema: Schema, certificates })
}

/// Begins a rotation. One that is under way goes on by itself; an operator may have it not wait for who is away.
pub(super) async fn rotate(parts: &AdminParts, body: &[u8]) -> Response {
    let RotateRequest { skip_absent } = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => return Response::text(StatusCode::BAD_REQUEST, &format!("not a request to rotate the authority: {error}")),
    };
    let phase = parts.store.table().rotation().map(|rotation| rotation.phase);
    let changed = match (phase, skip_absent) {
        (None, _) => begin(parts).await,
        (Some(RotationPhase::Returning), false) => return returning(),
        (Some(_), true) => skip(parts).await,
        (Some(_), false) => Ok(()),
    };
    match changed {
        Ok(()) => show(parts).await,
        Err(response) => *response,
    }
}

async fn begin(parts: &AdminParts) -> Result<(), Box<Response>> {
    let table = parts.store.table();
    let cluster = table.cluster().ok_or_else(|| Response::failure(no_cluster()))?;
    let new = Authority::create(cluster.id, &cluster.name, &parts.env)
        .map_err(|error| Response::text(StatusCode::INTERNAL_SERVER_ERROR, &format!("no authority was made: {error}")))?;
    let new = NewAuthority { certificate: new.certificate_der().to_vec(), key: new.key_der().to_vec() };
    tracing::warn!(fingerprint = hex::encode(fingerprint(&new.certificate)), "an operator has begun to rotate the certificate authority");
    match parts.store.propose(Command::BeginRotation(Box::new(new)), COMMIT).await {
        // Another operator was faster: it is what was wanted.
        Ok(_) | Err(ProposeError::Rejected(Rejection::Rotating)) => Ok(()),
        Err(error) => Err(Response::failure(not_recorded(&error, SHOWS)).into()),
    }
}

/// Where to look whether a change has happened.
const SHOWS: &str = "`warren ca status`";

/// Goes on if nothing but absence stands in the way.
async fn skip(parts: &AdminParts) -> Result<(), Box<Response>> {
    let Some((seen, _)) = parts.rotations.look().await else { return Ok(()) };
    let ((began_at, from), obstacles) = (seen.rotation, seen.obstacles());
    if obstacles.is_empty() || !may_advance(&obstacles, Absent::Skip) {
        return Ok(());
    }
    tracing::warn!(phase = %from, away = seen.machines_away(), "an operator has the rotation not wait for machines that are away");
    match parts.store.propose(Command::AdvanceRotation { began_at, from }, COMMIT).await {
        Ok(_) | Err(ProposeError::Rejected(Rejection::RotationElsewhere { .. } | Rejection::NotRotating)) => Ok(()),
        Err(error) => Err(Response::failure(not_recorded(&error, SHOWS)).into()),
    }
}

fn returning() -> Response {
    let declined = Declined::new(
        "no rotation was begun: the one before is being rolled back",
        "`warren ca rotate --wait` when `warren ca status` shows one authority",
    );
    Response::declined(StatusCode::CONFLICT, declined)
}

/// Takes a rotation back, or has one that is being taken back not wait for who is away.
pub(super) async fn roll_back(parts: &AdminParts, body: &[u8]) -> Response {
    // Older versions send `null`.
    let RollbackRequest { skip_absent } = match serde_json::from_slice::<Option<RollbackRequest>>(body) {
        Ok(request) => request.unwrap_or_default(),
        Err(error) => return Response::text(StatusCode::BAD_REQUEST, &format!("not a request to roll a rotation back: {error}")),
    };
    let Some(began_at) = parts.store.table().rotation().map(|rotation| rotation.began_at) else { return nothing_to_roll_back() };
    match parts.store.propose(Command::RollBackRotation { began_at }, COMMIT).await {
        Ok(_) => {
            tracing::warn!("an operator has rolled the rotation of the certificate authority back");
            match if skip_absent { skip(parts).await } else { Ok(()) } {
                Ok(()) => show(parts).await,
                Err(response) => *response,
            }
        }
        Err(ProposeError::Rejected(Rejection::NotRotating)) => nothing_to_roll_back(),
        Err(error) => Response::failure(not_recorded(&error, SHOWS)),
    }
}

fn nothing_to_roll_back() -> Response {
    let declined = Declined::new(
        "nothing was rolled back: no rotation is under way",
        "`warren ca status`; one whose last phase is over can only be followed by another: `warren ca rotate`",
    );
    Response::declined(StatusCode::CONFLICT, declined)
}

/// Refuses one certificate until it ends by itself.
pub(super) async fn revoke(parts: &AdminParts, body: &[u8]) -> Response {
    let SerialRequest { serial } = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => return Response::text(StatusCode::BAD_REQUEST, &format!("not a request to revoke a certificate: {error}")),
    };
    let live = parts.rotations.all_live().await;
    let machines = || live.iter().flat_map(|live| &live.machines);
    let says = |machine: &&Machine| machine.holds.as_ref().is_some_and(|holds| holds.serial == serial.0);
    // Whoever has connected with it is its holder, whatever others say that they hold.
    let holder = machines().find(|machine| machine.serial == serial.0).or_else(|| machines().find(says));
    let held = holder.filter(says).and_then(|machine| machine.holds.as_ref());
    let until = refused_until(held.map(|holds| holds.expires_at), (parts.env.wall.now(), parts.rotations.lifetime));
    match parts.store.propose(Command::RevokeSerial { serial: serial.0, until }, COMMIT).await {
        Ok(_) => {
            let holder = holder.map(|machine| name_of(&parts.store.table(), machine));
            tracing::warn!(%serial, holder, "an operator has revoked a certificate");
            Response::json(&SerialRevoked { schema: Schema, serial, until: until.into(), holder })
        }
        Err(error) => Response::failure(not_recorded(&error, SHOWS)),
    }
}

/// Until when a certificate is refused whose holder says that it ends then; of one that nobody uses now it is not known. A thief says what it likes, and may hold on to what it has
/// stolen by saying that it ends at once: nothing that was issued until now ends later than `lifetime` from now, and so long it is refused in any case.
fn refused_until(said: Option<Timestamp>, (now, lifetime): (Timestamp, Duration)) -> Timestamp {
    let after = |life: Duration| Timestamp(now.0.saturating_add(u64::try_from(life.as_millis()).unwrap_or(u64::MAX)));
    said.map_or(after(LONGEST_LIFETIME), |said| said.max(after(lifetime)).min(after(LONGEST_LIFETIME)))
}

fn name_of(table: &Table, machine: &Machine) -> String {
    let proxy = machine.name.parse().ok().and_then(|id| table.proxy(ProxyId(id))).filter(|_| machine.role == warren_raft::TokenRole::Proxy);
    let name = proxy.map_or_else(|| machine.name.clone(), |proxy| proxy.name.to_string());
    format!("{} `{name}`", machine.role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_lags_at_two_proxies_is_named_once() {
        let holds = |serial| crate::wire::Holdings { serial, expires_at: Timestamp(0), lifetime_ms: 0, issuer: None, trusted: Vec::new() };
        let machine = |role, name: &str, holds| Machine { role, name: name.to_owned(), serial: warren_raft::Serial([0; 16]), holds };
        let serial = warren_raft::Serial([1; 16]);
        let report = |laggards| CertificateReport {
            index: 1,
            own: holds(serial),
            lifetime_ms: 1,
            failed: None,
            ready: 0,
            clients_ready: Vec::new(),
            lagging: 2,
            laggards,
            rotation: None,
        };
        let (agent, client) = (warren_raft::TokenRole::Agent, warren_raft::TokenRole::Client);
        let reports = [
            report(vec![machine(client, "pi", None), machine(agent, "pi", Some(holds(serial)))]),
            report(vec![machine(agent, "pi", None), machine(agent, "b", Some(holds(serial)))]),
        ];
        let row = |role: &str, name: &str, outdated| LaggardRow { role: role.to_owned(), name: name.to_owned(), outdated };
        assert_eq!(laggards(reports.iter()), [row("agent", "b", false), row("agent", "pi", true), row("client", "pi", true)]);
    }

    #[test]
    fn no_holder_says_that_a_refusal_is_short() {
        let (now, day) = (Timestamp(1_000_000), Duration::from_secs(86_400));
        let longest = 30 * 86_400_000;
        let table = [
            (None, longest),
            (Some(0), 86_400_000),
            (Some(1_000_001), 86_400_000),
            (Some(now.0 + 86_400_000), 86_400_000),
            // The life of certificates was made shorter a while ago.
            (Some(now.0 + 2 * 86_400_000), 2 * 86_400_000),
            (Some(u64::MAX), longest),
        ];
        for (said, expected) in table {
            assert_eq!(refused_until(said.map(Timestamp), (now, day)), Timestamp(now.0 + expected), "{said:?}");
        }
    }
}
