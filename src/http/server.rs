//! The server: accepts, reads whole requests within deadlines, and hands them to a handler.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::body::{Outgoing, Progress};
use super::idle::{Busy, Idle, Visit};
use super::{Caller, Request, Response};
use crate::limits::{Limit, Limits, Reached};

/// Largest body of a request, in bytes.
const MAX_BODY: usize = 64 * 1024;
/// Largest head of a request, in bytes.
const MAX_HEAD: usize = 16 * 1024;
/// How long a body may take.
const BODY_DEADLINE: Duration = Duration::from_secs(10);
/// How long a handler may take: longer than any deadline within it.
const HANDLER_DEADLINE: Duration = Duration::from_secs(60);
/// How long a connection may live, so that a peer that never reads its answers goes too. Each piece of an answer that is taken piece by piece
/// gives it as long again.
const CONNECTION_DEADLINE: Duration = Duration::from_secs(120);
/// How long a request in flight may go on once the connection is to end.
const GRACE: Duration = Duration::from_secs(5);
/// How long to wait when a connection cannot be accepted, for example for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// What a browser must not do with any answer: keep it, guess what it is, or show it to, or within, the pages of others.
const FOR_BROWSERS: [(HeaderName, HeaderValue); 4] = [
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// Answers requests.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Answers one request, a GET for HEAD too. It may be dropped at any await, when the peer goes away.
    async fn handle(&self, request: Request) -> Response;
}

/// Where connections come from: a local socket, or TCP.
pub trait Accept: Send + 'static {
    /// One connection.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// Waits for the next connection and tells whose it is. Must be safe to cancel.
    ///
    /// # Errors
    /// Whatever the listener says; the server goes on after a pause.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Stream, Caller)>> + Send;
}

/// What the other sides of a listener may use.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Connections at once. For one more, the one goes that has waited longest to say what it wants.
    pub connections: usize,
    /// How long a head may take, from the connection's start or the end of the last response.
    pub head: Duration,
    /// What is counted.
    pub reached: Reached,
}

impl Bounds {
    /// As `[limits]` says.
    pub fn new(limits: &Limits, reached: &Reached) -> Self {
        Self { connections: limits.http_connections, head: limits.header_timeout, reached: reached.clone() }
    }
}

/// Serves one listener.
pub struct HttpServer {
    handler: Arc<dyn Handler>,
    bounds: Bounds,
    permits: Arc<Semaphore>,
    idle: Arc<Idle>,
    connections: TaskTracker,
    shutdown: CancellationToken,
}

impl HttpServer {
    /// A server with the default bounds that ends when `shutdown` is cancelled.
    pub fn new(handler: Arc<dyn Handler>, shutdown: CancellationToken) -> Self {
        Self::bounded(handler, Bounds::new(&Limits::default(), &Reached::default()), shutdown)
    }

    /// A server that ends when `shutdown` is cancelled.
    pub fn bounded(handler: Arc<dyn Handler>, bounds: Bounds, shutdown: CancellationToken) -> Self {
        let permits = Arc::new(Semaphore::new(bounds.connections));
        Self { handler, bounds, permits, idle: Arc::default(), connections: TaskTracker::new(), shutdown }
    }

    /// Accepts until shutdown, then lets the requests in flight end, at most for five seconds.
    pub async fn serve(self, mut listener: impl Accept) {
        while let Some((stream, caller, permit)) = self.next(&mut listener).await {
            let connection = Connection {
                handler: Arc::clone(&self.handler),
                caller,
                visit: self.idle.visit(),
                progress: Arc::new(watch::Sender::new(Instant::now())),
                bounds: self.bounds.clone(),
                shutdown: self.shutdown.clone(),
            };
            self.connections.spawn(async move {
                connection.serve(stream).await;
                drop(permit);
            });
        }
        drop(listener);
        self.connections.close();
        self.connections.wait().await;
    }

    /// The next connection, whose it is, and its place, once there is one; `None` at shutdown.
    async fn next<A: Accept>(&self, listener: &mut A) -> Option<(A::Stream, Caller, OwnedSemaphorePermit)> {
        let next = async {
            let (stream, caller) = self.accept(listener).await;
            (stream, caller, self.place().await)
        };
        self.shutdown.run_until_cancelled(next).await
    }

