//! Variables that look like ours and are not: a word that was written wrong sets nothing, and nobody would notice.

use super::error::{ConfigError, Place};
use super::near::nearest;
use super::overrides::Overrides;
use super::reader::Shown;

/// An error for each `WARREN_*` variable that is neither a key's nor an option's.
pub(super) fn variables(overrides: &Overrides, keys: &[Shown]) -> Vec<ConfigError> {
    let keys: Vec<_> = keys.iter().map(|shown| variable_of(shown.section, shown.key)).collect();
    let known = || keys.iter().map(String::as_str).chain(overrides.options());
    let strangers = overrides.variables().filter(|name| !known().any(|known| known == *name) && !is_orchestrators(name));
    let error = |name: &str| ConfigError {
        message: format!("unknown variable `{}`", crate::failure::Printable(name)),
        place: Place::Variable(crate::failure::Printable(name).to_string()),
        hint: nearest(name, known()).map(|near| format!("did you mean `{near}`?")),
    };
    strangers.map(error).collect()
}

/// The variable that sets a key.
pub(super) fn variable_of(section: &str, key: &str) -> String {
    format!("WARREN_{section}_{key}").replace('.', "_").to_uppercase()
}

/// Whether it is one of those that Kubernetes and Docker's links set for a service that happens to be called `warren`.
fn is_orchestrators(name: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|digit| digit.is_ascii_digit());
    let has_port = name.split("_PORT_").nth(1).is_some_and(|rest| is_number(rest.split('_').next().unwrap_or_default()));
    name.ends_with("_SERVICE_HOST") || name.contains("_SERVICE_PORT") || name == "WARREN_PORT" || has_port
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Overrides};

    fn errors(variables: &[&str]) -> Vec<(String, Option<String>)> {
        let none = Overrides::none("host-1").with_options(["WARREN_CONFIG".to_owned(), "WARREN_OUTPUT".to_owned()]);
        let overrides = variables.iter().fold(none, |overrides, name| overrides.with_variable(name, "1"));
        let Err(errors) = Config::load(None, &overrides) else { return Vec::new() };
        errors.iter().map(|error| (error.message.clone(), error.hint.clone())).collect()
    }

    #[test]
    fn a_variable_that_nobody_reads_is_an_error() {
        assert_eq!(errors(&["WARREN_CONFIG", "WARREN_LIMITS_HANDSHAKES", "WARREN_PROXY_ZONE"]), []);
        let wrong = errors(&["WARREN_LIMITS_HANDSHAKE", "WARREN_OUTPOT", "WARREN_SOMETHING_ELSE"]);
        assert_eq!(
            wrong,
            [
                ("unknown variable `WARREN_LIMITS_HANDSHAKE`".to_owned(), Some("did you mean `WARREN_LIMITS_HANDSHAKES`?".to_owned())),
                ("unknown variable `WARREN_OUTPOT`".to_owned(), Some("did you mean `WARREN_OUTPUT`?".to_owned())),
                ("unknown variable `WARREN_SOMETHING_ELSE`".to_owned(), None),
            ]
        );
    }

    #[test]
    fn what_an_orchestrator_sets_for_a_service_called_warren_is_none_of_ours() {
        let theirs = [
            "WARREN_SERVICE_HOST",
            "WARREN_SERVICE_PORT",
            "WARREN_SERVICE_PORT_PUBLIC",
            "WARREN_PORT",
            "WARREN_PORT_3024_UDP",
            "WARREN_PORT_3024_UDP_ADDR",
            "WARREN_PROXY_SERVICE_HOST",
            "WARREN_PROXY_PORT_3081_TCP_PORT",
        ];
        assert_eq!(errors(&theirs), []);
    }
}
