//! The task that sends.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::json;
use crate::net::{Budget, Env, Net};
use crate::traces::{Endpoint, Resource, Span, Traces};

/// Spans that wait at most, and those that are sent together.
const WAITING: usize = 4_096;
const TOGETHER: usize = 512;
/// How long the first of them waits for more.
const GATHER: Duration = Duration::from_secs(1);
/// How long a collector may take.
const ANSWER: Duration = Duration::from_secs(5);
/// Longest answer that is looked at.
const MAX_ANSWER: usize = 64 << 10;
/// How often it shows in the log that a collector takes nothing.
const QUIET: Duration = Duration::from_secs(60);

/// The sending of spans, until it is closed.
#[derive(Debug)]
pub(in crate::traces) struct Running {
    tasks: TaskTracker,
    closing: CancellationToken,
}

/// Sends batches.
struct Sender {
    net: Arc<dyn Net>,
    endpoint: Endpoint,
    resource: Resource,
    traces: Traces,
    said: Option<Instant>,
}

impl Running {
    /// Begins.
    pub(in crate::traces) fn start(endpoint: Endpoint, resource: Resource, env: &Env) -> (Traces, Self) {
        let (traces, spans) = Traces::open(WAITING);
        let sender = Sender { net: env.net.clone(), endpoint, resource, traces: traces.clone(), said: None };
        let (tasks, closing) = (TaskTracker::new(), CancellationToken::new());
        tasks.spawn(sender.run(spans, closing.clone()));
        tasks.close();
        (traces, Self { tasks, closing })
    }

    /// Sends what waits and ends.
    pub(in crate::traces) async fn close(self, budget: Budget) {
        self.closing.cancel();
        // What a collector does not take in time is lost.
        let _ = budget.run(self.tasks.wait()).await;
    }
}

impl Sender {
    async fn run(mut self, mut spans: mpsc::Receiver<Span>, closing: CancellationToken) {
        let mut batch = Vec::with_capacity(TOGETHER);
        while !closing.is_cancelled() {
            let first = closing.run_until_cancelled(spans.recv_many(&mut batch, TOGETHER)).await;
            if first.is_some() && batch.len() < TOGETHER {
                closing.run_until_cancelled(tokio::time::sleep(GATHER)).await;
            }
            self.fill(&mut spans, &mut batch);
            self.send(&mut batch).await;
        }
        while !spans.is_empty() {
            self.fill(&mut spans, &mut batch);
            self.send(&mut batch).await;
        }
    }

    fn fill(&self, spans: &mut mpsc::Receiver<Span>, batch: &mut Vec<Span>) {
        while batch.len() < TOGETHER
            && let Ok(span) = spans.try_recv()
        {
            batch.push(span);
        }
    }

    /// Sends them, or loses them: a collector that is away is not worth memory.
    async fn send(&mut self, batch: &mut Vec<Span>) {
        if batch.is_empty() {
            return;
        }
        let lost = batch.len();
        let body = serde_json::to_vec(&json::request(&self.resource, batch)).map_err(|error| error.to_string());
        batch.clear();
        let sent = match body {
            Ok(body) => timeout(ANSWER, self.post(body.into())).await.unwrap_or_else(|_| Err("no answer in time".to_owned())),
            Err(reason) => Err(reason),
        };
        if let Err(reason) = sent
            && self.said.is_none_or(|said| said.elapsed() >= QUIET)
        {
            self.said = Some(Instant::now());
            tracing::warn!(endpoint = %self.endpoint, reason, lost, dropped = self.traces.dropped(), "spans are not taken by the collector");
        }
    }

    async fn post(&self, body: Bytes) -> Result<(), String> {
        let stream = self.net.connect(self.endpoint.authority()).await.map_err(|error| error.to_string())?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        // Its errors come back through the sender too; dropping the set ends it.
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        let request = hyper::Request::post(self.endpoint.path()).header(HOST, self.endpoint.authority());
        let request = request.header(CONTENT_TYPE, "application/json").body(Full::new(body)).map_err(|error| error.to_string())?;
        let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = answer.status();
        Limited::new(answer.into_body(), MAX_ANSWER).collect().await.map_err(|error| error.to_string())?;
        if status.is_success() { Ok(()) } else { Err(format!("it answered {status}")) }
    }
}
