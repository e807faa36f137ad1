//! One value of a configuration: from the text of a flag or variable, from TOML, and back.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use toml::de::DeValue;
use warren_raft::{AgentName, Pattern, ProxyName, ServiceName, StrategyKind};

use super::address::HostPort;
use super::document::Value;
use super::near::nearest;
use crate::failure::Printable;
use crate::ingress::{Domain, Network};
use crate::net::quic::CongestionControl;
use crate::target::Target;

/// Most entries of a list.
const MAX_LIST: usize = 1024;
/// Most bytes of a text.
const MAX_TEXT: usize = 4096;

/// How agents can hold their tunnels.
const STRATEGIES: [StrategyKind; 2] = [StrategyKind::AgentMesh, StrategyKind::ProxyPeering];

/// What is wrong with a value of the file: where, and why.
#[derive(Default)]
pub(super) struct Faults(Vec<(Range<usize>, String)>);

impl Faults {
    pub(super) fn add(&mut self, span: Range<usize>, reason: impl Into<String>) {
        self.0.push((span, reason.into()));
    }

    pub(super) fn into_inner(self) -> Vec<(Range<usize>, String)> {
        self.0
    }
}

/// A type that a key can have.
pub(super) trait Setting: Sized {
    /// Reads the text of a flag, a variable or a TOML string; the error is a fragment that names the text.
    fn parse(text: &str) -> Result<Self, String>;

    /// Reads a value of the file; `None` when something was added to `faults`.
    fn from_toml(value: &Value<'_>, faults: &mut Faults) -> Option<Self> {
        let Some(text) = value.get_ref().as_str() else {
            faults.add(value.span(), wanted("a string", value));
            return None;
        };
        Self::parse(text).map_err(|reason| faults.add(value.span(), reason)).ok()
    }

    /// The value as TOML.
    fn show(&self) -> String;

    /// What values there are, as JSON Schema.
    fn schema() -> serde_json::Value {
        json!({ "type": "string" })
    }
}

/// The one of `known` that `text` is; the error has all of them, and what may have been meant.
pub(super) fn one_of<T: Copy + ToString>(text: &str, what: &str, known: impl IntoIterator<Item = T>) -> Result<T, String> {
    let known: Vec<_> = known.into_iter().map(|value| (value, value.to_string())).collect();
    if let Some((value, _)) = known.iter().find(|(_, name)| name == text) {
        return Ok(*value);
    }
    let near = nearest(text, known.iter().map(|(_, name)| name.as_str())).map(|near| format!("; did you mean `{near}`?"));
    let names: Vec<_> = known.iter().map(|(_, name)| format!("`{name}`")).collect();
    let names =
        names.split_last().map(|(last, others)| if others.is_empty() { last.clone() } else { format!("{} or {last}", others.join(", ")) });
    Err(format!("`{}` is no {what}: {}{}", Printable(text), names.unwrap_or_default(), near.unwrap_or_default()))
}

/// The schema of a text that is one of these.
pub(super) fn choice<T: ToString>(known: impl IntoIterator<Item = T>) -> serde_json::Value {
    json!({ "enum": known.into_iter().map(|value| value.to_string()).collect::<Vec<_>>() })
}

/// What was expected instead of `value`.
pub(super) fn wanted(what: &str, value: &Value<'_>) -> String {
    let found = match value.get_ref() {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    };
    format!("expected {what}, found {found}")
}

/// A text as a TOML string.
pub(super) fn quote(text: &str) -> String {
    toml::Value::from(text).to_string()
}

impl<T: Setting> Setting for Option<T> {
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(None) } else { T::parse(text).map(Some) }
    }

    fn show(&self) -> String {
        self.as_ref().map_or_else(|| quote(""), T::show)
    }

    fn schema() -> serde_json::Value {
        let schema = T::schema();
        // Any text is one without a text, too.
        if schema == json!({ "type": "string" }) { schema } else { json!({ "anyOf": [{ "const": "" }, schema] }) }
    }
}

impl<T: Setting> Setting for Vec<T> {
    fn parse(text: &str) -> Result<Self, String> {
        let parts: Vec<_> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
        if parts.len() > MAX_LIST {
            return Err(format!("more than {MAX_LIST} entries"));
        }
        parts.into_iter().map(T::parse).collect()
    }

