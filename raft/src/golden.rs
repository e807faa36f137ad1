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

fn hex(value: &impl Serialize) -> String {
    postcard::to_stdvec(value).expect("bytes").iter().map(|byte| format!("{byte:02x}")).collect()
}
