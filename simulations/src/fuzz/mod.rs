//! What strangers, peers, disks and operators can give warren to read: a target for each decoder, from bytes to an [`Outcome`].
//!
//! Each target holds what it decodes to the same promises: no panic, no end that never comes, no more memory than the input is worth, and what was decoded is
//! written and read again as the same. [`TARGETS`] is all of them; `simulations/fuzz/corpus/` has the inputs that ever mattered, which run as a plain test
//! (`tests/corpora.rs`). A [`Session`] goes on from there with mutations (`cargo sim fuzz`).

mod body;
mod certificate;
mod chain;
mod client;
mod commands;
mod config;
mod corpus;
mod dial;
mod dialled;
mod enrolment;
mod entrance;
mod fence;
mod files;
mod frame;
mod hello;
mod host;
mod http;
mod identity;
mod kinds;
mod message;
mod mutation;
mod names;
mod origin;
mod outcome;
mod peer;
mod pieces;
mod proxied;
mod record;
mod request;
mod section;
mod session;
mod setting;
mod snapshot;
mod sni;
mod socks5;
mod store;
mod target;
mod token;
mod tunnel;
mod words;

pub use corpus::Corpus;
pub use mutation::Mutator;
pub use outcome::Outcome;
pub use session::{Finding, Session, Tally};
pub use target::Target;

/// Every target.
pub const TARGETS: &[Target] = &[
    frame::TARGET,
    hello::TARGET,
    tunnel::TARGET,
    client::TARGET,
    dial::TARGET,
    enrolment::TARGET,
    peer::TARGET,
    words::TARGET,
    store::TARGET,
    record::TARGET,
    snapshot::TARGET,
    section::TARGET,
    commands::TARGET,
    fence::TARGET,
    certificate::TARGET,
    identity::TARGET,
    request::TARGET,
    token::TARGET,
    dialled::TARGET,
    names::TARGET,
    config::TARGET,
    setting::TARGET,
    http::TARGET,
    body::TARGET,
    pieces::TARGET,
    chain::TARGET,
    files::TARGET,
    socks5::TARGET,
    proxied::TARGET,
    origin::TARGET,
    sni::TARGET,
    host::TARGET,
    entrance::TARGET,
];

/// The target of that name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_target_reads_something_and_refuses_something() {
        for target in TARGETS {
            let outcomes: BTreeSet<_> = target.seeds().iter().map(|seed| target.run(seed).to_string()).collect();
            let refused = outcomes.iter().filter(|outcome| outcome.contains("refused")).count();
            assert!(refused < outcomes.len(), "{}: {outcomes:#?}", target.name);
            assert!(target.run(&[0xff; 9]).to_string() != target.run(&target.seeds()[0]).to_string(), "{}: {outcomes:#?}", target.name);
        }
    }

    #[test]
    fn names_are_unique() {
        let names: BTreeSet<_> = TARGETS.iter().map(|target| target.name).collect();
        assert_eq!(names.len(), TARGETS.len());
        assert!(names.iter().all(|name| target(name).is_some()));
    }
}