    fn from_toml(value: &Value<'_>, faults: &mut Faults) -> Option<Self> {
        let Some(items) = value.get_ref().as_array().filter(|items| items.len() <= MAX_LIST) else {
            faults.add(value.span(), wanted(&format!("an array of at most {MAX_LIST} entries"), value));
            return None;
        };
        let read: Vec<_> = items.iter().map(|item| T::from_toml(item, faults)).collect();
        read.into_iter().collect()
    }

    fn show(&self) -> String {
        format!("[{}]", self.iter().map(T::show).collect::<Vec<_>>().join(", "))
    }

    fn schema() -> serde_json::Value {
        json!({ "type": "array", "items": T::schema(), "maxItems": MAX_LIST })
    }
}

impl Setting for String {
    fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_TEXT || text.chars().any(char::is_control) {
            return Err(format!("a text has at most {MAX_TEXT} bytes and no control characters"));
        }
        Ok(text.to_owned())
    }

    fn show(&self) -> String {
        quote(self)
    }
}

impl Setting for PathBuf {
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.len() > MAX_TEXT || text.contains('\0') {
            return Err(format!("a path has 1 to {MAX_TEXT} bytes"));
        }
        Ok(Self::from(text))
    }

    fn show(&self) -> String {
        quote(&self.display().to_string())
    }
}

impl Setting for Duration {
    fn parse(text: &str) -> Result<Self, String> {
        humantime::parse_duration(text).map_err(|_| format!("`{}` is not a duration such as `150ms`, `3s` or `1m 30s`", Printable(text)))
    }

    fn show(&self) -> String {
        quote(&humantime::format_duration(*self).to_string())
    }

    fn schema() -> serde_json::Value {
        json!({ "type": "string", "pattern": "^\\s*[0-9]+\\s*[a-zA-Zµ]+(\\s*[0-9]+\\s*[a-zA-Zµ]+)*\\s*$" })
    }
}

impl Setting for NonZeroU32 {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("`{}` is not a number from 1 to {}", Printable(text), u32::MAX))
    }

    fn from_toml(value: &Value<'_>, faults: &mut Faults) -> Option<Self> {
        let number = Number::from_toml(value, faults)?;
        let found = u32::try_from(number.0).ok().and_then(Self::new);
        if found.is_none() {
            faults.add(value.span(), format!("`{}` is not a number from 1 to {}", number.0, u32::MAX));
        }
        found
    }

    fn show(&self) -> String {
        self.to_string()
    }

    fn schema() -> serde_json::Value {
        json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX })
    }
}

/// A whole number of any size, whose range is its key's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number(pub(super) i128);

impl Setting for Number {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| format!("`{}` is not a whole number", Printable(text)))
    }

    fn from_toml(value: &Value<'_>, faults: &mut Faults) -> Option<Self> {
        let Some(integer) = value.get_ref().as_integer() else {
            faults.add(value.span(), wanted("an integer", value));
            return None;
        };
        let number = i128::from_str_radix(integer.as_str(), integer.radix()).ok().map(Self);
        if number.is_none() {
            faults.add(value.span(), format!("`{}` is too large", integer.as_str()));
        }
        number
    }

    fn show(&self) -> String {
        self.0.to_string()
    }

    fn schema() -> serde_json::Value {
        json!({ "type": "integer" })
    }
}

impl Setting for SocketAddr {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("`{}` is not an address such as `0.0.0.0:3021` or `[::1]:3021`", Printable(text)))
    }

    fn show(&self) -> String {
        quote(&self.to_string())
    }
}

impl Setting for StrategyKind {
    fn parse(text: &str) -> Result<Self, String> {
        one_of(text, "strategy", STRATEGIES)
    }

    fn show(&self) -> String {
        quote(&self.to_string())
    }

    fn schema() -> serde_json::Value {
        choice(STRATEGIES)
    }
}

impl Setting for CongestionControl {
    fn parse(text: &str) -> Result<Self, String> {
        one_of(text, "congestion control", Self::ALL)
    }

    fn show(&self) -> String {
        quote(self.as_str())
    }

    fn schema() -> serde_json::Value {
        choice(Self::ALL)
    }
}

macro_rules! from_str {
    ($($type:ty),*) => {
        $(impl Setting for $type {
            fn parse(text: &str) -> Result<Self, String> {
                text.parse().map_err(|error| format!("{error}"))
            }

            fn show(&self) -> String {
                quote(&self.to_string())
            }
        })*
    };
}

from_str!(AgentName, Domain, HostPort, Network, Pattern, ProxyName, ServiceName, Target);
