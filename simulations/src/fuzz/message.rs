//! The promises of everything that is postcard.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use warren::wire::Heard;
use warren_raft::decoding::Reading;

use super::Outcome;

/// Reads a message of one form.
pub(super) fn read<T: Serialize + DeserializeOwned + PartialEq + Debug>(kind: &str, input: &[u8]) -> Outcome {
    match postcard::from_bytes::<T>(input) {
        Ok(value) => {
            is_kept(&value, input);
            Outcome::decoded(kind, &value)
        }
        Err(error) => Outcome::refused(kind, &error),
    }
}

/// Reads an enum of a side that may be newer.
pub(super) fn hear<T: Serialize + DeserializeOwned + PartialEq + Debug>(kind: &str, input: &[u8]) -> Outcome {
    match Heard::<T>::decode(input) {
        Ok(Heard::Known(value)) => {
            is_kept(&value, input);
            Outcome::decoded(kind, &value)
        }
        Ok(Heard::Unknown(number)) => {
            assert!(postcard::from_bytes::<T>(input).is_err(), "variant {number} is unknown and decodes");
            Outcome::refused(kind, &"of a later version")
        }
        Err(error) => Outcome::refused(kind, &error),
    }
}

/// Reads with a decoder of the routing store.
pub(super) fn kept(kind: &str, input: &[u8], read: fn(&[u8]) -> Reading) -> Outcome {
    match read(input) {
        Ok(decoded) => {
            let again = read(&decoded.written).expect("what was written can be read");
            assert_eq!(again, decoded, "written and read again");
            assert!(decoded.written.len() <= input.len(), "{} bytes were read from {}", decoded.written.len(), input.len());
            Outcome::shown(kind, &decoded.shown)
        }
        Err(error) => Outcome::refused(kind, &error),
    }
}

/// What was read is written and read again as the same, by the same bytes each time, and is no longer than what it was
/// read from, but for what may be missing at its end.
fn is_kept<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, input: &[u8]) {
    let written = postcard::to_stdvec(value).expect("what was read can be written");
    let again: T = postcard::from_bytes(&written).expect("what was written can be read");
    assert_eq!(&again, value, "written and read again");
    assert_eq!(postcard::to_stdvec(&again).expect("it was written before"), written, "written again");
    // What an older sender leaves out at the end is one byte when it is written.
    assert!(written.len() <= input.len() + 1, "{} bytes were read from {}", written.len(), input.len());
}

/// How many variants an enum has, as this version knows it.
#[cfg(test)]
pub(super) fn variants<T: DeserializeOwned>() -> usize {
    let is_later = |number: &u32| matches!(Heard::<T>::decode(&postcard::to_stdvec(number).expect("a number")), Ok(Heard::Unknown(_)));
    (0..).find(is_later).expect("no enum has so many") as usize
}
