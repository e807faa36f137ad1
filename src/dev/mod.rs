//! A whole cluster in one process, on loopback: what `warren dev` runs.
//!
//! It is made of the same parts as a real one, which join, enrol and speak QUIC with each other; only the directory they live in is
//! temporary.

mod demo;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use warren_raft::command::NewToken;
use warren_raft::{Command, Service, ServiceKind, Strategy, Timestamp, TokenRole};

use crate::agent::{Agent, RunningAgent, TokenFrom};
use crate::client::{self, Entrances, Forwarding, LocalPort, Session};
use crate::config::DevSettings;
use crate::identity::fingerprint::fingerprint;
use crate::identity::{CredentialStore, CredentialsHandle, Token};
use crate::limits::Limits;
use crate::net::stalled::StalledBudget;
use crate::net::{Access, Budget, Env, StateFiles, dialling_endpoint};
use crate::proxy::{Joining, Proxy, RaftSettings, Reloads, RunningProxy};

/// How long each step may take; all of it takes a few seconds.
const STEP: Duration = Duration::from_secs(30);
/// The agent's name.
const AGENT: &str = "demo";

/// A cluster that runs.
#[derive(Debug)]
pub struct Dev {
    proxies: Vec<RunningProxy>,
    agent: RunningAgent,
    forwards: Vec<(String, LocalPort)>,
    session: Session,
    demo: TaskTracker,
    cancel: CancellationToken,
    home: Home,
}

/// The directory that everything is kept in.
#[derive(Debug)]
struct Home {
    files: Arc<dyn StateFiles>,
    path: PathBuf,
    /// Whether it goes when the cluster does.
    is_temporary: bool,
}

impl Dev {
    /// Starts everything and returns when a request can go through.
    ///
    /// # Errors
    /// What did not start, with its cause.
    pub async fn start(settings: DevSettings, env: Env) -> anyhow::Result<Self> {
        let home = Home::new(settings.dir, &env)?;
        let (cancel, demo) = (CancellationToken::new(), TaskTracker::new());
        let web = demo::web(&env, &demo, cancel.clone()).await.context("the demo page does not start")?;
        let echo = demo::echo(&env, &demo, cancel.clone()).await.context("the demo echo does not start")?;
        let proxies = start_proxies(settings.proxies.get(), &home.path, &env).await?;
        let agent = start_agent(&home.path, &proxies, &[("web", web), ("echo", echo)], &env).await.context("the agent does not start")?;
        let (session, forwards) = start_client(&home.path, &proxies, &env).await.context("the client does not start")?;
        Ok(Self { proxies, agent, forwards, session, demo, cancel, home })
    }

    /// What a person can try.
    pub fn instructions(&self) -> String {
        let program = std::env::current_exe().map_or_else(|_| "warren".to_owned(), |path| path.display().to_string());
        let client = self.home.path.join("client");
        let socket = socket(&self.home.path, 1);
        let mut text = format!("A cluster of {} proxies runs in {}\n\n", self.proxies.len(), self.home.path.display());
        for proxy in &self.proxies {
            let addresses = proxy.public_addr().ok().zip(proxy.http_addr());
            let Some((public, http)) = addresses else { continue };
            text.push_str(&format!("  proxy-{:<3} agents and clients {public}/udp   status page http://{http}/\n", proxy.id().to_string()));
        }
        text.push_str("\nTry, in another terminal:\n\n");
        for (target, forward) in &self.forwards {
            let address = forward.local_addr();
            let command =
                if target.ends_with("web") { format!("curl http://{address}/") } else { format!("nc {} {}", address.ip(), address.port()) };
            text.push_str(&format!("  {command:<44} # {target}, through a proxy that does not hold its tunnel\n"));
        }
        let (program, client, socket) = (quote(&program), quote(&client.display().to_string()), quote(&socket.display().to_string()));
        text.push_str(&format!("  echo hello | {program} connect --identity {client} {AGENT}/echo\n"));
        text.push_str(&format!("  {program} status --addr {socket}\n"));
        text.push_str(&format!("  {program} agents ls --addr {socket}\n"));
        text.push_str("\nWith an sshd on this machine, publish it as a second agent and log in through the cluster:\n\n");
        text.push_str(&format!(
            "  (umask 077; {program} token create --addr {socket} --role agent > {}/agent.token)\n",
            quote(&self.home.path.display().to_string())
        ));
        if let Some(public) = self.proxies.first().and_then(|proxy| proxy.public_addr().ok()) {
            let home = quote(&self.home.path.display().to_string());
            text.push_str(&format!(
                "  {program} agent --proxy {public} --token-file {home}/agent.token --data-dir {home}/sshd-agent --name laptop --publish ssh=127.0.0.1:22 &\n"
            ));
        }
        text.push_str(&format!("  ssh -o ProxyCommand=\"{program} connect --identity {client} laptop/ssh\" laptop\n"));
        text.push_str("\nCtrl-C stops everything.\n");
        text
    }

