//! A proxy's own certificate, and whom it trusts: both follow the table, since every proxy has the authorities in it.
//!
//! It must *never* trust fewer authorities than before until this life of the process has had a lease: until then its table may be that of long ago, and
//! the peers from which it would learn more may present certificates of an authority that it has forgotten.

use std::time::Duration;

use rand::Rng;
use rustls::pki_types::CertificateDer;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use warren_raft::{LeaseState, Table};

use super::issuing::{Issuing, NotIssued, certificates};
use super::metrics::Metrics;
use crate::identity::renewal::{self, Due};
use crate::identity::{CredentialStore, Credentials, CredentialsHandle, MAX_AUTHORITIES, StoreError};

/// Looks after a proxy's certificate.
#[derive(Debug)]
pub(super) struct Custody {
    pub(super) issuing: Issuing,
    pub(super) files: CredentialStore,
    pub(super) credentials: CredentialsHandle,
    pub(super) metrics: Metrics,
    /// Why the last try to renew failed; `None` while all is well.
    pub(super) failed: watch::Sender<Option<String>>,
}

/// Why a certificate was not renewed.
#[derive(Debug, thiserror::Error)]
enum NotRenewed {
    #[error(transparent)]
    Issue(#[from] NotIssued),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Credentials(#[from] crate::identity::credentials::CredentialsError),
}

/// What of a table says who is trusted and who presents what.
type Wanted = (Vec<CertificateDer<'static>>, CertificateDer<'static>);

impl Custody {
    /// Renews the certificate and follows the table, until `cancel`.
    pub(super) async fn run(self, cancel: CancellationToken) {
        let mut rng = self.issuing.env.entropy.split("custody").rng();
        let mut applied = self.issuing.store.applied();
        let mut lease = self.issuing.store.lease();
        let mut is_current = false;
        let mut due = self.due(&mut rng);
        let mut followed: Option<Wanted> = None;
        loop {
            is_current |= matches!(*lease.borrow(), LeaseState::Held(_));
            let table = self.issuing.store.table();
            let wanted = self.wanted(&table, is_current);
            let is_news = wanted.is_some() && followed != wanted;
            let now = self.issuing.env.wall.now();
            // One that cannot be replaced is tried again when that is due.
            let is_revoked = self.failed.borrow().is_none() && table.is_revoked(self.credentials.current().serial(), now);
            if is_news || is_revoked || due.is_over(now) {
                match self.tend(&table, wanted.as_ref(), is_current) {
                    Ok(()) => {
                        followed = wanted;
                        due = self.due(&mut rng);
                    }
                    Err(error) => due = Due::after(self.not_renewed(&error, &mut rng), now),
                }
            }
            tokio::select! {
                () = sleep(due.wait(self.issuing.env.wall.now())) => {}
                changed = applied.changed() => if changed.is_err() { return },
                changed = lease.changed() => if changed.is_err() { return },
                () = cancel.cancelled() => return,
            }
        }
    }

    fn due(&self, rng: &mut impl Rng) -> Due {
        // Which authority's certificate it presents, the table says.
        Due::by_age(&self.credentials.current(), rng)
    }

    fn not_renewed(&self, error: &NotRenewed, rng: &mut impl Rng) -> Duration {
        let (current, now) = (self.credentials.current(), self.issuing.env.wall.now());
        let seconds_left = current.remaining(now).as_secs();
        tracing::warn!(%error, seconds_left, serial = %current.serial(), "certificate not renewed");
        self.metrics.certificates().renewal_failed();
        self.failed.send_replace(Some(error.to_string()));
        renewal::pause(&current, rng)
    }

    /// Whom to trust, the issuing one first, and whose certificate to present; `None` while the table knows of no cluster. A table that may be of long ago, as one is that a
    /// proxy which has just joined still replays, takes nothing away, and the certificate stays that of the authority that has issued it.
    fn wanted(&self, table: &Table, is_current: bool) -> Option<Wanted> {
        let mut trusted = certificates(&table.trusted_authorities());
        let presented = table.presented_authority().map(|record| CertificateDer::from(record.certificate.to_vec()))?;
        if is_current {
            return Some((trusted, presented));
        }
        let kept = self.credentials.current();
        trusted.retain(|known| !kept.authorities().contains(known));
        let mut both = kept.authorities().to_vec();
        both.append(&mut trusted);
        both.truncate(MAX_AUTHORITIES);
        Some((both, kept.ca().clone()))
    }

    /// Does what is to be done now: a new certificate if one is due or another authority's is to be presented, else whom to trust.
    fn tend(&self, table: &Table, wanted: Option<&Wanted>, is_current: bool) -> Result<(), NotRenewed> {
        let current = self.credentials.current();
        let (trusted, presented) = wanted.ok_or(NotIssued::NoCluster)?;
        let now = self.issuing.env.wall.now();
        // Whoever is a member may have another certificate; a proxy is kept out by its removal.
        let is_due = current.renew_at() <= now || table.is_revoked(current.serial(), now);
        let is_presented = presented == current.ca();
        let is_trusting = current.authorities() == trusted;
        if is_trusting && is_presented && !is_due && trusted.len() == 1 {
            return Ok(());
        }
        if !is_current && !is_due {
            return if is_trusting { Ok(()) } else { self.trust(current, trusted) };
        }
        let mut issued = self.issuing.certify_self(table, (current.identity(), current.key()))?;
        // The one whose certificate is to be presented comes first.
        issued.sort_by_key(|credentials| credentials.ca() != presented);
        let mut issued = issued.into_iter();
        let own = issued.next().ok_or(NotIssued::NoCluster)?.trusting(trusted.clone())?;
        let others: Vec<Credentials> = issued.map(|other| other.trusting(trusted.clone())).collect::<Result<_, _>>()?;
        self.files.save(&own)?;
        let serial = own.serial();
        self.credentials.replace_with(own, &others)?;
        self.metrics.certificates().renewed();
        self.failed.send_replace(None);
        tracing::info!(%serial, authorities = trusted.len(), "certificate renewed");
        Ok(())
    }

    /// Trusts these from now on, with the certificate that it has.
    fn trust(&self, current: Credentials, trusted: &[CertificateDer<'static>]) -> Result<(), NotRenewed> {
        let own = current.trusting(trusted.to_vec())?;
        self.files.save(&own)?;
        self.credentials.replace(own)?;
        tracing::info!(authorities = trusted.len(), "authorities added");
        Ok(())
    }
}
