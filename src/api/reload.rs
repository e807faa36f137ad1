//! `warren config reload`.

use serde::{Deserialize, Serialize};

use super::Schema;

/// What came of reading the configuration again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadView {
    /// 1.
    pub schema: Schema,
    /// The file; `None` where the process was given none.
    pub file: Option<String>,
    /// Whether all that has changed counts now. If not, nothing does.
    pub reloaded: bool,
    /// What has changed, by key.
    pub changes: Vec<ChangeRow>,
    /// Why nothing was taken over, as a person is told it.
    pub error: Option<String>,
    /// Whether that is because the configuration is wrong.
    pub invalid: bool,
}

/// A key whose value is another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRow {
    /// `TABLE.KEY`.
    pub key: String,
    /// Before, as TOML.
    pub old: String,
    /// Now, as TOML.
    pub new: String,
    /// What came to a list, each as TOML.
    #[serde(default)]
    pub came: Vec<String>,
    /// What went from a list.
    #[serde(default)]
    pub went: Vec<String>,
    /// When it counts: `reload`, `restart` or `bootstrap`.
    pub reload: String,
    /// For what it does not count yet although it is taken over.
    #[serde(default)]
    pub note: Option<String>,
}
