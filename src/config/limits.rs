//! `[limits]`: what one party may use.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

use warren_raft::table::MAX_SERVICES;

use super::reader::{Reader, Section};
use super::size::Size;
use crate::limits::{Limits, MAX_TUNNEL_STREAMS};
use crate::net::stalled::StalledBudget;
use crate::wire::frame::MAX_MESSAGE;

/// Most streams over one connection between proxies that can be asked for; each takes memory at both ends.
const MAX_STREAMS: u32 = 65_536;

/// What streams that are not read may be given, in bytes: the least window at the least.
const STALLED_MEMORY: RangeInclusive<u64> = (64 << 10)..=(1 << 40);

/// The largest message that is taken: a request for a certificate fits into the least.
const MESSAGE_SIZE: RangeInclusive<u64> = (8 << 10)..=(MAX_MESSAGE as u64);

/// How long a handshake or a message may take, up to a minute: less than the least is no more than a long path needs.
const PATIENCE: std::ops::Range<Duration> = Duration::from_millis(500)..Duration::new(60, 1);

/// `[limits]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitsTable {
    /// Streams to one agent at once, over one tunnel.
    pub streams_per_agent: NonZeroU32,
    /// The budget of a dial, over all its hops.
    pub dial_timeout: Duration,
    /// What streams whose readers do not read may hold together.
    pub stalled_memory: Size,
    /// From when on a stream that does not move is one of them.
    pub stalled_after: Duration,
    /// What one party may use of a proxy.
    pub proxy: Limits,
}

impl LimitsTable {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let (mut section, stalled) = (reader.section("limits"), StalledBudget::default());
        let table = Self {
            streams_per_agent: section.count("streams_per_agent", NonZeroU32::MIN.saturating_add(1023), MAX_TUNNEL_STREAMS),
            dial_timeout: section.get("dial_timeout", Duration::from_secs(10)),
            stalled_memory: section.get("stalled_memory", Size(stalled.bytes)),
            stalled_after: section.get("stalled_after", stalled.after),
            proxy: of_a_proxy(&mut section),
        };
        section.require_size("stalled_memory", table.stalled_memory, STALLED_MEMORY);
        section.require_within("stalled_after", table.stalled_after, Duration::from_secs(1)..Duration::from_secs(86_400));
        section.require_within("dial_timeout", table.dial_timeout, Duration::from_millis(100)..Duration::new(600, 1));
        table
    }

    /// The budget for streams whose readers do not read.
    pub fn stalled(self) -> StalledBudget {
        StalledBudget { bytes: self.stalled_memory.0, after: self.stalled_after }
    }
}

fn of_a_proxy(section: &mut Section<'_, '_>) -> Limits {
    let default = Limits::default();
    Limits {
        handshakes: count(section, "handshakes", default.handshakes, 4_096),
        handshakes_per_source: count(section, "handshakes_per_source", default.handshakes_per_source, 4_096),
        handshake_timeout: patience(section, "handshake_timeout", default.handshake_timeout),
        header_timeout: patience(section, "header_timeout", default.header_timeout),
        message_size: message_size(section, default.message_size),
        connections_per_identity: count(section, "connections_per_identity", default.connections_per_identity, 65_536),
        streams_per_client: count(section, "streams_per_client", default.streams_per_client, 1_048_576),
        streams_per_peer: count(section, "streams_per_peer", default.streams_per_peer, MAX_STREAMS),
        dials_per_client: count(section, "dials_per_client", default.dials_per_client, 65_536),
        services_per_agent: count(section, "services_per_agent", default.services_per_agent, MAX_SERVICES),
        registrations: count(section, "registrations", default.registrations, 8_192),
        enrollments: count(section, "enrollments", default.enrollments, 4_096),
        enrollments_per_source: count(section, "enrollments_per_source", default.enrollments_per_source, 4_096),
        failed_enrollments_per_source: count(section, "failed_enrollments_per_source", default.failed_enrollments_per_source, 60_000),
        http_connections: count(section, "http_connections", default.http_connections, 4_096),
        ingress_connections: count(section, "ingress_connections", default.ingress_connections, 65_536),
        ingress_connections_per_source: count(section, "ingress_connections_per_source", default.ingress_connections_per_source, 65_536),
        failed_logins_per_source: count(section, "failed_logins_per_source", default.failed_logins_per_source, 60_000),
    }
}

/// A number from 1 to `most`.
fn count<N>(section: &mut Section<'_, '_>, key: &'static str, default: N, most: impl TryInto<u32>) -> N
where
    N: TryInto<u32> + TryFrom<u32> + Copy,
{
    let known = |number: Option<u32>| number.and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN);
    let most = most.try_into().unwrap_or(u32::MAX);
    let set = section.count(key, known(default.try_into().ok()), most);
    N::try_from(set.get()).unwrap_or(default)
}

fn patience(section: &mut Section<'_, '_>, key: &'static str, default: Duration) -> Duration {
    let set = section.get(key, default);
    section.require_within(key, set, PATIENCE);
    set
}

fn message_size(section: &mut Section<'_, '_>, default: usize) -> usize {
    let set = section.get("message_size", Size(default as u64));
    section.require_size("message_size", set, MESSAGE_SIZE);
    usize::try_from(set.0).unwrap_or(default)
}
