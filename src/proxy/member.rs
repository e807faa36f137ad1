//! How a proxy becomes a member: the first makes the cluster, the others join by token, and all start again from their disk.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use warren_raft::command::Bootstrap;
use warren_raft::{ClusterId, ProxyId, ProxyName, Strategy, TokenRole, reached};

use super::data_dir::{DataDir, MemberFile};
use super::start_error::StartError;
use crate::failure::Failure;
use crate::identity::authority::AuthorityError;
use crate::identity::credentials::CredentialsError;
use crate::identity::enroll::Enrolling;
use crate::identity::fingerprint::fingerprint;
use crate::identity::token::TokenReadError;
use crate::identity::{Authority, Credentials, Identity, IssueError, MachineKey, StoreError, Token};
use crate::net::Env;

/// The id of the proxy that makes a cluster.
const FIRST: ProxyId = ProxyId(1);

/// How a new proxy joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joining {
    /// Public addresses of any proxies of the cluster, `HOST:PORT`.
    pub addresses: Vec<String>,
    /// The file of its token, or `-` for standard input; a proxy that has joined before needs none.
    pub token: Option<PathBuf>,
}

/// Why a proxy did not become a member.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// Its files.
    #[error(transparent)]
    File(#[from] StoreError),
    /// The token cannot be read.
    #[error(transparent)]
    Token(#[from] TokenReadError),
    /// There is none, and this machine has not joined before.
    #[error("this machine belongs to no cluster yet and has no token to join one")]
    NoToken,
    /// It has enrolled in a cluster and was stopped before it could note that.
    #[error("this machine has begun to join a cluster: give `warren join` the same token again, or empty the data directory")]
    HalfJoined,
    /// It has the token of one cluster and is a member of another.
    #[error("this machine is proxy {id} of another cluster")]
    OtherCluster {
        /// Its id there.
        id: ProxyId,
        /// Its data directory.
        dir: PathBuf,
    },
    /// The cluster did not take it.
    #[error("{}", .0.message())]
    Refused(Failure),
    /// The cluster's answer names no proxy.
    #[error("the cluster gave no proxy id")]
    NoId,
    /// What it was given is no identity.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The cluster's authority could not be made.
    #[error("the certificate authority was not made: {0}")]
    Authority(String),
}

impl From<IssueError> for JoinError {
    fn from(error: IssueError) -> Self {
        Self::Authority(error.to_string())
    }
}

impl From<AuthorityError> for JoinError {
    fn from(error: AuthorityError) -> Self {
        Self::Authority(error.to_string())
    }
}

/// A proxy that knows who it is.
#[derive(Debug)]
pub(super) struct Membership {
    pub(super) member: MemberFile,
    pub(super) credentials: Credentials,
    /// What the store is to begin with, for the first proxy of a new cluster.
    pub(super) bootstrap: Option<Bootstrap>,
}

impl Membership {
    /// Whoever gives the token of another cluster must not find this machine at work for the one that it belongs to. A member needs no token, so one
    /// that is not there or not readable any more says nothing, and nobody is waited for at a terminal.
    pub(super) fn must_be_of(&self, token: &Path, dir: &Path, env: &Env) -> Result<(), JoinError> {
        if token == Path::new("-") && std::io::stdin().is_terminal() {
            return Ok(());
        }
        let Ok(token) = Token::read(&*env.files, token) else { return Ok(()) };
        if self.credentials.authorities().iter().any(|ca| fingerprint(ca).starts_with(&token.fingerprint())) {
            return Ok(());
        }
        Err(JoinError::OtherCluster { id: self.member.id, dir: dir.to_owned() })
    }
}

/// What the first proxy makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NewCluster {
    pub(super) name: String,
    pub(super) proxy: ProxyName,
    pub(super) strategy: Strategy,
    /// How long certificates live.
    pub(super) lifetime: Duration,
}

/// Takes up the membership that is on disk; `None` in a new directory.
pub(super) fn resume(dir: &DataDir) -> Result<Option<Membership>, StartError> {
    let Some(member) = dir.member()? else { return Ok(None) };
    let load = || dir.credentials().load().map_err(JoinError::from);
    Ok(Some(Membership { member, credentials: load()?, bootstrap: None }))
}

