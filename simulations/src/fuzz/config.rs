//! The whole of `config.toml`.

use warren::config::{Config, Overrides};

use super::{Outcome, Target};

pub(super) const TARGET: Target = Target { name: "config", reads: "all of config.toml", run: target, seeds };

fn target(data: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(data) else { return Outcome::refused("config", &"no text") };
    match read(text) {
        Ok(config) => {
            let shown = shown(&config);
            let again = read(&shown).unwrap_or_else(|errors| panic!("what is shown can be read: {errors}\n{shown}"));
            assert_eq!(self::shown(&again), shown, "shown and read again");
            Outcome::plain("config", "read")
        }
        Err(errors) => {
            // Each error is told with its line, and no line is longer than the file.
            let told = errors.to_string();
            assert!(told.len() <= errors.iter().count() * (4 * text.len() + 4096), "{} bytes are told of {}", told.len(), text.len());
            let first = errors.iter().next().expect("an error");
            Outcome::refused("config", &first.message)
        }
    }
}

fn read(text: &str) -> Result<Config, warren::config::ConfigErrors> {
    Config::parse("config.toml", text, &Overrides::none("host-1"))
}

/// The configuration as `warren config show` has it, as a file. A key without a value is one that is not set.
fn shown(config: &Config) -> String {
    let (mut text, mut section) = (String::new(), "");
    for shown in config.shown() {
        if shown.section != section {
            section = shown.section;
            text += &format!("[{section}]\n");
        }
        text += &format!("{} = {}\n", shown.key, shown.value);
    }
    text
}

fn seeds() -> Vec<Vec<u8>> {
    let documented = include_str!("../../../config.toml");
    let examples = documented.lines().map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line));
    let examples: String = examples.filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect();
    let texts = [
        "",
        documented,
        &examples,
        "[proxi]\n",
        "proxy = 3",
        "[raft]\nheartbeat = \"fast\"",
        "[raft]\nmax_voters = \"5\"",
        "[proxy]\nzone = \"a\"\ndrain_timout = \"30s\"\n",
        "[transport]\nfoo = \"1KiB\"",
        "[a",
        "[agent]\nservices = [{}]",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
