//! When gathered packets go: at the end of the turn in which quinn made them.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use quinn::{AsyncTimer, AsyncUdpSocket, Runtime, TokioRuntime, UdpPoller};

use super::gather::Gather;

/// How many turns in a row a driver gets to fill a send: quinn gives 20 packets in each.
const TURNS: usize = 3;

thread_local! {
    /// What the driver whose turn it is on this thread has sent so far. Between turns it is empty and keeps its buffer for the next.
    static TURN: RefCell<Turn> = RefCell::default();
}

#[derive(Default)]
struct Turn {
    gather: Gather,
    phase: Phase,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Between,
    Within,
}

/// Gathers for the driver whose turn it is; `None` when there is none.
pub(super) fn gathering<T>(run: impl FnOnce(&mut Gather) -> T) -> Option<T> {
    TURN.with_borrow_mut(|turn| (turn.phase == Phase::Within).then(|| run(&mut turn.gather)))
}

/// tokio for quinn, with drivers whose packets are gathered.
#[derive(Debug)]
pub struct GatheringRuntime;

impl Runtime for GatheringRuntime {
    fn new_timer(&self, at: Instant) -> Pin<Box<dyn AsyncTimer>> {
        TokioRuntime.new_timer(at)
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        TokioRuntime.spawn(Box::pin(Driver { inner: Some(future), left: None }));
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        TokioRuntime.wrap_udp_socket(socket)
    }

    fn now(&self) -> Instant {
        TokioRuntime.now()
    }
}

/// A driver of quinn's, of a connection or of an endpoint.
struct Driver {
    /// Nothing once it has ended.
    inner: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    left: Option<Box<Left>>,
}

/// What the kernel had no room for at the end of a turn. While there is some, quinn's packets wait too.
struct Left {
    gather: Gather,
    poller: Pin<Box<dyn UdpPoller>>,
}

impl Driver {
    /// Lets quinn work until it has no more to send, or as much as it may in one go.
    fn turns(&mut self, cx: &mut Context<'_>) {
        for _ in 0..TURNS {
            let Some(inner) = &mut self.inner else { return };
            let before = gathering(|gather| gather.len());
            if inner.as_mut().poll(cx).is_ready() {
                self.inner = None;
            }
            // A further turn pays where there is room in the send, and this turn had something for it.
            if gathering(|gather| !gather.has_room() || Some(gather.len()) == before).unwrap_or(true) {
                return;
            }
        }
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let within = Within::begin(self.left.take());
        self.turns(cx);
        self.left = within.end(cx);
        if self.inner.is_none() && self.left.is_none() { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// A driver's turn on this thread.
struct Within {
    poller: Option<Pin<Box<dyn UdpPoller>>>,
}

impl Within {
    fn begin(left: Option<Box<Left>>) -> Self {
        let (gather, poller) = left.map(|left| (left.gather, left.poller)).unzip();
        TURN.with_borrow_mut(|turn| {
            turn.phase = Phase::Within;
            if let Some(gather) = gather {
                turn.gather = gather;
            }
        });
        Self { poller }
    }

    /// Sends what is gathered. What the kernel does not take now is given back, and the task is woken when it may.
    fn end(mut self, cx: &mut Context<'_>) -> Option<Box<Left>> {
        TURN.with_borrow_mut(|turn| {
            loop {
                let socket = turn.gather.socket()?;
                match turn.gather.flush() {
                    Ok(()) => return None,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => {
                        tracing::debug!(%error, "packets not sent");
                        return None;
                    }
                }
                let mut poller = self.poller.take().unwrap_or_else(|| socket.create_io_poller());
                match poller.as_mut().poll_writable(cx) {
                    Poll::Pending => return Some(Box::new(Left { gather: mem::take(&mut turn.gather), poller })),
                    // It has room again by now.
                    Poll::Ready(Ok(())) => self.poller = Some(poller),
                    // The runtime is shutting down.
                    Poll::Ready(Err(error)) => {
                        tracing::debug!(%error, "packets not sent");
                        return None;
                    }
                }
            }
        })
    }
}

impl Drop for Within {
    fn drop(&mut self) {
        TURN.with_borrow_mut(|turn| {
            turn.phase = Phase::Between;
            turn.gather.forget();
        });
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};

    use quinn::udp::Transmit;
    use tokio::task::JoinSet;

    use super::super::UdpSocket;
    use super::super::fake::{Fake, Room};
    use super::*;

    const PACKETS: Transmit<'static> = Transmit {
        destination: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9),
        ecn: None,
        contents: &[0; 14_520],
        segment_size: Some(1_452),
        src_ip: None,
    };

    /// Runs `turn` as a driver, until it has ended.
    async fn drive(turn: impl FnMut(&mut Context<'_>) -> Poll<()> + Send + 'static) {
        Driver { inner: Some(Box::pin(poll_fn(turn))), left: None }.await;
    }

    #[tokio::test]
    async fn what_a_turn_sends_goes_together_at_its_end() {
        let fake = Fake::new(64);
        let (socket, seen) = (UdpSocket::new(fake.socket(), 1_452), fake.clone());
        drive(move |_| {
            for _ in 0..2 {
                socket.try_send(&PACKETS).expect("there is room");
            }
            assert_eq!(seen.sent(), [], "it waits for the end of the turn");
            Poll::Ready(())
        })
        .await;
        assert_eq!(fake.sent(), [(29_040, Some(1_452))]);
    }

    #[tokio::test]
    async fn a_driver_with_more_to_send_gets_turns_until_the_send_is_full() {
        let fake = Fake::new(64);
        let (socket, mut turns) = (UdpSocket::new(fake.socket(), 1_452), 0);
        let mut driver = JoinSet::new();
        driver.spawn(drive(move |cx| {
            turns += 1;
            if turns > 6 {
                return Poll::Ready(());
            }
            for _ in 0..2 {
                socket.try_send(&PACKETS).expect("there is room");
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        }));
        driver.join_next().await.expect("a driver").expect("it ends");
        let sizes: Vec<_> = fake.sent().into_iter().map(|(size, _)| size).collect();
        assert_eq!(sizes, [65_340, 21_780, 65_340, 21_780], "three turns with 60 packets, 45 of which fill a send");
    }

    #[tokio::test]
    async fn outside_of_a_turn_nothing_waits() {
        let fake = Fake::new(64);
        UdpSocket::new(fake.socket(), 1_452).try_send(&PACKETS).expect("there is room");
        assert_eq!(fake.sent(), [(14_520, Some(1_452))]);
    }

    #[tokio::test]
    async fn what_finds_no_room_goes_as_soon_as_there_is_some() {
        let fake = Fake::new(64);
        fake.make_room(Room::For(0));
        let (socket, mut sent) = (UdpSocket::new(fake.socket(), 1_452), false);
        let mut driver = JoinSet::new();
        driver.spawn(drive(move |_| {
            if !mem::replace(&mut sent, true) {
                socket.try_send(&PACKETS).expect("it is taken");
            }
            Poll::Ready(())
        }));
        // The current thread's runtime lets the driver run until it waits.
        tokio::task::yield_now().await;
        assert!(driver.try_join_next().is_none() && fake.sent().is_empty());
        fake.make_room(Room::Plenty);
        driver.join_next().await.expect("a driver").expect("it ends");
        assert_eq!(fake.sent(), [(14_520, Some(1_452))]);
    }
}
