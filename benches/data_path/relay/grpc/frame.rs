//! The messages of a stream, as protobuf has them:
//!
//! ```proto
//! message Frame { oneof message { Dial dial = 1; Established established = 2; Data data = 3; } }
//! message Dial {}
//! message Established {}
//! message Data { bytes bytes = 1; }
//! ```

use bytes::{Buf, BufMut, Bytes};
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

/// The tags of the three fields, and of the one within `Data`: number and kind of a field, as one byte.
const TAGS: [u8; 3] = [0x0a, 0x12, 0x1a];
const BYTES_TAG: u8 = 0x0a;
/// More bytes of a length than this are no length.
const LENGTH_BYTES: u32 = 5;
/// What tonic asks for and yields after, larger than a message with all that is around it: no message grows a buffer in steps.
const BUFFERS: (usize, usize) = (36 << 10, 64 << 10);

/// A message.
#[derive(Clone, Debug)]
pub(super) enum Frame {
    /// Asks for the connection.
    Dial,
    /// Says that it stands.
    Established,
    /// Bytes of it.
    Data(Bytes),
}

/// Writes and reads messages.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Frames;

impl Codec for Frames {
    type Encode = Frame;
    type Decode = Frame;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Frames {
    type Item = Frame;
    type Error = Status;

    fn encode(&mut self, frame: Frame, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        match frame {
            Frame::Dial => to.put_slice(&[TAGS[0], 0]),
            Frame::Established => to.put_slice(&[TAGS[1], 0]),
            Frame::Data(bytes) => {
                to.put_u8(TAGS[2]);
                put_length(to, 1 + length_of(bytes.len()) + bytes.len());
                to.put_u8(BYTES_TAG);
                put_length(to, bytes.len());
                to.put(bytes);
            }
        }
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(BUFFERS.0, BUFFERS.1)
    }
}

impl Decoder for Frames {
    type Item = Frame;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Frame>, Status> {
        decode(from).map(Some).ok_or_else(|| Status::internal("not a message"))
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(BUFFERS.0, BUFFERS.1)
    }
}

fn decode(from: &mut DecodeBuf<'_>) -> Option<Frame> {
    let (tag, length) = (from.try_get_u8().ok()?, take_length(from)?);
    if from.remaining() != length {
        return None;
    }
    match TAGS.iter().position(|known| *known == tag)? {
        0 => Some(Frame::Dial),
        1 => Some(Frame::Established),
        _ => {
            let (tag, length) = (from.try_get_u8().ok()?, take_length(from)?);
            (tag == BYTES_TAG && from.remaining() == length).then(|| Frame::Data(from.copy_to_bytes(length)))
        }
    }
}

fn length_of(length: usize) -> usize {
    (1..).find(|bytes| length >> (7 * bytes) == 0).unwrap_or(1)
}

fn put_length(to: &mut impl BufMut, mut length: usize) {
    while length >= 0x80 {
        to.put_u8((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    to.put_u8(length as u8);
}

fn take_length(from: &mut impl Buf) -> Option<usize> {
    let mut length = 0;
    for place in 0..LENGTH_BYTES {
        let byte = from.try_get_u8().ok()?;
        length |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(length);
        }
    }
    None
}
