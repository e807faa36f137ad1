//! Sizes with their units.

use std::fmt;

use super::setting::{Setting, quote};
use crate::failure::Printable;

/// The units, the largest first.
const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, bytes) = UNITS.into_iter().find(|(_, bytes)| self.0 > 0 && self.0.is_multiple_of(*bytes)).unwrap_or(("B", 1));
        write!(f, "{}{unit}", self.0 / bytes)
    }
}

impl Setting for Size {
    fn parse(text: &str) -> Result<Self, String> {
        let read = || {
            let (unit, bytes) = UNITS.into_iter().find(|(unit, _)| text.ends_with(unit))?;
            let number: u64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
            number.checked_mul(bytes).map(Self)
        };
        read().ok_or_else(|| format!("`{}` is not a size such as `1452B`, `64KiB` or `4MiB`", Printable(text)))
    }

    fn show(&self) -> String {
        quote(&self.to_string())
    }

    fn schema() -> serde_json::Value {
        serde_json::json!({ "type": "string", "pattern": "^[0-9]+\\s*(B|KiB|MiB|GiB)$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        let table = [
            ("0B", Some((0, "0B"))),
            ("1452B", Some((1452, "1452B"))),
            ("1024B", Some((1024, "1KiB"))),
            ("64 KiB", Some((65_536, "64KiB"))),
            ("4MiB", Some((4 << 20, "4MiB"))),
            ("2GiB", Some((2 << 30, "2GiB"))),
            ("4", None),
            ("4MB", None),
            ("-1B", None),
            ("B", None),
            ("99999999999GiB", None),
        ];
        for (text, expected) in table {
            let read = Size::parse(text).ok().map(|size| (size.0, size.to_string()));
            assert_eq!(read, expected.map(|(bytes, shown)| (bytes, shown.to_owned())), "{text}");
        }
    }
}
