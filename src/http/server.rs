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
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::body::{Outgoing, Progress};
use super::{Caller, Request, Response};

/// Most connections at once; further ones wait in the listener's backlog.
pub(super) const MAX_CONNECTIONS: usize = 128;
/// Largest body of a request, in bytes.
const MAX_BODY: usize = 64 * 1024;
/// Largest head of a request, in bytes.
const MAX_HEAD: usize = 16 * 1024;
/// How long a head may take, from the connection's start or the end of the last response.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);
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

/// Serves one listener.
pub struct HttpServer {
    handler: Arc<dyn Handler>,
    permits: Arc<Semaphore>,
    connections: TaskTracker,
    shutdown: CancellationToken,
}

impl HttpServer {
    /// A server that ends when `shutdown` is cancelled.
    pub fn new(handler: Arc<dyn Handler>, shutdown: CancellationToken) -> Self {
        Self { handler, permits: Arc::new(Semaphore::new(MAX_CONNECTIONS)), connections: TaskTracker::new(), shutdown }
    }

    /// Accepts until shutdown, then lets the requests in flight end, at most for five seconds.
    pub async fn serve(self, mut listener: impl Accept) {
        while let Some((stream, caller)) = self.next(&mut listener).await {
            let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else { continue };
            let connection = serve_connection((stream, caller), Arc::clone(&self.handler), self.shutdown.clone());
            self.connections.spawn(async move {
                connection.await;
                drop(permit);
            });
        }
        drop(listener);
        self.connections.close();
        self.connections.wait().await;
    }

    /// The next connection, once there is room for it; `None` at shutdown.
    async fn next<A: Accept>(&self, listener: &mut A) -> Option<(A::Stream, Caller)> {
        self.shutdown.run_until_cancelled(self.accept(listener)).await
    }

    async fn accept<A: Accept>(&self, listener: &mut A) -> (A::Stream, Caller) {
        loop {
            // Only this loop takes permits, so that the one seen here is still there after the accept.
            drop(self.permits.acquire().await);
            match listener.accept().await {
                Ok(accepted) => return accepted,
                Err(error) => {
                    warn!(%error, "a connection cannot be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

async fn serve_connection<S>((stream, caller): (S, Caller), handler: Arc<dyn Handler>, shutdown: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let progress: Progress = Arc::new(watch::Sender::new(Instant::now()));
    let service = service_fn(|request| {
        let (handler, progress) = (Arc::clone(&handler), Arc::clone(&progress));
        async move { Ok::<_, Infallible>(encode(answer(request, caller, handler.as_ref()).await, &progress)) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_DEADLINE)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = shutdown.run_until_cancelled(while_it_gets_on(connection.as_mut(), &progress)).await;
    let ended = match ended {
        Some(Some(ended)) => Ok(ended),
        Some(None) | None => {
            Pin::as_mut(&mut connection).graceful_shutdown();
            timeout(GRACE, connection).await
        }
    };
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "an HTTP connection failed"),
        Err(_) => debug!("an HTTP connection was cut"),
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

/// Reads the whole request and lets the handler answer it.
async fn answer(request: hyper::Request<Incoming>, caller: Caller, handler: &dyn Handler) -> Response {
    let (head, body) = request.into_parts();
    if ![Method::GET, Method::HEAD, Method::POST].contains(&head.method) {
        return Response::text(StatusCode::METHOD_NOT_ALLOWED, "only GET, HEAD and POST are served");
    }
    let body = match timeout(BODY_DEADLINE, Limited::new(body, MAX_BODY).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return Response::text(StatusCode::PAYLOAD_TOO_LARGE, "a request has at most 64 KiB");
        }
        Ok(Err(_)) => return Response::text(StatusCode::BAD_REQUEST, "the request ended early"),
        Err(_) => return Response::text(StatusCode::REQUEST_TIMEOUT, "the request did not come within 10s"),
    };
    let query = head.uri.query().unwrap_or_default().to_owned();
    // hyper leaves the body of an answer to HEAD out.
    let method = if head.method == Method::HEAD { Method::GET } else { head.method };
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
    let request = Request { method, path: head.uri.path().to_owned(), query, body, host, caller };
    let late = |_| Response::text(StatusCode::GATEWAY_TIMEOUT, "the request was not answered within 60s");
    timeout(HANDLER_DEADLINE, handler.handle(request)).await.unwrap_or_else(late)
}

fn encode(response: Response, progress: &Progress) -> hyper::Response<Outgoing> {
    let is_method_wrong = response.status == StatusCode::METHOD_NOT_ALLOWED;
    let mut encoded = hyper::Response::new(Outgoing::new(response.body, progress));
    *encoded.status_mut() = response.status;
    let headers = encoded.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(response.content_type));
    for (name, value) in FOR_BROWSERS {
        headers.insert(name, value);
    }
    if is_method_wrong {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
    }
    encoded
}
