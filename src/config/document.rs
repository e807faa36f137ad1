//! A parsed `config.toml` that knows the line of everything in it.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Place};

/// A value of the file and where it stands.
pub(super) type Value<'t> = Spanned<DeValue<'t>>;

/// A parsed file.
pub(super) struct Document<'t> {
    path: &'t str,
    text: &'t str,
    root: Spanned<DeTable<'t>>,
}

impl<'t> Document<'t> {
    /// Parses `text`, which errors call `path`; with it comes what is no TOML, and what is left without that is there all the same.
    pub(super) fn parse(path: &'t str, text: &'t str) -> (Self, Vec<ConfigError>) {
        let (root, errors) = DeTable::parse_recoverable(text);
        let document = Self { path, text, root };
        let malformed = errors.iter().map(|error| {
            let place = document.place(error.span().unwrap_or_default());
            ConfigError { message: one_line(error.message()), hint: bare_value(&place), place }
        });
        let malformed = malformed.collect();
        (document, malformed)
    }

    /// The file's path.
    pub(super) fn path(&self) -> &str {
        self.path
    }

    /// The value of `key` in the table `section`, which may be one within another, `OUTER.INNER`.
    pub(super) fn get(&self, section: &str, key: &str) -> Option<&Value<'t>> {
        self.table(section)?.get_ref().as_table()?.get(key)
    }

    /// The table `section`.
    pub(super) fn table(&self, section: &str) -> Option<&Value<'t>> {
        let mut labels = section.split('.');
        let first = self.root.get_ref().get(labels.next()?)?;
        labels.try_fold(first, |outer, label| outer.get_ref().as_table()?.get(label))
    }

    /// What stands at the top: tables, or things that should not be there.
    pub(super) fn sections(&self) -> impl Iterator<Item = (&Spanned<toml::de::DeString<'t>>, &Value<'t>)> {
        self.root.get_ref().iter()
    }

    /// The line and column of a span, and the line itself.
    pub(super) fn place(&self, span: Range<usize>) -> Place {
        let start = self.text.floor_char_boundary(span.start);
        let before = &self.text[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let text = self.text[line_start..].lines().next().unwrap_or_default();
        let end = self.text.floor_char_boundary(span.end).clamp(start, (line_start + text.len()).max(start));
        Place::Line {
            path: self.path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: self.text[line_start..start].chars().count() + 1,
            width: self.text[start..end].chars().count().max(1),
            text: text.replace('\t', " ").chars().filter(|c| !c.is_control()).collect(),
        }
    }
}

fn one_line(message: &str) -> String {
    message.lines().collect::<Vec<_>>().join("; ")
}

/// What may have been meant in a line whose value is a text without quotes.
fn bare_value(place: &Place) -> Option<String> {
    let Place::Line { text, .. } = place else { return None };
    let (key, value) = text.split_once('=')?;
    let value = value.split('#').next().unwrap_or_default().trim();
    let is_bare = !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || ".:/_-%".contains(c));
    is_bare.then(|| format!("texts, durations, sizes and addresses are quoted: `{} = \"{value}\"`", crate::failure::Printable(key.trim())))
}
