//! Reads keys through the layers: flags over variables over the file over the defaults.
//!
//! A key is named in one place only, where its table reads it; the reader learns from that which keys exist, what they
//! are worth and where that came from. A wrong value is noted and replaced by the default, so that the rest is checked too.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::{Range, RangeInclusive};

use super::document::{Document, Value};
use super::error::{ConfigError, ConfigErrors, Place};
use super::overrides::Overrides;
use super::setting::{Faults, Setting};
use super::size::Size;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The file with this path.
    File(String),
    /// A variable.
    Variable(String),
    /// A flag.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.pad("default"),
            Self::File(path) => f.pad(path),
            Self::Variable(name) => f.pad(name),
            Self::Flag(name) => f.pad(name),
        }
    }
}

/// One key, its value and where that came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The table.
    pub section: &'static str,
    /// The key in it.
    pub key: &'static str,
    /// The value as TOML.
    pub value: String,
    /// Who won.
    pub origin: Origin,
}

/// Reads a configuration and collects what is wrong with it.
pub(super) struct Reader<'a> {
    document: Option<Document<'a>>,
    overrides: &'a Overrides,
    shown: Vec<Shown>,
    errors: Vec<ConfigError>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(document: Option<Document<'a>>, overrides: &'a Overrides) -> Self {
        Self { document, overrides, shown: Vec::new(), errors: Vec::new() }
    }

    /// Reads the keys of one table.
    pub(super) fn section(&mut self, name: &'static str) -> Section<'_, 'a> {
        Section { reader: self, name }
    }

    /// A valid name made of the machine's.
    pub(super) fn host_name(&self) -> String {
        self.overrides.host_name()
    }

    /// Every key that was read, unless something is wrong.
    pub(super) fn finish(mut self) -> Result<Vec<Shown>, ConfigErrors> {
        self.refuse_unknown();
        ConfigErrors::unless_empty(self.errors)?;
        Ok(self.shown)
    }

    fn refuse_unknown(&mut self) {
        let Some(document) = &self.document else { return };
        let mut errors = Vec::new();
        let inner = self.inner();
        let tables = inner.iter().filter_map(|(outer, label)| {
            let (key, value) = document.table(outer)?.get_ref().as_table()?.get_key_value(*label)?;
            Some((format!("{outer}.{label}"), key, value))
        });
        let outermost = document.sections().map(|(name, value)| (name.get_ref().to_string(), name, value));
        for (section, name, value) in outermost.chain(tables) {
            let section = section.as_str();
            let own = self.shown.iter().filter(|shown| shown.section == section).map(|shown| shown.key);
            let known: Vec<_> = own.chain(inner.iter().filter(|(outer, _)| *outer == section).map(|(_, label)| *label)).collect();
            let Some(keys) = value.get_ref().as_table().filter(|_| !known.is_empty()) else {
                let sections = self.shown.iter().map(|shown| shown.section);
                let is_table = value.get_ref().as_table().is_some() || value.get_ref().as_array().is_some();
                let mut error = match (known.is_empty(), is_table) {
                    (true, true) => unknown(document, "unknown table", name, "", sections),
                    (true, false) => unknown(document, "unknown key", name, " outside of any table", std::iter::empty()),
                    (false, _) => unknown(document, "this should be a table:", name, "", sections),
                };
                let owner = self.shown.iter().find(|shown| shown.key == section).map(|shown| shown.section);
                error.hint = error.hint.or_else(|| owner.map(|owner| format!("there is such a key in [{owner}]")));
                errors.push(error);
                continue;
            };
            let strangers = keys.keys().filter(|key| !known.contains(&key.get_ref().as_ref()));
            let place = format!(" in [{section}]");
            errors.extend(strangers.map(|key| unknown(document, "unknown key", key, &place, known.iter().copied())));
        }
        self.errors.append(&mut errors);
    }

    /// The tables within others, each as the outer one and its own name in there.
    fn inner(&self) -> BTreeSet<(&'static str, &'static str)> {
        self.shown.iter().filter_map(|shown| shown.section.rsplit_once('.')).collect()
    }

    fn file_fault(&mut self, span: Range<usize>, message: String) {
        let place = self.document.as_ref().map_or(Place::Whole, |document| document.place(span));
        self.errors.push(ConfigError { message, place, hint: None });
    }
}

/// Reads the keys of one table.
pub(super) struct Section<'r, 'a> {
    reader: &'r mut Reader<'a>,
    name: &'static str,
}

impl Section<'_, '_> {
    /// The value of `key`, or `default` if nobody set it or what was set is wrong.
    pub(super) fn get<T: Setting>(&mut self, key: &'static str, default: T) -> T {
        let (value, origin) = self.find(key).unwrap_or((default, Origin::Default));
        self.show(key, value, origin)
    }

    /// As [`get`](Self::get), and an empty text stands for the default too.
    pub(super) fn get_or<T: Setting>(&mut self, key: &'static str, default: T) -> T {
        let (value, origin) = match self.find::<Option<T>>(key) {
            Some((Some(value), origin)) => (value, origin),
            Some((None, _)) | None => (default, Origin::Default),
        };
        self.show(key, value, origin)
    }

    /// Whether the file has the table.
    pub(super) fn is_there(&self) -> bool {
        self.reader.document.as_ref().is_some_and(|document| document.table(self.name).is_some())
    }

