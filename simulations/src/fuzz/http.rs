//! What whoever reaches the HTTP address or the admin socket sends.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_util::sync::CancellationToken;
use warren::api::Path;
use warren::http::{Accept, Caller, Handler, HttpServer, Request, Response, StatusCode};
use warren::net::LocalPeer;

use super::{Outcome, Target};

pub(super) const TARGET: Target =
    Target { name: "http", reads: "bytes on a connection to the HTTP address or the admin socket", run: target, seeds };

/// Longest body that a handler may see.
const MAX_BODY: usize = 64 * 1024;
/// When a connection must have ended, whatever came: the server's own bounds are below.
const ENDED: Duration = Duration::from_secs(300);

fn target(data: &[u8]) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    let seen = Arc::new(Seen::default());
    let answer = runtime.block_on(async { tokio::time::timeout(ENDED, exchange(data, Arc::clone(&seen))).await });
    let answer = answer.expect("no bytes keep a connection longer than it may live");
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "an answer is HTTP");
    let status = answer.get(9..12).map(|status| String::from_utf8_lossy(status).into_owned()).unwrap_or_default();
    let seen = seen.0.lock().unwrap_or_else(PoisonError::into_inner);
    let known = seen.iter().filter(|path| Path::parse(path).is_some()).count();
    // Statuses in letters: an outcome keeps no digits.
    let status: String = status.bytes().map(|digit| char::from(digit.wrapping_add(49))).collect();
    Outcome::plain("http", &format!("{status} after {} requests, {} known", seen.len().min(3), if known > 0 { "some" } else { "none" }))
}

/// What the server answers to these bytes, after which nothing comes.
async fn exchange(data: &[u8], seen: Arc<Seen>) -> Vec<u8> {
    let (near, far) = tokio::io::duplex(16 * 1024);
    let stop = CancellationToken::new();
    let server = HttpServer::new(seen, stop.clone()).serve(Once(Some(far)));
    let client = async {
        let (mut reading, mut writing) = tokio::io::split(near);
        let mut answer = Vec::new();
        let said = async {
            // The server may have heard enough.
            let _ = writing.write_all(data).await;
            // An end that comes with the request is a client that has gone away.
            tokio::time::sleep(Duration::from_secs(1)).await;
            let _ = writing.shutdown().await;
        };
        let (_, heard) = tokio::join!(said, reading.read_to_end(&mut answer));
        heard.expect("a stream in memory does not fail");
        stop.cancel();
        answer
    };
    tokio::join!(server, client).1
}

/// The paths that were asked for.
#[derive(Default)]
struct Seen(Mutex<Vec<String>>);

#[async_trait]
impl Handler for Seen {
    async fn handle(&self, request: Request) -> Response {
        assert!(request.body.len() <= MAX_BODY, "a body of {} bytes", request.body.len());
        let _ = request.has_parameter("verbose");
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(request.path);
        Response::text(StatusCode::OK, "seen")
    }
}

/// A listener with one connection.
struct Once(Option<DuplexStream>);

impl Accept for Once {
    type Stream = DuplexStream;

    async fn accept(&mut self) -> std::io::Result<(DuplexStream, Caller)> {
        match self.0.take() {
            Some(stream) => Ok((stream, Caller::Local(LocalPeer { uid: 0, gid: 0, pid: None }))),
            None => std::future::pending().await,
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        "GET /livez HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /readyz?verbose HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        "HEAD /v1/status HTTP/1.0\r\n\r\n",
        "POST /v1/tokens HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n",
        "POST /v1/strategy HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "POST /v1/strategy HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n10001\r\n",
        "POST /v1/strategy HTTP/1.1\r\nhost: a\r\ncontent-length: 65537\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 99\r\n\r\nshort",
        "PUT / HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\x16\x03\x01\x02",
    ];
    let mut seeds: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    seeds.push(format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(17_000)).into_bytes());
    seeds
}
