//! One value of a configuration: from the text of a flag or variable, from TOML, and back.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeValue;
use warren_raft::{AgentName, Pattern, ProxyName, ServiceName, StrategyKind};

use super::address::HostPort;
use super::document::Value;
use crate::failure::Printable;
use crate::ingress::{Domain, Network};
use crate::net::quic::CongestionControl;
use crate::target::Target;

/// Most entries of a list.
const MAX_LIST: usize = 1024;
/// Most bytes of a text.
const MAX_TEXT: usize = 4096;

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
}

impl Setting for NonZeroU32 {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("`{}` is not a number from 1 to {}", Printable(text), u32::MAX))
    }

    fn from_toml(value: &Value<'_>, faults: &mut Faults) -> Option<Self> {
        let Some(integer) = value.get_ref().as_integer() else {
            faults.add(value.span(), wanted("an integer", value));
            return None;
        };
        let number = u32::from_str_radix(integer.as_str(), integer.radix()).ok().and_then(Self::new);
        if number.is_none() {
            faults.add(value.span(), format!("`{}` is not a number from 1 to {}", integer.as_str(), u32::MAX));
        }
        number
    }

    fn show(&self) -> String {
        self.to_string()
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
        text.parse().map_err(|_| format!("`{}` is no strategy: `agent_mesh` or `proxy_peering`", Printable(text)))
    }

    fn show(&self) -> String {
        quote(&self.to_string())
    }
}

impl Setting for CongestionControl {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|()| {
            let known: Vec<_> = Self::ALL.iter().map(|known| format!("`{known}`")).collect();
            format!("`{}` is no congestion control: {}", Printable(text), known.join(", "))
        })
    }

    fn show(&self) -> String {
        quote(self.as_str())
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
