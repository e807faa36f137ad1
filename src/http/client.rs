//! The client of the admin socket.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::Download;
use crate::api::{self, Declined, DeclinedView, ErrorView};
use crate::failure::Failure;
use crate::net::Net;

/// How long a request may take, all in all.
const DEADLINE: Duration = Duration::from_secs(30);
/// Largest answer, in bytes: some 100,000 agents.
const MAX_ANSWER: usize = 64 << 20;

/// What drives a connection, for as long as it is kept.
type Driver = JoinSet<Result<(), hyper::Error>>;

/// Asks the proxy that listens on an admin socket.
#[derive(Clone, Debug)]
pub struct AdminClient {
    net: Arc<dyn Net>,
    socket: PathBuf,
    deadline: Duration,
    /// Within which the answer is to begin.
    patience: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens on the socket, or there is none.
    #[error("no proxy is running at `{}`", .0.display())]
    NotRunning(PathBuf),
    /// The socket belongs to another user.
    #[error("`{}` may be opened by its owner only", .0.display())]
    NotAllowed(PathBuf),
    /// The proxy answered with a failure.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// The proxy declined: it cannot be done as things are.
    #[error("{message}")]
    Declined {
        /// The HTTP status.
        status: StatusCode,
        /// Why.
        message: String,
        /// What to do next.
        hint: Option<String>,
    },
    /// The proxy refused the request itself.
    #[error("the proxy refused: {message}")]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// What it said.
        message: String,
    },
    /// The proxy took too long.
    #[error("the proxy at `{}` did not answer within {}", .socket.display(), humantime::format_duration(*.deadline))]
    Late {
        /// Where it listens.
        socket: PathBuf,
        /// How long it was waited for.
        deadline: Duration,
    },
    /// What came back is not an answer.
    #[error("the proxy at `{}` gave no valid answer: {reason}", .socket.display())]
    Garbled {
        /// Where it listens.
        socket: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl AdminClient {
    /// A client of the socket at this path; nothing is opened yet.
    pub fn new(net: Arc<dyn Net>, socket: PathBuf) -> Self {
        Self { net, socket, deadline: DEADLINE, patience: DEADLINE }
    }

    /// The same with another deadline for each request.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// The same that gives up where an answer has not begun by then: one that has may be long.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The path of the socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Reads a resource.
    ///
    /// # Errors
    /// [`ClientError`] says why there is no answer.
    pub async fn get_json<T: DeserializeOwned>(&self, path: api::Path) -> Result<T, ClientError> {
        self.exchange(Method::GET, path, Bytes::new()).await
    }

    /// Posts a value and reads the answer.
    ///
    /// # Errors
    /// [`ClientError`] says why there is no answer; the proxy may have done it all the same after [`ClientError::Late`].
    pub async fn post_json<T: DeserializeOwned>(&self, path: api::Path, body: &impl Serialize) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| self.garbled(&error))?;
        self.exchange(Method::POST, path, body.into()).await
    }

    /// Reads a resource piece by piece.
    ///
    /// # Errors
    /// [`ClientError`] says why there is no answer.
    pub async fn download(&self, path: api::Path) -> Result<Download, ClientError> {
        let opened = async {
            let (head, body, driver) = self.open(Method::GET, path, Bytes::new()).await?;
            if head.is_success() {
                return Ok(Download::new(self.clone(), body, driver));
            }
            let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| self.garbled(&error))?;
            Err(failed(head, &body.to_bytes()))
        };
        timeout(self.deadline, opened).await.map_err(|_| self.late())?
    }

    async fn exchange<T: DeserializeOwned>(&self, method: Method, path: api::Path, body: Bytes) -> Result<T, ClientError> {
        let (status, body) = timeout(self.deadline, self.send(method, path, body)).await.map_err(|_| self.late())??;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|error| self.garbled(&error));
        }
        Err(failed(status, &body))
    }

    async fn send(&self, method: Method, path: api::Path, body: Bytes) -> Result<(StatusCode, Bytes), ClientError> {
        let (status, body, _driver) = self.open(method, path, body).await?;
        let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| self.garbled(&error))?;
        Ok((status, body.to_bytes()))
    }

    /// Sends a request, and returns the beginning of the answer with what drives the connection.
    async fn open(&self, method: Method, path: api::Path, body: Bytes) -> Result<(StatusCode, Incoming, Driver), ClientError> {
        let late = |_| ClientError::Late { socket: self.socket.clone(), deadline: self.patience };
        timeout(self.patience, self.ask(method, path, body)).await.map_err(late)?
    }

    async fn ask(&self, method: Method, path: api::Path, body: Bytes) -> Result<(StatusCode, Incoming, Driver), ClientError> {
        let stream = self.net.connect_local(&self.socket).await.map_err(|error| self.unreachable(&error))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.garbled(&error))?;
        // Its errors come back through the sender too; dropping the set ends it.
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        let request = hyper::Request::builder().method(method).uri(path.to_string());
        let request = request.header(HOST, "warren").header(CONTENT_TYPE, "application/json").body(Full::new(body));
        let response = sender.send_request(request.map_err(|error| self.garbled(&error))?).await;
        let (head, body) = response.map_err(|error| self.garbled(&error))?.into_parts();
        Ok((head.status, body, driver))
    }

    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }

    pub(super) fn late(&self) -> ClientError {
        ClientError::Late { socket: self.socket.clone(), deadline: self.deadline }
    }

    fn unreachable(&self, error: &io::Error) -> ClientError {
        if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) {
            ClientError::NotRunning(self.socket.clone())
        } else if error.kind() == io::ErrorKind::PermissionDenied {
            ClientError::NotAllowed(self.socket.clone())
        } else {
            self.garbled(error)
        }
    }

    pub(super) fn garbled(&self, reason: &impl ToString) -> ClientError {
        ClientError::Garbled { socket: self.socket.clone(), reason: reason.to_string() }
    }
}

fn failed(status: StatusCode, body: &Bytes) -> ClientError {
    if let Ok(DeclinedView { declined: Declined { message, hint }, .. }) = serde_json::from_slice(body) {
        return ClientError::Declined { status, message, hint };
    }
    match serde_json::from_slice::<ErrorView>(body) {
        Ok(view) => ClientError::Failed(view.error),
        Err(_) => ClientError::Refused { status, message: first_line(body, status) },
    }
}

fn first_line(body: &[u8], status: StatusCode) -> String {
    let text = String::from_utf8_lossy(body);
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() { status.to_string() } else { line.chars().take(crate::failure::MAX_TEXT).collect() }
}
