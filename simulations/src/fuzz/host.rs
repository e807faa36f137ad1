//! Host names as targets.

use std::num::NonZeroU16;

use warren::ingress::Domain;
use warren::target::Target as Dialled;

use super::{Outcome, Target};

pub(super) const TARGET: Target = Target {
    name: "host",
    reads: "host names that mean targets: `AGENT.<domain>`, `SERVICE.AGENT.<domain>`, `SERVICE.any.<domain>`",
    run: target,
    seeds,
};

/// The first byte says whether there is a port.
fn target(data: &[u8]) -> Outcome {
    let Some((first, rest)) = data.split_first() else { return Outcome::refused("nothing", &"no name") };
    let Ok(host) = std::str::from_utf8(rest) else { return Outcome::refused("host", &"no text") };
    if let Ok(domain) = host.parse::<Domain>() {
        assert_eq!(domain.to_string(), host, "a domain is written as it was read");
    }
    match Domain::default().target(host, NonZeroU16::new(u16::from(*first))) {
        Ok(dialled) => {
            assert_eq!(dialled.to_string().parse::<Dialled>().as_ref(), Ok(&dialled), "a target like those that people write");
            Outcome::decoded("host", &dialled)
        }
        Err(error) => {
            assert!(error.failure().to_string().len() < 4096, "a bounded answer");
            Outcome::refused("host", &error)
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let long = format!("\u{16}{}.warren", "a.".repeat(200));
    let texts = [
        "\u{16}lab-pi.warren",
        "\0lab-pi.warren",
        "\u{16}web.lab-pi.warren",
        "\0WEB.Lab-Pi.Warren.",
        "\0web.any.warren",
        "\u{16}any.warren",
        "\0a.b.c.warren",
        "\0web..warren",
        "\0web.lab_pi.warren",
        "\0warren",
        "\x00127.0.0.1",
        &long,
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
