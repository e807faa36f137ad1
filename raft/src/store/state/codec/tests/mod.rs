//! Every table comes back as it was, every damage is refused, and the bytes stay what they are.

mod damage;
mod golden;
mod round_trip;

use std::collections::BTreeMap;

use openraft::CommittedLeaderId;

use super::{Decoder, Encoder, SnapshotError};
use crate::command::{Bootstrap, Command, Enrollment, NewToken, Proposal, ProxyStart};
use crate::ids::{ClusterId, Epoch, Incarnation, KeyHash, Level, ProxyId, Sequence, Timestamp, TokenId};
use crate::store::state::image::Image;
use crate::store::types::{LogId, Member, Membership};
use crate::table::{Drain, Service, ServiceKind, Strategy, Table, TokenRole};

/// What a random table has.
#[derive(Clone, Debug)]
pub(super) struct Contents {
    pub(super) agents: usize,
    pub(super) routed: usize,
    pub(super) services: usize,
    pub(super) clients: usize,
    pub(super) tokens: u8,
    pub(super) proxies: u64,
}

fn log_id(term: u64, index: u64) -> LogId {
    LogId::new(CommittedLeaderId::new(term, ProxyId(1)), index)
}

fn hash(of: usize) -> KeyHash {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&of.to_be_bytes());
    KeyHash(bytes)
}

fn token(id: u8, role: TokenRole) -> Command {
    let (name, allow) = ("*".parse().expect("a glob"), vec!["lab-*/ssh".parse().expect("a pattern")]);
    let (id, expires_at) = (TokenId([id; 8]), Timestamp(9_000));
    Command::CreateToken(NewToken { id, secret: hash(99), role, name, allow, expires_at, uses: u32::MAX })
}

fn enroll(token: u8, role: TokenRole, name: String, key: usize) -> Command {
    Command::Enroll(Enrollment { token: TokenId([token; 8]), secret: hash(99), role, name, key: hash(key) })
}

fn start(proxy: u64) -> Command {
    let public_addresses = vec![format!("host-{proxy}:3024")];
    let (peer_address, zone, version) = (format!("host-{proxy}:3021"), "a".to_owned(), "0.1.0".to_owned());
    Command::StartProxy(ProxyStart { proxy: ProxyId(proxy), peer_address, public_addresses, zone, version, level: Level(1) })
}

fn bootstrap() -> Command {
    let (ca_certificate, ca_key) = (vec![1, 2], vec![3, 4]);
    let (id, name, proxy) = (ClusterId([7; 16]), "warren".to_owned(), "proxy-1".parse().expect("a name"));
    Command::Bootstrap(Box::new(Bootstrap { id, name, ca_certificate, ca_key, strategy: Strategy::default(), proxy, key: hash(1) }))
}

/// The state after the commands that make these contents.
pub(super) fn image(contents: &Contents) -> Image {
    let mut commands = vec![bootstrap(), token(1, TokenRole::Agent), token(2, TokenRole::Client), token(3, TokenRole::Proxy)];
    commands.extend((0..contents.tokens).map(|n| token(10 + n, TokenRole::Agent)));
    commands.extend((2..=contents.proxies).map(|n| enroll(3, TokenRole::Proxy, format!("proxy-{n}"), 1000 + n as usize)));
    commands.extend((1..=contents.proxies).map(start));
    for n in 0..contents.agents {
        let agent = format!("agent-{n}");
        commands.push(enroll(1 + 9 * u8::from(contents.tokens > 0), TokenRole::Agent, agent.clone(), n));
        let agent: crate::AgentName = agent.parse().expect("a name");
        let service =
            |n| Service { name: format!("s{n}").parse().expect("a name"), target: "127.0.0.1:22".to_owned(), kind: ServiceKind::Tcp };
        let services = (0..contents.services).map(service).collect();
        commands.push(Command::PublishServices { agent: agent.clone(), services, version: "1".to_owned() });
        if n < contents.routed {
            let proxy = 1 + n as u64 % contents.proxies;
            commands.push(Command::RegisterRoute { agent, proxy: ProxyId(proxy), epoch: Epoch(proxy), sequence: Sequence(n as u64) });
        }
    }
    commands.extend((0..contents.clients).map(|n| enroll(2, TokenRole::Client, format!("client-{n}"), n)));
    commands.push(Command::DrainProxy { proxy: ProxyId(contents.proxies), drain: Drain::Leaving(Epoch(contents.proxies)) });
    let mut table = Table::default();
    for (number, commands) in (1..).zip(commands.chunks(100)) {
        let (proposer, incarnation, at) = (ProxyId(1), Incarnation(1), Timestamp(1_000));
        let answers = table.apply(&Proposal { proposer, incarnation, number, at, commands: commands.to_vec() });
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    }
    let nodes: BTreeMap<_, _> = (1..=contents.proxies).map(|id| (ProxyId(id), Member { address: format!("h{id}:1") })).collect();
    let membership = openraft::Membership::new(vec![[ProxyId(1)].into()], nodes);
    Image { last_applied: Some(log_id(3, 300)), membership: Membership::new(Some(log_id(1, 2)), membership), table }
}

fn pieces(image: &Image) -> Vec<Vec<u8>> {
    Encoder::new(image).collect()
}

fn decode<'a>(pieces: impl IntoIterator<Item = &'a Vec<u8>>) -> Result<Image, SnapshotError> {
    let mut decoder = Decoder::default();
    pieces.into_iter().try_for_each(|piece| decoder.push(piece))?;
    decoder.finish()
}
