//! What came of an input.

use std::fmt::{self, Debug, Display};

/// Most words of an outcome: deeper differences make no new one.
const MOST: usize = 8;

/// What came of an input, without what differs from input to input: two with the same outcome went the same way, as far as a fuzzer can see.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outcome(String);

impl Outcome {
    /// It was read as this.
    pub(super) fn decoded(kind: &str, value: &dyn Debug) -> Self {
        Self::shown(kind, &format!("{value:?}"))
    }

    /// It was read as what these words say, of which the names count.
    pub(super) fn shown(kind: &str, words: &str) -> Self {
        Self(format!("{kind}: {}", variants(words)))
    }

    /// It came to this, of the few things that it can come to.
    pub(super) fn plain(kind: &str, what: &str) -> Self {
        Self(format!("{kind}: {what}"))
    }

    /// It was not, and why.
    pub(super) fn refused(kind: &str, why: &dyn Display) -> Self {
        Self(format!("{kind} refused: {}", reason(&why.to_string())))
    }
}

impl Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The names of variants and types in what `Debug` shows, the first of them.
fn variants(shown: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    let outside_of_texts = shown.split('"').step_by(2);
    for word in outside_of_texts.flat_map(|part| part.split(|c: char| !c.is_ascii_alphanumeric())) {
        let is_name = word.starts_with(|c: char| c.is_ascii_uppercase()) && word.len() > 1;
        if (is_name || matches!(word, "true" | "false")) && words.last() != Some(&word) {
            words.push(word);
        }
        if words.len() == MOST {
            break;
        }
    }
    words.join(" ")
}

/// A message without what it quotes, and without numbers.
fn reason(message: &str) -> String {
    let first = message.find(['`', '"', '\'']).unwrap_or(message.len());
    let last = message.rfind(['`', '"', '\'']).map_or("", |at| &message[at + 1..]);
    let plain = [&message[..first], last].concat();
    let words = plain.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty());
    words.take(2 * MOST).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_input_to_input_is_left_out() {
        assert_eq!(variants("Welcome { index: 300, name: \"A\", proxy: ProxyId(2), state: Some(Up) }"), "Welcome ProxyId Some Up");
        assert_eq!(variants("[Err(X1), Err(X1), Ok(Done), false]"), "Err X1 Err X1 Ok Done false");
        assert_eq!(variants(&"Ab Cd ".repeat(99)).split(' ').count(), MOST);
        assert_eq!(reason("a name has 1 to 63 characters, `x` has 99"), "a name has to characters has");
        assert_ne!(Outcome::decoded("a", &Some(1)), Outcome::refused("a", &"Some"));
    }
}
