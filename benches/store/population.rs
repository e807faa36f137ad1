//! Agents and routes by the number.

use warren_raft::command::{Enrollment, NewToken};
use warren_raft::{AgentName, Command, Epoch, KeyHash, ProxyId, Sequence, Timestamp, TokenId, TokenRole};

/// Agents of one token: a table keeps the keys that have used it together, and a change of the token copies them all.
const AGENTS_PER_TOKEN: u64 = 1_000;

/// The name of an agent.
pub(crate) fn name(number: u64) -> anyhow::Result<AgentName> {
    Ok(format!("agent-{number}").parse()?)
}

/// The tokens with which the agents of these numbers enrol.
pub(crate) fn tokens(from: u64, to: u64) -> anyhow::Result<Vec<Command>> {
    (from / AGENTS_PER_TOKEN..to.div_ceil(AGENTS_PER_TOKEN)).map(token).collect()
}

fn token(number: u64) -> anyhow::Result<Command> {
    Ok(Command::CreateToken(NewToken {
        id: TokenId(number.to_be_bytes()),
        secret: KeyHash([9; 32]),
        role: TokenRole::Agent,
        name: "*".parse()?,
        allow: Vec::new(),
        expires_at: Timestamp(u64::MAX),
        uses: u32::try_from(AGENTS_PER_TOKEN)?,
    }))
}

/// Enrols an agent.
pub(crate) fn enrolment(number: u64) -> Command {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&number.to_be_bytes());
    Command::Enroll(Enrollment {
        token: TokenId((number / AGENTS_PER_TOKEN).to_be_bytes()),
        secret: KeyHash([9; 32]),
        role: TokenRole::Agent,
        name: format!("agent-{number}"),
        key: KeyHash(key),
    })
}

/// Registers a route of an agent at a proxy.
pub(crate) fn registration(number: u64, (proxy, epoch): (ProxyId, Epoch), sequence: u64) -> anyhow::Result<Command> {
    Ok(Command::RegisterRoute { agent: name(number)?, proxy, epoch, sequence: Sequence(sequence) })
}

/// Withdraws it.
pub(crate) fn withdrawal(number: u64, (proxy, epoch): (ProxyId, Epoch), sequence: u64) -> anyhow::Result<Command> {
    Ok(Command::WithdrawRoute { agent: name(number)?, proxy, epoch, sequence: Sequence(sequence) })
}

/// Numbers below a bound in no order, the same ones each time (`SplitMix64`).
pub(crate) fn shuffled(below: u64, seed: u64) -> impl Iterator<Item = u64> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    })
}
