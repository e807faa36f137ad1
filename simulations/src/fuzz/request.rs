//! Signing requests of strangers.

use warren::identity::{MachineKey, SigningRequest, key_hash_of_csr};
use warren::net::Entropy;

use super::{Outcome, Target};

pub(super) const TARGET: Target =
    Target { name: "request", reads: "the signing request of a machine that enrols or renews", run: target, seeds };

fn target(data: &[u8]) -> Outcome {
    match SigningRequest::parse(data) {
        Ok(request) => {
            assert_eq!(key_hash_of_csr(data), Ok(request.key_hash()));
            Outcome::plain("request", "read")
        }
        Err(error) => Outcome::refused("request", &error),
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let whole = MachineKey::generate(&Entropy::seeded(1)).csr();
    let mut forged = whole.clone();
    if let Some(last) = forged.last_mut() {
        *last ^= 1;
    }
    vec![whole.clone(), forged, [whole.as_slice(), &[0]].concat(), whole[..whole.len() - 1].to_vec(), vec![0; 4097]]
}
