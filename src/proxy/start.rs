//! From what a proxy is to be to one that runs.

use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::admin::AdminError;
use super::data_dir::DataDir;
use super::lifecycle::RunningProxy;
use super::member::{self, Membership, NewCluster};
use super::mesh::{Links, PeerPort};
use super::settings::Proxy;
use super::sockets::Sockets;
use super::start_error::StartError;
use super::threads::Threads;
use super::wiring::{Ground, Wiring};
use crate::identity::CredentialsHandle;
use crate::net::Env;

/// Connections to peers that wait to be served.
const MADE: usize = 64;

impl Proxy {
    /// Binds the sockets, becomes a member, opens the store and serves. Returns once the proxy serves; whether it may act for the cluster
    /// yet, [`RunningProxy::ready`] tells.
    ///
    /// # Errors
    /// [`StartError`]
    pub async fn start(self, env: Env) -> Result<RunningProxy, StartError> {
        let dir = DataDir::open(&self.data_dir, &env.files)?;
        dir.must_not_be_removed()?;
        let threads = Threads::start(env.threading).map_err(StartError::Thread)?;
        let sockets = Sockets::bind(&self, &dir, &env, &threads)?;
        let membership = self.membership(&dir, &sockets, &env).await?;
        let credentials = CredentialsHandle::new(membership.credentials.clone())?;
        let (made, connections) = mpsc::channel(MADE);
        let port = PeerPort {
            endpoint: sockets.peer.clone(),
            credentials: credentials.clone(),
            made: made.clone(),
            data_connections: self.data_connections,
            threads: threads.clone(),
        };
        let links = Links::new(membership.member.id, env.clone(), port);
        let ground = Ground { proxy: self, env, dir, sockets, membership, credentials, links, made, threads };
        // What it sets to work stays where it was opened.
        let opened = ground.threads.control.clone().spawn(async move {
            let store = ground.open_store().await?;
            Ok::<_, StartError>((ground, store))
        });
        // Dropped with this future: a start that is broken off is over.
        let (ground, store) = AbortOnDropHandle::new(opened).await.map_err(|error| StartError::Thread(std::io::Error::other(error)))??;
        Wiring::new(ground, store).run(connections).await
    }

    /// Enrols this machine as a proxy and stops there.
    ///
    /// # Errors
    /// [`StartError`]
    pub async fn enroll_only(self, env: Env) -> Result<(), StartError> {
        let dir = DataDir::open(&self.data_dir, &env.files)?;
        dir.must_not_be_removed()?;
        let sockets = Sockets::bind(&self, &dir, &env, &Threads::same())?;
        self.membership(&dir, &sockets, &env).await?;
        sockets.public.close(0_u32.into(), b"enrolled");
        sockets.public.wait_idle().await;
        Ok(())
    }

    /// Whether the ports of TCP can be had. They are taken once this proxy is a member, and a token is not to be spent on a start that fails.
    async fn ports_must_be_free(&self, env: &Env) -> Result<(), StartError> {
        if let Some(address) = self.http_listen {
            env.net.listen(address).await.map_err(|error| AdminError::Http { address, error })?;
        }
        for address in self.ingress.iter().map(|door| door.listen) {
            env.net.listen(address).await.map_err(|error| StartError::Ingress { address, error })?;
        }
        Ok(())
    }

    async fn membership(&self, dir: &DataDir, sockets: &Sockets, env: &Env) -> Result<Membership, StartError> {
        if let Some(membership) = member::resume(dir)? {
            let token = self.join.as_ref().and_then(|joining| joining.token.as_deref());
            if let Some(token) = token {
                membership.must_be_of(token, &self.data_dir, env)?;
                tracing::info!(
                    proxy = %membership.member.id,
                    "this machine is a proxy of the cluster already and goes on as that: the token is not used; to join as another one, stop it, `warren proxies rm` it and empty its `data_dir`"
                );
            }
            return Ok(membership);
        }
        Ok(match &self.join {
            Some(joining) => {
                self.ports_must_be_free(env).await?;
                member::join(dir, &self.name, joining, &sockets.public, env).await?
            }
            None => {
                let new = NewCluster {
                    name: self.cluster_name.clone(),
                    proxy: self.name.clone(),
                    strategy: self.strategy,
                    lifetime: self.certificate_lifetime,
                };
                member::bootstrap(dir, new, env)?
            }
        })
    }
}
