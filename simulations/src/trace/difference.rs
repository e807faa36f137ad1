//! Where two records are no longer the same.

use std::collections::VecDeque;

/// How many lines before the first that differs are shown.
const BEFORE: usize = 10;

/// The first line in which two records differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its number, from 1.
    pub line: u64,
    /// Those before it, which are the same.
    pub before: Vec<String>,
    /// As the first has it.
    pub first: String,
    /// As the second has it.
    pub second: String,
}

/// Compares two records line by line: how many lines they have, or where they differ.
///
/// # Errors
/// That of a record that cannot be read.
pub fn difference<E>(
    mut first: impl Iterator<Item = Result<String, E>>,
    mut second: impl Iterator<Item = Result<String, E>>,
) -> Result<Result<u64, Difference>, E> {
    let (mut lines, mut before) = (0, VecDeque::with_capacity(BEFORE));
    loop {
        match (first.next().transpose()?, second.next().transpose()?) {
            (None, None) => return Ok(Ok(lines)),
            (Some(one), Some(other)) if one == other => {
                lines += 1;
                if before.len() == BEFORE {
                    before.pop_front();
                }
                before.push_back(one);
            }
            (one, other) => {
                let shown = |line: Option<String>| line.unwrap_or_else(|| "(its end)".to_owned());
                return Ok(Err(Difference { line: lines + 1, before: before.into(), first: shown(one), second: shown(other) }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn compared(first: &[&str], second: &[&str]) -> Result<u64, Difference> {
        let lines = |lines: &[&str]| lines.iter().map(|line| Ok::<_, Infallible>((*line).to_owned())).collect::<Vec<_>>().into_iter();
        difference(lines(first), lines(second)).unwrap_or_else(|never| match never {})
    }

    #[test]
    fn the_first_line_that_differs_is_shown_with_those_before() {
        assert_eq!(compared(&[], &[]), Ok(0));
        assert_eq!(compared(&["a", "b"], &["a", "b"]), Ok(2));
        let differs = |line, before: &[&str], first: &str, second: &str| {
            let before = before.iter().map(|line| (*line).to_owned()).collect();
            Err(Difference { line, before, first: first.into(), second: second.into() })
        };
        assert_eq!(compared(&["a", "b", "c"], &["a", "x", "c"]), differs(2, &["a"], "b", "x"));
        assert_eq!(compared(&["a", "b"], &["a"]), differs(2, &["a"], "b", "(its end)"));
        assert_eq!(compared(&[], &["a"]), differs(1, &[], "(its end)", "a"));
        let long: Vec<String> = (0..50).map(|n| n.to_string()).collect();
        let first: Vec<&str> = long.iter().map(String::as_str).collect();
        let found = compared(&first, &first[..30]).expect_err("they differ");
        assert_eq!((found.line, found.before.len(), found.before[0].as_str(), found.first.as_str()), (31, BEFORE, "20", "30"));
    }
}
