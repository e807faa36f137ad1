//! Holds values to their bytes.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Whether the values have these bytes, as hexadecimal digits, and the bytes these values.
#[track_caller]
pub(crate) fn check<T: Serialize + DeserializeOwned>(values: &[T], expected: &[&str]) {
    let actual: Vec<String> = values.iter().map(hex).collect();
    assert_eq!(actual, expected);
    for digits in expected {
        let bytes: Vec<u8> = (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex")).collect();
        assert_eq!(&hex(&postcard::from_bytes::<T>(&bytes).expect("decodes")), digits);
    }
}

/// Every variant of an enum with its number, for good: one that is added and not listed does not compile, and one without bytes fails
/// [`check_variants`].
macro_rules! variants {
    ($type:ty { $($number:literal => $pattern:pat),+ $(,)? }) => {{
        fn number(value: &$type) -> u32 {
            match value {
                $($pattern => $number),+
            }
        }
        crate::golden::Variants { number, numbers: &[$($number),+] }
    }};
}
pub(crate) use variants;

/// What [`variants`] makes.
pub(crate) struct Variants<T> {
    pub(crate) number: fn(&T) -> u32,
    pub(crate) numbers: &'static [u32],
}

/// Whether each variant is among the values, and each is stored under its number.
#[track_caller]
pub(crate) fn check_variants<'a, T: Serialize + 'a>(variants: &Variants<T>, values: impl IntoIterator<Item = &'a T>) {
    let mut seen = Vec::new();
    for value in values {
        let bytes = postcard::to_stdvec(value).expect("bytes");
        let (stored, _) = postcard::take_from_bytes::<u32>(&bytes).expect("a variant begins with its number");
        assert_eq!(stored, (variants.number)(value), "the number of a variant");
        seen.push(stored);
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, variants.numbers, "each variant has its bytes");
}

fn hex(value: &impl Serialize) -> String {
    postcard::to_stdvec(value).expect("bytes").iter().map(|byte| format!("{byte:02x}")).collect()
}
