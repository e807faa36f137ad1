//! A stream over a tunnel, connected to one of the agent's services.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use quinn::{RecvStream, SendStream};
use tokio::io::AsyncWriteExt;
use warren_raft::{ProxyId, Service, ServiceName};

use super::joins::{Joins, Superseded};
use super::publishing::Offered;
use crate::access::{Carried, Role};
use crate::ingress::proxy_header;
use crate::net::quic::StreamWindow;
use crate::net::{Budget, Env, Stream, relay};
use crate::traces::{Deed, Timer};
use crate::wire::close::Close;
use crate::wire::{DialAnswer, DialHeader, frame};

/// How long the header may take to arrive.
const HEADER: Duration = Duration::from_secs(5);
/// Longest time that a target is given to accept.
const MAX_CONNECT: Duration = Duration::from_secs(60);
/// What is kept of the budget for the way back of the answer.
const WAY_BACK: Duration = Duration::from_millis(200);

/// The connections to targets that are being made.
pub(super) type Connecting = Joins<std::io::Result<Box<dyn Stream>>>;

/// What streams are served with. Cheap to clone.
#[derive(Clone)]
pub(super) struct Serving {
    pub(super) env: Env,
    pub(super) offer: Offered,
    pub(super) connecting: Arc<Connecting>,
    /// The proxy that the tunnel leads to, by name; by its id while it has not said it.
    pub(super) proxy: Arc<str>,
}

/// Carries the stream to its end.
pub(super) async fn carry(serving: &Serving, (mut send, mut recv): (SendStream, RecvStream), (proxy, received): (ProxyId, StreamWindow)) {
    let env = &serving.env;
    let header: DialHeader = match Budget::new(HEADER).run(frame::read(&mut recv, frame::MAX_MESSAGE)).await {
        Ok(Ok(header)) => header,
        Ok(Err(error)) => {
            tracing::debug!(%error, "dial not understood");
            return Close::PROTOCOL.abort(&mut send, &mut recv);
        }
        Err(_) => return Close::DEADLINE.abort(&mut send, &mut recv),
    };
    // Of the proxies on the way an agent knows the last one.
    let mut told = Carried::begin(Role::Agent, &header, || serving.proxy.to_string());
    let timer = Timer::begin(&*env.wall);
    let connected = tokio::select! {
        connected = connect(serving, &header) => connected,
        // The proxy does not want it any more.
        _ = send.stopped() => return Close::CANCELLED.abort(&mut send, &mut recv),
    };
    env.traces.record(|| {
        let span = timer.end(header.trace, (Deed::Connect(proxy), Some(Deed::Carry(proxy))));
        let failed = connected.as_ref().err().map(ToString::to_string);
        span.with("service", &header.service).failed(failed)
    });
    match connected {
        Ok(stream) => {
            if frame::write(&mut send, &DialAnswer::Connected, frame::MAX_MESSAGE).await.is_err() {
                return stream.abort();
            }
            told.connected();
            let relayed = relay::local(stream, (send, recv), env.readers.begin([None, Some(received)])).await;
            told.relayed(&relayed);
        }
        Err(answer) => {
            told.failed(&answer);
            drop(told);
            if frame::write(&mut send, &answer, frame::MAX_MESSAGE).await.is_ok() {
                // It fails only when the proxy has gone.
                let _ = send.finish();
            }
            // Bytes that the client has sent already are nobody's.
            let _ = recv.stop(Close::DONE.code());
        }
    }
}

async fn connect(serving: &Serving, header: &DialHeader) -> Result<Box<dyn Stream>, DialAnswer> {
    let Serving { env, offer, connecting, .. } = serving;
    let target: Arc<str> = target(&offer.services, &header.service).ok_or(DialAnswer::UnknownService)?.into();
    // Of a dial that comes by two ways the target sees one connection, and one header.
    let origin = offer.told.contains(&header.service).then(|| proxy_header::encode(header.client_address.parse().ok(), header.trace));
    let begin = || {
        let (net, target, origin) = (env.net.clone(), target.clone(), origin.clone());
        Box::pin(async move {
            let mut stream = net.connect(&target).await?;
            if let Some(origin) = origin {
                stream.write_all(&origin).await?;
            }
            Ok(stream)
        }) as _
    };
    let budget = Budget::new(Duration::from_millis(header.budget_ms.into()).saturating_sub(WAY_BACK).min(MAX_CONNECT));
    match budget.run(connecting.connect(header, begin)).await {
        Ok(Ok(Ok(stream))) => Ok(stream),
        Ok(Ok(Err(error))) if error.kind() == ErrorKind::TimedOut => Err(DialAnswer::TargetTimeout),
        Ok(Err(Superseded)) => Err(DialAnswer::Superseded),
        Ok(Ok(Err(error))) => Err(DialAnswer::TargetRefused { reason: format!("connecting to `{target}`: {error}") }),
        Err(_) => Err(DialAnswer::TargetTimeout),
    }
}

fn target<'a>(services: &'a [Service], name: &ServiceName) -> Option<&'a str> {
    services.iter().find(|service| service.name == *name).map(|service| service.target.as_str())
}
