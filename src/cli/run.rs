//! Where the verbs that run something call it.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::error::Hinted;
use super::service::{Launch, proxy};
use super::signals::Signals;
use super::{CliError, Exit, UsageError};
use crate::agent;
use crate::client::{self, EnrollError, Entrances, Forwarding, LocalDoor, LocalPort, Session};
use crate::config::{
    AfterEnroll, Config, ConnectSettings, DevSettings, EnrollSettings, Forward, ForwardSettings, HostPort, JoinSettings, SocksSettings,
    TokenSource, TransportTable,
};
use crate::dev::Dev;
use crate::failure::{Code, Failure, Printable, Stage};
use crate::identity::{CredentialStore, CredentialsHandle, KnownProxies, Token};
use crate::ingress::{Asks, Protocol};
use crate::net::{Drained, Env, dialling_endpoint};
use crate::proxy::{self, DataDirError, JoinError, Joining, Proxy, RaftSettings, Reloads};
use crate::wire::Member;
use anyhow::Context as _;

/// How long the last packets of a client may take.
pub(super) const GOODBYE: Duration = Duration::from_secs(2);
/// How long streams may run on when the process that forwards them is told to end, as long as an agent gives them unless told otherwise.
const DRAIN: Duration = Duration::from_secs(30);
/// The exit status of a stream that a signal has cut.
const CUT: u8 = 1;

pub(super) async fn dev(settings: DevSettings) -> Result<(), CliError> {
    let mut signals = Signals::new()?;
    let dev = tokio::select! {
        started = Dev::start(settings, Env::real()) => started?,
        () = signals.end() => return Ok(()),
    };
    say(&dev.instructions())?;
    signals.end().await;
    dev.stop().await;
    Ok(())
}

/// A supervisor must not take a start that was broken off for a success.
pub(super) fn interrupted() -> CliError {
    anyhow::anyhow!("interrupted before it had started").into()
}

/// What a proxy that was removed ends with, each time it is started.
pub(super) fn removed(dir: &std::path::Path) -> Failure {
    Failure::new(Code::Denied, Stage::Local, "this proxy was removed from the cluster").with_hint(format!(
        "to join again as a new proxy, empty `{}` and run `warren join ADDR --token-file FILE` with what `warren token create --role proxy` prints",
        dir.display()
    ))
}

pub(super) async fn join(settings: JoinSettings, launch: Launch) -> Result<(), CliError> {
    match settings.then {
        AfterEnroll::Run => proxy(settings.config, launch).await,
        AfterEnroll::Stop => Ok(proxy_of(&settings.config)?.enroll_only(Env::real_with(settings.config.transport.settings())).await?),
    }
}

pub(super) async fn enroll(settings: EnrollSettings) -> Result<(), CliError> {
    let env = Env::real();
    let token = Token::read(&*env.files, &path(&settings.token_file)?).map_err(anyhow::Error::from)?;
    let store = CredentialStore::new(&env.files, &settings.identity);
    let cluster = client::enroll(&settings.name, &texts(&settings.proxies), &token, &store, &env).await?;
    remark(&format!("client `{}` belongs to cluster `{cluster}` now", settings.name));
    Ok(())
}

pub(super) async fn connect(settings: ConnectSettings) -> Result<Exit, CliError> {
    let mut signals = Signals::new()?;
    let session = session(settings.identity, &settings.proxies, &Env::real_with(settings.transport.settings()))?;
    let connected = tokio::select! {
        connected = client::connect(&session, &settings.target, settings.dial_timeout) => connected.map(|_| Exit::Success),
        // Nobody is left to be told; the proxy is, or the service would wait until the silence is noticed.
        () = signals.any() => Ok(Exit::Failed(CUT)),
    };
    session.close(GOODBYE).await;
    connected.map_err(Into::into)
}

pub(super) async fn forward(settings: ForwardSettings) -> Result<(), CliError> {
    let client = Client::new(settings.identity, &settings.proxies, &settings.transport)?;
    let mut ports = Vec::new();
    for Forward { bind, target } in settings.forwards {
        let forwarding = Forwarding { bind, target: target.clone(), dial_timeout: settings.dial_timeout };
        let opened = forwarding.open(&client.env, client.session.clone()).await;
        ports.push(opened_at(bind, opened, |address| format!("{address} -> {target}\n"))?);
    }
    client.serve(ports).await
}

