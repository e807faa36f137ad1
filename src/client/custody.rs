//! A client's certificate while it is connected: renewed in time, by the authority that issues now, and with whom to trust. Nobody has to dial for that.

use std::sync::{Arc, Weak};
use std::time::Duration;

use rand::Rng;
use tokio::time::sleep;

use super::departure::Departure;
use super::entrances::Entrances;
use super::session::{Session, Shared};
use crate::identity::renewal::{self, Due};
use crate::identity::{CredentialStore, CredentialsHandle, KnownProxies};
use crate::net::{Budget, Env};
use crate::wire::{
    Authorities, AuthoritiesReply, AuthoritiesRequest, ClientRequest, EnrollReply, Heard, Hello, Member, ProxiesReply, frame,
    not_understood,
};

/// How long after one answer it is asked again where the proxies are, at most.
const LEARN_AGAIN: Duration = Duration::from_secs(30);
/// How long after a proxy said that it goes away it is asked again, at most, where no other was found.
const STAY: Duration = Duration::from_secs(10);
/// How long a renewal may take.
const RENEWAL: Duration = Duration::from_secs(5);

/// Looks after a client's certificate.
#[derive(Clone, Debug)]
pub(super) struct Custody {
    env: Env,
    credentials: CredentialsHandle,
    store: CredentialStore,
    entrances: Entrances,
    /// Whose this is, which ends it.
    session: Weak<Shared>,
}

