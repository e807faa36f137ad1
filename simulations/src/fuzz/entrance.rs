//! The server name of a machine that enrols, which says what authority its token names.

use warren::identity::tls::{entrance_fingerprint, entrance_name};

use super::{Outcome, Target};

pub(super) const TARGET: Target = Target {
    name: "entrance",
    reads: "the fingerprint of an authority in the server name of an enrolling machine's hello",
    run: target,
    seeds,
};

fn target(data: &[u8]) -> Outcome {
    let Ok(name) = std::str::from_utf8(data) else { return Outcome::refused("entrance", &"no text") };
    match entrance_fingerprint(name) {
        Some(fingerprint) => {
            assert!(entrance_name(fingerprint).eq_ignore_ascii_case(name), "a name gives back what it was made of");
            Outcome::plain("entrance", "a fingerprint")
        }
        None => Outcome::refused("entrance", &"another name"),
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let name = entrance_name([0xab; 16]);
    let texts = [&name, &name.to_uppercase(), &name[1..], "warren", "ca-.warren", "ca-ab.warren", ""];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
