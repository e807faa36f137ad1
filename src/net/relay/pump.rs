//! Both directions of a relay.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use quinn::{RecvStream, SendStream};
use tokio::time::sleep;

use super::direction::Direction;
use super::ended::{Broken, End, Relayed};
use super::local::Local;
use super::remote::Remote;
use super::side::Side;
use crate::net::stalled::Carried;
use crate::net::{Budget, Stream};

/// Relays between a local byte stream and a QUIC stream. Dropped before its end, it aborts both.
pub async fn local(stream: Box<dyn Stream>, remote: (SendStream, RecvStream), carried: Carried) -> Relayed {
    let mut pump = Pump::new(Local::new(stream), Remote::new(remote, End::Reset), &carried);
    // What may run is decided at the proxies.
    let end = pump.run(&carried, std::future::pending()).await;
    pump.last_words().await;
    if end == End::Whole {
        pump.first.close();
    }
    pump.second.give_up(end);
    pump.relayed(end)
}

/// The same where a proxy is one end: given up, it says that it goes out of service, and once `revoked` resolves that it is not allowed any more.
pub async fn local_while(
    stream: Box<dyn Stream>,
    remote: (SendStream, RecvStream),
    carried: Carried,
    revoked: impl Future<Output = ()>,
) -> Relayed {
    let mut pump = Pump::new(Local::new(stream), Remote::new(remote, End::Cut), &carried);
    let end = pump.run(&carried, revoked).await;
    pump.last_words().await;
    if end == End::Whole {
        pump.first.close();
    }
    pump.second.give_up(end);
    pump.relayed(end)
}

/// Relays between two QUIC streams, without a copy. Dropped before its end, as a proxy does that goes out of service, it aborts both and says that;
/// so it does, and says why, once `revoked` resolves because it is not allowed any more.
pub async fn quic(
    first: (SendStream, RecvStream),
    second: (SendStream, RecvStream),
    carried: Carried,
    revoked: impl Future<Output = ()>,
) -> Relayed {
    let mut pump = Pump::new(Remote::new(first, End::Cut), Remote::new(second, End::Cut), &carried);
    let end = pump.run(&carried, revoked).await;
    pump.first.give_up(end);
    pump.second.give_up(end);
    pump.relayed(end)
}

/// How long it may take to pass on what a local end said before it broke.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How much later than that the stream is reset: a reset overtakes what is on its way, at each of the machines there.
const OVERTAKING: Duration = Duration::from_millis(200);

struct Pump<A, B> {
    first: A,
    second: B,
    there: Direction,
    back: Direction,
}

impl<B: Side> Pump<Local, B> {
    /// Passes on what a local end said before it broke: one that closes while bytes come in, as a server does that answers early, resets its connection, and whoever is connected to it without a tunnel
    /// reads the answer first.
    async fn last_words(&mut self) {
        if !self.first.is_broken() {
            return;
        }
        let rest = poll_fn(|cx| self.there.poll_rest(cx, &mut self.first, &mut self.second));
        // One that goes on and on is cut like any that breaks.
        let _ = Budget::new(LAST_WORDS).run(rest).await;
        if self.there.moved_bytes() > 0 {
            sleep(OVERTAKING).await;
        }
    }
}

impl<A: Side, B: Side> Pump<A, B> {
    fn new(first: A, second: B, carried: &Carried) -> Self {
        let [there, back] = carried.tellers().map(Direction::new);
        Self { first, second, there, back }
    }

    /// Runs until both directions have ended, or one has broken, or others need the memory, or it may not run any more.
    async fn run(&mut self, carried: &Carried, revoked: impl Future<Output = ()>) -> End {
        tokio::select! {
            biased;
            // First: the connection that it runs over may be closed in the same moment.
            () = revoked => End::Denied,
            ended = poll_fn(|cx| self.poll(cx)) => ended.err().map_or(End::Whole, |Broken(end)| end),
            () = carried.cut() => End::Stalled,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        let there = self.there.poll(cx, &mut self.first, &mut self.second)?;
        let back = self.back.poll(cx, &mut self.second, &mut self.first)?;
        if there.is_ready() && back.is_ready() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn relayed(&self, end: End) -> Relayed {
        Relayed { sent_bytes: self.there.moved_bytes(), received_bytes: self.back.moved_bytes(), end }
    }
}
