//! What a process takes over while it runs when it is told to reload, and what it refuses.
//!
//! A reload is one thing: either all that has changed is taken over, or nothing is.

use std::fmt;

use super::elements::Difference;
use super::{Config, Role, Shown};

/// When a changed key begins to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// At once, when the process is told to reload.
    Live,
    /// With the next start.
    Restart,
    /// Never for a cluster that is there: only a new one is made with it.
    Bootstrap,
}

/// The keys that count at once. Whatever is not here wants a restart: that is what a new key does unless somebody has seen to it.
const LIVE: &[(&str, &str)] = &[
    ("proxy", "drain_timeout"),
    // Where and by what a proxy joins is looked at when it starts without an identity, and so there is nothing to do.
    ("cluster", "join"),
    ("cluster", "token_file"),
    ("limits", "streams_per_agent"),
    ("limits", "dial_timeout"),
    ("limits", "handshakes"),
    ("limits", "handshakes_per_source"),
    ("limits", "handshake_timeout"),
    ("limits", "header_timeout"),
    ("limits", "message_size"),
    ("limits", "connections_per_identity"),
    ("limits", "streams_per_client"),
    ("limits", "dials_per_client"),
    ("limits", "services_per_agent"),
    ("limits", "ingress_connections"),
    ("limits", "ingress_connections_per_source"),
    ("limits", "enrollments"),
    ("limits", "enrollments_per_source"),
    ("audit", "output"),
    ("audit", "rotate_size"),
    ("audit", "rotate_keep"),
    ("telemetry", "log"),
    ("telemetry", "format"),
    ("agent", "proxies"),
    ("agent", "token_file"),
    ("agent", "drain_timeout"),
    ("agent", "service"),
];

/// What is there already keeps what it has, where that is not plain to see.
const LATER: &[(&str, &str, &str)] = &[
    ("cluster", "join", "only where it has not joined yet"),
    ("cluster", "token_file", "only where it has not joined yet"),
    ("limits", "services_per_agent", "from each agent's next tunnel or change of services on"),
    ("limits", "connections_per_identity", "what is open already stays"),
    ("limits", "streams_per_client", "what is open already stays"),
    ("limits", "streams_per_agent", "what is open already stays"),
    ("limits", "ingress_connections", "what is open already stays"),
    ("limits", "ingress_connections_per_source", "what is open already stays"),
    ("agent", "proxies", "tunnels that are open stay"),
    ("agent", "token_file", "only when it enrols again"),
];

/// The keys that only a new cluster is made with.
const BOOTSTRAP: &[(&str, &str)] = &[("cluster", "name"), ("tunnel_strategy", "type"), ("tunnel_strategy", "agent_connection_count")];

/// A key whose value is another one than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// `TABLE.KEY`.
    pub key: String,
    /// Its value before, as TOML.
    pub old: String,
    /// Its value now, as TOML.
    pub new: String,
    /// What came to a list, each as TOML.
    pub came: Vec<String>,
    /// What went from a list.
    pub went: Vec<String>,
    /// When it counts.
    pub reload: Reload,
    /// For what it does not count yet although it is taken over.
    pub note: Option<&'static str>,
}

impl Change {
    fn of(before: &Shown, now: &Shown, reload: Reload) -> Self {
        let Difference { came, went } = Difference::between(&before.value, &now.value);
        let later = LATER.iter().find(|(section, key, _)| reload == Reload::Live && (*section, *key) == (now.section, now.key));
        Self {
            key: format!("{}.{}", now.section, now.key),
            old: before.value.clone(),
            new: now.value.clone(),
            came,
            went,
            reload,
            note: later.map(|(.., note)| *note),
        }
    }
}

impl Reload {
    /// When a change of this key counts.
    pub fn of(section: &str, key: &str) -> Self {
        if LIVE.contains(&(section, key)) {
            Self::Live
        } else if BOOTSTRAP.contains(&(section, key)) {
            Self::Bootstrap
        } else {
            Self::Restart
        }
    }
}

