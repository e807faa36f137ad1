//! The text of a name: in place when it is short, as most are, so that a table of names is compared and copied without leaving its own memory.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Longest text that is held in place.
const IN_PLACE: usize = 22;

/// 24 bytes, whatever the length of the text. ASCII, which is checked where names are.
#[derive(Clone)]
pub(super) enum Text {
    /// Length and bytes; zeros behind them.
    Short(u8, [u8; IN_PLACE]),
    /// One copy for all clones.
    Long(Arc<str>),
}

impl Text {
    /// Takes a text over.
    pub(super) fn new(text: &str) -> Self {
        let mut bytes = [0; IN_PLACE];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(place), Ok(length)) => {
                place.copy_from_slice(text.as_bytes());
                Self::Short(length, bytes)
            }
            (_, _) => Self::Long(text.into()),
        }
    }

    /// The bytes of the text.
    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short(length, bytes) => &bytes[..usize::from(*length)],
            Self::Long(text) => text.as_bytes(),
        }
    }

    /// The text.
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Short(..) => std::str::from_utf8(self.as_bytes()).expect("the bytes of a `str`, all of them"),
            Self::Long(text) => text,
        }
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            // As one block of known length.
            (Self::Short(length, bytes), Self::Short(other_length, other)) => length == other_length && bytes == other,
            (_, _) => self.as_bytes() == other.as_bytes(),
        }
    }
}

impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

/// As a `str`, since names are borrowed as one.
impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_what_it_was_whatever_its_length() {
        assert_eq!(size_of::<Text>(), 24);
        for length in 0..=64 {
            let text = "x".repeat(length);
            assert_eq!(Text::new(&text).as_str(), text);
            assert_eq!(matches!(Text::new(&text), Text::Short(..)), length <= IN_PLACE);
        }
    }

    proptest! {
        #[test]
        fn texts_compare_as_their_strings(a in "[a-c-]{0,30}", b in "[a-c-]{0,30}") {
            prop_assert_eq!(Text::new(&a).cmp(&Text::new(&b)), a.cmp(&b));
            prop_assert_eq!(Text::new(&a) == Text::new(&b), a == b);
        }
    }
}
