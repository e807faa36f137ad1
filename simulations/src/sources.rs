//! What the product's sources say: for the lists that must agree with them.

use std::collections::BTreeSet;
use std::path::Path;

/// The names with which a macro is used in the product, in order.
pub(crate) fn names(used: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut names = BTreeSet::new();
    for directory in ["src", "raft/src"] {
        visit(&root.join(directory), &format!("{used}("), &mut names);
    }
    names.into_iter().collect()
}

fn visit(directory: &Path, used: &str, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(directory).expect("the sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            // What defines the macros shows how they are used.
            if !path.ends_with("fault") {
                visit(&path, used, names);
            }
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source");
            names.extend(text.split(used).skip(1).map(|rest| name(rest, &path)));
        }
    }
}

fn name(rest: &str, path: &Path) -> String {
    let quoted = rest.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"'));
    quoted.map(|(name, _)| name.to_owned()).unwrap_or_else(|| panic!("{}: a point without a name", path.display()))
}
