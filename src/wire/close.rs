//! The application error codes on QUIC: why a stream was reset or a connection closed.

use quinn::VarInt;

/// A code with its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close(u32, &'static str);

impl Close {
    /// Nothing is wrong; there is nothing more to say.
    pub const DONE: Self = Self(0, "done");
    /// The byte stream was reset at its end, or its end is gone.
    pub const RESET: Self = Self(1, "reset by the other end");
    /// The dial is not wanted any more.
    pub const CANCELLED: Self = Self(2, "cancelled");
    /// What came is not the protocol.
    pub const PROTOCOL: Self = Self(3, "not the protocol");
    /// It took too long.
    pub const DEADLINE: Self = Self(4, "too slow");
    /// A newer connection of the same identity took its place.
    pub const REPLACED: Self = Self(5, "replaced by a newer connection");
    /// This proxy is going away, or what it has is; another one will serve. Of a byte stream: a proxy on its way has cut it.
    pub const LEAVING: Self = Self(6, "going away");
    /// The identity is not admitted, or not any more.
    pub const REFUSED: Self = Self(7, "identity refused");
    /// A limit is reached.
    pub const LIMIT: Self = Self(8, "limit reached");
    /// Whether the identity is admitted cannot be confirmed now: there is no quorum.
    pub const UNCONFIRMED: Self = Self(9, "identity not confirmed");
    /// Nothing was heard over the connection for too long.
    pub const SILENT: Self = Self(10, "silent for too long");

    /// What came can be understood by a later version only, or by none that is spoken any more. The reason says which side to update.
    pub const VERSION: Self = Self(11, "another version of the protocol");

    /// Of a byte stream: nobody read it for long, and a machine on its way had no more memory for such streams.
    pub const STALLED: Self = Self(12, "not read for too long");

    /// Of a byte stream or a client's connection: it was allowed when it began, and is not any more.
    pub const DENIED: Self = Self(13, "not allowed any more");

    /// The code on the wire.
    pub fn code(self) -> VarInt {
        VarInt::from_u32(self.0)
    }

    /// The reason in words.
    pub fn reason(self) -> &'static str {
        self.1
    }

    /// Closes `connection` with this code and reason.
    pub fn close(self, connection: &quinn::Connection) {
        connection.close(self.code(), self.reason().as_bytes());
    }

    /// Closes `connection` with this code and a reason of its own, of which as much arrives as fits in a packet.
    pub fn close_because(self, connection: &quinn::Connection, reason: &dyn std::fmt::Display) {
        connection.close(self.code(), reason.to_string().as_bytes());
    }

    /// Gives up both directions of a stream with this code.
    pub fn abort(self, send: &mut quinn::SendStream, recv: &mut quinn::RecvStream) {
        // Both fail only on a stream that has ended already, which is what is wanted.
        let _ = send.reset(self.code());
        let _ = recv.stop(self.code());
    }
}
