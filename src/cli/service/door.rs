//! The socket by which an operator on an agent's machine has it reload.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::api;
use crate::http::{AdminSocket, Caller, Handler, HttpServer, Method, Request, Response, StatusCode};
use crate::net::Env;
use crate::proxy::Wish;

/// Wishes that wait.
const WAITING: usize = 16;

/// A socket that is served until it is closed. Without one, HUP does the same.
pub(super) struct Door {
    shutdown: CancellationToken,
    serving: JoinSet<()>,
}

struct Orders {
    wishes: mpsc::Sender<Wish>,
    user: u32,
}

impl Door {
    /// Opens it, if there can be one; gives what is asked by it.
    pub(super) async fn open(env: &Env, path: &Path) -> (Self, mpsc::Receiver<Wish>) {
        let (wishes, received) = mpsc::channel(WAITING);
        let mut door = Self { shutdown: CancellationToken::new(), serving: JoinSet::new() };
        match AdminSocket::bind(&*env.net, path).await {
            Ok(socket) => {
                let orders = Arc::new(Orders { wishes, user: env.net.user() });
                door.serving.spawn(HttpServer::new(orders, door.shutdown.clone()).serve(socket));
            }
            Err(error) => tracing::warn!(%error, "`warren config reload` does not reach this agent, HUP does"),
        }
        (door, received)
    }

    /// Closes it.
    pub(super) async fn close(mut self) {
        self.shutdown.cancel();
        while self.serving.join_next().await.is_some() {}
    }
}

#[async_trait]
impl Handler for Orders {
    async fn handle(&self, request: Request) -> Response {
        // The socket's mode sees to that already, unless somebody has changed it.
        if !matches!(request.caller, Caller::Local(peer) if peer.uid == 0 || peer.uid == self.user) {
            return Response::text(StatusCode::FORBIDDEN, "not by this user");
        }
        match (request.method, api::Path::parse(&request.path)) {
            (Method::POST, Some(api::Path::Reload)) => self.reload().await,
            _ => Response::text(StatusCode::NOT_FOUND, "there is nothing here"),
        }
    }
}

impl Orders {
    async fn reload(&self) -> Response {
        let (wish, outcome) = oneshot::channel();
        let asked = self.wishes.try_send(wish).is_ok();
        match outcome.await {
            Ok(view) if asked => Response::json(&view),
            _ => Response::text(StatusCode::CONFLICT, "this agent does not reload its configuration now"),
        }
    }
}