pub(super) async fn socks(settings: SocksSettings) -> Result<(), CliError> {
    let client = Client::new(settings.identity, &settings.proxies, &settings.transport)?;
    let doors = [
        ("socks5", settings.socks5, Protocol::Socks5(settings.domain.clone(), Asks::Nothing)),
        ("http", settings.http, Protocol::HttpConnect(settings.domain, Asks::Nothing)),
    ];
    let mut ports = Vec::new();
    for (name, bind, protocol) in doors {
        let opened = LocalDoor { bind, protocol, dial_timeout: settings.dial_timeout }.open(&client.env, client.session.clone()).await;
        ports.push(opened_at(bind, opened, |address| format!("{name} {address}\n"))?);
    }
    client.serve(ports).await
}

/// A port that was to be opened at `bind`, and is told of.
fn opened_at(bind: SocketAddr, opened: io::Result<LocalPort>, told: impl FnOnce(SocketAddr) -> String) -> Result<LocalPort, CliError> {
    let port = opened.with_context(|| format!("cannot listen on {bind}/tcp"))?;
    say(&told(port.local_addr()))?;
    Ok(port)
}

/// A client that serves ports of this machine.
struct Client {
    signals: Signals,
    env: Env,
    session: Session,
}

impl Client {
    fn new(identity: PathBuf, proxies: &[HostPort], transport: &TransportTable) -> Result<Self, CliError> {
        let signals = Signals::new()?;
        let env = Env::real_with(transport.settings());
        let session = session(identity, proxies, &env)?;
        Ok(Self { signals, env, session })
    }

    /// Serves until a signal comes, then lets what runs come to its end.
    async fn serve(mut self, ports: Vec<LocalPort>) -> Result<(), CliError> {
        self.session.stay_connected();
        self.signals.end().await;
        let mut streams = 0;
        for port in &ports {
            streams += port.shut().await;
        }
        if streams > 0 {
            let grace = humantime::format_duration(DRAIN);
            remark(&format!("waiting up to {grace} for open streams, {streams} now: another signal cuts them"));
            let idle = async {
                for port in &ports {
                    port.idle().await;
                }
            };
            // Not HUP: a terminal that goes may tell of it twice, itself and by its shell.
            let drained = Drained::wait(idle, self.signals.stop(), DRAIN).await;
            if drained != Drained::Whole {
                let mut cut = 0;
                for port in &ports {
                    cut += port.shut().await;
                }
                remark(&format!("streams cut: {cut}"));
            }
        }
        for port in ports {
            port.shutdown().await;
        }
        self.session.close(GOODBYE).await;
        Ok(())
    }
}

