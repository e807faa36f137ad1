//! The name in a certificate.

use warren::identity::{Identity, Role};

use super::names::text;
use super::{Outcome, Target};

pub(super) const TARGET: Target =
    Target { name: "identity", reads: "the URI by which a certificate names cluster, role and name", run: target, seeds };

fn target(data: &[u8]) -> Outcome {
    text("identity", data, |identity: &Identity| {
        let named = [identity.proxy_id().is_some(), identity.agent_name().is_some(), identity.client_name().is_some()];
        let expected = [identity.role == Role::Proxy, identity.role == Role::Agent, identity.role == Role::Client];
        assert_eq!(named, expected, "one name, of its role");
    })
}

fn seeds() -> Vec<Vec<u8>> {
    let cluster = "0".repeat(32);
    let paths =
        ["proxy/1", "proxy/18446744073709551615", "agent/lab-pi", "client/lab-user", "proxy/01", "agent/any", "admin/x", "agent/a/b"];
    let mut seeds: Vec<Vec<u8>> = paths.iter().map(|path| format!("warren://{cluster}/{path}").into_bytes()).collect();
    seeds.push(format!("warren://{}/agent/a", "F".repeat(32)).into_bytes());
    seeds
}