impl Custody {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        let Shared { env, credentials, store, entrances, .. } = &**shared;
        let (env, credentials, store) = (env.clone(), credentials.clone(), store.clone());
        Self { env, credentials, store, entrances: entrances.clone(), session: Arc::downgrade(shared) }
    }

    /// Does so over `connection`, until that is no more.
    pub(super) async fn keep(self, connection: quinn::Connection) {
        tokio::join!(self.keep_renewed(&connection), self.follow(&connection), self.learn(&connection), self.mind(&connection));
    }

    /// Has another proxy entered by once this one goes away. Where there is none it is asked again: another one may have come, or this one serves on.
    async fn mind(&self, connection: &quinn::Connection) {
        while let Some(told) = Departure::told(connection).await {
            let Some(shared) = self.session.upgrade() else { return };
            Session { shared }.leave(connection.clone(), told);
            let pause = STAY.mul_f64(self.env.entropy.rng().random_range(0.5..=1.0));
            tokio::select! {
                () = sleep(pause) => {}
                _ = connection.closed() => return,
            }
        }
    }

    /// Asks where the proxies are by now, at once and now and then. A proxy of an older version does not know the question.
    async fn learn(&self, connection: &quinn::Connection) {
        loop {
            let request = ClientRequest::Proxies { hello: Hello::ours() };
            let told = Budget::new(RENEWAL).run(ask(connection, &request)).await;
            if let Ok(Ok(Heard::Known(ProxiesReply::Proxies { proxies, .. }))) = &told {
                self.keep_proxies(proxies);
            }
            self.entrances.asked();
            if let Ok(Ok(Heard::Known(ProxiesReply::Failed(_)) | Heard::Unknown(_))) = told {
                return;
            }
            let pause = LEARN_AGAIN.mul_f64(self.env.entropy.rng().random_range(0.5..=1.0));
            tokio::select! {
                () = sleep(pause) => {}
                _ = connection.closed() => return,
            }
        }
    }

    async fn keep_renewed(&self, connection: &quinn::Connection) {
        let mut replaced = self.credentials.replaced();
        let mut due = self.due();
        loop {
            tokio::select! {
                () = sleep(due.wait(self.env.wall.now())) => {
                    if !due.is_over(self.env.wall.now()) {
                        continue;
                    }
                    due = match self.renew(connection).await {
                        Ok(()) => self.due(),
                        Err(reason) => Due::after(self.not_renewed(&reason), self.env.wall.now()),
                    };
                }
                // It never ends: this holds the handle.
                _ = replaced.changed() => due = self.due(),
                _ = connection.closed() => return,
            }
        }
    }

    fn due(&self) -> Due {
        Due::of(&self.credentials.current(), self.env.wall.now(), &mut self.env.entropy.rng())
    }

    fn not_renewed(&self, reason: &str) -> Duration {
        let current = self.credentials.current();
        let seconds_left = current.remaining(self.env.wall.now()).as_secs();
        tracing::warn!(reason, seconds_left, serial = %current.serial(), "certificate not renewed");
        renewal::pause(&current, &mut self.env.entropy.rng())
    }

    /// Gets a fresh certificate. A failure leaves the present one.
    pub(super) async fn renew(&self, connection: &quinn::Connection) -> Result<(), String> {
        let current = self.credentials.current();
        let renewal = async {
            let request = ClientRequest::Renew { hello: Hello::ours(), request: current.key().csr() };
            match ask(connection, &request).await? {
                Heard::Known(EnrollReply::Enrolled(enrolled)) => {
                    self.keep_proxies(&enrolled.proxies);
                    // Whom to trust may have been told meanwhile.
                    let current = self.credentials.current();
                    let told = enrolled.authorities.as_ref().map_or(Ok(None), |authorities| current.told(authorities));
                    let trusting = told.map_err(|error| error.to_string())?.unwrap_or(current);
                    trusting.with_certificate(&enrolled.certificate).map_err(|error| error.to_string())
                }
                Heard::Known(EnrollReply::Failed(failure)) => Err(failure.message().to_owned()),
                Heard::Unknown(number) => Err(not_understood(&format!("answer {number} of a proxy")).message().to_owned()),
            }
        };
        let renewed = Budget::new(RENEWAL).run(renewal).await.unwrap_or_else(|error| Err(error.to_string()))?;
        self.store.save(&renewed).map_err(|error| error.to_string())?;
        tracing::debug!(serial = %renewed.serial(), "certificate renewed");
        self.credentials.replace(renewed).map_err(|error| error.to_string())
    }

    /// Where the proxies are by now, for whoever dials next. It is a remark: those that were known stay known.
    fn keep_proxies(&self, proxies: &[Member]) {
        self.entrances.told(proxies);
        let kept = KnownProxies::new(&self.store);
        // Each command asks, and hardly ever there is news.
        let is_news = !kept.load().is_ok_and(|known| known.iter().map(place).eq(proxies.iter().map(place)));
        if !proxies.is_empty()
            && is_news
            && let Err(error) = kept.save(proxies)
        {
            tracing::warn!(%error, "where the proxies are is not kept");
        }
    }

    /// Asks whom to trust, again and again: it is answered once that are others. A proxy of an older version does not know the question.
    async fn follow(&self, connection: &quinn::Connection) {
        loop {
            let holds = self.credentials.current().holdings();
            let mut replaced = self.credentials.replaced();
            let request = ClientRequest::Authorities(AuthoritiesRequest { hello: Hello::ours(), holds });
            let told = tokio::select! {
                told = ask::<AuthoritiesReply>(connection, &request) => told,
                // What it holds is another by now, which the proxy is to know.
                _ = replaced.changed() => continue,
            };
            match told {
                Ok(Heard::Known(AuthoritiesReply::Authorities(authorities))) => {
                    if let Err(reason) = self.trust(&authorities) {
                        tracing::warn!(reason, "whom to trust was not kept");
                        sleep(renewal::pause(&self.credentials.current(), &mut self.env.entropy.rng())).await;
                    }
                }
                Ok(Heard::Known(AuthoritiesReply::Failed(_)) | Heard::Unknown(_)) | Err(_) => return,
            }
        }
    }

    fn trust(&self, authorities: &Authorities) -> Result<(), String> {
        let told = self.credentials.current().told(authorities).map_err(|error| error.to_string())?;
        let Some(credentials) = told else { return Err("it is what is trusted already".to_owned()) };
        self.store.save(&credentials).map_err(|error| error.to_string())?;
        self.credentials.replace(credentials).map_err(|error| error.to_string())
    }
}

/// All of a proxy but how much it has to do.
fn place(member: &Member) -> Member {
    Member { tunnels: 0, ..member.clone() }
}

async fn ask<T: serde::de::DeserializeOwned>(connection: &quinn::Connection, request: &ClientRequest) -> Result<Heard<T>, String> {
    let (mut send, mut recv) = connection.open_bi().await.map_err(|error| error.to_string())?;
    frame::write(&mut send, request, frame::MAX_MESSAGE).await.map_err(|error| error.to_string())?;
    frame::hear(&mut recv, frame::MAX_MESSAGE).await.map_err(|error| error.to_string())
}
