//! The buffers that local streams are read into.

use std::cell::Cell;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use super::BATCH;

/// Up to here it is cheaper to copy what was read than to give its buffer away.
const COPIED: usize = 8 * 1024;
/// What is read beyond this goes on in the buffer as it is, which comes back later; up to here it would occupy twice its size and more.
const LENT: usize = BATCH / 2;
/// How many buffers are kept for later: what one stream has on its way within a site.
const KEPT: usize = 8;

/// Those that came back. The allocator would return their memory to the system, which would clear it again for the next: a tenth of what a byte costs.
static KEEP: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

thread_local! {
    /// The buffer that the next read of this thread goes to. A stream from which nothing comes has none of its own.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Lets `read` fill a buffer with room for a whole batch, and gives what it has told and what is in the buffer.
pub(super) fn fill<T>(read: impl FnOnce(&mut Vec<u8>) -> T) -> (T, Bytes) {
    let mut buffer = SPARE.take();
    if buffer.capacity() < BATCH {
        buffer = kept().unwrap_or_else(|| Vec::with_capacity(BATCH));
    }
    let told = read(&mut buffer);
    let filled = taken(&mut buffer);
    SPARE.set(buffer);
    (told, filled)
}

/// What is in `buffer`, which is empty afterwards.
fn taken(buffer: &mut Vec<u8>) -> Bytes {
    if buffer.len() <= COPIED {
        let bytes = Bytes::copy_from_slice(buffer);
        buffer.clear();
        return bytes;
    }
    let mut given = std::mem::take(buffer);
    if given.len() > LENT {
        return Bytes::from_owner(Lent(given));
    }
    // It waits for its acknowledgement, and may wait for long: not with room that nothing is in.
    given.shrink_to_fit();
    Bytes::from(given)
}

fn kept() -> Option<Vec<u8>> {
    KEEP.lock().unwrap_or_else(PoisonError::into_inner).pop()
}

/// A buffer on its way, which comes back when all of it has arrived.
struct Lent(Vec<u8>);

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut buffer = std::mem::take(&mut self.0);
        buffer.clear();
        let mut keep = KEEP.lock().unwrap_or_else(PoisonError::into_inner);
        if keep.len() < KEPT {
            keep.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_comes_out_whatever_its_size() {
        for size in [0, 1, COPIED, COPIED + 1, LENT, LENT + 1, BATCH] {
            let expected: Vec<u8> = (0..size).map(|index| u8::try_from(index % 251).expect("below 251")).collect();
            for _ in 0..3 * KEPT {
                let (room, filled) = fill(|buffer| {
                    assert!(buffer.is_empty(), "something is left of another stream");
                    let room = buffer.capacity();
                    buffer.extend_from_slice(&expected);
                    room
                });
                assert!(filled == expected && room >= BATCH, "{size} bytes, room for {room}");
            }
        }
    }

    #[test]
    fn buffers_come_back_and_no_more_are_kept_than_stated() {
        let lent: Vec<_> = (0..2 * KEPT).map(|_| fill(|buffer| buffer.resize(BATCH, 7)).1).collect();
        drop(lent);
        assert!((1..=KEPT).contains(&KEEP.lock().expect("no test breaks it").len()));
    }
}
