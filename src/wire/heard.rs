//! What was said by a side that may be newer: a value of an enum, or one whose variant a later version has added.
//!
//! A variant is sent as its position in the declaration, so a number beyond the last one is a later version's, and whatever follows it is not looked at. Anything
//! else that does not decode is garbage, whatever the version.

use std::fmt;

use serde::de::value::Error as NotRead;
use serde::de::{DeserializeOwned, Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value, or the number of a variant that this version does not know. Within a message it is a byte string of its own, so that what follows it is read all
/// the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard<T> {
    /// This version knows it.
    Known(T),
    /// A later version has added it; the number of its variant.
    Unknown(u32),
}

impl<T: DeserializeOwned> Heard<T> {
    /// Reads the value of an enum out of all of `bytes`.
    ///
    /// # Errors
    /// They hold neither a value that is known nor a variant beyond those.
    pub fn decode(bytes: &[u8]) -> Result<Self, postcard::Error> {
        let (number, _) = postcard::take_from_bytes::<u32>(bytes)?;
        match variants::<T>() {
            Some(known) if number >= known => Ok(Self::Unknown(number)),
            Some(_) | None => postcard::from_bytes(bytes).map(Self::Known),
        }
    }
}

impl<T> Heard<T> {
    /// The value, if it is known.
    pub fn known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown(_) => None,
        }
    }
}

impl<T: fmt::Display> fmt::Display for Heard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(value) => value.fmt(f),
            Self::Unknown(number) => write!(f, "of a later version of warren (number {number})"),
        }
    }
}

impl<T: Serialize> Serialize for Heard<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(value) => super::record::serialize(value, serializer),
            Self::Unknown(number) => super::record::serialize(number, serializer),
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Heard<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = bytes::Bytes::deserialize(deserializer)?;
        Self::decode(&bytes).map_err(D::Error::custom)
    }
}

/// How many variants an enum has; `None` of anything else. Serde's derived code says it to whoever is to read one.
fn variants<T: DeserializeOwned>() -> Option<u32> {
    let mut variants = None;
    // It reads nothing, so there is no value.
    let _ = T::deserialize(Count(&mut variants));
    variants
}

/// Takes down how many variants it is asked for.
struct Count<'a>(&'a mut Option<u32>);

impl<'de> Deserializer<'de> for Count<'_> {
    type Error = NotRead;

    fn deserialize_enum<V: Visitor<'de>>(self, _: &'static str, names: &'static [&'static str], _: V) -> Result<V::Value, NotRead> {
        *self.0 = u32::try_from(names.len()).ok();
        Err(NotRead::custom("only counted"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, NotRead> {
        Err(NotRead::custom("no enum"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
    enum Word {
        Short,
        Long { text: String },
        Pair(u8, u8),
    }

    #[test]
    fn a_later_variant_is_told_from_garbage() {
        let check = |bytes: &[u8], expected: Option<Heard<Word>>| assert_eq!(Heard::decode(bytes).ok(), expected, "{bytes:?}");
        let known = |word| Some(Heard::Known(word));
        check(&[0], known(Word::Short));
        check(&[0, 7, 7], known(Word::Short));
        check(&[1, 1, b'a'], known(Word::Long { text: "a".to_owned() }));
        check(&[2, 5, 6, 7], known(Word::Pair(5, 6)));
        check(&[3], Some(Heard::Unknown(3)));
        check(&[3, 0xff, 0xff], Some(Heard::Unknown(3)));
        check(&[0xff, 0xff, 0xff, 0xff, 0x0f], Some(Heard::Unknown(u32::MAX)));
        // A variant that is known and breaks off, text that is none, and a number that is none.
        for garbage in [&[][..], &[1], &[1, 9, b'a'], &[1, 1, 0xff], &[2, 5], &[0xff; 9]] {
            check(garbage, None);
        }
    }

    #[test]
    fn within_a_message_it_ends_where_it_says() {
        let bytes = postcard::to_stdvec(&(Heard::Known(Word::Pair(5, 6)), 300_u32)).expect("bytes");
        assert_eq!(bytes, [3, 2, 5, 6, 0xac, 2]);
        assert_eq!(postcard::from_bytes::<(Heard<Word>, u32)>(&bytes).expect("it decodes"), (Heard::Known(Word::Pair(5, 6)), 300));
        let later = [4, 9, 1, 2, 3, 0xac, 2];
        assert_eq!(postcard::from_bytes::<(Heard<Word>, u32)>(&later).expect("it decodes"), (Heard::Unknown(9), 300));
        let again = postcard::to_stdvec(&Heard::<Word>::Unknown(9)).expect("bytes");
        assert_eq!(again, [1, 9]);
    }

    #[test]
    fn only_enums_have_variants() {
        assert_eq!(variants::<Word>(), Some(3));
        assert_eq!((variants::<u32>(), variants::<String>(), variants::<(u8, u8)>()), (None, None, None));
    }
}
