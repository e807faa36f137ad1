//! The product reaches the outside only where a simulation can put its own: by its source, which no lint tells apart by module.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What runs in a simulation.
const SIMULATED: [&str; 9] =
    ["src/proxy", "src/agent", "src/client", "src/identity", "src/net", "src/http", "src/wire", "src/audit", "raft/src"];
/// What reaches past the seam, or comes in another order in another process.
const OUTSIDE: [&str; 16] = [
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "spawn_blocking",
    "tokio::net",
    "tokio::fs",
    "tokio::process",
    "SystemTime::now",
    "SystemRandom::new",
    "gethostname",
    "stdin()",
    "HashMap",
    "HashSet",
    "RandomState",
    "rand::rng()",
];
/// Where that may stand, and why.
const MAY: [(&str, &str, &str); 24] = [
    ("src/audit/file.rs", "std::fs", "handed in by the command line: a simulation has no audit log"),
    ("src/audit/writer.rs", "std::thread", "handed in by the command line: a simulation has no audit log"),
    ("src/net/local.rs", "std::fs", "the operating system behind the seam"),
    ("src/net/local.rs", "tokio::net", "the operating system behind the seam"),
    ("src/net/files/real.rs", "std::fs", "the operating system behind the seam"),
    ("src/net/process.rs", "std::fs", "the operating system behind the seam"),
    ("src/net/stores.rs", "std::fs", "the operating system behind the seam"),
    ("src/net/real.rs", "tokio::net", "the operating system behind the seam"),
    ("src/net/real.rs", "SystemTime::now", "the operating system behind the seam"),
    ("src/net/entropy.rs", "SystemRandom::new", "the operating system behind the seam"),
    ("src/proxy/threads.rs", "std::thread", "only where the environment allows another thread"),
    ("src/proxy/restored.rs", "std::fs", "works on a machine on which no proxy runs"),
    ("src/proxy/member.rs", "stdin()", "a token that the command line takes from standard input"),
    ("src/identity/token.rs", "stdin()", "a token that the command line takes from standard input"),
    ("src/client/connect.rs", "stdin()", "the command line's standard input and output as a stream"),
    ("src/client/connect.rs", "std::fs", "the command line's standard input and output as a stream"),
    ("raft/src/disk/directory.rs", "std::fs", "the operating system behind `Volume`"),
    ("raft/src/disk/fence.rs", "std::fs", "the operating system behind `Volume`"),
    ("raft/src/disk/cold.rs", "std::fs", "the operating system behind `Volume`"),
    ("raft/src/disk/sled.rs", "std::fs", "the operating system behind `Volume`"),
    ("raft/src/disk/sled.rs", "std::thread", "the operating system behind `Volume`"),
    ("raft/src/disk/memory.rs", "std::thread", "a slow disk in tests"),
    ("raft/src/disk/writer.rs", "std::thread", "only where a disk is driven by a thread"),
    ("raft/src/disk/guard.rs", "std::thread", "asks whether it is a thread of sled's"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("it is in the workspace").to_owned()
}

/// The sources below `dir` that are not only for tests.
fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.contains("tests") {
            continue;
        }
        if path.is_dir() {
            sources(&path, found);
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
}

/// What a file has that reaches outside, without its tests and comments.
fn reaches(text: &str) -> BTreeSet<&'static str> {
    let product = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines: Vec<_> = product.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    OUTSIDE.into_iter().filter(|word| lines.iter().any(|line| line.contains(word))).collect()
}

#[test]
fn the_outside_is_reached_by_the_seam_only() {
    let (root, mut files) = (root(), Vec::new());
    SIMULATED.iter().for_each(|dir| sources(&root.join(dir), &mut files));
    let mut found = BTreeSet::new();
    for path in files {
        let name = path.strip_prefix(&root).expect("it is below").to_string_lossy().into_owned();
        found.extend(reaches(&fs::read_to_string(&path).expect("a source")).into_iter().map(|word| (name.clone(), word)));
    }
    let allowed: BTreeSet<_> = MAY.iter().map(|(file, word, _)| ((*file).to_owned(), *word)).collect();
    let (new, gone) = (found.difference(&allowed).collect::<Vec<_>>(), allowed.difference(&found).collect::<Vec<_>>());
    assert!(new.is_empty(), "these reach past `net::Env`: {new:#?}");
    assert!(gone.is_empty(), "these do not any more, and need no leave: {gone:#?}");
}

#[test]
fn a_comment_or_a_test_reaches_nothing() {
    assert!(reaches("// std::fs\n#[cfg(test)]\nmod tests {\n    std::fs::read(x)\n}").is_empty());
    assert_eq!(reaches("let x = std::fs::read(y);"), BTreeSet::from(["std::fs"]));
}