/// Says something to a person, who may not be there.
fn remark(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// The proxies that the client of `identity` was told of, by whose names a person knows them: without the list they have none.
pub(super) fn known_proxies(identity: &std::path::Path, env: &Env) -> Vec<Member> {
    KnownProxies::new(&CredentialStore::new(&env.files, identity)).load().unwrap_or_default()
}

/// A session of the client of `identity`, which enters at `proxies`, or where the identity says.
pub(super) fn session(identity: PathBuf, proxies: &[HostPort], env: &Env) -> Result<Session, CliError> {
    let store = CredentialStore::new(&env.files, &identity);
    if !store.is_enrolled() {
        return Err(UsageError {
            message: format!("there is no client identity in `{}`", identity.display()),
            hint: "`warren enroll ADDR --token-file FILE` gets one; `--identity DIR` says where it is".to_owned(),
        }
        .into());
    }
    let credentials = store.load().map_err(anyhow::Error::from)?;
    if credentials.remaining(env.wall.now()).is_zero() {
        let ended = crate::api::Time::from(credentials.not_after());
        return Err(Failure::new(
            Code::Denied,
            Stage::Local,
            format!("the certificate in `{}` has expired at {ended}", identity.display()),
        )
        .with_hint("`warren enroll ADDR --token-file FILE` with a new token gets another one")
        .into());
    }
    let handle = CredentialsHandle::new(credentials).map_err(anyhow::Error::from)?;
    let entrances = if proxies.is_empty() {
        let known = KnownProxies::new(&store).load().map_err(|error| Hinted {
            error: error.into(),
            hint: Some(
                "`--proxy ADDR`, the public address of any proxy, does without it: what is kept there is made anew over that connection"
                    .to_owned(),
            ),
        })?;
        Entrances::known(&known)
    } else {
        Entrances::given(texts(proxies))
    };
    let endpoint = dialling_endpoint(env).context("no socket")?;
    Ok(Session::new(env.clone(), endpoint, store, handle, entrances))
}

/// The proxy that a configuration describes.
pub(super) fn proxy_of(config: &Config) -> Result<Proxy, CliError> {
    let join = match (config.cluster.join.as_slice(), &config.cluster.token_file) {
        ([], _) => None,
        (addresses, Some(token)) => Some(Joining { addresses: texts(addresses), token: Some(path(token)?) }),
        // It has joined before, or there will be a clear error.
        (addresses, None) => Some(Joining { addresses: texts(addresses), token: None }),
    };
    let count = |number: u32| usize::try_from(number).context("too large for this machine");
    Ok(Proxy {
        name: config.proxy.name.clone(),
        data_dir: config.proxy.data_dir.clone(),
        zone: config.proxy.zone.clone(),
        drain_timeout: config.proxy.drain_timeout,
        peer_listen: config.peer.listen,
        peer_advertise: config.peer.advertise.as_ref().map(ToString::to_string),
        data_connections: config.peer.data_connections,
        public_listen: config.public.listen,
        public_advertise: texts(&config.public.advertise),
        cluster_name: config.cluster.name.clone(),
        strategy: config.tunnel_strategy.strategy(),
        certificate_lifetime: config.cluster.certificate_lifetime,
        join,
        raft: RaftSettings {
            heartbeat: config.raft.heartbeat,
            election_timeout: config.raft.election_timeout,
            max_voters: count(config.raft.max_voters.get())?,
            promote_after: config.raft.promote_after,
            lease: config.liveness.lease,
        },
        streams_per_agent: config.limits.streams_per_agent.get().into(),
        dial_timeout: config.limits.dial_timeout,
        limits: config.limits.proxy,
        admin_socket: config.admin.socket.clone(),
        http_listen: config.admin.http,
        reloads: Reloads::default(),
        ingress: super::ingress::doors(&config.ingress),
    })
}

pub(super) fn texts(addresses: &[HostPort]) -> Vec<String> {
    addresses.iter().map(ToString::to_string).collect()
}

/// Where a token is. A credential is in the directory that the service manager has made for the process (systemd.exec(5), "Credentials").
pub(super) fn path(token: &TokenSource) -> Result<PathBuf, UsageError> {
    match token {
        TokenSource::File(path) => Ok(path.clone()),
        TokenSource::Stdin => Ok(PathBuf::from("-")),
        TokenSource::Credential(name) => {
            let directory = std::env::var_os("CREDENTIALS_DIRECTORY").filter(|directory| !directory.is_empty());
            directory.map(|directory| PathBuf::from(directory).join(name)).ok_or_else(|| UsageError {
                message: format!("there is no credential `{}`: CREDENTIALS_DIRECTORY is not set", Printable(name)),
                hint: format!("`LoadCredential={}` in the unit of a service; elsewhere `--token-file FILE`", Printable(name)),
            })
        }
    }
}

/// Writes data to standard output at once: whoever reads it is waiting.
fn say(text: &str) -> Result<(), CliError> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes()).and_then(|()| output.flush()).map_err(CliError::Output)
}

impl From<proxy::StartError> for CliError {
    fn from(error: proxy::StartError) -> Self {
        if let proxy::StartError::Join(JoinError::Refused(failure)) = error {
            failure.into()
        } else if let proxy::StartError::DataDir(DataDirError::Removed(dir)) = error {
            removed(&dir).into()
        } else if let proxy::StartError::Join(JoinError::OtherCluster { dir, .. }) = &error {
            UsageError { message: error.to_string(), hint: format!("to join, empty `{}`", dir.display()) }.into()
        } else {
            anyhow::Error::from(error).into()
        }
    }
}

impl From<agent::StartError> for CliError {
    fn from(error: agent::StartError) -> Self {
        use agent::StartError;
        match error {
            StartError::Enroll(failure) => failure.into(),
            StartError::NotEnrolled(_) => UsageError {
                message: error.to_string(),
                hint: "`--token-file FILE`, with what `warren token create --role agent` on a proxy's machine prints".to_owned(),
            }
            .into(),
            StartError::Expired(_) => Failure::new(Code::Denied, Stage::Local, error.to_string())
                .with_hint(
                    "`warren token create --role agent` on a proxy's machine, then `--token-file FILE` here: the name and the key stay",
                )
                .into(),
            StartError::Socket(_)
            | StartError::Token(_)
            | StartError::OtherName { .. }
            | StartError::Lock(_)
            | StartError::Services(_)
            | StartError::Identity(_) => anyhow::Error::from(error).into(),
        }
    }
}

impl From<EnrollError> for CliError {
    fn from(error: EnrollError) -> Self {
        match error {
            EnrollError::Refused(failure) => failure.into(),
            EnrollError::Enrolled(..) => UsageError {
                message: error.to_string(),
                hint: "for other rights enrol another client: `--name NAME --identity DIR`, with a new token".to_owned(),
            }
            .into(),
            EnrollError::Store(_) | EnrollError::Socket(_) => anyhow::Error::from(error).into(),
        }
    }
}
