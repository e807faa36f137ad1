//! The certificate of whoever shakes hands, through the whole judgement of a server.

use std::sync::OnceLock;

use warren::identity::tls::leaf::Leaf;
use warren::identity::{Authority, Identity, LIFETIME, MachineKey};
use warren::net::{Entropy, Env};
use warren_raft::{ClusterId, ProxyId, Timestamp};

use super::certificate::world;
use super::{Outcome, Target};

pub(super) const TARGET: Target =
    Target { name: "chain", reads: "a stranger's certificate, held against the authority's and the clock", run: target, seeds };

/// An authority, what it has issued, and the certificate of another one.
struct Issued {
    authority: Vec<u8>,
    good: Vec<Vec<u8>>,
    foreign: Vec<u8>,
}

fn issued() -> &'static Issued {
    static ISSUED: OnceLock<Issued> = OnceLock::new();
    ISSUED.get_or_init(|| {
        let (env, cluster) = (world(), ClusterId([7; 16]));
        let authority = Authority::create(cluster, "warren", &env).expect("an authority");
        let other = Authority::create(cluster, "warren", &Env { entropy: Entropy::seeded(2), ..env.clone() }).expect("another one");
        let key = MachineKey::generate(&Entropy::seeded(1));
        let names = [Identity::proxy(cluster, ProxyId(1)), Identity::agent(cluster, &"lab-pi".parse().expect("a name"))];
        let of =
            |authority: &Authority, name| authority.issue(&key.csr(), name, LIFETIME, &env).expect("a certificate").certificate.to_vec();
        let good = names.iter().map(|name| of(&authority, name)).collect();
        Issued { authority: authority.certificate_der().to_vec(), good, foreign: of(&other, &names[0]) }
    })
}

fn target(data: &[u8]) -> Outcome {
    let issued = issued();
    let at = Timestamp(world().wall.now().0 + 60_000);
    match Leaf::judged(&data.to_vec().into(), &issued.authority.clone().into(), at) {
        Ok(leaf) => {
            // Nobody but the authority makes one: another certificate that passes is a forgery.
            assert!(issued.good.iter().any(|good| good == data), "a forged certificate of {}", leaf.identity);
            Outcome::decoded("chain", &leaf.identity.role)
        }
        Err(error) => Outcome::refused("chain", &error),
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let issued = issued();
    let mut seeds = issued.good.clone();
    seeds.extend([issued.foreign.clone(), issued.authority.clone(), issued.good[0][..99].to_vec()]);
    seeds
}
