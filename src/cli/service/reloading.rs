//! An old and a new configuration, and what is said of going from the one to the other.

use super::launch::Source;
use crate::api::{ChangeRow, ReloadView, Schema};
use crate::config::reload::{Change, Reload, changes};
use crate::config::{Config, Role};
use crate::failure::Printable;
use crate::proxy::NotReloaded;
use crate::telemetry::Logs;

/// Reads a configuration anew and keeps the one that counts.
#[derive(Debug)]
pub(super) struct Reloading {
    role: Role,
    source: Source,
    current: Config,
    logs: Logs,
}

/// A configuration that can be taken over.
#[derive(Debug)]
pub(super) struct Next {
    /// The configuration.
    pub(super) config: Config,
    changes: Vec<Change>,
}

impl Reloading {
    /// Of a process that runs with this configuration.
    pub(super) fn new(role: Role, source: Source, current: Config, logs: Logs) -> Self {
        Self { role, source, current, logs }
    }

    /// What counts now.
    pub(super) fn current(&self) -> &Config {
        &self.current
    }

    /// Reads the configuration. It can be taken over if all that has changed may change now.
    ///
    /// # Errors
    /// What is said instead; the old one stays.
    pub(super) fn read(&self) -> Result<Next, Box<ReloadView>> {
        let config = self.source.load().map_err(|errors| {
            let text = errors.to_string();
            self.refused(Vec::new(), &text, Refused::Invalid)
        })?;
        let changes = changes(&self.current, &config, self.role);
        match refusal(&changes, self.role) {
            None => Ok(Next { config, changes }),
            Some(reason) => Err(self.refused(changes, &reason, Refused::Impossible)),
        }
    }

    /// Takes over what was read, but for what the process itself had to see to before.
    pub(super) fn done(&mut self, next: Next) -> ReloadView {
        self.logs.change(&next.config.telemetry);
        for change in &next.changes {
            tracing::info!(key = change.key, old = change.old, new = change.new, note = change.note, "configuration changed");
        }
        tracing::info!(changes = next.changes.len(), "configuration reloaded");
        self.current = next.config;
        ReloadView { reloaded: true, ..self.view(&next.changes) }
    }

    /// Says why what was read is not taken over after all.
    pub(super) fn failed(&self, next: Next, reason: &str) -> ReloadView {
        *self.refused(next.changes, &format!("error: {reason}"), Refused::Impossible)
    }

    fn refused(&self, changes: Vec<Change>, text: &str, why: Refused) -> Box<ReloadView> {
        tracing::error!(reason = one_line(text), "configuration not reloaded: what counted before counts still");
        Box::new(ReloadView { error: Some(text.to_owned()), invalid: why == Refused::Invalid, ..self.view(&changes) })
    }

    fn view(&self, changes: &[Change]) -> ReloadView {
        let row = |change: &Change| ChangeRow {
            key: change.key.clone(),
            old: change.old.clone(),
            new: change.new.clone(),
            came: change.came.clone(),
            went: change.went.clone(),
            reload: change.reload.to_string(),
            note: change.note.map(str::to_owned),
        };
        let changes = changes.iter().map(row).collect();
        ReloadView { schema: Schema, file: self.source.file(), reloaded: false, changes, error: None, invalid: false }
    }
}

/// Why a configuration is not taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    /// There is something wrong with it.
    Invalid,
    /// It cannot be while the process runs.
    Impossible,
}

