//! A socket for tests that keeps what it is given.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};

/// For how many sends there is room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    Plenty,
    For(usize),
}

/// The kernel's side.
#[derive(Clone, Debug)]
pub(super) struct Fake(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    max_segments: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    room: Room,
    sent: Vec<(Vec<u8>, Option<usize>)>,
    waiting: Option<Waker>,
}

impl Fake {
    pub(super) fn new(max_segments: usize) -> Self {
        let state = State { room: Room::Plenty, sent: Vec::new(), waiting: None };
        Self(Arc::new(Kept { max_segments, state: Mutex::new(state) }))
    }

    pub(super) fn socket(&self) -> Arc<dyn AsyncUdpSocket> {
        self.0.clone()
    }

    /// Has so much room from now on, and wakes who waits for it.
    pub(super) fn make_room(&self, room: Room) {
        let mut state = self.0.state();
        state.room = room;
        if let Some(waker) = state.waiting.take() {
            waker.wake();
        }
    }

    /// The size of each send and of the packets in it.
    pub(super) fn sent(&self) -> Vec<(usize, Option<usize>)> {
        self.0.state().sent.iter().map(|(contents, segment)| (contents.len(), *segment)).collect()
    }

    /// The packets as they are on the wire.
    pub(super) fn packets(&self) -> Vec<Vec<u8>> {
        let state = self.0.state();
        state.sent.iter().flat_map(|(contents, segment)| contents.chunks(segment.unwrap_or(contents.len())).map(<[u8]>::to_vec)).collect()
    }
}

impl Kept {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncUdpSocket for Kept {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(FakePoller(self))
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let mut state = self.state();
        state.room = match state.room {
            Room::Plenty => Room::Plenty,
            Room::For(0) => return Err(io::ErrorKind::WouldBlock.into()),
            Room::For(sends) => Room::For(sends - 1),
        };
        assert!(transmit.contents.len() <= 65_507, "the kernel refuses more");
        state.sent.push((transmit.contents.to_vec(), transmit.segment_size));
        Ok(())
    }

    fn poll_recv(&self, _: &mut Context<'_>, _: &mut [IoSliceMut<'_>], _: &mut [RecvMeta]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(([127, 0, 0, 1], 1).into())
    }

    fn max_transmit_segments(&self) -> usize {
        self.max_segments
    }
}

#[derive(Debug)]
struct FakePoller(Arc<Kept>);

impl UdpPoller for FakePoller {
    fn poll_writable(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.state();
        if state.room != Room::For(0) {
            return Poll::Ready(Ok(()));
        }
        state.waiting = Some(cx.waker().clone());
        Poll::Pending
    }
}
