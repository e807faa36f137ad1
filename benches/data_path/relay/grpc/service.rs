//! The streams that a relay accepts.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use tokio_stream::StreamExt;
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, BoxStream, Service, http};
use tonic::server::{NamedService, StreamingService};
use tonic::{Request, Response, Status, Streaming};

use super::frame::{Frame, Frames};
use super::outgoing::Outgoing;
use super::{Client, deliver};
use crate::relay::tcp::dial;

/// Accepts streams and hands each on.
#[derive(Clone)]
pub(super) struct Relay {
    /// To whom.
    pub(super) next: Next,
}

/// Where a stream leads.
#[derive(Clone)]
pub(super) enum Next {
    /// To another relay.
    Relay(Client),
    /// To the target by TCP, with so many bytes in a message; what it is sent is written by a task of its own.
    Target(SocketAddr, usize, TaskTracker),
}

impl NamedService for Relay {
    const NAME: &'static str = "bench.Relay";
}

impl Service<http::Request<Body>> for Relay {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let connect = Connect(self.next.clone());
        Box::pin(async move { Ok(tonic::server::Grpc::new(Frames).streaming(connect, request).await) })
    }
}

/// The one method.
struct Connect(Next);

impl StreamingService<Frame> for Connect {
    type Response = Frame;
    type ResponseStream = BoxStream<Frame>;
    type Future = BoxFuture<Response<BoxStream<Frame>>, Status>;

    fn call(&mut self, request: Request<Streaming<Frame>>) -> Self::Future {
        let next = self.0.clone();
        Box::pin(async move {
            let incoming = request.into_inner();
            let answer: BoxStream<Frame> = match next {
                Next::Relay(client) => Box::pin(client.connect(incoming.map_while(Result::ok)).await?),
                Next::Target(target, message, tracker) => Box::pin(to_target(incoming, target, message, &tracker).await?.map(Ok)),
            };
            Ok(Response::new(answer))
        })
    }
}

async fn to_target(mut incoming: Streaming<Frame>, target: SocketAddr, message: usize, tracker: &TaskTracker) -> Result<Outgoing, Status> {
    let Some(Frame::Dial) = incoming.message().await? else { return Err(Status::invalid_argument("not a dial")) };
    let stream = dial(target).await.map_err(|error| Status::unavailable(error.to_string()))?;
    let (read, write) = stream.into_split();
    tracker.spawn(async move {
        // Both ends see how it ended.
        let _ = deliver(incoming, write).await;
    });
    Ok(Outgoing::new(Frame::Established, read, message))
}
