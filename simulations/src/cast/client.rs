//! The program of a machine with a client: what `warren enroll` and then `warren connect` do.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::TaskTracker;
use warren::client::{Entrances, Session, enroll};
use warren::identity::{CredentialStore, CredentialsHandle, Token};
use warren::net::{Env, dialling_endpoint};

use super::proxy::PUBLIC;
use super::stage::Stage;
use super::{Order, dial};
use crate::network::HostId;
use crate::plan::{Seats, Topology};
use crate::world::{Exit, Life, Program};

/// How long somebody waits before they try to enrol again.
const AGAIN: Duration = Duration::from_secs(1);

/// The program of a client's machine.
pub fn client(stage: Stage, host: HostId, topology: Topology) -> Program<Order> {
    let topology = Arc::new(topology);
    Arc::new(move |life| {
        let (stage, topology) = (stage.clone(), topology.clone());
        Box::pin(async move { run(life, stage, host, &topology).await })
    })
}

async fn run(life: Life<Order>, stage: Stage, host: HostId, topology: &Topology) -> Exit {
    let Life { env, mut orders, .. } = life;
    let proxies: Vec<_> = (0..topology.proxies)
        .map(|proxy| (proxy + host.0) % topology.proxies)
        .map(|proxy| format!("{}:{PUBLIC}", Seats::proxy(proxy).ip()))
        .collect();
    let session = loop {
        match session(&stage, host, &proxies, &env).await {
            Ok(session) => break session,
            Err(error) => stage.trace().event(format_args!("client {} has no identity: {error:#}", host.0)),
        }
        tokio::time::sleep(AGAIN).await;
    };
    stage.client_runs(host);
    let tasks = TaskTracker::new();
    while let Some(order) = orders.recv().await {
        match order {
            Order::Dial(number, dial) => {
                tasks.spawn(dial::run(stage.clone(), session.clone(), number, dial));
            }
            Order::Stop => break,
            Order::Operate(_) | Order::StartAgent(_) | Order::StopAgent(_) => {}
        }
    }
    session.close(Duration::from_secs(1)).await;
    Exit::Done
}

async fn session(stage: &Stage, host: HostId, proxies: &[String], env: &Env) -> anyhow::Result<Session> {
    let store = CredentialStore::new(&env.files, stage.home(host).join("client"));
    if !store.is_enrolled() {
        let token: Token = stage.secrets().client.ok_or_else(|| anyhow::anyhow!("there is no token"))?.parse()?;
        enroll(&format!("client-{}", host.0).parse()?, proxies, &token, &store, env).await?;
    }
    let credentials = CredentialsHandle::new(store.load()?)?;
    Ok(Session::new(env.clone(), dialling_endpoint(env)?, store, credentials, Entrances::given(proxies.to_vec())))
}
