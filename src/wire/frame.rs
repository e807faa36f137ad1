//! A message on a stream: its length as four bytes, big-endian, then postcard.

use quinn::{ReadError, VarInt, WriteError};
use serde::{Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Semaphore;

use super::Heard;

/// Largest message outside the peers' control connections: a dial's header, a hello, an enrolment.
pub const MAX_MESSAGE: usize = 64 * 1024;
/// Largest message on a control connection between peers, where Raft sends entries and pieces of snapshots.
pub const MAX_CONTROL: usize = 4 * 1024 * 1024;
/// How much is asked from the allocator before the bytes that were announced have begun to arrive.
const FIRST_ALLOCATION: usize = 16 * 1024;

/// Why a message could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The length in front is more than the reader takes.
    #[error("a message of {length} bytes where at most {limit} are taken")]
    TooLong {
        /// What was announced.
        length: usize,
        /// What is taken.
        limit: usize,
    },
    /// The bytes are not the message that was expected.
    #[error("a garbled message: {0}")]
    Garbled(#[from] postcard::Error),
    /// The stream ended or failed within the message.
    #[error("the stream broke off: {0}")]
    Stream(#[from] std::io::Error),
}

impl FrameError {
    /// The code with which the other end of a QUIC stream has given it up within the message.
    pub fn given_up_with(&self) -> Option<VarInt> {
        let Self::Stream(error) = self else { return None };
        let cause = error.get_ref()?;
        match (cause.downcast_ref(), cause.downcast_ref()) {
            (Some(ReadError::Reset(code)), _) | (_, Some(WriteError::Stopped(code))) => Some(*code),
            _ => None,
        }
    }
}

/// Reads one message of at most `limit` bytes. Takes no byte beyond it from the stream.
///
/// # Errors
/// [`FrameError`]; the stream is then of no further use.
pub async fn read<T: DeserializeOwned>(stream: &mut (impl AsyncRead + Unpin), limit: usize) -> Result<T, FrameError> {
    Ok(postcard::from_bytes(&read_bytes(stream, limit).await?)?)
}

/// Reads one message that is an enum, of a side that may be newer: a variant that this version does not know is no error.
///
/// # Errors
/// [`FrameError`]; the stream is then of no further use.
pub async fn hear<T: DeserializeOwned>(stream: &mut (impl AsyncRead + Unpin), limit: usize) -> Result<Heard<T>, FrameError> {
    Ok(Heard::decode(&read_bytes(stream, limit).await?)?)
}

/// The same where many arrive at the same time: one that announces more than [`MAX_MESSAGE`] takes that much of `room`, in bytes, and waits for it before it is read. The
/// room is given back once the message is whole.
///
/// # Errors
/// [`FrameError`]; the stream is then of no further use.
pub async fn hear_in<T: DeserializeOwned>(
    stream: &mut (impl AsyncRead + Unpin),
    limit: usize,
    room: &Semaphore,
) -> Result<Heard<T>, FrameError> {
    let length = read_length(stream, limit).await?;
    let taken = u32::try_from(length).map_err(|_| FrameError::TooLong { length, limit })?;
    let _room = match length > MAX_MESSAGE {
        // It is never closed.
        true => Some(room.acquire_many(taken).await.map_err(|_| FrameError::TooLong { length, limit })?),
        false => None,
    };
    Ok(Heard::decode(&read_exactly(stream, length).await?)?)
}

async fn read_bytes(stream: &mut (impl AsyncRead + Unpin), limit: usize) -> Result<Vec<u8>, FrameError> {
    let length = read_length(stream, limit).await?;
    read_exactly(stream, length).await
}

async fn read_length(stream: &mut (impl AsyncRead + Unpin), limit: usize) -> Result<usize, FrameError> {
    let length = stream.read_u32().await? as usize;
    if length > limit { Err(FrameError::TooLong { length, limit }) } else { Ok(length) }
}

async fn read_exactly(stream: &mut (impl AsyncRead + Unpin), length: usize) -> Result<Vec<u8>, FrameError> {
    let mut bytes = Vec::with_capacity(length.min(FIRST_ALLOCATION));
    let read = stream.take(length as u64).read_to_end(&mut bytes).await?;
    if read < length {
        return Err(FrameError::Stream(std::io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(bytes)
}

/// Writes one message of at most `limit` bytes in one piece.
///
/// # Errors
/// [`FrameError`]; nothing was written if the message is too long.
pub async fn write<T: Serialize>(stream: &mut (impl AsyncWrite + Unpin), message: &T, limit: usize) -> Result<(), FrameError> {
    let bytes = encode(message, limit)?;
    Ok(stream.write_all(&bytes).await?)
}

/// A message with its length in front.
///
/// # Errors
/// [`FrameError::TooLong`]
pub fn encode<T: Serialize>(message: &T, limit: usize) -> Result<Vec<u8>, FrameError> {
    let mut bytes = postcard::to_extend(message, vec![0; 4])?;
    let length = bytes.len() - 4;
    if length > limit {
        return Err(FrameError::TooLong { length, limit });
    }
    let prefix = u32::try_from(length).map_err(|_| FrameError::TooLong { length, limit })?;
    bytes[..4].copy_from_slice(&prefix.to_be_bytes());
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[tokio::test]
    async fn reads_what_it_wrote_and_no_byte_more() {
        let message = ("lab-pi".to_owned(), vec![7_u8; 40_000]);
        let mut bytes = encode(&message, MAX_MESSAGE).expect("it fits");
        bytes.extend_from_slice(b"raw bytes after it");
        let mut stream = bytes.as_slice();
        let back: (String, Vec<u8>) = read(&mut stream, MAX_MESSAGE).await.expect("it is whole");
        assert_eq!(back, message);
        assert_eq!(stream, b"raw bytes after it");
    }

    #[tokio::test]
    async fn refuses_what_is_too_long_broken_or_garbled() {
        let announced = read::<String>(&mut [0xff, 0xff, 0xff, 0xff].as_slice(), MAX_MESSAGE).await;
        assert!(matches!(announced, Err(FrameError::TooLong { length: 0xffff_ffff, .. })), "{announced:?}");
        let broken = read::<String>(&mut [0, 0, 0, 9, 8].as_slice(), MAX_MESSAGE).await;
        assert!(matches!(broken, Err(FrameError::Stream(_))), "{broken:?}");
        let garbled = read::<String>(&mut [0, 0, 0, 2, 1, 0xff].as_slice(), MAX_MESSAGE).await;
        assert!(matches!(garbled, Err(FrameError::Garbled(_))), "{garbled:?}");
        let garbled = hear::<crate::wire::DialAnswer>(&mut [0, 0, 0, 2, 1, 0xff].as_slice(), MAX_MESSAGE).await;
        assert!(matches!(garbled, Err(FrameError::Garbled(_))), "{garbled:?}");
        let mut later = [0, 0, 0, 3, 99, 0xff, 0xff, 7].as_slice();
        let heard = hear::<crate::wire::DialAnswer>(&mut later, MAX_MESSAGE).await;
        assert!(matches!(heard, Ok(Heard::Unknown(99))) && later == [7], "{heard:?}, {later:?} are left");
        assert!(matches!(encode(&vec![0_u8; MAX_MESSAGE], MAX_MESSAGE), Err(FrameError::TooLong { .. })));
    }

    proptest! {
        /// No bytes from a stranger make a decoder panic or take more than it announced.
        #[test]
        fn survives_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            runtime.block_on(async {
                let _ = hear::<crate::wire::ClientRequest>(&mut bytes.as_slice(), MAX_MESSAGE).await;
                let _ = read::<crate::wire::DialHeader>(&mut bytes.as_slice(), MAX_MESSAGE).await;
                let _ = hear::<crate::wire::DialAnswer>(&mut bytes.as_slice(), MAX_MESSAGE).await;
                let _ = hear::<crate::wire::DialReply>(&mut bytes.as_slice(), MAX_MESSAGE).await;
                let _ = read::<crate::wire::AgentHello>(&mut bytes.as_slice(), MAX_MESSAGE).await;
                let _ = hear::<crate::wire::AgentMessage>(&mut bytes.as_slice(), MAX_MESSAGE).await;
                let _ = read::<crate::wire::PeerHello>(&mut bytes.as_slice(), MAX_MESSAGE).await;
                let _ = hear::<crate::wire::ProxyMessage>(&mut bytes.as_slice(), MAX_MESSAGE).await;
                let _ = read::<crate::wire::EnrollRequest>(&mut bytes.as_slice(), MAX_MESSAGE).await;
                let _ = hear::<crate::wire::EnrollReply>(&mut bytes.as_slice(), MAX_MESSAGE).await;
                let _ = hear::<crate::wire::ControlRequest>(&mut bytes.as_slice(), MAX_CONTROL).await;
                let _ = hear::<crate::wire::ControlReply>(&mut bytes.as_slice(), MAX_CONTROL).await;
            });
        }
    }
}
