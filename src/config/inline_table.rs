//! A table that is an element of a list, such as `[[agent.service]]`.

use toml::de::DeTable;

use super::document::Value;
use super::near::nearest;
use super::setting::{Faults, Setting, wanted};
use crate::failure::Printable;

/// A table, and where it stands.
pub(super) struct InlineTable<'v, 't> {
    table: &'v DeTable<'t>,
    whole: &'v Value<'t>,
}

impl<'v, 't> InlineTable<'v, 't> {
    /// The table that `whole` is to be, which has no other keys than these.
    pub(super) fn of(whole: &'v Value<'t>, keys: &[&'static str], faults: &mut Faults) -> Option<Self> {
        let Some(table) = whole.get_ref().as_table() else {
            faults.add(whole.span(), wanted("a table", whole));
            return None;
        };
        for key in table.keys().filter(|key| !keys.contains(&key.get_ref().as_ref())) {
            let name = key.get_ref().as_ref();
            let hint = nearest(name, keys.iter().copied()).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            faults.add(key.span(), format!("unknown key `{}`{hint}", Printable(name)));
        }
        Some(Self { table, whole })
    }

    /// The value of a key that must be there.
    pub(super) fn needed<T: Setting>(&self, key: &str, faults: &mut Faults) -> Option<T> {
        let Some(value) = self.table.get(key) else {
            faults.add(self.whole.span(), format!("`{key}` is missing"));
            return None;
        };
        T::from_toml(value, faults)
    }

    /// The value of a key, or `default` where it is not there.
    pub(super) fn get<T: Setting>(&self, key: &str, default: T, faults: &mut Faults) -> Option<T> {
        self.table.get(key).map_or(Some(default), |value| T::from_toml(value, faults))
    }

    /// What true or false stand for; the second where the key is not there.
    pub(super) fn switch<T>(&self, key: &str, (yes, no): (T, T), faults: &mut Faults) -> Option<T> {
        match self.table.get(key) {
            Some(value) => yes_or_no(value, (yes, no), faults),
            None => Some(no),
        }
    }
}

/// What true or false stand for.
pub(super) fn yes_or_no<T>(value: &Value<'_>, (yes, no): (T, T), faults: &mut Faults) -> Option<T> {
    match value.get_ref().as_bool() {
        Some(true) => Some(yes),
        Some(false) => Some(no),
        None => {
            faults.add(value.span(), wanted("true or false", value));
            None
        }
    }
}
