//! The server and the client against each other, on a unix socket.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::api::{self, RoutesView, TokenRequest};
use crate::failure::{Code, Failure, Stage};
use crate::limits::{Limit, Limits, Reached};
use crate::net::{Env, LocalError, Net};

/// What a large answer is made of: more than any buffer on the way holds.
const PIECES: u8 = 100;
/// Most connections at once.
const FEW: usize = 8;
/// Bytes of a piece.
const PIECE: usize = 64 * 1024;

/// Answers by path; `/slow` waits until it is released.
#[derive(Default)]
struct Sample {
    entered: Notify,
    release: Notify,
}

#[async_trait]
impl Handler for Sample {
    async fn handle(&self, request: Request) -> Response {
        match request.path.as_str() {
            "/v1/routes" => Response::json(&api::tests::routes()),
            "/v1/tokens" if request.method == Method::POST => match serde_json::from_slice::<TokenRequest>(&request.body) {
                Ok(_) => Response::json(&api::tests::token_created()),
                Err(error) => Response::text(StatusCode::BAD_REQUEST, &error.to_string()),
            },
            "/v1/agents" => Response::failure(Failure::new(Code::NoQuorum, Stage::Store, "no quorum")),
            "/v1/status" => Response::text(StatusCode::OK, "not JSON"),
            "/v1/raft/snapshot/confirmed" => Response::poured(Poured::new(|into| async move {
                for number in 0..PIECES {
                    if into.send(vec![number; PIECE].into()).await.is_err() {
                        return;
                    }
                }
            })),
            "/slow" => {
                self.entered.notify_one();
                self.release.notified().await;
                Response::text(StatusCode::OK, if request.has_parameter("verbose") { "verbose" } else { "slow" })
            }
            _ => Response::text(StatusCode::NOT_FOUND, "no such path"),
        }
    }
}

struct Running {
    reached: Reached,
    handler: Arc<Sample>,
    client: AdminClient,
    shutdown: CancellationToken,
    tasks: JoinSet<()>,
    dir: TempDir,
}

fn net() -> Arc<dyn Net> {
    Env::real().net
}

async fn start() -> Running {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("admin.sock");
    let socket = AdminSocket::bind(&*net(), &path).await.expect("a socket");
    let (handler, shutdown) = (Arc::new(Sample::default()), CancellationToken::new());
    let client = AdminClient::new(net(), path);
    let mut tasks = JoinSet::new();
    let reached = Reached::default();
    let bounds = Bounds { connections: FEW, ..Bounds::new(&Limits::default(), &reached) };
    tasks.spawn(HttpServer::bounded(handler.clone(), bounds, shutdown.clone()).serve(socket));
    Running { reached, handler, client, shutdown, tasks, dir }
}

