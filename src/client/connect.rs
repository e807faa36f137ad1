//! `warren connect`: standard input and output to a service.

use std::io::{ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, Stdin, Stdout};

use super::session::Session;
use crate::failure::{Code, Failure, Stage};
use crate::net::Stream;
use crate::net::relay::{self, End, Relayed};
use crate::target::Target;

/// Carries standard input and output to `target` until both directions have ended.
///
/// # Errors
/// The [`Failure`] of the dial, `target_refused` when the stream was reset, `other` when a proxy has cut it or standard output takes nothing more.
/// That nobody reads standard output any more is none: the stream is given up.
pub async fn connect(session: &Session, target: &Target, timeout: Duration) -> Result<Relayed, Failure> {
    let dialled = session.dial(target, timeout).await?;
    tracing::debug!(agent = %dialled.agent, hops = dialled.path.len(), trace = %dialled.trace, "connected");
    let failed = Arc::new(OnceLock::new());
    let standard = Box::new(Standard { input: tokio::io::stdin(), output: tokio::io::stdout(), failed: failed.clone() });
    // Alone in its process, it is cut by nobody here.
    let carried = session.readers().begin([None, Some(dialled.sending.received())]);
    let relayed = relay::local(standard, (dialled.send, dialled.recv), carried).await;
    match failed.get() {
        // Whoever read has what it wanted, as `head` does.
        Some((ErrorKind::BrokenPipe, _)) => return Ok(relayed),
        Some((_, why)) => return Err(Failure::new(Code::Other, Stage::Local, format!("cannot write to standard output: {why}"))),
        None => {}
    }
    match relayed.end {
        End::Whole => Ok(relayed),
        End::Reset => Err(Failure::new(Code::TargetRefused, Stage::Target, format!("the stream to `{target}` was reset"))
            .with_trace(dialled.trace.to_string())),
        End::Cut => {
            let what = format!("the stream to `{target}` was cut: a proxy on its way went out of service");
            let failure = Failure::new(Code::Other, Stage::Peer, what).with_hint("connect again: other proxies serve");
            Err(failure.with_trace(dialled.trace.to_string()))
        }
        End::Denied => {
            let what = format!("the stream to `{target}` was cut: it is not allowed any more");
            Err(Failure::new(Code::Denied, Stage::Ingress, what).with_trace(dialled.trace.to_string()))
        }
        End::Stalled => {
            let what =
                format!("the stream to `{target}` was cut: it was not read for long, and a machine on its way had no more memory for that");
            Err(Failure::new(Code::LimitReached, Stage::Peer, what).with_trace(dialled.trace.to_string()))
        }
    }
}

/// Standard input and output as one byte stream.
struct Standard {
    input: Stdin,
    output: Stdout,
    /// Why nothing more can be written here, which is nobody's fault further on.
    failed: Arc<OnceLock<(ErrorKind, String)>>,
}

impl Standard {
    fn note<T>(&self, polled: Poll<std::io::Result<T>>) -> Poll<std::io::Result<T>> {
        if let Poll::Ready(Err(error)) = &polled {
            // The first one is the cause.
            let _ = self.failed.set((error.kind(), error.to_string()));
        }
        polled
    }
}

impl Stream for Standard {
    fn abort(self: Box<Self>) {
        // There is no reset on a pipe; the exit status tells.
    }
}

impl AsyncRead for Standard {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.input).poll_read(cx, buf)
    }
}

impl AsyncWrite for Standard {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        let written = Pin::new(&mut self.output).poll_write(cx, buf);
        self.note(written)
    }

    /// Each write of standard output is another thread's, and takes all there is: a copy is cheaper than a turn for each packet.
    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<std::io::Result<usize>> {
        if let [one] = bufs {
            return self.poll_write(cx, one);
        }
        let joined = bufs.iter().map(|buf| &**buf).collect::<Vec<_>>().concat();
        self.poll_write(cx, &joined)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let flushed = Pin::new(&mut self.output).poll_flush(cx);
        self.note(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        std::task::ready!(Pin::new(&mut self.output).poll_shutdown(cx))?;
        Poll::Ready(close_stdout())
    }
}

/// Lets whoever reads standard output see its end while standard input goes on: tokio's flushes only, and the descriptor would stay open until
/// the process ends, which may be waiting for that very reader.
fn close_stdout() -> std::io::Result<()> {
    let nowhere = std::fs::File::options().write(true).open("/dev/null")?;
    Ok(rustix::stdio::dup2_stdout(nowhere)?)
}
