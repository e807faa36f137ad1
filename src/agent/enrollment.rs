//! What an agent has before its first tunnel: a socket, an identity, and a number to count its tunnels from.

use std::path::{Path, PathBuf};

use warren_raft::{Sequence, TokenRole, reached};

use super::settings::{Agent, TokenFrom};
use crate::failure::Failure;
use crate::identity::credentials::CredentialsError;
use crate::identity::enroll::Enrolling;
use crate::identity::token::TokenReadError;
use crate::identity::{CredentialStore, Credentials, KnownProxies, StoreError, Token};
use crate::net::{Access, Env, FileError, LockError, StateFiles, dialling_endpoint};
use crate::wire::frame::FrameError;

/// Why an agent does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No UDP socket.
    #[error("no socket: {0}")]
    Socket(std::io::Error),
    /// No identity, and no token to get one.
    #[error("this machine has no identity in `{0}` and no token to enrol with")]
    NotEnrolled(PathBuf),
    /// The identity's certificate is over, and there is no token to get a new one.
    #[error("the certificate in `{0}` has expired: give a new token of the role `agent` to enrol this machine again")]
    Expired(PathBuf),
    /// The token cannot be read.
    #[error(transparent)]
    Token(#[from] TokenReadError),
    /// The cluster did not enrol it.
    #[error("{}", .0.message())]
    Enroll(Failure),
    /// The identity is another name's.
    #[error("the identity in `{dir}` is of `{found}`, not of `{wanted}`")]
    OtherName {
        /// Where it is.
        dir: PathBuf,
        /// Whose it is.
        found: String,
        /// Whose it should be.
        wanted: String,
    },
    /// Another agent has the directory.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// More is published than a proxy takes in.
    #[error("the services do not fit into one message: {0}")]
    Services(#[from] FrameError),
    /// The identity cannot be read, kept or used.
    #[error(transparent)]
    Identity(#[from] AgentError),
}

/// What can be wrong with an identity.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Its files.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What they hold.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

impl From<FileError> for StartError {
    fn from(error: FileError) -> Self {
        StoreError::from(error).into()
    }
}

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        Self::Identity(error.into())
    }
}

/// A socket to dial from.
pub(super) fn endpoint(env: &Env) -> Result<quinn::Endpoint, StartError> {
    dialling_endpoint(env).map_err(StartError::Socket)
}

/// The agent's identity, enrolled now if there is none, and the number its tunnels count from in this life of its process.
pub(super) async fn identity(
    agent: &Agent,
    env: &Env,
    endpoint: &quinn::Endpoint,
) -> Result<(CredentialStore, Credentials, Sequence), StartError> {
    let store = CredentialStore::new(&env.files, &agent.data_dir);
    let credentials = match load(&store, agent)? {
        Some(credentials) if !credentials.remaining(env.wall.now()).is_zero() || agent.token == TokenFrom::Nowhere => credentials,
        // A machine that slept past its certificate's end enrols again, with the key it has.
        Some(_) | None => enroll(&store, agent, env, endpoint).await?,
    };
    if credentials.remaining(env.wall.now()).is_zero() {
        return Err(StartError::Expired(agent.data_dir.clone()));
    }
    let sequence = next_life(&*env.files, &agent.data_dir)?;
    Ok((store, credentials, sequence))
}

fn load(store: &CredentialStore, agent: &Agent) -> Result<Option<Credentials>, StartError> {
    if !store.is_enrolled() {
        return Ok(None);
    }
    let credentials = store.load()?;
    let found = &credentials.identity().name;
    if found != agent.name.as_str() {
        return Err(StartError::OtherName { dir: agent.data_dir.clone(), found: found.clone(), wanted: agent.name.to_string() });
    }
    Ok(Some(credentials))
}

/// Enrols the machine again, with the key it has.
pub(super) async fn enroll(
    store: &CredentialStore,
    agent: &Agent,
    env: &Env,
    endpoint: &quinn::Endpoint,
) -> Result<Credentials, StartError> {
    let TokenFrom::File(path) = &agent.token else { return Err(StartError::NotEnrolled(agent.data_dir.clone())) };
    let token = Token::read(&*env.files, path)?;
    let key = store.key_or_new(&env.entropy)?;
    let enrolling = Enrolling { token: &token, role: TokenRole::Agent, name: agent.name.as_str(), key: &key };
    let (credentials, enrolled) = enrolling.at(&agent.proxies, endpoint, env).await.map_err(StartError::Enroll)?;
    store.save(&credentials)?;
    reached!("agent.credentials_saved");
    KnownProxies::new(store).save(&enrolled.proxies)?;
    tracing::info!(agent = %agent.name, cluster = enrolled.cluster_name, "enrolled");
    Ok(credentials)
}

/// What the file `lives` says: how often the agent has started.
pub fn lives_in(bytes: &[u8]) -> Option<u32> {
    std::str::from_utf8(bytes).ok().and_then(|text| text.trim().parse().ok())
}

/// Counts this life of the process on disk: its tunnels' numbers begin above those of every life before.
fn next_life(files: &dyn StateFiles, dir: &Path) -> Result<Sequence, StoreError> {
    let path = dir.join("lives");
    let lives = match files.read(&path, Access::Public) {
        Ok(bytes) => {
            lives_in(&bytes).ok_or_else(|| StoreError::Damaged { path: path.clone(), expected: "how often the agent has started" })?
        }
        Err(error) if error.is_absent() => 0,
        Err(error) => return Err(error.into()),
    };
    let lives = lives.saturating_add(1);
    files.replace(&path, lives.to_string().as_bytes(), Access::Public)?;
    reached!("agent.life_counted");
    Ok(Sequence(u64::from(lives) << 32))
}