    async fn accept<A: Accept>(&self, listener: &mut A) -> (A::Stream, Caller) {
        loop {
            match listener.accept().await {
                Ok(accepted) => return accepted,
                Err(error) => {
                    warn!(%error, "a connection cannot be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// A place for one more connection. While all of them wait for answers, so does this one, and further ones in the listener's backlog.
    async fn place(&self) -> OwnedSemaphorePermit {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return permit;
        }
        self.bounds.reached.note(Limit::HttpConnections);
        loop {
            let is_cut = self.idle.cut_longest();
            tokio::select! {
                permit = Arc::clone(&self.permits).acquire_owned() => return permit.expect("it is never closed"),
                // One that was cut gives its place back.
                () = self.idle.more(), if !is_cut => {}
            }
        }
    }
}

/// One connection that is served.
struct Connection {
    handler: Arc<dyn Handler>,
    caller: Caller,
    visit: Arc<Visit>,
    progress: Progress,
    bounds: Bounds,
    shutdown: CancellationToken,
}

impl Connection {
    async fn serve<S>(&self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.bounds.head)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(stream), service_fn(|request| async move { Ok::<_, Infallible>(self.answer(request).await) }));
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = self.shutdown.run_until_cancelled(while_it_gets_on(connection.as_mut(), &self.progress)) => ended,
            () = self.visit.cut() => return debug!("an HTTP connection was cut: another one needs its place"),
        };
        let ended = match ended {
            Some(Some(ended)) => Ok(ended),
            Some(None) | None => {
                Pin::as_mut(&mut connection).graceful_shutdown();
                timeout(GRACE, connection).await
            }
        };
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                if error.is_timeout() {
                    self.bounds.reached.note(Limit::HeaderTimeout);
                }
                debug!(%error, "an HTTP connection failed");
            }
            Err(_) => debug!("an HTTP connection was cut"),
        }
    }

    /// Reads the whole request and lets the handler answer it.
    async fn answer(&self, request: hyper::Request<Incoming>) -> hyper::Response<Outgoing> {
        let request = match read(request, self.caller).await {
            Ok(request) => request,
            Err(response) => return encode(response, &self.progress, None),
        };
        let busy = self.visit.busy();
        let late = |_| Response::text(StatusCode::GATEWAY_TIMEOUT, "the request was not answered within 60s");
        let response = timeout(HANDLER_DEADLINE, self.handler.handle(request)).await.unwrap_or_else(late);
        encode(response, &self.progress, Some(busy))
    }
}

/// Waits for the end; `None` when the connection has not got on for too long.
async fn while_it_gets_on<F: Future + Unpin>(mut connection: F, progress: &Progress) -> Option<F::Output> {
    loop {
        let since = *progress.borrow();
        if let Ok(ended) = timeout_at(since + CONNECTION_DEADLINE, &mut connection).await {
            return Some(ended);
        }
        if *progress.borrow() == since {
            return None;
        }
    }
}

/// Reads the whole request.
///
/// # Errors
/// What to answer instead.
async fn read(request: hyper::Request<Incoming>, caller: Caller) -> Result<Request, Response> {
    let (head, body) = request.into_parts();
    if ![Method::GET, Method::HEAD, Method::POST].contains(&head.method) {
        return Err(Response::text(StatusCode::METHOD_NOT_ALLOWED, "only GET, HEAD and POST are served"));
    }
    let body = match timeout(BODY_DEADLINE, Limited::new(body, MAX_BODY).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return Err(Response::text(StatusCode::PAYLOAD_TOO_LARGE, "a request has at most 64 KiB"));
        }
        Ok(Err(_)) => return Err(Response::text(StatusCode::BAD_REQUEST, "the request ended early")),
        Err(_) => return Err(Response::text(StatusCode::REQUEST_TIMEOUT, "the request did not come within 10s")),
    };
    let query = head.uri.query().unwrap_or_default().to_owned();
    // hyper leaves the body of an answer to HEAD out.
    let method = if head.method == Method::HEAD { Method::GET } else { head.method };
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
    Ok(Request { method, path: head.uri.path().to_owned(), query, body, host, caller })
}

fn encode(response: Response, progress: &Progress, busy: Option<Busy>) -> hyper::Response<Outgoing> {
    let is_method_wrong = response.status == StatusCode::METHOD_NOT_ALLOWED;
    let mut encoded = hyper::Response::new(Outgoing::new(response.body, progress, busy));
    *encoded.status_mut() = response.status;
    let headers = encoded.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(response.content_type));
    for (name, value) in FOR_BROWSERS {
        headers.insert(name, value);
    }
    if let Some(policy) = response.policy {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    }
    if is_method_wrong {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
    }
    encoded
}
