//! Where the body of a request ends, so that nothing behind it reaches the service: the next request on a connection may be for another one. Pure.

/// How long a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// So many bytes.
    Bytes(u64),
    /// In chunks, each of which says how long it is (RFC 9112, section 7.1).
    Chunked,
}

/// Longest line between chunks: a size, what is said about the chunk, a field after the last one.
const MAX_LINE: u32 = 8 * 1024;

/// Bytes that are no body in chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the chunks of the request's body are garbled")]
pub struct Garbled;

/// How far a body has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// So many bytes are missing.
    Bytes(u64),
    /// In the number of a chunk's size; how many digits there were.
    Size {
        size: u64,
        digits: u8,
    },
    /// Behind it, to the end of the line, of which so many bytes were there.
    Extension {
        size: u64,
        length: u32,
    },
    /// At the line feed after a size.
    SizeFeed {
        size: u64,
    },
    /// In a chunk of which so many bytes are missing.
    Chunk(u64),
    /// At the return, and at the feed, after a chunk.
    Return,
    Feed,
    /// In a line after the last chunk, of which so many bytes were there.
    Trailer(u32),
    /// At the feed that ends such a line, or everything if the line was empty.
    TrailerFeed {
        is_last: bool,
    },
    /// It is over.
    Done,
}

/// Follows a body to its end.
#[derive(Clone, Debug)]
pub struct Body(At);

impl Body {
    /// None of it has come.
    pub fn new(length: Length) -> Self {
        Self(match length {
            Length::Bytes(0) => At::Done,
            Length::Bytes(bytes) => At::Bytes(bytes),
            Length::Chunked => At::Size { size: 0, digits: 0 },
        })
    }

    /// Whether all of it has come.
    pub fn is_done(&self) -> bool {
        self.0 == At::Done
    }

    /// How many of the bytes that have come belong to it.
    ///
    /// # Errors
    /// [`Garbled`]
    pub fn take(&mut self, bytes: &[u8]) -> Result<usize, Garbled> {
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            taken += match &mut self.0 {
                At::Done => break,
                At::Bytes(missing) => {
                    let part = part(*missing, rest);
                    *missing -= part as u64;
                    if *missing == 0 {
                        self.0 = At::Done;
                    }
                    part
                }
                At::Chunk(missing) => {
                    let part = part(*missing, rest);
                    *missing -= part as u64;
                    if *missing == 0 {
                        self.0 = At::Return;
                    }
                    part
                }
                between @ (At::Size { .. }
                | At::Extension { .. }
                | At::SizeFeed { .. }
                | At::Return
                | At::Feed
                | At::Trailer(_)
                | At::TrailerFeed { .. }) => {
                    *between = between.next(rest[0])?;
                    1
                }
            };
        }
        Ok(taken)
    }
}

fn part(missing: u64, rest: &[u8]) -> usize {
    usize::try_from(missing).unwrap_or(usize::MAX).min(rest.len())
}

impl At {
    /// Behind one more byte of what is between chunks.
    fn next(self, byte: u8) -> Result<Self, Garbled> {
        Ok(match (self, byte) {
            (Self::Size { size, digits }, byte) if byte.is_ascii_hexdigit() && digits < 15 => {
                let digit = (byte as char).to_digit(16).ok_or(Garbled)?;
                Self::Size { size: size * 16 + u64::from(digit), digits: digits + 1 }
            }
            (Self::Size { size, digits: 1.. }, b'\r') | (Self::Extension { size, .. }, b'\r') => Self::SizeFeed { size },
            (Self::Size { size, digits: 1.. }, b';' | b' ' | b'\t') => Self::Extension { size, length: 0 },
            (Self::Extension { size, length }, byte) if length < MAX_LINE && byte != b'\n' => Self::Extension { size, length: length + 1 },
            (Self::SizeFeed { size: 0 }, b'\n') => Self::Trailer(0),
            (Self::SizeFeed { size }, b'\n') => Self::Chunk(size),
            (Self::Return, b'\r') => Self::Feed,
            (Self::Feed, b'\n') => Self::Size { size: 0, digits: 0 },
            (Self::Trailer(length), b'\r') => Self::TrailerFeed { is_last: length == 0 },
            (Self::Trailer(length), byte) if length < MAX_LINE && byte != b'\n' => Self::Trailer(length + 1),
            (Self::TrailerFeed { is_last: true }, b'\n') => Self::Done,
            (Self::TrailerFeed { is_last: false }, b'\n') => Self::Trailer(0),
            (_, _) => return Err(Garbled),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn end(length: Length, bytes: &[u8]) -> Result<(usize, bool), Garbled> {
        let mut body = Body::new(length);
        body.take(bytes).map(|taken| (taken, body.is_done()))
    }

    #[test]
    fn a_body_ends_where_it_says() {
        assert_eq!(end(Length::Bytes(0), b"GET"), Ok((0, true)));
        assert_eq!(end(Length::Bytes(3), b"abcGET"), Ok((3, true)));
        assert_eq!(end(Length::Bytes(3), b"ab"), Ok((2, false)));
        let chunked = |text: &str| end(Length::Chunked, text.as_bytes());
        assert_eq!(chunked("3\r\nabc\r\n0\r\n\r\nGET"), Ok((13, true)));
        assert_eq!(chunked("A ;x=\"y\"\r\n0123456789\r\n00\r\nX: y\r\nZ: a\r\n\r\n"), Ok((40, true)));
        assert_eq!(chunked("3\r\nabc\r\n0\r\n"), Ok((11, false)));
        for garbled in
            ["x", "\r\n", "3\nabc", "3\r\nabcd", "3\r\nabc\n", "1234567890123456\r\n", "-1\r\n", "3;\nabc", "0\r\nX\n\r\n", "0\r\n\rx"]
        {
            assert_eq!(chunked(garbled), Err(Garbled), "{garbled:?}");
        }
        let long = format!("3;{}", "x".repeat(MAX_LINE as usize + 1));
        assert_eq!(chunked(&long), Err(Garbled));
    }

    proptest! {
        /// However it is cut into pieces.
        #[test]
        fn pieces_end_where_the_whole_does(chunks in proptest::collection::vec("[a-z]{1,20}", 0..4), behind in "[a-z]{0,5}", cut in 1_usize..9) {
            let mut text: String = chunks.iter().map(|chunk| format!("{:x}\r\n{chunk}\r\n", chunk.len())).collect();
            text.push_str("0\r\n\r\n");
            let (length, whole) = (text.len(), format!("{text}{behind}"));
            let mut body = Body::new(Length::Chunked);
            let taken: usize = whole.as_bytes().chunks(cut).map(|piece| body.take(piece).expect("chunks")).sum();
            prop_assert_eq!((taken, body.is_done()), (length, true));
        }
    }
}
