//! What surrounds the binary is held to it: man pages, completions, units, the schema, the image and the package.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{all_installed, run, shell, warren};
use tempfile::TempDir;
use warren::cli::Cli;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn must_read(words: &[String]) {
    let read = Cli::read(words.iter().map(Into::into));
    assert!(read.is_ok(), "{words:?}: {}", read.map(|_| ()).expect_err("it is none"));
}

/// The arrays of words in a line, as JSON has them.
fn array(line: &str) -> Vec<String> {
    let from = line.find('[').unwrap_or_else(|| panic!("no words in {line}"));
    serde_json::from_str(&line[from..=line.rfind(']').expect("an end")]).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn commands(words: Vec<String>) -> Vec<String> {
    std::iter::once("warren".to_owned()).chain(words).collect()
}

#[test]
fn the_image_runs_commands_that_are_there() {
    let file = text("packaging/Dockerfile");
    let instruction = |name: &str| file.lines().filter(move |line| line.starts_with(name)).collect::<Vec<_>>();
    assert_eq!(array(instruction("ENTRYPOINT")[0]), ["/usr/bin/warren"]);
    must_read(&commands(array(instruction("CMD")[0])));
    let health = array(instruction("HEALTHCHECK")[0].split_once(" CMD ").expect("a command").1);
    assert_eq!(health[0], "/usr/bin/warren");
    must_read(&health);
    for line in instruction("USER ") {
        assert_eq!(line, "USER 65532:65532", "nobody runs as root");
    }
    assert!(instruction("FROM ").contains(&"FROM scratch"));
    // Each directory that the configuration writes to is made there.
    let defaults = warren(&["config", "show", "-o", "json"], b"").json();
    let settings = defaults["settings"].as_array().expect("settings").iter();
    for setting in settings.filter(|setting| setting["key"].as_str().is_some_and(|key| key.ends_with(".data_dir"))) {
        let directory: String = serde_json::from_str(setting["value"].as_str().expect("a value")).expect("a path");
        assert!(file.contains(&format!("/image{directory} ")), "{directory}");
    }
}

#[test]
fn the_compose_file_names_what_is_there() {
    let file = text("packaging/compose.yaml");
    let mut ours = 0;
    for line in file.lines().map(str::trim).filter(|line| line.starts_with("command: [")) {
        let words = array(line);
        if words[0] != "sh" {
            must_read(&commands(words));
            ours += 1;
        }
    }
    assert_eq!(ours, 4, "three proxies and an agent");
    for line in file.lines().map(str::trim).filter(|line| line.starts_with("warren ")) {
        let line = line.split(" > ").next().expect("a line").replace('\'', "");
        must_read(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
    }
    // Variables that set nothing are errors.
    let variables: Vec<_> =
        file.lines().filter_map(|line| line.trim().split_once(": ")).filter(|(name, _)| name.starts_with("WARREN_")).collect();
    assert!(variables.len() >= 10, "{variables:?}");
    for (name, value) in variables {
        let mut command = Command::new(env!("CARGO_BIN_EXE_warren"));
        command.args(["config", "check"]).env_clear().env(name, value);
        assert_eq!(run(command, b"").status, Some(0), "{name}={value}");
    }
    if let Some([python]) = all_installed("the_compose_file_names_what_is_there", ["python3"]) {
        let mut command = Command::new(python);
        let script = "import sys\ntry:\n import yaml\nexcept ImportError:\n sys.exit(0)\nservices = yaml.safe_load(open(sys.argv[1]))['services']\n\
             assert {'proxy-1', 'proxy-2', 'proxy-3', 'agent'} <= set(services), services";
        command.args(["-c", script]).arg(root().join("packaging/compose.yaml"));
        let ended = run(command, b"");
        assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    }
}

/// What the package installs is in the repository, or is made by the script before.
#[test]
fn the_package_has_everything_that_it_names() {
    let manifest: toml::Table = text("Cargo.toml").parse().expect("a manifest");
    let deb = manifest["package"]["metadata"]["deb"].as_table().expect("what cargo-deb reads");
    let made = TempDir::new().expect("a directory");
    let binary = env!("CARGO_BIN_EXE_warren");
    let ended = shell(root(), &format!("packaging/generate {binary} {}", made.path().join("package").display()));
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let mut installed = Vec::new();
    for asset in deb["assets"].as_array().expect("assets") {
        let [from, to] = [0, 1].map(|at| asset[at].as_str().expect("a path"));
        installed.push(format!("/{to}"));
        let found = match from.strip_prefix("target/package/") {
            Some("man/*.1.gz") => fs::read_dir(made.path().join("package/man")).expect("man pages").count() > 20,
            Some(file) => made.path().join("package").join(file).is_file(),
            None => from == "target/release/warren" || root().join(from).is_file(),
        };
        assert!(found, "{from}");
    }
    for file in deb["conf-files"].as_array().expect("files") {
        assert!(installed.contains(&file.as_str().expect("a path").to_owned()), "{file}");
    }
    assert!(!deb.contains_key("maintainer-scripts"), "nothing runs when it is installed");
    for name in ["config.toml", "agent.toml"] {
        let file = made.path().join("package").join(name);
        let checked = warren(&["config", "check", "--config", file.to_str().expect("a path")], b"");
        assert_eq!(checked.status, Some(0), "{name}: {}", checked.stderr);
    }
    assert!(shell(root(), "sh -n packaging/generate && sh -n packaging/build-deb").status == Some(0));
}

#[test]
fn systemd_understands_the_units() {
    let Some([analyze]) = all_installed("systemd_understands_the_units", ["systemd-analyze"]) else { return };
    let dir = TempDir::new().expect("a directory");
    for role in ["proxy", "agent"] {
        let unit = dir.path().join(format!("warren-{role}.service"));
        // It looks whether the program is there.
        let generated = warren(&["generate", "systemd", "--role", role, "--binary", env!("CARGO_BIN_EXE_warren")], b"").must_succeed();
        fs::write(&unit, generated).expect("a unit");
        let mut command = Command::new(&analyze);
        command.arg("verify").arg("--man=no").arg(&unit);
        let ended = run(command, b"");
        // An older systemd does not know the second `Type=`, as the unit says.
        let wrong: Vec<_> = ended.stderr.lines().filter(|line| line.contains("warren") && !line.contains("notify-reload")).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
        let mut command = Command::new(&analyze);
        command.args(["security", "--offline=true", "--threshold=25"]).arg(&unit);
        let ended = run(command, b"");
        assert!(ended.status == Some(0) || ended.stderr.contains("Unknown") || ended.stderr.contains("offline"), "{ended:?}");
    }
}

#[test]
fn shells_take_the_completions() {
    let dir = TempDir::new().expect("a directory");
    let checks = [
        (
            "bash",
            "bash -c '. ./bash; COMP_WORDS=(warren token cre); COMP_CWORD=2; _warren warren cre token; test \"${COMPREPLY[*]}\" = create'",
        ),
        ("zsh", "zsh -n ./zsh"),
        ("fish", "fish --no-execute ./fish"),
    ];
    for (name, check) in checks {
        if all_installed(&format!("shells_take_the_completions: {name}"), [name]).is_none() {
            continue;
        }
        fs::write(dir.path().join(name), warren(&["generate", "completions", name], b"").must_succeed()).expect("a script");
        let ended = shell(dir.path(), check);
        assert_eq!(ended.status, Some(0), "{name}: {ended:?}");
    }
}

#[test]
fn man_pages_are_pages() {
    let dir = TempDir::new().expect("a directory");
    let ended = warren(&["generate", "man", "--dir", dir.path().to_str().expect("a path")], b"");
    assert_eq!((ended.status, ended.stdout.as_slice()), (Some(0), &b""[..]), "{}", ended.stderr);
    let pages: Vec<PathBuf> = fs::read_dir(dir.path()).expect("pages").map(|entry| entry.expect("a page").path()).collect();
    assert!(pages.len() > 30 && pages.contains(&dir.path().join("warren-token-create.1")), "{pages:?}");
    let Some([man]) = all_installed("man_pages_are_pages", ["man"]) else { return };
    for page in pages {
        let mut command = Command::new(&man);
        command.args(["--warnings", "--encoding=utf8", "--local-file"]).arg(&page).env("MANWIDTH", "80").env("MANPAGER", "cat");
        let ended = run(command, b"");
        assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""), "{}", page.display());
    }
}

