//! An agent whose certificate has ended while it runs: its machine slept, or no proxy was to be reached for long. It cannot renew any more, and enrols again with the
//! token of its configuration, which it reads anew each time: an operator can put a fresh one there. Until then it says what is to be done.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::enrollment::{StartError, enroll};
use super::settings::{Agent, TokenFrom};
use crate::identity::{CredentialStore, CredentialsHandle, renewal};
use crate::net::Env;

/// How often it is looked at: the clock of timers stands still while a machine sleeps.
const LOOK: Duration = Duration::from_secs(5);

/// What is needed to enrol again.
#[derive(Debug)]
pub(super) struct Asleep {
    pub(super) agent: Agent,
    pub(super) env: Env,
    pub(super) endpoint: quinn::Endpoint,
    pub(super) store: CredentialStore,
    pub(super) credentials: CredentialsHandle,
}

impl Asleep {
    /// Sees to it until `cancel`.
    pub(super) async fn watch(self, cancel: CancellationToken) {
        let mut wait = LOOK;
        while cancel.run_until_cancelled(sleep(wait)).await.is_some() {
            let (current, now) = (self.credentials.current(), self.env.wall.now());
            let left = current.remaining(now);
            wait = left.clamp(Duration::from_millis(500), LOOK);
            if !left.is_zero() {
                continue;
            }
            let again = cancel.run_until_cancelled(self.again()).await;
            wait = match again {
                Some(Ok(())) => LOOK,
                Some(Err(error)) => {
                    let seconds_ago = now.0.saturating_sub(current.not_after().0) / 1000;
                    tracing::error!(
                        %error, seconds_ago,
                        "the certificate has ended, since it was not renewed in time: put a new token into the token file, from `warren token create --role agent` on a proxy's machine"
                    );
                    renewal::pause(&current, &mut self.env.entropy.rng()).max(LOOK)
                }
                None => return,
            };
        }
    }

    async fn again(&self) -> Result<(), StartError> {
        // Standard input was read to its end long ago.
        if self.agent.token == TokenFrom::File("-".into()) {
            return Err(StartError::Expired(self.agent.data_dir.clone()));
        }
        let credentials = match enroll(&self.store, &self.agent, &self.env, &self.endpoint).await {
            Err(StartError::NotEnrolled(dir)) => return Err(StartError::Expired(dir)),
            enrolled => enrolled?,
        };
        self.credentials.replace(credentials).map_err(|error| StartError::Identity(error.into()))?;
        tracing::info!(serial = %self.credentials.current().serial(), "enrolled again after the certificate had ended");
        Ok(())
    }
}
