//! JSON that comes over the admin socket, and JSON that a machine keeps in files.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

use warren::api::{
    AgentRemovalRequest, AgentsView, AllowRequest, ClientRemovalRequest, ClientsView, DeclinedView, DrainRequest, DrainView, ErrorView,
    Path, RaftView, RemovalRequest, ResumeRequest, RoutesView, StatusView, StrategyPlan, StrategyRequest, StrategyShown, TokenCreated,
    TokenRequest, TokensView, TransferRequest,
};
use warren::wire::Member;

use super::kinds::{Kind, one_of};
use super::{Outcome, Target};

pub(super) const TARGET: Target = Target {
    name: "body",
    reads: "bodies and paths of the admin interface, both ways, and the list of proxies in a file",
    run: target,
    seeds,
};

const KINDS: &[Kind] = &[
    ("path", path),
    ("drain", json::<DrainRequest>),
    ("resume", json::<ResumeRequest>),
    ("removal", json::<RemovalRequest>),
    ("strategy", json::<StrategyRequest>),
    ("token", token),
    ("transfer", json::<TransferRequest>),
    ("proxies.json", json::<Vec<Member>>),
    ("error", json::<ErrorView>),
    ("declined", json::<DeclinedView>),
    ("status", json::<StatusView>),
    ("agents", json::<AgentsView>),
    ("routes", json::<RoutesView>),
    ("raft", json::<RaftView>),
    ("agent removal", json::<AgentRemovalRequest>),
    ("allow", json::<AllowRequest>),
    ("client removal", json::<ClientRemovalRequest>),
    ("clients", json::<ClientsView>),
    ("tokens", json::<TokensView>),
    ("token created", json::<TokenCreated>),
    ("strategy shown", json::<StrategyShown>),
    ("strategy plan", json::<StrategyPlan>),
    ("drain shown", json::<DrainView>),
];

fn target(data: &[u8]) -> Outcome {
    one_of(KINDS, data)
}

fn path(kind: &str, data: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(data) else { return Outcome::refused(kind, &"no text") };
    match Path::parse(text) {
        Some(path) => {
            assert_eq!(Path::parse(&path.to_string()), Some(path), "shown and read again");
            Outcome::decoded(kind, &path)
        }
        None => Outcome::refused(kind, &"means nothing"),
    }
}

fn token(kind: &str, data: &[u8]) -> Outcome {
    match serde_json::from_slice::<TokenRequest>(data).map(|request| request.check()) {
        Ok(Err(error)) => Outcome::refused("token out of bounds", &error),
        Ok(Ok(())) | Err(_) => json::<TokenRequest>(kind, data),
    }
}

fn json<T: Serialize + DeserializeOwned + PartialEq + Debug>(kind: &str, data: &[u8]) -> Outcome {
    match serde_json::from_slice::<T>(data) {
        Ok(value) => {
            let written = serde_json::to_vec(&value).expect("what was read can be written");
            let again: T = serde_json::from_slice(&written).expect("what was written can be read");
            assert_eq!(again, value, "written and read again");
            assert_eq!(serde_json::to_vec(&again).expect("it was written before"), written, "written again");
            Outcome::plain(kind, "read")
        }
        Err(error) => Outcome::refused(kind, &error),
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let with = |kind: u8, text: &str| [&[kind], text.as_bytes()].concat();
    let mut seeds: Vec<_> = PATHS.iter().map(|path| with(0, path)).collect();
    let shown = [
        (10, include_str!("../../../src/cli/snapshots/status.json.txt")),
        (11, include_str!("../../../src/cli/snapshots/agents-ls.json.txt")),
        (12, include_str!("../../../src/cli/snapshots/routes-ls.json.txt")),
        (13, include_str!("../../../src/cli/snapshots/raft-status.json.txt")),
        (17, include_str!("../../../src/cli/snapshots/clients-ls.json.txt")),
        (18, include_str!("../../../src/cli/snapshots/token-ls.json.txt")),
        (19, include_str!("../../../src/cli/snapshots/token-create.json.txt")),
        (20, include_str!("../../../src/cli/snapshots/strategy-show.json.txt")),
        (21, include_str!("../../../src/cli/snapshots/strategy-plan.json.txt")),
        (22, include_str!("../../../src/cli/snapshots/proxies-drain.json.txt")),
    ];
    seeds.extend(shown.iter().map(|(kind, body)| with(*kind, body)));
    seeds.extend(BODIES.iter().map(|(kind, body)| with(*kind, body)));
    seeds
}

const PATHS: &[&str] = &[
    "/v1/status",
    "/v1/agents",
    "/v1/routes",
    "/v1/raft",
    "/v1/raft/snapshot/confirmed",
    "/v1/raft/snapshot/stale",
    "/v1/tokens",
    "/v1/raft/transfer",
    "/v1/proxies/remove",
    "/v1/proxies/remove/check",
    "/v1/proxies/drain",
    "/v1/proxies/resume",
    "/v1/strategy",
    "/v1/strategy/plan",
    "/v1/tokens/0606060606060606/revoke",
    "/v1/clients",
    "/v1/clients/allow",
    "/v1/clients/remove",
    "/v1/agents/remove",
    "/v1/tokens//revoke",
    "/",
];

const BODIES: &[(u8, &str)] = &[
    (1, r#"{"name":"proxy-1","force":true}"#),
    (2, r#"{"name":"proxy-1"}"#),
    (3, r#"{"name":"proxy-1"}"#),
    (4, r#"{"type":"proxy_peering","agent_connection_count":2}"#),
    (5, r#"{"role":"client","name":"lab-*","allow":["lab-*/ssh"],"ttl_ms":1000,"uses":1}"#),
    (5, r#"{"role":"agent","name":"lab-*","allow":["lab-*/ssh"],"ttl_ms":1000,"uses":1}"#),
    (5, r#"{"role":"agent","name":"lab-*","allow":[],"ttl_ms":0,"uses":1}"#),
    (6, r#"{"to":"proxy-2"}"#),
    (6, r#"{"to":null}"#),
    (7, r#"[{"id":1,"name":"proxy-1","peer_address":"","public_addresses":["a:1"],"zone":"","state":"up","tunnels":3}]"#),
    (8, r#"{"schema":1,"error":{"code":"denied","message":"no"}}"#),
    (9, r#"{"schema":1,"declined":{"message":"no","hint":"h"}}"#),
    (14, r#"{"name":"lab-pi"}"#),
    (15, r#"{"name":"alice","allow":["lab-*/ssh","*/*"]}"#),
    (15, r#"{"name":"alice","allow":[]}"#),
    (16, r#"{"name":"alice"}"#),
];
