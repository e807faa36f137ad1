//! A batch: bytes as they have come, in as many chunks.

use bytes::{Buf, Bytes};

/// How many chunks a batch has at most. Each is what one packet carried.
pub(super) const CHUNKS: usize = 64;

/// Takes the first `count` bytes off `chunks`, which have at least as many.
pub(super) fn advance(chunks: &mut [Bytes], mut count: usize) {
    for chunk in chunks {
        let part = count.min(chunk.len());
        if part == chunk.len() {
            // Let go of at once: it holds the whole packet, or several, in memory.
            *chunk = Bytes::new();
        } else {
            chunk.advance(part);
        }
        count -= part;
        if count == 0 {
            return;
        }
    }
}

/// What is left of `chunks`, of which the first ones are empty.
pub(super) fn rest(chunks: &mut [Bytes]) -> &mut [Bytes] {
    let gone = chunks.iter().take_while(|chunk| chunk.is_empty()).count();
    &mut chunks[gone..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_off_is_gone_and_the_rest_is_left() {
        let whole: [&'static [u8]; 3] = [b"ab", b"cde", b"f"];
        for count in 0..=6 {
            let mut chunks = whole.map(Bytes::from_static);
            advance(&mut chunks, count);
            let left = rest(&mut chunks);
            assert_eq!(left.concat(), b"abcdef"[count..], "{count} bytes off");
            assert!(left.first().is_none_or(|chunk| !chunk.is_empty()));
        }
    }

    #[test]
    fn nothing_is_left_of_nothing() {
        assert!(rest(&mut []).is_empty());
        advance(&mut [], 0);
    }
}
