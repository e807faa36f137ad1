//! Single values of the configuration, as variables give them.

use std::sync::OnceLock;

use warren::config::{Config, Overrides};

use super::{Outcome, Target};

pub(super) const TARGET: Target = Target {
    name: "setting",
    reads: "one value of the configuration as text: durations, sizes, addresses, lists, words",
    run: target,
    seeds,
};

/// The first byte says which key is set, the others to what.
fn target(data: &[u8]) -> Outcome {
    let Some((first, rest)) = data.split_first() else { return Outcome::refused("nothing", &"no key") };
    let Ok(text) = std::str::from_utf8(rest) else { return Outcome::refused("setting", &"no text") };
    let (section, key) = &keys()[usize::from(*first) % keys().len()];
    let variable = format!("WARREN_{section}_{key}").replace('.', "_").to_uppercase();
    let overrides = Overrides::none("host-1").with_variable(&variable, text);
    match Config::load(None, &overrides) {
        Ok(config) => {
            let shown = config.shown().iter().find(|shown| (shown.section, shown.key) == (section, key)).expect("it was set");
            // A way in is there once it is said where it listens.
            let listen = if section.starts_with("ingress.") && *key != "listen" { "listen = \"127.0.0.1:1\"\n" } else { "" };
            let file = format!("[{section}]\n{listen}{key} = {}\n", shown.value);
            let again = Config::parse("config.toml", &file, &Overrides::none("host-1"));
            let again = again.unwrap_or_else(|errors| panic!("what is shown can be read: {errors}\n{file}"));
            let same = again.shown().iter().find(|shown| (shown.section, shown.key) == (section, key)).expect("it was set");
            assert_eq!(same.value, shown.value, "shown and read again");
            Outcome::plain(&format!("{section}.{key}"), "read")
        }
        Err(errors) => {
            let told = errors.to_string();
            assert!(told.len() <= 4096 + 8 * text.len(), "{} bytes are told of {}", told.len(), text.len());
            Outcome::refused(&format!("{section}.{key}"), &errors.iter().next().expect("an error").message)
        }
    }
}

/// Every key there is.
fn keys() -> &'static [(&'static str, &'static str)] {
    static KEYS: OnceLock<Vec<(&'static str, &'static str)>> = OnceLock::new();
    KEYS.get_or_init(|| {
        let defaults = Config::load(None, &Overrides::none("host-1")).expect("the defaults");
        defaults.shown().iter().map(|shown| (shown.section, shown.key)).collect()
    })
}

/// Each key with its default, and with words of every kind.
fn seeds() -> Vec<Vec<u8>> {
    let defaults = Config::load(None, &Overrides::none("host-1")).expect("the defaults");
    let with = |number: u8, text: &str| [&[number], text.as_bytes()].concat();
    let mut seeds: Vec<_> = (0_u8..).zip(defaults.shown()).map(|(number, shown)| with(number, shown.value.trim_matches('"'))).collect();
    let texts =
        ["1m 30s", "4MiB", "18446744073709551615B", "[::1]:3021", "a,b", "agent_mesh", "true", "-1", "99999999999999999999s", "cubic"];
    for (number, text) in (0_u8..).zip(defaults.shown()).flat_map(|(number, _)| texts.iter().map(move |text| (number, text))) {
        if (usize::from(number) + text.len()).is_multiple_of(5) {
            seeds.push(with(number, text));
        }
    }
    seeds
}
