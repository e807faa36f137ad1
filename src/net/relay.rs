//! Moves the bytes of one dial between two byte streams, until both directions have ended.
//!
//! Half-close is kept: an end of input on one side becomes an end of output on the other, and the other direction goes on. Reset is
//! kept: when either side fails, or the relay itself is given up, both are aborted, so that nobody takes a torn stream for a whole
//! one. A direction has come to its end when everything has arrived at the next hop, so that whoever closes the connection after it cuts
//! nothing off. What is in memory is one buffer per direction; a slow reader holds back its own writer.

use std::io;

use bytes::{Bytes, BytesMut};
use quinn::{ConnectionError, ReadError, RecvStream, SendStream, StoppedError, VarInt, WriteError};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};

use super::Stream;
use crate::wire::close::Close;

/// How much is read from a local stream at once. Below 64 KiB the system calls dominate.
const READ_SIZE: usize = 64 * 1024;
/// How many packets' worth of bytes are taken from a QUIC stream at once.
const CHUNKS: usize = 32;

/// How a relay ended, seen from the first of the two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relayed {
    /// Bytes that went from the first stream to the second.
    pub sent_bytes: u64,
    /// Bytes that came from the second stream to the first.
    pub received_bytes: u64,
    /// Whether both directions came to their end.
    pub end: End,
}

/// How a byte stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Both directions were closed by their writers.
    Whole,
    /// One side was reset, and so the other was too.
    Reset,
    /// The same, by a proxy on the way that went out of service.
    Cut,
}

impl End {
    /// The word in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Reset => "reset",
            Self::Cut => "cut",
        }
    }
}

/// A direction broke: its reader or its writer is gone. How the stream ended by that.
struct Broken(End);

impl Broken {
    fn by(code: VarInt) -> Self {
        Self(if code == Close::LEAVING.code() { End::Cut } else { End::Reset })
    }

    fn lost(error: &ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(closed) => Self::by(closed.error_code),
            ConnectionError::VersionMismatch
            | ConnectionError::TransportError(_)
            | ConnectionError::ConnectionClosed(_)
            | ConnectionError::Reset
            | ConnectionError::TimedOut
            | ConnectionError::LocallyClosed
            | ConnectionError::CidsExhausted => Self(End::Reset),
        }
    }

    /// What it means that the far end takes no more.
    fn stopped(stopped: Result<Option<VarInt>, StoppedError>) -> Self {
        match stopped {
            Ok(Some(code)) => Self::by(code),
            Err(StoppedError::ConnectionLost(error)) => Self::lost(&error),
            Ok(None) | Err(StoppedError::ZeroRttRejected) => Self(End::Reset),
        }
    }
}

impl From<io::Error> for Broken {
    fn from(_: io::Error) -> Self {
        Self(End::Reset)
    }
}

impl From<ReadError> for Broken {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Reset(code) => Self::by(code),
            ReadError::ConnectionLost(error) => Self::lost(&error),
            ReadError::ClosedStream | ReadError::IllegalOrderedRead | ReadError::ZeroRttRejected => Self(End::Reset),
        }
    }
}

impl From<WriteError> for Broken {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Stopped(code) => Self::by(code),
            WriteError::ConnectionLost(error) => Self::lost(&error),
            WriteError::ClosedStream | WriteError::ZeroRttRejected => Self(End::Reset),
        }
    }
}

/// Relays between a local byte stream and a QUIC stream. Dropped before its end, it aborts both.
pub async fn local(stream: Box<dyn Stream>, send: SendStream, recv: RecvStream) -> Relayed {
    let (mut local, mut remote) = (Local::new(stream), Remote { send, recv, given_up: End::Reset });
    let mut relayed = Relayed { sent_bytes: 0, received_bytes: 0, end: End::Whole };
    let outcome = match &mut local.halves {
        Some((reader, writer)) => tokio::try_join!(
            upload(reader, &mut remote.send, &mut relayed.sent_bytes),
            download(&mut remote.recv, writer, &mut relayed.received_bytes),
        ),
        None => Err(Broken(End::Reset)),
    };
    match outcome {
        Ok(_) => local.close(),
        Err(Broken(end)) => relayed.end = end,
    }
    relayed
}