    /// Where each forward listens, by target.
    pub fn forwards(&self) -> impl Iterator<Item = (&str, SocketAddr)> {
        self.forwards.iter().map(|(target, forward)| (target.as_str(), forward.local_addr()))
    }

    /// Stops everything and removes a temporary directory.
    pub async fn stop(self) {
        for (_, forward) in self.forwards {
            forward.shutdown().await;
        }
        self.session.close(Duration::from_millis(200)).await;
        self.agent.shutdown().await;
        let mut stopping: JoinSet<()> = self.proxies.into_iter().map(RunningProxy::stop).collect();
        while stopping.join_next().await.is_some() {}
        self.cancel.cancel();
        self.demo.close();
        self.demo.wait().await;
        drop(self.home);
    }
}

impl Home {
    fn new(dir: Option<PathBuf>, env: &Env) -> anyhow::Result<Self> {
        let is_temporary = dir.is_none();
        let path = dir.unwrap_or_else(|| {
            let name: [u8; 4] = env.entropy.split("dev directory").bytes();
            std::env::temp_dir().join(format!("warren-dev-{}", hex::encode(name)))
        });
        env.files.make_dir(&path)?;
        Ok(Self {
            files: env.files.clone(),
            path: path.canonicalize().with_context(|| format!("`{}` cannot be used", path.display()))?,
            is_temporary,
        })
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.is_temporary
            && let Err(error) = self.files.remove_tree(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "the temporary directory was not removed");
        }
    }
}

async fn start_proxies(count: usize, home: &Path, env: &Env) -> anyhow::Result<Vec<RunningProxy>> {
    let mut proxies: Vec<RunningProxy> = Vec::new();
    for number in 1..=count {
        let join = match proxies.first() {
            // One that is kept in its directory has joined before.
            Some(_) if home.join(format!("proxy-{number}/member.json")).exists() => Some(Joining { addresses: Vec::new(), token: None }),
            Some(first) => {
                let token = token(first, TokenRole::Proxy, home, env).await?;
                Some(Joining { addresses: vec![first.public_addr()?.to_string()], token: Some(token) })
            }
            None => None,
        };
        let proxy = proxy(number, home, join)?
            .start(env.clone().with_stalled(StalledBudget::default()))
            .await
            .with_context(|| format!("proxy {number} does not start"))?;
        proxies.push(proxy);
    }
    for proxy in &proxies {
        Budget::new(STEP).run(proxy.ready()).await.with_context(|| format!("proxy {} has no lease", proxy.id()))?;
        Budget::new(STEP).run(settled(proxy, count)).await.with_context(|| format!("proxy {} does not see all proxies", proxy.id()))?;
    }
    Ok(proxies)
}

/// Waits until a proxy knows that all of them are up.
async fn settled(proxy: &RunningProxy, count: usize) {
    let mut applied = proxy.store().applied();
    while proxy.table().proxies().filter(|(_, record)| record.epoch.is_some()).count() < count {
        if applied.changed().await.is_err() {
            return;
        }
    }
}