/// What has changed for a process, in the order of the documented file.
pub fn changes(old: &Config, new: &Config, role: Role) -> Vec<Change> {
    let used = new.shown().iter().filter(|shown| role.uses(shown.section, shown.key));
    let changed = used.filter_map(|now| {
        let before = old.shown().iter().find(|before| (before.section, before.key) == (now.section, now.key))?;
        (before.value != now.value).then(|| Change::of(before, now, reload_of(old, new, (now.section, now.key))))
    });
    changed.collect()
}

/// The audit log of a proxy goes elsewhere at once; but where there was none, nothing knows of one.
fn reload_of(old: &Config, new: &Config, (section, key): (&str, &str)) -> Reload {
    let is_switched = old.audit.output.is_some() != new.audit.output.is_some();
    if (section, key) == ("audit", "output") && is_switched { Reload::Restart } else { Reload::of(section, key) }
}

impl fmt::Display for Reload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Live => "reload",
            Self::Restart => "restart",
            Self::Bootstrap => "bootstrap",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;

    fn parse(text: &str) -> Config {
        Config::parse("config.toml", text, &Overrides::none("host-1")).expect(text)
    }

    #[test]
    fn every_key_that_is_named_here_is_one() {
        let defaults = parse("");
        let is_key = |(section, key): &(&str, &str)| defaults.shown().iter().any(|shown| (shown.section, shown.key) == (*section, *key));
        for named in LIVE.iter().chain(BOOTSTRAP) {
            assert!(is_key(named), "{named:?}");
        }
        assert!(LIVE.iter().all(|key| !BOOTSTRAP.contains(key)));
        assert!(LATER.iter().all(|(section, key, _)| LIVE.contains(&(section, key))), "what wants a restart says so itself");
    }

    #[test]
    fn a_changed_list_has_its_elements_and_what_counts_later_says_so() {
        let old = parse("[agent]\nproxies = [\"a:1\", \"b:1\"]\n[limits]\nservices_per_agent = 9\nhandshakes = 9");
        let new = parse("[agent]\nproxies = [\"b:1\", \"c:1\"]\n[limits]\nservices_per_agent = 8\nhandshakes = 8");
        let agent = &changes(&old, &new, Role::Agent)[0];
        assert_eq!((agent.came.as_slice(), agent.went.as_slice()), (&["\"c:1\"".to_owned()][..], &["\"a:1\"".to_owned()][..]));
        assert_eq!(agent.note, Some("tunnels that are open stay"));
        let notes: Vec<_> = changes(&old, &new, Role::Proxy).iter().map(|change| change.note).collect();
        assert_eq!(notes, [None, Some("from each agent's next tunnel or change of services on")]);
    }

    #[test]
    fn only_what_a_role_uses_and_what_differs_is_a_change() {
        let old = parse("[proxy]\nzone = \"a\"\n[limits]\nhandshakes = 9\n[agent]\nname = \"x\"\n[audit]\noutput = \"/a\"");
        let new = parse(
            "[proxy]\nzone = \"b\"\ndrain_timeout = \"30s\"\n[limits]\nhandshakes = 10\n[agent]\nname = \"y\"\n[audit]\noutput = \"/b\"",
        );
        let shown = |changes: Vec<Change>| -> Vec<String> {
            changes.iter().map(|change| format!("{} {} {} {}", change.key, change.old, change.new, change.reload)).collect()
        };
        assert_eq!(
            shown(changes(&old, &new, Role::Proxy)),
            ["proxy.zone \"a\" \"b\" restart", "limits.handshakes 9 10 reload", "audit.output \"/a\" \"/b\" reload"]
        );
        assert_eq!(shown(changes(&old, &new, Role::Agent)), ["agent.name \"x\" \"y\" restart"]);
        assert_eq!(shown(changes(&old, &old, Role::Proxy)), Vec::<String>::new());
        let off = parse("[proxy]\nzone = \"a\"\n[limits]\nhandshakes = 9\n[tunnel_strategy]\ntype = \"agent_mesh\"");
        assert_eq!(
            shown(changes(&old, &off, Role::Proxy)),
            ["tunnel_strategy.type \"proxy_peering\" \"agent_mesh\" bootstrap", "audit.output \"/a\" \"\" restart"]
        );
    }
}
