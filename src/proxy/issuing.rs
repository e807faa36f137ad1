//! The cluster's authority at work: every proxy has it in its table, and any of them issues.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use warren_raft::{AuthorityRecord, RoutingStore, Table, Timestamp};

use crate::identity::authority::AuthorityError;
use crate::identity::credentials::CredentialsError;
use crate::identity::{Authority, Credentials, Identity, IssueError, Issued, MachineKey};
use crate::net::Env;

/// What certificates are issued with. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Issuing {
    pub(super) store: RoutingStore,
    pub(super) env: Env,
    /// How long certificates live.
    pub(super) lifetime: Duration,
}

/// Why no certificate was issued.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotIssued {
    #[error("there is no cluster yet")]
    NoCluster,
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error(transparent)]
    Issue(#[from] IssueError),
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

impl Issuing {
    /// Signs `request` for `identity`, by the authority that issues now.
    pub(super) fn certify(&self, identity: &Identity, request: &[u8]) -> Result<Issued, NotIssued> {
        let table = self.store.table();
        let authority = taken_up(table.issuing_authority())?;
        let issued = authority.issue(request, identity, self.lifetime, &self.env)?;
        tracing::info!(%identity, serial = %issued.serial, "certificate issued");
        Ok(issued)
    }

    /// Certificates for this machine's own key: the one that proxies present now first, then one of each other authority that is trusted.
    pub(super) fn certify_self(&self, table: &Table, (identity, key): (&Identity, &MachineKey)) -> Result<Vec<Credentials>, NotIssued> {
        let presented = table.presented_authority();
        let mut records = table.trusted_authorities();
        let trusted = certificates(&records);
        records.sort_by_key(|record| Some(*record) != presented);
        let certify = |record: &AuthorityRecord<'_>| {
            let authority = taken_up(Some(*record))?;
            let issued = authority.issue(&key.csr(), identity, self.lifetime, &self.env)?;
            let credentials = Credentials::new(issued.certificate, authority.certificate_der().clone(), key.clone())?;
            Ok(credentials.trusting(trusted.clone())?)
        };
        records.iter().map(certify).collect()
    }

    /// A certificate for a server that is known to others by these names, with the authority behind it, and when it ends.
    pub(super) fn certify_server(&self, key: &MachineKey, names: &[String]) -> Result<(Arc<CertifiedKey>, Timestamp), NotIssued> {
        let authority = taken_up(self.store.table().presented_authority())?;
        let issued = authority.issue_server(&key.csr(), names, self.lifetime, &self.env)?;
        tracing::info!(?names, serial = %issued.serial, "certificate issued for a way in");
        Ok((key.certified(vec![issued.certificate, authority.certificate_der().clone()])?, issued.not_after))
    }
}

/// The certificates of authorities, in their order.
pub(super) fn certificates(records: &[AuthorityRecord<'_>]) -> Vec<CertificateDer<'static>> {
    records.iter().map(|record| CertificateDer::from(record.certificate.to_vec())).collect()
}

fn taken_up(record: Option<AuthorityRecord<'_>>) -> Result<Authority, NotIssued> {
    let record = record.ok_or(NotIssued::NoCluster)?;
    Ok(Authority::from_der(record.certificate, record.key)?)
}