/// Relays between two QUIC streams, without a copy. Dropped before its end, as a proxy does that goes out of service, it aborts both and says that.
pub async fn quic(first: (SendStream, RecvStream), second: (SendStream, RecvStream)) -> Relayed {
    let mut first = Remote { send: first.0, recv: first.1, given_up: End::Cut };
    let mut second = Remote { send: second.0, recv: second.1, given_up: End::Cut };
    let mut relayed = Relayed { sent_bytes: 0, received_bytes: 0, end: End::Whole };
    let outcome = tokio::try_join!(
        forward(&mut first.recv, &mut second.send, &mut relayed.sent_bytes),
        forward(&mut second.recv, &mut first.send, &mut relayed.received_bytes),
    );
    if let Err(Broken(end)) = outcome {
        relayed.end = end;
        (first.given_up, second.given_up) = (end, end);
    }
    relayed
}

/// A QUIC stream that is aborted when dropped. It changes nothing for one that has come to its end; one that has not would look whole
/// otherwise, since quinn finishes a stream that is dropped.
struct Remote {
    send: SendStream,
    recv: RecvStream,
    /// How it ends for its far end if it has not come to its end.
    given_up: End,
}

impl Drop for Remote {
    fn drop(&mut self) {
        let code = if self.given_up == End::Cut { Close::LEAVING } else { Close::RESET };
        code.abort(&mut self.send, &mut self.recv);
    }
}

/// What is read from and what is written to a local stream.
type Halves = (ReadHalf<Box<dyn Stream>>, WriteHalf<Box<dyn Stream>>);

/// A local stream that is aborted when dropped, unless it was closed before.
struct Local {
    halves: Option<Halves>,
}

impl Local {
    fn new(stream: Box<dyn Stream>) -> Self {
        Self { halves: Some(tokio::io::split(stream)) }
    }

    /// Both directions have ended.
    fn close(mut self) {
        self.halves = None;
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        if let Some((reader, writer)) = self.halves.take() {
            reader.unsplit(writer).abort();
        }
    }
}

async fn upload(reader: &mut ReadHalf<Box<dyn Stream>>, send: &mut SendStream, moved: &mut u64) -> Result<(), Broken> {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(READ_SIZE);
        // The far end may give up while nothing comes from here.
        let read = tokio::select! {
            read = reader.read_buf(&mut buffer) => read?,
            stopped = send.stopped() => return Err(Broken::stopped(stopped)),
        };
        if read == 0 {
            return finish(send).await;
        }
        send.write_chunk(buffer.split().freeze()).await?;
        *moved += read as u64;
    }
}

async fn download(recv: &mut RecvStream, writer: &mut WriteHalf<Box<dyn Stream>>, moved: &mut u64) -> Result<(), Broken> {
    let mut chunks: [Bytes; CHUNKS] = Default::default();
    while let Some(count) = recv.read_chunks(&mut chunks).await? {
        for chunk in &mut chunks[..count] {
            *moved += chunk.len() as u64;
            writer.write_all_buf(chunk).await?;
        }
        // Standard output keeps what follows the last line's end until it is told, and a terminal's or ssh's bytes have no lines.
        writer.flush().await?;
    }
    Ok(writer.shutdown().await?)
}

async fn forward(recv: &mut RecvStream, send: &mut SendStream, moved: &mut u64) -> Result<(), Broken> {
    let mut chunks: [Bytes; CHUNKS] = Default::default();
    loop {
        let count = tokio::select! {
            count = recv.read_chunks(&mut chunks) => count?,
            stopped = send.stopped() => return Err(Broken::stopped(stopped)),
        };
        let Some(count) = count else { return finish(send).await };
        *moved += chunks[..count].iter().map(|chunk| chunk.len() as u64).sum::<u64>();
        send.write_all_chunks(&mut chunks[..count]).await?;
    }
}

/// Ends a direction and waits until all of it has arrived.
async fn finish(send: &mut SendStream) -> Result<(), Broken> {
    send.finish().map_err(|_| Broken(End::Reset))?;
    match send.stopped().await {
        Ok(None) => Ok(()),
        stopped => Err(Broken::stopped(stopped)),
    }
}
