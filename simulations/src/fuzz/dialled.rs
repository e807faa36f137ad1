//! What can be dialled, as people write it.

use warren::target::Target as Dialled;

use super::names::text;
use super::{Outcome, Target};

pub(super) const TARGET: Target =
    Target { name: "dialled", reads: "targets: `AGENT/SERVICE`, `AGENT:PORT`, `any/SERVICE`, host names", run: target, seeds };

fn target(data: &[u8]) -> Outcome {
    // A port may have zeros in front, and a host name means what `AGENT/SERVICE` does: such a target has two spellings.
    let plain = !data.windows(2).any(|two| two == b":0") && !data.contains(&b'.');
    if plain { text("target", data, |_: &Dialled| {}) } else { super::names::spelled("target", data, |_: &Dialled| {}) }
}

fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        "lab-pi/ssh",
        "lab-pi:22",
        "any/postgres",
        "a:65535",
        "a:0022",
        "lab-pi",
        "a/b/c",
        "a/any",
        "any:22",
        "a:0",
        "a:65536",
        "a:+22",
        "A/b",
        "ssh.lab-pi.warren",
        "lab-pi.warren:22",
        "ln.warren.warren",
        "lab-pi.other",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
