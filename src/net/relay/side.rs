//! What bytes are moved between.

use std::task::{Context, Poll};

use bytes::Bytes;

use super::ended::Broken;

/// One of the two byte streams of a relay. Dropped before its end, it is aborted.
///
/// A method that is pending has seen to it that the task is woken when it is worth another try.
pub(super) trait Side {
    /// Takes what has come into `chunks`, which are empty, and tells how many it has filled; none when the input has ended.
    fn poll_take(&mut self, cx: &mut Context<'_>, chunks: &mut [Bytes]) -> Poll<Result<usize, Broken>>;

    /// Gives as much of `chunks` as is taken now, at least a byte, and leaves the rest of them. Tells how many bytes that were.
    fn poll_give(&mut self, cx: &mut Context<'_>, chunks: &mut [Bytes]) -> Poll<Result<usize, Broken>>;

    /// Sends out what was given, where something between would keep it until there is more.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>>;

    /// Ends the output, and waits until all of it has arrived at the next hop.
    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>>;

    /// Waits until the far end takes no more, which is to be known while there is nothing to give too.
    fn poll_refused(&mut self, cx: &mut Context<'_>) -> Poll<Broken>;
}
