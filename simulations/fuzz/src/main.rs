//! A target of `warren_simulations::fuzz` under libFuzzer: the variable `TARGET` names it, arguments are libFuzzer's.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use warren_simulations::fuzz::{TARGETS, Target, target};

static CHOSEN: OnceLock<&'static Target> = OnceLock::new();

/// The target that `TARGET` names; without one the process ends with 2 and the names.
fn chosen() -> &'static Target {
    CHOSEN.get_or_init(|| {
        let name = std::env::var("TARGET").unwrap_or_default();
        target(&name).unwrap_or_else(|| {
            let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
            eprintln!("TARGET is `{name}`, and there are {}", names.join(", "));
            std::process::exit(2)
        })
    })
}

fuzz_target!(|data: &[u8]| {
    drop(chosen().run(data));
});
