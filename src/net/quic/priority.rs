//! Who goes first on a connection.

use quinn::SendStream;

/// The priority of a stream's bytes among those of its connection: what waits to be sent with a higher one goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Whatever the others leave: a stream that moves much.
    Bulk,
    /// As a new stream's, and so that of every dial's header and answer.
    Usual,
    /// Before all else: what a tunnel's two ends tell each other.
    Control,
}

impl Priority {
    /// Sends what is given to the stream from now on with this priority.
    pub fn set(self, stream: &SendStream) {
        // It fails only for a stream that has ended, which its next write tells.
        let _ = stream.set_priority(match self {
            Self::Bulk => -1,
            Self::Usual => 0,
            Self::Control => 1,
        });
    }
}
