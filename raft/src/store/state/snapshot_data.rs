//! What openraft passes around as a snapshot's content.

use super::draft::Draft;
use super::image::Image;
use super::stored::Stored;

/// What openraft passes around as a snapshot's content; it never looks inside.
pub(crate) enum SnapshotData {
    /// Nothing yet: openraft asks for a place to receive into, which [`Receiver`](crate::store::receiver::Receiver) has by itself.
    Awaited,
    /// One that lies on a disk: to be sent, or copied.
    Stored(Stored),
    /// One that was received: decoded and written, but not current yet.
    Received(Box<Image>, Draft),
}