async fn raw(running: &Running, request: &[u8]) -> String {
    let mut stream = net().connect_local(running.client.socket()).await.expect("a connection");
    stream.write_all(request).await.expect("a request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    String::from_utf8(answer).expect("text")
}

#[tokio::test]
async fn answers_and_errors_arrive() {
    let running = start().await;
    let client = &running.client;
    assert_eq!(client.get_json::<RoutesView>(api::Path::Routes).await.expect("routes"), api::tests::routes());
    let wish = TokenRequest {
        role: warren_raft::TokenRole::Client,
        name: api::tests::name("*"),
        allow: vec![api::tests::name("*/*")],
        ttl_ms: 1000,
        uses: 1,
    };
    let created: api::TokenCreated = client.post_json(api::Path::Tokens, &wish).await.expect("a token");
    assert_eq!(created, api::tests::token_created());
    let refused = client.post_json::<RoutesView>(api::Path::Tokens, &"nonsense").await.expect_err("a refusal");
    assert!(matches!(refused, ClientError::Refused { status: StatusCode::BAD_REQUEST, .. }), "{refused}");
    let failed = client.get_json::<RoutesView>(api::Path::Agents).await.expect_err("a failure");
    assert!(matches!(&failed, ClientError::Failed(failure) if failure.code() == Code::NoQuorum), "{failed}");
    let garbled = client.get_json::<RoutesView>(api::Path::Status).await.expect_err("no JSON");
    assert!(matches!(garbled, ClientError::Garbled { .. }), "{garbled}");
}

#[tokio::test]
async fn nobody_listens() {
    let dir = TempDir::new().expect("a directory");
    let client = AdminClient::new(net(), dir.path().join("admin.sock"));
    let error = client.get_json::<RoutesView>(api::Path::Routes).await.expect_err("nobody");
    assert_eq!(error.to_string(), format!("no proxy is running at `{}`", client.socket().display()));
}

#[tokio::test]
async fn the_socket_is_private_unique_and_goes() {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("admin.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).expect("a socket that is left behind"));
    let socket = AdminSocket::bind(&*net(), &path).await.expect("the stale one is replaced");
    let mode = std::fs::metadata(&path).expect("the socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(matches!(AdminSocket::bind(&*net(), &path).await, Err(LocalError::InUse(_))));
    drop(socket);
    assert_eq!(std::fs::read_dir(dir.path()).expect("the directory").count(), 0);
    std::fs::write(&path, "precious").expect("a file");
    assert!(matches!(AdminSocket::bind(&*net(), &path).await, Err(LocalError::NotASocket(_))));
    assert_eq!(std::fs::read_to_string(&path).expect("the file"), "precious");
    let anybodys = dir.path().join("anybodys");
    std::fs::create_dir(&anybodys).expect("a directory");
    for (mode, is_guarded) in [(0o777, false), (0o1777, true), (0o775, true)] {
        std::fs::set_permissions(&anybodys, std::fs::Permissions::from_mode(mode)).expect("its mode");
        let bound = AdminSocket::bind(&*net(), &anybodys.join("admin.sock")).await;
        assert_eq!(!matches!(&bound, Err(LocalError::Unguarded { .. })), is_guarded, "{mode:o}: {bound:?}");
    }
}

#[tokio::test]
async fn what_is_too_large_or_wrong_is_refused_and_the_server_lives_on() {
    let running = start().await;
    let large = format!("POST /v1/tokens HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 70000\r\n\r\n{}", "x".repeat(70_000));
    assert!(raw(&running, large.as_bytes()).await.starts_with("HTTP/1.1 413 "));
    let deleted = raw(&running, b"DELETE / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(deleted.starts_with("HTTP/1.1 405 ") && deleted.contains("allow: GET, HEAD, POST"), "{deleted}");
    assert!(raw(&running, b"\x16\x03\x01garbage\r\n\r\n").await.starts_with("HTTP/1.1 400 "));
    let head = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(100_000));
    let mut stream = net().connect_local(running.client.socket()).await.expect("a connection");
    // The server may close before all of it is written.
    let _ = stream.write_all(head.as_bytes()).await;
    running.client.get_json::<RoutesView>(api::Path::Routes).await.expect("routes");
}

#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_come_ends_the_connection() {
    let running = start().await;
    let mut stream = net().connect_local(running.client.socket()).await.expect("a connection");
    stream.write_all(b"GET / HTTP/1.1\r\n").await.expect("half a head");
    let began = tokio::time::Instant::now();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(began.elapsed() >= Duration::from_secs(5) && began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}

#[tokio::test]
async fn head_gets_no_body() {
    let running = start().await;
    let answer = raw(&running, b"HEAD /v1/routes HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\n"), "{answer}");
}

/// Connections that say nothing, half of a head, or nothing more, do not keep anybody out, however many they are.
#[tokio::test]
async fn whoever_says_nothing_makes_room() {
    let running = start().await;
    let mut silent = Vec::new();
    for (number, said) in (0..FEW * 5).zip([&b""[..], b"GET / HT", b"GET /v1/routes HTTP/1.1\r\nhost: x\r\n\r\n"].into_iter().cycle()) {
        let mut stream = net().connect_local(running.client.socket()).await.expect("a connection");
        stream.write_all(said).await.expect("a request");
        if said.ends_with(b"\r\n\r\n") {
            assert_eq!(stream.read_u8().await.expect("an answer"), b'H', "connection {number}");
        }
        silent.push(stream);
    }
    running.client.get_json::<RoutesView>(api::Path::Routes).await.expect("routes");
    let mut rest = Vec::new();
    let _ = silent[0].read_to_end(&mut rest).await;
    assert!(running.reached.count(Limit::HttpConnections) > 0);
}

#[tokio::test]
async fn who_waits_for_an_answer_keeps_its_place() {
    let running = start().await;
    let mut slow = Vec::new();
    for _ in 0..FEW {
        let mut stream = net().connect_local(running.client.socket()).await.expect("a connection");
        stream.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.expect("a request");
        running.handler.entered.notified().await;
        slow.push(stream);
    }
    let mut waiting = JoinSet::new();
    let client = running.client.clone();
    waiting.spawn(async move { client.get_json::<RoutesView>(api::Path::Routes).await });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(waiting.try_join_next().is_none(), "it is served beside {} others", slow.len());
    running.handler.release.notify_waiters();
    waiting.join_next().await.expect("the client").expect("no panic").expect("routes");
    for mut stream in slow {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.trim_end().ends_with("slow"), "{answer}");
    }
}

#[tokio::test]
async fn a_request_in_flight_survives_shutdown() {
    let mut running = start().await;
    let mut stream = net().connect_local(running.client.socket()).await.expect("a connection");
    stream.write_all(b"GET /slow?a=1&verbose HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("a request");
    running.handler.entered.notified().await;
    running.shutdown.cancel();
    running.handler.release.notify_one();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("verbose\n"), "{answer}");
    running.tasks.join_next().await.expect("the server").expect("no panic");
    assert_eq!(std::fs::read_dir(running.dir.path()).expect("the directory").count(), 0);
}

#[tokio::test]
async fn an_answer_comes_piece_by_piece() {
    let running = start().await;
    let mut download = running.client.download(api::Path::Snapshot(api::Freshness::Confirmed)).await.expect("an answer");
    let mut bytes = Vec::new();
    while let Some(more) = download.next().await.expect("more") {
        bytes.extend_from_slice(&more);
    }
    assert!(bytes.chunks(PIECE).zip(0..PIECES).all(|(piece, number)| piece == vec![number; PIECE]));
    assert_eq!(bytes.len(), usize::from(PIECES) * PIECE);
    let failed = running.client.download(api::Path::Agents).await.expect_err("a failure");
    assert!(matches!(&failed, ClientError::Failed(failure) if failure.code() == Code::NoQuorum), "{failed}");
}

/// Reads a portion of a long answer now and then, and says how much came before the server had enough.
async fn read_slowly(running: &Running, pause: Duration) -> usize {
    let mut stream = net().connect_local(running.client.socket()).await.expect("a connection");
    stream.write_all(b"GET /v1/raft/snapshot/confirmed HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.expect("a request");
    let (mut portion, mut all) = (vec![0; 2 * PIECE], 0);
    loop {
        tokio::time::sleep(pause).await;
        match stream.read(&mut portion).await {
            Ok(0) | Err(_) => return all,
            Ok(read) => all += read,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_answer_may_take_long_but_not_stand_still() {
    let running = start().await;
    let whole = read_slowly(&running, Duration::from_secs(20)).await;
    assert!(whole > usize::from(PIECES) * PIECE, "{whole} bytes: it got on all the time");
    let cut = read_slowly(&running, Duration::from_secs(300)).await;
    assert!(cut < usize::from(PIECES) * PIECE, "{cut} bytes: it stood still");
}