/// The documented file, and one that is wrong, as an editor with the schema would have them.
#[test]
fn the_schema_says_of_a_file_what_the_reader_does() {
    let Some([python]) = all_installed("the_schema_says_of_a_file_what_the_reader_does", ["python3"]) else { return };
    let dir = TempDir::new().expect("a directory");
    let schema = dir.path().join("schema.json");
    fs::write(&schema, warren(&["config", "schema"], b"").must_succeed()).expect("a file");
    let script = "import json, sys\ntry:\n import jsonschema, tomllib\nexcept ImportError:\n sys.exit(77)\nschema = json.load(open(sys.argv[1]))\n\
         jsonschema.Draft202012Validator.check_schema(schema)\nvalidator = jsonschema.Draft202012Validator(schema)\n\
         for error in validator.iter_errors(tomllib.load(open(sys.argv[2], 'rb'))):\n print('/'.join(map(str, error.absolute_path)), error.validator)";
    let check = |toml: &Path| {
        let mut command = Command::new(&python);
        command.args(["-c", script]).arg(&schema).arg(toml);
        run(command, b"")
    };
    let documented = check(&root().join("config.toml"));
    if documented.status == Some(77) {
        return support::not_run("the_schema_says_of_a_file_what_the_reader_does", "python3 has no jsonschema");
    }
    assert_eq!((documented.status, documented.stdout.as_slice()), (Some(0), &b""[..]), "{}", documented.stderr);
    let wrong = dir.path().join("wrong.toml");
    let text = "[peer]\ndata_connections = 0\n[raft]\nheartbeat = 3\nmax_votes = 1\n[telemetry]\nformat = \"xml\"\n[[agent.service]]\nname = \"a\"\n";
    fs::write(&wrong, text).expect("a file");
    let found = String::from_utf8(check(&wrong).must_succeed()).expect("text");
    let mut found: Vec<_> = found.lines().collect();
    found.sort_unstable();
    let expected = [
        "agent/service/0 required",
        "peer/data_connections minimum",
        "raft additionalProperties",
        "raft/heartbeat type",
        "telemetry/format enum",
    ];
    assert_eq!(found, expected);
}

