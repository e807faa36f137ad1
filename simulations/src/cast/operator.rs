//! What an operator does at the admin socket of a proxy.

use std::path::{Path as FilePath, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::timeout;
use warren::api::{
    DrainRequest, Path, RemovalRequest, ResumeRequest, StatusView, StrategyRequest, TokenCreated, TokenRequest, TransferRequest,
};
use warren::client::enroll;
use warren::http::{AdminClient, ClientError};
use warren::identity::{CredentialStore, Token};
use warren::net::Env;
use warren_raft::{ProxyName, StrategyKind, TokenRole};

use super::outcast::expel;
use super::proxy::PUBLIC;
use super::stage::{Secrets, Stage};
use crate::network::HostId;
use crate::plan::Operation;

/// How long somebody waits for an answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long tokens are valid, in milliseconds.
const TTL_MS: u64 = 24 * 3_600_000;
/// How often those for the cast can be used.
const USES: u32 = 1_000;

/// Does it, and notes how it ended.
pub(super) async fn operate(stage: Stage, env: Env, (socket, host): (PathBuf, HostId), operation: Operation) {
    let client = AdminClient::new(env.net.clone(), socket).with_deadline(PATIENCE);
    let done = match &operation {
        Operation::Expel => expel((&stage, &env, host), &client).await,
        Operation::Token { uses, tries } => guests((&stage, &env, host), &client, (*uses, *tries)).await,
        Operation::Remove(proxy) if is_back(&stage, &client, *proxy).await => Ok(Value::Null),
        Operation::Strategy(_)
        | Operation::Drain(_)
        | Operation::Resume(_)
        | Operation::Transfer(_)
        | Operation::Remove(_)
        | Operation::Look => attempt(&client, &operation).await,
    };
    let how = match &done {
        Ok(_) => "done".to_owned(),
        Err(ClientError::Failed(failure)) => failure.code().as_str().to_owned(),
        Err(ClientError::Declined { .. }) => "declined".to_owned(),
        Err(ClientError::Late { .. }) => "late".to_owned(),
        Err(_) => "other".to_owned(),
    };
    stage.trace().event(format_args!(
        "operator at {}: {operation:?}: {}",
        host.0,
        done.as_ref().err().map_or(how.clone(), ToString::to_string)
    ));
    stage.operated(format!("{}: {how}", name(&operation)));
}

/// Whether the machine that lost its disk has joined again: then its name is that of the proxy that it is now, and nobody would remove it.
async fn is_back(stage: &Stage, client: &AdminClient, host: HostId) -> bool {
    let Some(lost) = stage.lost_id(host) else { return false };
    let status: Result<StatusView, _> = client.get_json(Path::Status).await;
    status.is_ok_and(|status| status.proxies.iter().any(|proxy| proxy.name == named(host) && proxy.id != lost))
}

/// Makes the tokens with which the cast enrols, as far as the proxy gives them.
pub(super) async fn tokens(stage: &Stage, env: &Env, socket: &FilePath) {
    let proxy = token(env, socket, TokenRole::Proxy).await;
    let agent = token(env, socket, TokenRole::Agent).await;
    let client = token(env, socket, TokenRole::Client).await;
    stage.keep(|secrets| *secrets = Secrets { proxy, agent, client });
}

/// A token; `None` when the proxy gives none.
async fn token(env: &Env, socket: &FilePath, role: TokenRole) -> Option<String> {
    let client = AdminClient::new(env.net.clone(), socket.to_owned()).with_deadline(PATIENCE);
    let allow = if role == TokenRole::Client {
        vec!["*/work".parse().ok()?, "*/nobody".parse().ok()?, "*/unknown".parse().ok()?]
    } else {
        Vec::new()
    };
    let request = TokenRequest { role, name: "*".parse().ok()?, allow, ttl_ms: TTL_MS, uses: USES };
    let created: TokenCreated = client.post_json(Path::Tokens, &request).await.ok()?;
    Some(created.token)
}

fn name(operation: &Operation) -> &'static str {
    match operation {
        Operation::Strategy(_) => "strategy",
        Operation::Drain(_) => "drain",
        Operation::Resume(_) => "resume",
        Operation::Transfer(_) => "transfer",
        Operation::Remove(_) => "remove",
        Operation::Token { .. } => "token",
        Operation::Expel => "expel",
        Operation::Look => "look",
    }
}

async fn attempt(client: &AdminClient, operation: &Operation) -> Result<Value, ClientError> {
    match operation {
        Operation::Strategy(0) => {
            let request = StrategyRequest { kind: StrategyKind::AgentMesh, agent_connection_count: None, accept_cut_off: true };
            client.post_json(Path::Strategy, &request).await
        }
        Operation::Strategy(count) => {
            let request = StrategyRequest { kind: StrategyKind::ProxyPeering, agent_connection_count: Some(*count), accept_cut_off: true };
            client.post_json(Path::Strategy, &request).await
        }
        Operation::Drain(proxy) => client.post_json(Path::Drain, &DrainRequest { name: named(*proxy), force: true }).await,
        Operation::Resume(proxy) => client.post_json(Path::Resume, &ResumeRequest { name: named(*proxy) }).await,
        Operation::Transfer(to) => client.post_json(Path::Transfer, &TransferRequest { to: to.map(named) }).await,
        Operation::Remove(proxy) => client.post_json(Path::Removal, &RemovalRequest { name: named(*proxy) }).await,
        Operation::Token { .. } | Operation::Expel | Operation::Look => client.get_json(Path::Status).await,
    }
}

/// Makes a token of so many uses, and so many machines enrol with it at once, each through another proxy.
async fn guests((stage, env, host): (&Stage, &Env, HostId), client: &AdminClient, (uses, tries): (u32, u32)) -> Result<Value, ClientError> {
    let name = "*".parse().expect("a pattern");
    let request = TokenRequest { role: TokenRole::Client, name, allow: Vec::new(), ttl_ms: TTL_MS, uses };
    let created: TokenCreated = client.post_json(Path::Tokens, &request).await?;
    let number = stage.begin_admissions(uses);
    let addresses: Vec<_> = stage.members().into_keys().map(|proxy| format!("{}:{PUBLIC}", proxy.ip())).collect();
    let mut machines = JoinSet::new();
    for machine in 0..tries {
        let (stage, token, mut addresses) = (stage.clone(), created.token.clone(), addresses.clone());
        let turn = machine as usize % addresses.len().max(1);
        addresses.rotate_left(turn);
        let env = Env { entropy: env.entropy.split(&format!("guest {number} {machine}")), ..env.clone() };
        machines.spawn(async move {
            let name = format!("guest-{number}-{machine}");
            let store = CredentialStore::new(&env.files, stage.home(host).join(&name));
            let (Ok(token), Ok(name)) = (token.parse::<Token>(), name.parse()) else { return };
            if let Ok(Ok(_)) = timeout(PATIENCE, enroll(&name, &addresses, &token, &store, &env)).await {
                stage.admitted(number);
            }
        });
    }
    machines.join_all().await;
    Ok(Value::Null)
}

fn named(host: HostId) -> ProxyName {
    format!("proxy-{}", host.0).parse().expect("a name")
}
