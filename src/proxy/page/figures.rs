//! Figures as people read them. Pure.

use std::fmt;
use std::time::Duration;

/// A count with its thousands apart: `12,345`.
pub(super) struct Count(pub(super) u64);

/// Bytes in a second: `1.2 MB/s`, in powers of ten.
pub(super) struct Rate(pub(super) u64);

/// A round trip: `0.42 ms`, `12 ms`.
pub(super) struct Trip(pub(super) f64);

/// A share of a million as percent: `0.2 %`.
pub(super) struct Loss(pub(super) u32);

/// How long ago something was, in its largest unit: `12 s`, `3 min`, `2 h`, `5 d`.
pub(super) struct Ago(pub(super) Duration);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        let mut text = String::new();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        f.pad(&text)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1_000_000_000, "GB/s"), (1_000_000, "MB/s"), (1_000, "kB/s")];
        match units.into_iter().find(|(size, _)| self.0 >= *size) {
            Some((size, unit)) if self.0 / size < 10 => {
                let tenths = self.0 / (size / 10);
                write!(f, "{}.{} {unit}", tenths / 10, tenths % 10)
            }
            Some((size, unit)) => write!(f, "{} {unit}", self.0 / size),
            None => write!(f, "{} B/s", self.0),
        }
    }
}

impl fmt::Display for Trip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            small if small < 1.0 => write!(f, "{small:.2} ms"),
            middle if middle < 10.0 => write!(f, "{middle:.1} ms"),
            large => write!(f, "{large:.0} ms"),
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("0 %"),
            few if few < 1_000 => f.write_str("< 0.1 %"),
            some => write!(f, "{}.{} %", some / 10_000, some / 1_000 % 10),
        }
    }
}

impl fmt::Display for Ago {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let units = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
        match units.into_iter().find(|(size, _)| seconds >= *size) {
            Some((size, unit)) => write!(f, "{} {unit}", seconds / size),
            None => f.write_str("now"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_as_people_read_them() {
        let table = [
            (Count(0).to_string(), "0"),
            (Count(999).to_string(), "999"),
            (Count(1_000).to_string(), "1,000"),
            (Count(12_345_678).to_string(), "12,345,678"),
            (Rate(0).to_string(), "0 B/s"),
            (Rate(1_250).to_string(), "1.2 kB/s"),
            (Rate(99_999_999).to_string(), "99 MB/s"),
            (Rate(1_200_000_000).to_string(), "1.2 GB/s"),
            (Trip(0.423).to_string(), "0.42 ms"),
            (Trip(4.2).to_string(), "4.2 ms"),
            (Trip(123.4).to_string(), "123 ms"),
            (Loss(0).to_string(), "0 %"),
            (Loss(10).to_string(), "< 0.1 %"),
            (Loss(23_456).to_string(), "2.3 %"),
            (Ago(Duration::from_millis(400)).to_string(), "now"),
            (Ago(Duration::from_secs(59)).to_string(), "59 s"),
            (Ago(Duration::from_secs(3_599)).to_string(), "59 min"),
            (Ago(Duration::from_secs(200_000)).to_string(), "2 d"),
        ];
        for (shown, expected) in table {
            assert_eq!(shown, expected);
        }
    }
}