/// The README's table of what it promises: each part of it has a file of tests, each file a part, and what is named is there.
#[test]
fn each_promise_of_the_readme_has_its_tests() {
    /// Parts that promise nothing of themselves.
    const NO_PROMISES: [&str; 4] = ["Running it for good", "What is there, and what is not yet", "Tests", "More"];
    let readme = text("README.md");
    let headings: Vec<_> = readme.lines().filter_map(|line| line.strip_prefix("## ").or_else(|| line.strip_prefix("### "))).collect();
    let anchor = |heading: &str| {
        let kept = heading.to_lowercase().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_')).collect::<String>();
        kept.replace(' ', "-")
    };
    let table = readme.split_once("| promise | tests |\n").expect("the table").1;
    let rows: Vec<_> = table.lines().skip(1).map_while(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | ")).collect();
    let (mut promised, mut held) = (Vec::new(), BTreeSet::new());
    for (promises, files) in rows {
        for promise in promises.split(", [").map(|promise| promise.trim_start_matches('[')) {
            let (title, link) = promise.split_once("](#").unwrap_or_else(|| panic!("no link: {promise}"));
            assert_eq!(link.trim_end_matches(')'), anchor(title));
            promised.push(title);
        }
        for file in files.split(", ").map(|file| file.trim_matches('`')) {
            assert!(root().join(file).is_file(), "{file}");
            held.insert(file.to_owned());
        }
    }
    let expected: Vec<_> = headings.into_iter().filter(|heading| !NO_PROMISES.contains(heading)).collect();
    assert_eq!(promised.iter().collect::<BTreeSet<_>>(), expected.iter().collect(), "each part once");
    assert_eq!(promised.len(), expected.len(), "{promised:?}");
    for file in fs::read_dir(root().join("tests")).expect("tests").map(|file| file.expect("a file").path()) {
        let name = format!("tests/{}", file.file_name().expect("a name").to_string_lossy());
        let is_named = held.contains(&name) || readme.contains(&format!("`{name}`"));
        assert!(file.extension().is_none_or(|extension| extension != "rs") || is_named, "the README names {name} nowhere");
    }
}
