//! What is said on a connection before its bytes are anybody's: heard within a bound and a deadline.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Prefixed;
use crate::net::{Budget, Stream};

/// How long an answer may take to be taken.
const ANSWER: Duration = Duration::from_secs(5);
/// How long is listened on after the last word (RFC 9112, section 9.6): a connection that is closed while bytes come in is reset, and the last word lost.
const LINGER: Duration = Duration::from_secs(5);
/// How long nothing may have come meanwhile.
const QUIET: Duration = Duration::from_secs(2);
/// How many bytes are dropped meanwhile.
const MOST_DROPPED: usize = 64 << 20;
/// How much is read at once.
const PIECE: usize = 4096;

/// A connection on which something is said before its bytes.
pub(super) struct Conversation {
    stream: Box<dyn Stream>,
    heard: BytesMut,
    until: Budget,
}

/// Why nothing was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unheard<E> {
    /// It is not what is spoken here.
    Malformed(E),
    /// It is longer than anything that is.
    TooLong,
    /// It did not come in time.
    Silent,
    /// The other side has gone.
    Gone,
}

impl Conversation {
    /// All that is heard must come within `patience`.
    pub(super) fn new(stream: Box<dyn Stream>, patience: Duration) -> Self {
        Self { stream, heard: BytesMut::new(), until: Budget::new(patience) }
    }

    /// Only a last word is still to be said.
    pub(super) fn ending(stream: Box<dyn Stream>) -> Self {
        Self::new(stream, Duration::ZERO)
    }

    /// Reads until `parse` has what it wants, of at most so many bytes.
    pub(super) async fn hear<T, E>(
        &mut self,
        most: usize,
        mut parse: impl FnMut(&[u8]) -> Result<Option<(T, usize)>, E>,
    ) -> Result<T, Unheard<E>> {
        loop {
            if let Some((heard, length)) = parse(&self.heard).map_err(Unheard::Malformed)? {
                drop(self.heard.split_to(length));
                return Ok(heard);
            }
            if self.heard.len() > most {
                return Err(Unheard::TooLong);
            }
            self.heard.reserve(PIECE);
            match self.until.run(self.stream.read_buf(&mut self.heard)).await {
                Ok(Ok(0) | Err(_)) => return Err(Unheard::Gone),
                Ok(Ok(_)) => {}
                Err(_) => return Err(Unheard::Silent),
            }
        }
    }

    /// Reads what comes next, whatever it is.
    pub(super) async fn piece(&mut self) -> Result<Bytes, Unheard<()>> {
        self.hear(usize::MAX, |heard| Ok((!heard.is_empty()).then_some(((), 0)))).await?;
        Ok(self.heard.split().freeze())
    }

    /// Says something.
    pub(super) async fn say(&mut self, words: &[u8]) -> io::Result<()> {
        let said = async {
            self.stream.write_all(words).await?;
            self.stream.flush().await
        };
        Budget::new(ANSWER).run(said).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    /// Says the last word, and sees that it arrives.
    pub(super) async fn end(mut self, words: &[u8]) {
        // Whoever does not take it has gone.
        if self.say(words).await.is_err() || !matches!(Budget::new(ANSWER).run(self.stream.shutdown()).await, Ok(Ok(()))) {
            return;
        }
        self.stream.disarm();
        let (until, mut nothing, mut dropped) = (Budget::new(LINGER), [0; PIECE], 0);
        // It need not hang up.
        while dropped < MOST_DROPPED
            && let Ok(Ok(read @ 1..)) = until.at_most(QUIET).run(self.stream.read(&mut nothing)).await
        {
            dropped += read;
        }
    }

    /// The stream from here on.
    pub(super) fn into_stream(self) -> Box<dyn Stream> {
        Prefixed::boxed(self.heard.freeze(), self.stream)
    }
}