/// Makes a cluster with this proxy as its first. The directory belongs to it once its store is bootstrapped and
/// [`DataDir::save_member`] was called; before that nobody can rely on it, so what a try that was cut off has left is put aside.
pub(super) fn bootstrap(dir: &DataDir, new: NewCluster, env: &Env) -> Result<Membership, JoinError> {
    let cluster = ClusterId(env.entropy.split("cluster id").bytes());
    let authority = Authority::create(cluster, &new.name, env)?;
    let store = dir.credentials();
    if store.is_enrolled() && store.load()?.identity().proxy_id() != Some(FIRST) {
        return Err(JoinError::HalfJoined);
    }
    dir.put_store_aside(env)?;
    let key = store.key_or_new(&env.entropy)?;
    let credentials = issue(&authority, (&Identity::proxy(cluster, FIRST), key), new.lifetime, env)?;
    store.save(&credentials)?;
    let member = MemberFile { id: FIRST, seeds: Vec::new() };
    let bootstrap = Bootstrap {
        id: cluster,
        name: new.name,
        ca_certificate: authority.certificate_der().to_vec(),
        ca_key: authority.key_der().to_vec(),
        strategy: new.strategy,
        proxy: new.proxy,
        key: credentials.key_hash(),
    };
    Ok(Membership { member, credentials, bootstrap: Some(bootstrap) })
}

/// Enrols this machine as a further proxy.
pub(super) async fn join(
    dir: &DataDir,
    name: &ProxyName,
    joining: &Joining,
    endpoint: &quinn::Endpoint,
    env: &Env,
) -> Result<Membership, JoinError> {
    let token = Token::read(&*env.files, joining.token.as_deref().ok_or(JoinError::NoToken)?)?;
    let store = dir.credentials();
    let key = store.key_or_new(&env.entropy)?;
    let enrolling = Enrolling { token: &token, role: TokenRole::Proxy, name: name.as_str(), key: &key };
    let (credentials, enrolled) = enrolling.at(&joining.addresses, endpoint, env).await.map_err(JoinError::Refused)?;
    let member = MemberFile { id: enrolled.proxy.ok_or(JoinError::NoId)?, seeds: enrolled.proxies.clone() };
    store.save(&credentials)?;
    reached!("proxy.credentials_saved");
    dir.save_member(&member)?;
    tracing::info!(proxy = %member.id, cluster = enrolled.cluster_name, "joined");
    Ok(Membership { member, credentials, bootstrap: None })
}

/// A certificate for `identity` and this machine's own key.
pub(super) fn issue(
    authority: &Authority,
    (identity, key): (&Identity, MachineKey),
    lifetime: Duration,
    env: &Env,
) -> Result<Credentials, JoinError> {
    let issued = authority.issue(&key.csr(), identity, lifetime, env)?;
    Ok(Credentials::new(issued.certificate, CertificateDer::from(authority.certificate_der().to_vec()), key)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_of_another_cluster_is_refused() {
        let env = Env::real();
        let home = tempfile::tempdir().expect("a directory");
        let id = Identity::proxy(ClusterId([1; 16]), FIRST);
        let authority = Authority::create(id.cluster, "lab", &env).expect("created");
        let key = MachineKey::generate(&env.entropy);
        let issued = authority.issue(&key.csr(), &id, Duration::from_secs(3600), &env).expect("issued");
        let credentials = Credentials::new(issued.certificate, authority.certificate_der().clone(), key).expect("credentials");
        let ours = fingerprint(credentials.ca());
        let membership = Membership { member: MemberFile { id: FIRST, seeds: Vec::new() }, credentials, bootstrap: None };
        let file = home.path().join("token");
        let given = |text: &str| {
            std::fs::write(&file, text).expect("written");
            membership.must_be_of(&file, home.path(), &env)
        };
        given(&Token::generate(&ours, &env.entropy).reveal()).expect("its own cluster");
        given("nonsense").expect("no token");
        let error = given(&Token::generate(&[7; 32], &env.entropy).reveal()).expect_err("another cluster");
        assert_eq!(error.to_string(), "this machine is proxy 1 of another cluster");
        std::fs::remove_file(&file).expect("removed");
        membership.must_be_of(&file, home.path(), &env).expect("a member needs no token");
    }
}