fn proxy(number: usize, home: &Path, join: Option<Joining>) -> anyhow::Result<Proxy> {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Ok(Proxy {
        name: format!("proxy-{number}").parse()?,
        data_dir: home.join(format!("proxy-{number}")),
        zone: String::new(),
        drain_timeout: Duration::from_secs(1),
        peer_listen: any_port,
        peer_advertise: None,
        data_connections: 1,
        public_listen: any_port,
        public_advertise: Vec::new(),
        cluster_name: "dev".to_owned(),
        strategy: Strategy::default(),
        join,
        raft: RaftSettings {
            heartbeat: Duration::from_millis(150),
            election_timeout: Duration::from_secs(1),
            max_voters: 5,
            promote_after: Duration::from_millis(200),
            lease: Duration::from_secs(3),
        },
        certificate_lifetime: crate::identity::LIFETIME,
        streams_per_agent: 1024,
        dial_timeout: Duration::from_secs(10),
        limits: Limits::default(),
        admin_socket: socket(home, number),
        http_listen: Some(any_port),
        reloads: Reloads::default(),
        ingress: Vec::new(),
    })
}

fn socket(home: &Path, number: usize) -> PathBuf {
    home.join(format!("proxy-{number}/admin.sock"))
}

/// Makes a token at `proxy` and keeps it in a file.
async fn token(proxy: &RunningProxy, role: TokenRole, home: &Path, env: &Env) -> anyhow::Result<PathBuf> {
    let table = proxy.table();
    let cluster = table.cluster().context("there is no cluster")?;
    let token = Token::generate(&fingerprint(&cluster.ca_certificate), &env.entropy.split("dev tokens"));
    let allow = if role == TokenRole::Client { vec!["*/*".parse()?] } else { Vec::new() };
    let expires_at = Timestamp(env.wall.now().0 + 60_000);
    let new = NewToken { id: token.id(), secret: token.secret_hash(), role, name: "*".parse()?, allow, expires_at, uses: 1 };
    proxy.store().propose(Command::CreateToken(new), STEP).await?;
    let path = home.join(format!("{role}.token"));
    env.files.replace(&path, token.reveal().as_bytes(), Access::Secret)?;
    Ok(path)
}

async fn start_agent(home: &Path, proxies: &[RunningProxy], services: &[(&str, SocketAddr)], env: &Env) -> anyhow::Result<RunningAgent> {
    let last = proxies.last().context("there is no proxy")?;
    let data_dir = home.join("agent");
    let token = if CredentialStore::new(&env.files, &data_dir).is_enrolled() {
        TokenFrom::Nowhere
    } else {
        TokenFrom::File(token(last, TokenRole::Agent, home, env).await?)
    };
    let service =
        |(name, target): &(&str, SocketAddr)| Ok(Service { name: name.parse()?, target: target.to_string(), kind: ServiceKind::Tcp });
    let services = services.iter().map(service).collect::<anyhow::Result<_>>()?;
    let agent =
        Agent { name: AGENT.parse()?, proxies: vec![last.public_addr()?.to_string()], services, told: BTreeSet::new(), data_dir, token };
    let running = agent.start(env.clone().with_stalled(StalledBudget::default())).await?;
    let mut status = running.status();
    Budget::new(STEP).run(status.wait_for(|status| !status.tunnels.is_empty())).await.context("it gets no tunnel")??;
    Ok(running)
}

async fn start_client(home: &Path, proxies: &[RunningProxy], env: &Env) -> anyhow::Result<(Session, Vec<(String, LocalPort)>)> {
    let first = proxies.first().context("there is no proxy")?;
    let store = CredentialStore::new(&env.files, home.join("client"));
    let address = first.public_addr()?.to_string();
    if !store.is_enrolled() {
        let token = Token::read(&*env.files, &token(first, TokenRole::Client, home, env).await?)?;
        client::enroll(&"dev".parse()?, std::slice::from_ref(&address), &token, &store, env).await?;
    }
    let credentials = CredentialsHandle::new(store.load()?)?;
    let session = Session::new(env.clone(), dialling_endpoint(env)?, store, credentials, Entrances::given(vec![address]));
    let mut forwards = Vec::new();
    for service in ["web", "echo"] {
        let target = format!("{AGENT}/{service}");
        let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let forwarding = Forwarding { bind, target: target.parse()?, dial_timeout: Duration::from_secs(10) };
        forwards.push((target, forwarding.open(env, session.clone()).await?));
    }
    Ok((session, forwards))
}

/// A word as a shell takes it.
fn quote(word: &str) -> String {
    let is_plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-:@".contains(c));
    if is_plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}