    /// Whether the file sets the key, be it to nothing.
    pub(super) fn is_set(&self, key: &str) -> bool {
        self.reader.document.as_ref().is_some_and(|document| document.get(self.name, key).is_some())
    }

    /// The value of a key that was read before, to be looked at beside others; `None` if it is empty, or wrong.
    pub(super) fn peek<T: Setting>(&self, key: &str) -> Option<T> {
        let shown = self.reader.shown.iter().find(|shown| shown.section == self.name && shown.key == key)?;
        T::parse(shown.value.trim_matches('"')).ok()
    }

    /// Notes that the value of `key`, though well-formed, cannot be, and what could.
    pub(super) fn refuse_with_hint(&mut self, key: &'static str, reason: impl Into<String>, hint: &str) {
        self.refuse(key, reason);
        if let Some(error) = self.reader.errors.last_mut() {
            error.hint = Some(hint.to_owned());
        }
    }

    /// Notes that the value of `key`, though well-formed, cannot be.
    pub(super) fn refuse(&mut self, key: &'static str, reason: impl Into<String>) {
        let origin = self.reader.shown.iter().find(|shown| shown.section == self.name && shown.key == key).map(|shown| &shown.origin);
        let place = match origin {
            Some(Origin::Flag(name)) => Place::Flag(name),
            Some(Origin::Variable(name)) => Place::Variable(name.clone()),
            Some(Origin::File(_) | Origin::Default) | None => self.file_place(key),
        };
        let message = format!("`{}.{key}` {}", self.name, reason.into());
        self.reader.errors.push(ConfigError { message, place, hint: None });
    }

    /// Refuses a duration outside of `allowed`.
    pub(super) fn require_within(&mut self, key: &'static str, value: std::time::Duration, allowed: Range<std::time::Duration>) {
        if !allowed.contains(&value) {
            let (least, most) = (humantime::format_duration(allowed.start), humantime::format_duration(allowed.end));
            self.refuse(key, format!("must be at least {least} and less than {most}"));
        }
    }

    /// Refuses a size outside of `allowed`.
    pub(super) fn require_size(&mut self, key: &'static str, value: Size, allowed: RangeInclusive<u64>) {
        if !allowed.contains(&value.0) {
            self.refuse(key, format!("must be from {} to {}", Size(*allowed.start()), Size(*allowed.end())));
        }
    }

    fn find<T: Setting>(&mut self, key: &'static str) -> Option<(T, Origin)> {
        let path = format!("{}.{key}", self.name);
        if let Some((name, text)) = self.reader.overrides.flag(&path) {
            return self.parse(&path, text.to_owned(), Place::Flag(name)).map(|value| (value, Origin::Flag(name)));
        }
        let variable = format!("WARREN_{}", path.replace('.', "_").to_uppercase());
        if let Some(text) = self.reader.overrides.variable(&variable) {
            let value = self.parse(&path, text.to_owned(), Place::Variable(variable.clone()));
            return value.map(|value| (value, Origin::Variable(variable)));
        }
        self.find_in_file(key)
    }

    fn parse<T: Setting>(&mut self, path: &str, text: String, place: Place) -> Option<T> {
        let fault = |reason| ConfigError { message: format!("`{path}`: {reason}"), place, hint: None };
        T::parse(&text).map_err(|reason| self.reader.errors.push(fault(reason))).ok()
    }

    fn find_in_file<T: Setting>(&mut self, key: &'static str) -> Option<(T, Origin)> {
        let document = self.reader.document.as_ref()?;
        let origin = Origin::File(document.path().to_owned());
        let mut faults = Faults::default();
        let value = T::from_toml(document.get(self.name, key)?, &mut faults);
        for (span, reason) in faults.into_inner() {
            self.reader.file_fault(span, format!("`{}.{key}`: {reason}", self.name));
        }
        value.map(|value| (value, origin))
    }

    fn show<T: Setting>(&mut self, key: &'static str, value: T, origin: Origin) -> T {
        self.reader.shown.push(Shown { section: self.name, key, value: value.show(), origin });
        value
    }

    fn file_place(&self, key: &str) -> Place {
        let document = self.reader.document.as_ref();
        let value = document.and_then(|document| document.get(self.name, key).or_else(|| document.table(self.name)));
        document.zip(value).map_or(Place::Whole, |(document, value): (_, &Value<'_>)| document.place(value.span()))
    }
}

/// An error about something with a name that nobody knows.
fn unknown<'k>(
    document: &Document<'_>,
    what: &str,
    name: &toml::Spanned<toml::de::DeString<'_>>,
    place: &str,
    known: impl Iterator<Item = &'k str>,
) -> ConfigError {
    let text = name.get_ref().as_ref();
    let hint = nearest(text, known).map(|near| format!("did you mean `{near}`?"));
    let message = format!("{what} `{}`{place}", crate::failure::Printable(text));
    ConfigError { message, place: document.place(name.span()), hint }
}

/// The known name nearest to `text`, if it is near enough to be what was meant.
pub(super) fn nearest<'k>(text: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    if text.len() > 64 {
        return None;
    }
    let (distance, near) = known.filter(|name| *name != text).map(|name| (distance(text, name), name)).min()?;
    (distance <= 1 + near.len() / 5).then_some(near)
}

/// Levenshtein's distance: how many characters are to be added, removed or replaced.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, have) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (column, want) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(have != *want);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}
