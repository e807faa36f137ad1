//! What came to a list and what went from it, between two values of a key as TOML. Pure.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What is in the one and not in the other: the elements as TOML.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    /// What is in the new list only.
    pub(super) came: Vec<String>,
    /// What is in the old list only.
    pub(super) went: Vec<String>,
}

impl Difference {
    /// Between two values; nothing where one of them is no list, or where they have the same elements in another order.
    pub(super) fn between(old: &str, new: &str) -> Self {
        let (Some(mut went), Some(mut came)) = (elements(old), elements(new)) else { return Self::default() };
        came.retain(|element| match went.iter().position(|other| other == element) {
            Some(at) => {
                went.remove(at);
                false
            }
            None => true,
        });
        Self { came, went }
    }
}

/// The elements of a list, as they stand there.
fn elements(value: &str) -> Option<Vec<String>> {
    const KEY: &str = "list = ";
    let text = format!("{KEY}{value}");
    let table: Spanned<DeTable<'_>> = DeTable::parse(&text).ok()?;
    let (_, list) = table.get_ref().iter().next()?;
    let DeValue::Array(list) = list.get_ref() else { return None };
    list.iter().map(|element| text.get(element.span()).map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(old: &str, new: &str, came: &[&str], went: &[&str]) {
        let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
        assert_eq!(Difference::between(old, new), Difference { came: owned(came), went: owned(went) }, "{old} to {new}");
    }

    #[test]
    fn elements_come_and_go() {
        check("[]", "[\"a:1\"]", &["\"a:1\""], &[]);
        check("[\"a:1\", \"b:1\"]", "[\"b:1\", \"c:1\"]", &["\"c:1\""], &["\"a:1\""]);
        check("[1, 1, 2]", "[1, 2]", &[], &["1"]);
        check(
            "[{ name = \"a\", target = \"x:1\" }, { name = \"b, c\", target = \"x:2\" }]",
            "[{ name = \"a\", target = \"x:3\" }, { name = \"b, c\", target = \"x:2\" }]",
            &["{ name = \"a\", target = \"x:3\" }"],
            &["{ name = \"a\", target = \"x:1\" }"],
        );
    }

    #[test]
    fn other_values_have_no_elements() {
        for (old, new) in [("1", "2"), ("\"[a]\"", "\"[b]\""), ("[1, 2]", "[2, 1]"), ("[", "[1]"), ("[1]\nb = [2]", "\"\"")] {
            check(old, new, &[], &[]);
        }
    }
}
