//! Certificates that come in a handshake or from a file.

use std::sync::Arc;

use warren::identity::tls::leaf::Leaf;
use warren::identity::{Authority, Credentials, Identity, MachineKey};
use warren::net::{Entropy, Env, Wall};
use warren_raft::{ClusterId, Timestamp};

use super::{Outcome, Target};

pub(super) const TARGET: Target =
    Target { name: "certificate", reads: "the certificate of whoever shakes hands, and one from a file", run: target, seeds };

fn target(data: &[u8]) -> Outcome {
    let certificate = data.to_vec().into();
    let read = Leaf::read(&certificate);
    if let Ok(leaf) = &read {
        assert_eq!(leaf.identity.to_string().parse(), Ok(leaf.identity.clone()), "one spelling");
    }
    // The checks of a handshake run over whatever a stranger sends, and an authority's certificate comes from a stranger's answer, too.
    let key = MachineKey::generate(&Entropy::seeded(1));
    let kept = Credentials::new(certificate.clone(), certificate, key);
    match (read, kept) {
        (Ok(leaf), Ok(_)) => Outcome::decoded("certificate of its own key", &leaf.identity.role),
        (Ok(leaf), Err(error)) => Outcome::refused(&format!("certificate of a {}", leaf.identity.role), &error),
        (Err(error), _) => Outcome::refused("certificate", &error),
    }
}

/// When the certificates of the corpus are made.
#[derive(Debug)]
struct Then;

impl Wall for Then {
    fn now(&self) -> Timestamp {
        Timestamp(1_750_000_000_000)
    }
}

/// Where the certificates of the corpora are made.
pub(super) fn world() -> Env {
    Env { entropy: Entropy::seeded(1), wall: Arc::new(Then), ..Env::real() }
}

fn seeds() -> Vec<Vec<u8>> {
    let env = world();
    let cluster = ClusterId([7; 16]);
    let authority = Authority::create(cluster, "warren", &env).expect("an authority");
    let key = MachineKey::generate(&Entropy::seeded(1));
    let names = [Identity::proxy(cluster, warren_raft::ProxyId(1)), Identity::agent(cluster, &"lab-pi".parse().expect("a name"))];
    let issued = names.map(|name| authority.issue(&key.csr(), &name, warren::identity::LIFETIME, &env).expect("a certificate"));
    let mut seeds: Vec<Vec<u8>> = issued.iter().map(|issued| issued.certificate.to_vec()).collect();
    seeds.push(authority.certificate_der().to_vec());
    seeds.push(seeds[0][..seeds[0].len() - 1].to_vec());
    seeds
}
