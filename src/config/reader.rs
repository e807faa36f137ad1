//! Reads keys through the layers: flags over variables over the file over the defaults.
//!
//! A key is named in one place only, where its table reads it; the reader learns from that which keys exist, what they
//! are worth and where that came from. A wrong value is noted and replaced by the default, so that the rest is checked too.

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroU32;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use serde_json::json;

use super::document::{Document, Value};
use super::error::{ConfigError, ConfigErrors, Place};
use super::near::nearest;
use super::overrides::Overrides;
use super::setting::{Faults, Number, Setting};
use super::size::Size;
use super::strangers;

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

/// A key as it was read: what values it takes.
#[derive(Clone, Debug)]
pub(super) struct Described {
    /// The table.
    pub(super) section: &'static str,
    /// The key in it.
    pub(super) key: &'static str,
    /// Its values, as JSON Schema.
    pub(super) schema: serde_json::Value,
    /// Its range in words, where JSON Schema has none for it.
    pub(super) range: Option<String>,
    /// Its value as TOML, the default where nobody set it.
    pub(super) value: String,
}

/// Reads a configuration and collects what is wrong with it.
pub(super) struct Reader<'a> {
    document: Option<Document<'a>>,
    overrides: &'a Overrides,
    shown: Vec<Shown>,
    described: Vec<Described>,
    /// What is no TOML; what else is wrong in those lines follows from it.
    malformed: Vec<ConfigError>,
    errors: Vec<ConfigError>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(document: Option<Document<'a>>, overrides: &'a Overrides) -> Self {
        let (shown, described, errors) = (Vec::new(), Vec::new(), Vec::new());
        Self { document, overrides, shown, described, malformed: Vec::new(), errors }
    }

    /// The same of a file in which this is no TOML.
    pub(super) fn with_malformed(self, malformed: Vec<ConfigError>) -> Self {
        Self { malformed, ..self }
    }

    /// Reads the keys of one table.
    pub(super) fn section(&mut self, name: &'static str) -> Section<'_, 'a> {
        Section { reader: self, name }
    }

    /// A valid name made of the machine's.
    pub(super) fn host_name(&self) -> String {
        self.overrides.host_name()
    }

    /// Whether somebody set the key, which was read before.
    pub(super) fn is_set(&self, section: &str, key: &str) -> bool {
        self.shown.iter().any(|shown| (shown.section, shown.key) == (section, key) && shown.origin != Origin::Default)
    }

    /// Every key that was read, unless something is wrong.
    pub(super) fn finish(mut self) -> Result<Vec<Shown>, ConfigErrors> {
        self.refuse_unknown();
        self.errors.extend(strangers::variables(self.overrides, &self.shown));
        let is_followup = |error: &ConfigError| error.place.line_number().is_some_and(|line| self.is_malformed(line));
        let errors: Vec<_> = self.errors.iter().filter(|error| !is_followup(error)).chain(&self.malformed).cloned().collect();
        ConfigErrors::unless_empty(errors)?;
        Ok(self.shown)
    }

    /// What was read of each key, in the order of the documented file.
    pub(super) fn described(self) -> Vec<Described> {
        self.described
    }

    fn is_malformed(&self, line: usize) -> bool {
        self.malformed.iter().any(|error| error.place.line_number() == Some(line))
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
        let place = self.file_place(key);
        self.refuse_at(key, place, reason);
    }

    /// The same of one element of a list, counted from 0, for what stands under `label` in it.
    pub(super) fn refuse_element(&mut self, key: &'static str, (index, label): (usize, &str), reason: impl Into<String>) {
        let place = self.element_place(key, (index, label));
        self.refuse_at(key, place, reason);
    }

    /// In the file it stands at `place`.
    fn refuse_at(&mut self, key: &'static str, place: Place, reason: impl Into<String>) {
        let origin = self.reader.shown.iter().find(|shown| shown.section == self.name && shown.key == key).map(|shown| &shown.origin);
        let place = match origin {
            Some(Origin::Flag(name)) => Place::Flag(name),
            Some(Origin::Variable(name)) => Place::Variable(name.clone()),
            Some(Origin::File(_) | Origin::Default) | None => place,
        };
        let message = format!("`{}.{key}` {}", self.name, reason.into());
        self.reader.errors.push(ConfigError { message, place, hint: None });
    }

    /// A number from 1 to `most`; `default` if nobody set it or what was set is wrong.
    pub(super) fn count(&mut self, key: &'static str, default: NonZeroU32, most: u32) -> NonZeroU32 {
        let (set, origin) = self.find(key).unwrap_or((Number(default.get().into()), Origin::Default));
        self.show(key, set, origin);
        self.describe(key, |described| described.schema = json!({ "type": "integer", "minimum": 1, "maximum": most }));
        let found = u32::try_from(set.0).ok().and_then(NonZeroU32::new).filter(|number| number.get() <= most);
        found.unwrap_or_else(|| {
            self.refuse(key, format!("must be from 1 to {most}, and is {}", set.0));
            default
        })
    }

    /// Refuses a duration outside of `allowed`.
    pub(super) fn require_within(&mut self, key: &'static str, value: Duration, allowed: Range<Duration>) {
        let (least, most) = (humantime::format_duration(allowed.start), humantime::format_duration(allowed.end));
        // An end of a nanosecond more than something is there to include it.
        let range = match allowed.end.checked_sub(Duration::from_nanos(1)).filter(|most| most.subsec_nanos() == 0) {
            Some(most) => format!("from {least} to {}", humantime::format_duration(most)),
            None => format!("at least {least} and less than {most}"),
        };
        self.describe(key, |described| described.range = Some(range.clone()));
        if !allowed.contains(&value) {
            self.refuse(key, format!("must be {range}, and is {}", humantime::format_duration(value)));
        }
    }

    /// Refuses a size outside of `allowed`.
    pub(super) fn require_size(&mut self, key: &'static str, value: Size, allowed: RangeInclusive<u64>) {
        let range = format!("from {} to {}", Size(*allowed.start()), Size(*allowed.end()));
        self.describe(key, |described| described.range = Some(range.clone()));
        if !allowed.contains(&value.0) {
            self.refuse(key, format!("must be {range}, and is {value}"));
        }
    }

    /// Adds to what is known of a key that was read.
    fn describe(&mut self, key: &str, add: impl FnOnce(&mut Described)) {
        let name = self.name;
        if let Some(described) = self.reader.described.iter_mut().find(|described| described.section == name && described.key == key) {
            add(described);
        }
    }

    fn find<T: Setting>(&mut self, key: &'static str) -> Option<(T, Origin)> {
        let path = format!("{}.{key}", self.name);
        if let Some((name, text)) = self.reader.overrides.flag(&path) {
            return self.parse(&path, text.to_owned(), Place::Flag(name)).map(|value| (value, Origin::Flag(name)));
        }
        let variable = strangers::variable_of(self.name, key);
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
        let shown = Shown { section: self.name, key, value: value.show(), origin };
        let Shown { section, key, value: text, .. } = shown.clone();
        self.reader.described.push(Described { section, key, schema: T::schema(), range: None, value: text });
        self.reader.shown.push(shown);
        value
    }

    fn file_place(&self, key: &str) -> Place {
        let document = self.reader.document.as_ref();
        let value = document.and_then(|document| document.get(self.name, key).or_else(|| document.table(self.name)));
        document.zip(value).map_or(Place::Whole, |(document, value): (_, &Value<'_>)| document.place(value.span()))
    }

    /// What stands under `label` in an element of the list; where there is none, the element.
    fn element_place(&self, key: &str, (index, label): (usize, &str)) -> Place {
        let found = self.reader.document.as_ref().and_then(|document| {
            let element = document.get(self.name, key)?.get_ref().as_array()?.get(index)?;
            let labelled = element.get_ref().as_table().and_then(|table| table.get(label));
            Some(document.place(labelled.unwrap_or(element).span()))
        });
        found.unwrap_or_else(|| self.file_place(key))
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
