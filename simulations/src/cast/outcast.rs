//! A client that is removed, and whom it still gets in with.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout;
use warren::api::{ClientRemovalRequest, ClientRemovalView, Path, TokenCreated, TokenRequest};
use warren::client::{Entrances, Session, enroll};
use warren::failure::{Failure, Stage as Where};
use warren::http::{AdminClient, ClientError};
use warren::identity::{CredentialStore, CredentialsHandle, Token};
use warren::net::{Env, dialling_endpoint};
use warren_raft::{ClientName, TokenRole};

use super::proxy::PUBLIC;
use super::stage::{Member, Stage};
use crate::network::HostId;

/// How long it waits for each proxy.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long its token is valid, in milliseconds.
const TTL_MS: u64 = 3_600_000;

/// A machine that was a client of the cluster.
struct Outcast<'a> {
    stage: &'a Stage,
    env: &'a Env,
    home: PathBuf,
}

/// A machine enrols and is removed; then it dials by each proxy that knows so, which may let it in no more (G8).
pub(super) async fn expel((stage, env, host): (&Stage, &Env, HostId), client: &AdminClient) -> Result<Value, ClientError> {
    let number = stage.next_outcast();
    let name: ClientName = format!("outcast-{number}").parse().expect("a name");
    let outcast = Outcast { stage, env, home: stage.home(host).join(name.as_str()) };
    let request = TokenRequest {
        role: TokenRole::Client,
        name: "outcast-*".parse().expect("a pattern"),
        allow: vec!["*/work".parse().expect("a pattern")],
        ttl_ms: TTL_MS,
        uses: 1,
    };
    let created: TokenCreated = client.post_json(Path::Tokens, &request).await?;
    if !outcast.enrols(&name, &created.token).await {
        return Ok(Value::Null);
    }
    let _: ClientRemovalView = client.post_json(Path::ClientRemoval, &ClientRemovalRequest { name }).await?;
    // Whoever was asked has applied it by now.
    let Some(known) = stage.members().get(&host).map(|asked| asked.store.status().applied_index) else { return Ok(Value::Null) };
    for (proxy, member) in stage.members() {
        outcast.knocks(proxy, &member, known).await;
    }
    Ok(Value::Null)
}

impl Outcast<'_> {
    fn store(&self) -> CredentialStore {
        CredentialStore::new(&self.env.files, self.home.clone())
    }

    async fn enrols(&self, name: &ClientName, token: &str) -> bool {
        let Ok(token) = token.parse::<Token>() else { return false };
        let addresses: Vec<_> = self.stage.members().into_keys().map(address).collect();
        matches!(timeout(PATIENCE, enroll(name, &addresses, &token, &self.store(), self.env)).await, Ok(Ok(_)))
    }

    /// Dials by one proxy, and tells if it was let in by one that had applied its removal before.
    async fn knocks(&self, proxy: HostId, member: &Member, known: u64) {
        if !matches!(timeout(PATIENCE, member.store.applied().wait_for(|applied| *applied >= known)).await, Ok(Ok(_))) {
            return;
        }
        let Some(answer) = self.dials(proxy).await else { return };
        // What was applied may go back when a process starts again.
        let is_the_same = self.stage.members().get(&proxy).is_some_and(|now| now.store.incarnation() == member.store.incarnation());
        let was_let_in = match &answer {
            Ok(()) => true,
            Err(failure) => matches!(failure.stage(), Where::Route | Where::Peer | Where::Tunnel | Where::Target),
        };
        let how = answer.err().map_or("connected".to_owned(), |failure| format!("{:?} at {:?}", failure.code(), failure.stage()));
        self.stage.trace().event(format_args!("{} at {}: {how}", self.home.display(), proxy.0));
        self.stage.outcast_heard(was_let_in && is_the_same, || format!("{} by {}: {how}", self.home.display(), proxy.0));
    }

    /// One dial; `None` when the machine could not even begin it.
    async fn dials(&self, proxy: HostId) -> Option<Result<(), Failure>> {
        let credentials = CredentialsHandle::new(self.store().load().ok()?).ok()?;
        let endpoint = dialling_endpoint(self.env).ok()?;
        let session = Session::new(self.env.clone(), endpoint, self.store(), credentials, Entrances::given(vec![address(proxy)]));
        let target = "agent-0/work".parse().expect("a target");
        let answer = session.dial(&target, PATIENCE).await;
        session.close(Duration::from_secs(1)).await;
        Some(answer.map(drop))
    }
}

fn address(proxy: HostId) -> String {
    format!("{}:{PUBLIC}", proxy.ip())
}
