//! The cluster as the table has it: how it begins, and what agents are told of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use warren_raft::command::{Bootstrap, Enrollment, NewToken, ProxyStart};
use warren_raft::{
    AgentName, ClusterId, Command, Incarnation, KeyHash, Level, Proposal, ProxyId, Strategy, Table, Timestamp, TokenId, TokenRole,
};

use super::batch::Lanes;
use super::queue::Moment;
use super::setup::Setup;
use crate::proxy::handover::ModelledHandover;
use crate::proxy::public::{self, ModelledDoor};
use crate::wire::{Member, ProxyMessage, frame};

/// Wall time at the begin, in milliseconds: numbers of the length that they have.
pub(super) const EPOCH_MS: u64 = 1_790_000_000_000;
/// Agents of one token, as a fleet is enrolled.
const AGENTS_PER_TOKEN: u32 = 1_000;

/// A proxy.
#[derive(Debug)]
pub(super) struct ScaledProxy {
    /// Whether its process lives.
    pub(super) lives: bool,
    /// The tunnels that are registered here, by agent.
    pub(super) tunnels: BTreeMap<u32, warren_raft::Sequence>,
    pub(super) door: ModelledDoor,
    pub(super) handover: ModelledHandover,
    /// Since when each core has nothing to do.
    pub(super) cores: Vec<Moment>,
    pub(super) lanes: Lanes,
    /// Whether a proposal is on its way.
    pub(super) is_proposing: bool,
    pub(super) incarnation: Incarnation,
    /// Of its last proposal.
    pub(super) number: u64,
    /// Whether it is to be stopped once it is empty.
    pub(super) is_leaving: bool,
}

/// What agents are told of the cluster.
#[derive(Debug)]
pub(super) struct View {
    pub(super) proxies: Arc<[Member]>,
    pub(super) strategy: Strategy,
    pub(super) index: u64,
    /// What it takes on a tunnel's control stream.
    pub(super) bytes: u64,
}

impl View {
    /// Of a version of the table.
    pub(super) fn new(table: &Table, index: u64) -> Self {
        let view = public::view(table, index);
        let message = ProxyMessage::Cluster(view.clone());
        let bytes = frame::encode(&message, usize::MAX).expect("a view has no type that postcard refuses").len() as u64;
        Self { proxies: view.proxies.into(), strategy: view.strategy, index, bytes }
    }
}

/// What agents are told in a version of the table, as it goes onto a tunnel.
pub fn encoded_view(table: &Table) -> Vec<u8> {
    let message = ProxyMessage::Cluster(public::view(table, 1));
    frame::encode(&message, usize::MAX).expect("a view has no type that postcard refuses")
}

/// The name of an agent.
pub(super) fn agent_name(number: u32) -> AgentName {
    format!("store-{number:06}-pi").parse().expect("it is a name")
}

/// What a proxy says when it starts.
pub(super) fn start(proxy: ProxyId, zones: u64) -> Command {
    let host = format!("proxy-{proxy}.warren.example.net");
    let zone = if zones > 1 { format!("zone-{}", proxy.0 % zones) } else { String::new() };
    let (peer_address, public_addresses) = (format!("{host}:3021"), vec![format!("{host}:3024")]);
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Command::StartProxy(ProxyStart { proxy, peer_address, public_addresses, zone, version, level: Level::CURRENT })
}

/// A table with all proxies up and all agents enrolled, without a tunnel; and the number of its last proposal, of proxy 1.
pub(super) fn founded(setup: &Setup) -> (Table, u64) {
    let (mut table, mut number) = (Table::default(), 0);
    let mut apply = |commands: Vec<Command>| {
        number += 1;
        let (proposer, incarnation, at) = (ProxyId(1), Incarnation(1), Timestamp(EPOCH_MS));
        let answers = table.apply(&Proposal { proposer, incarnation, number, at, commands });
        assert!(answers.iter().all(Result::is_ok), "a cluster is founded by what the table accepts: {answers:?}");
    };
    apply(vec![bootstrap(setup.strategy), start(ProxyId(1), setup.zones)]);
    apply(vec![token(u64::MAX, TokenRole::Proxy)]);
    apply((2..=setup.proxies).map(|id| enrolled(u64::MAX, (TokenRole::Proxy, format!("proxy-{id}")), id)).collect());
    apply((2..=setup.proxies).map(|id| start(ProxyId(id), setup.zones)).collect());
    apply(vec![Command::RaiseLevel { level: Level::CURRENT }]);
    for first in (0..setup.agents).step_by(AGENTS_PER_TOKEN as usize) {
        let these = first..setup.agents.min(first + AGENTS_PER_TOKEN);
        let enrolled = |number: u32| enrolled(u64::from(first), (TokenRole::Agent, agent_name(number).to_string()), u64::from(number));
        apply([token(u64::from(first), TokenRole::Agent)].into_iter().chain(these.map(enrolled)).collect());
    }
    (table, number)
}

fn bootstrap(strategy: Strategy) -> Command {
    // As long as the real ones are.
    let (ca_certificate, ca_key) = (vec![0x30; 420], vec![0x30; 138]);
    let (id, name, proxy) = (ClusterId([7; 16]), "warren".to_owned(), "proxy-1".parse().expect("it is a name"));
    Command::Bootstrap(Box::new(Bootstrap { id, name, ca_certificate, ca_key, strategy, proxy, key: KeyHash([1; 32]) }))
}

fn token(id: u64, role: TokenRole) -> Command {
    let (secret, name) = (KeyHash([9; 32]), "*".parse().expect("it is a pattern"));
    let (expires_at, uses) = (Timestamp(u64::MAX), AGENTS_PER_TOKEN);
    Command::CreateToken(NewToken { id: TokenId(id.to_be_bytes()), secret, role, name, allow: Vec::new(), expires_at, uses })
}

fn enrolled(token: u64, (role, name): (TokenRole, String), number: u64) -> Command {
    let mut key = [role as u8; 32];
    key[..8].copy_from_slice(&number.to_be_bytes());
    Command::Enroll(Enrollment { token: TokenId(token.to_be_bytes()), secret: KeyHash([9; 32]), role, name, key: KeyHash(key) })
}
