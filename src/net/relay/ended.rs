//! How a relay ends.

use std::io;

use quinn::{ConnectionError, ReadError, StoppedError, VarInt, WriteError};

use crate::wire::close::Close;

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
    /// The same, by a machine on the way that had no more memory for streams that nobody reads.
    Stalled,
    /// The same, by a proxy on the way, because it is not allowed any more.
    Denied,
}

impl End {
    fn by(code: VarInt) -> Self {
        [Self::Cut, Self::Stalled, Self::Denied].into_iter().find(|end| end.code().code() == code).unwrap_or(Self::Reset)
    }

    /// What the next hop is told.
    pub(super) fn code(self) -> Close {
        match self {
            Self::Whole | Self::Reset => Close::RESET,
            Self::Cut => Close::LEAVING,
            Self::Stalled => Close::STALLED,
            Self::Denied => Close::DENIED,
        }
    }

    /// The word in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Reset => "reset",
            Self::Cut => "cut",
            Self::Stalled => "stalled",
            Self::Denied => "denied",
        }
    }
}

/// A direction broke: its reader or its writer is gone. How the stream ended by that.
#[derive(Debug)]
pub(super) struct Broken(pub(super) End);

impl Broken {
    fn by(code: VarInt) -> Self {
        Self(End::by(code))
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
    pub(super) fn stopped(stopped: Result<Option<VarInt>, StoppedError>) -> Self {
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
