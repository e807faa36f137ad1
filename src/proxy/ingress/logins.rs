//! Names and secrets that are shown at the ways in: checked, and slowed down by where they come from when they are wrong.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use warren_raft::{ClientName, RoutingStore};

use crate::audit::Denial;
use crate::failure::{Code, Failure, Stage};
use crate::identity::ClientSecret;
use crate::ingress::Who;
use crate::limits::guesses::Guesses;
use crate::limits::{Limit, Limits, Reached};
use crate::net::Env;

/// How long the leader may take to confirm a secret that this proxy does not know: it may have been issued at another one a moment ago.
const CONFIRM: Duration = Duration::from_secs(2);

/// Checks names and secrets. Cheap to clone.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct Logins {
    env: Env,
    store: RoutingStore,
    guesses: Arc<Mutex<Guesses>>,
    reached: Reached,
}

impl Logins {
    /// Nobody has come yet.
    pub(in crate::proxy) fn new(env: Env, store: RoutingStore, (limits, reached): (&Limits, Reached)) -> Self {
        let per_minute = u32::try_from(limits.failed_logins_per_source).unwrap_or(u32::MAX);
        Self { env, store, guesses: Arc::new(Mutex::new(Guesses::new(per_minute, Instant::now()))), reached }
    }

    /// Which client this secret belongs to, which is shown from there at the way in of this kind and address.
    pub(super) async fn check(&self, (from, ingress): (SocketAddr, &str), name: &str, secret: &str) -> Result<Who, Failure> {
        let waits = self.lock().wait(from.ip().into(), Instant::now());
        if let Some(wait) = waits {
            let failure =
                self.reached.refuse(Limit::FailedLoginsPerSource, Stage::Ingress, "too many logins from this address have failed");
            return Err(failure.with_cause(format!("the next one is looked at in {} s, whatever it shows", wait.as_secs() + 1)));
        }
        let shown = name.parse::<ClientName>().ok().zip(secret.parse::<ClientSecret>().ok().map(|secret| secret.hash()));
        let now = self.env.wall.now();
        if let Some((client, hash)) = &shown
            && self.store.with_table(|table| table.admits_credential(client, *hash, now))
        {
            return Ok(Who::Password(client.clone(), *hash));
        }
        // Counted before the leader is asked: tries that come together must not all be looked at.
        self.lock().failed(from.ip().into(), Instant::now());
        if let Some((client, hash)) = shown
            && self.store.confirm(CONFIRM).await.is_ok_and(|table| table.admits_credential(&client, hash, now))
        {
            return Ok(Who::Password(client, hash));
        }
        let unsaid = self.lock().may_say(Instant::now());
        if let Some(unsaid) = unsaid {
            tracing::info!(unsaid, "a login at a way in was refused");
            self.env.audit.denied(Denial::at_ingress(ingress, from, "the name or the secret is wrong, or the secret has expired"));
        }
        Err(Failure::new(Code::Denied, Stage::Ingress, "the name or the secret is wrong, or the secret has expired")
            .with_hint("`warren clients credential NAME` on a proxy's machine makes a new one"))
    }

    fn lock(&self) -> MutexGuard<'_, Guesses> {
        self.guesses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
