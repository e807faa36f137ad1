//! The services behind the demo agent: a small web page and an echo.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::http::{Accept, Caller, Handler, HttpServer, Request, Response, StatusCode};
use crate::net::{Env, Listener, Stream};

const PAGE: &str = "<!doctype html>
<html lang=\"en\"><meta charset=\"utf-8\"><title>warren</title>
<style>:root{color-scheme:light dark}body{font:1.1rem/1.5 system-ui;max-width:36rem;margin:4rem auto;padding:0 1rem}</style>
<h1>You are through.</h1>
<p>This page is served by a program that no proxy can dial. Its agent holds one tunnel to one proxy; you came in by another
one, which found the tunnel in the replicated routing table and handed you on over QUIC.</p>
</html>
";

/// Serves the page.
pub(super) async fn web(env: &Env, tasks: &TaskTracker, cancel: CancellationToken) -> io::Result<SocketAddr> {
    let listener = env.net.listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let address = listener.local_addr()?;
    tasks.spawn(HttpServer::new(Arc::new(Page), cancel).serve(Local(listener)));
    Ok(address)
}

/// Gives back every byte it gets.
pub(super) async fn echo(env: &Env, tasks: &TaskTracker, cancel: CancellationToken) -> io::Result<SocketAddr> {
    let mut listener = env.net.listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let address = listener.local_addr()?;
    let owned = tasks.clone();
    tasks.spawn(async move {
        while let Some(Ok((stream, _))) = cancel.run_until_cancelled(listener.accept()).await {
            let cancel = cancel.clone();
            owned.spawn(async move {
                let (mut reader, mut writer) = tokio::io::split(stream);
                // Whoever breaks off has had enough.
                let _ = cancel.run_until_cancelled(tokio::io::copy(&mut reader, &mut writer)).await;
                let _ = tokio::io::AsyncWriteExt::shutdown(&mut writer).await;
            });
        }
    });
    Ok(address)
}

struct Page;

#[async_trait]
impl Handler for Page {
    async fn handle(&self, request: Request) -> Response {
        match request.path.as_str() {
            "/" => Response::new(StatusCode::OK, "text/html; charset=utf-8", PAGE),
            _ => Response::text(StatusCode::NOT_FOUND, "there is only one page"),
        }
    }
}

struct Local(Box<dyn Listener>);

impl Accept for Local {
    type Stream = Box<dyn Stream>;

    async fn accept(&mut self) -> io::Result<(Self::Stream, Caller)> {
        self.0.accept().await.map(|(stream, from)| (stream, Caller::Remote(from)))
    }
}