/// What keeps these changes from being taken over, if anything does.
fn refusal(changes: &[Change], role: Role) -> Option<String> {
    let keys = |reload: Reload| {
        let keys = changes.iter().filter(|change| change.reload == reload).map(|change| format!("`{}`", Printable(&change.key)));
        keys.collect::<Vec<_>>().join(", ")
    };
    let (restart, bootstrap) = (keys(Reload::Restart), keys(Reload::Bootstrap));
    let mut lines = Vec::new();
    if !restart.is_empty() {
        lines.push(format!("error: a restart is wanted for {restart}: nothing was changed"));
        let (service, agent) = if role == Role::Agent { ("warren-agent", " --role agent") } else { ("warren-proxy", "") };
        lines.push(format!(
            "hint: restart it, `systemctl restart {service}` where it is a service, or undo that in the file and `warren config reload{agent}`"
        ));
    }
    if !bootstrap.is_empty() {
        lines.push(format!("error: only a new cluster is made with {bootstrap}: nothing was changed"));
        lines.push("hint: `warren strategy set` changes the strategy of one that is there".to_owned());
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// What is kept of a reload that changed nothing, for whoever looks later: the errors, and which command helps.
pub(super) fn not_reloaded(view: &ReloadView) -> Option<NotReloaded> {
    let text = view.error.as_deref()?;
    let hints: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("hint: ")).collect();
    let file = view.file.as_ref().map(|file| format!(" --config {}", Printable(file))).unwrap_or_default();
    let hint = match (view.invalid, hints.is_empty()) {
        (true, _) => {
            format!("`warren config check{file}` shows each mistake with its line; once they are mended, `warren config reload{file}`")
        }
        (false, true) => format!("`warren config reload{file}` tries again"),
        (false, false) => hints.join("; "),
    };
    Some(NotReloaded { reason: one_line(text), hint })
}

/// What is said in a log or to a service manager: the errors alone.
pub(super) fn one_line(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| line.starts_with("error: ") || line.starts_with("-->")).collect();
    lines.join(" ").replace("error: ", "; ").trim_start_matches("; ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_a_change_from_counting_is_named() {
        let change = |key: &str, reload| {
            let (old, new) = ("1".to_owned(), "2".to_owned());
            Change { key: key.to_owned(), old, new, came: Vec::new(), went: Vec::new(), reload, note: None }
        };
        let refusal = |changes: &[Change]| refusal(changes, Role::Proxy);
        assert_eq!(refusal(&[]), None);
        assert_eq!(refusal(&[change("a.b", Reload::Live)]), None);
        let refused = refusal(&[change("a.b", Reload::Live), change("a.c", Reload::Restart), change("a.d", Reload::Restart)]);
        let refused = refused.expect("a reason");
        assert!(refused.starts_with("error: a restart is wanted for `a.c`, `a.d`: nothing was changed\nhint: "), "{refused}");
        assert_eq!(one_line(&refused), "a restart is wanted for `a.c`, `a.d`: nothing was changed");
        let both = refusal(&[change("a.c", Reload::Restart), change("a.e", Reload::Bootstrap)]).expect("a reason");
        assert_eq!(both.lines().count(), 4, "{both}");
    }

    #[test]
    fn what_is_kept_of_a_failed_reload_names_the_command_that_helps() {
        let hint = |error: &str, invalid| {
            let (file, changes) = (Some("/w.toml".to_owned()), Vec::new());
            let view = ReloadView { schema: Schema, file, reloaded: false, changes, error: Some(error.to_owned()), invalid };
            not_reloaded(&view).map(|kept| (kept.reason, kept.hint)).expect("it failed")
        };
        let (reason, wrong) = hint("error: unknown key `x`\n  --> /w.toml:1:1\nhint: did you mean `y`?", true);
        assert_eq!(reason, "unknown key `x` --> /w.toml:1:1");
        assert!(wrong.starts_with("`warren config check --config /w.toml`") && !wrong.contains("`y`"), "{wrong}");
        assert_eq!(hint("error: a restart is wanted\nhint: restart it", false).1, "restart it");
        assert_eq!(hint("error: no room", false).1, "`warren config reload --config /w.toml` tries again");
        let well = ReloadView { schema: Schema, file: None, reloaded: true, changes: Vec::new(), error: None, invalid: false };
        assert_eq!(not_reloaded(&well), None);
    }
}
