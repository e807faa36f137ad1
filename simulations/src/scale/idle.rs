//! What there is while nothing happens: sizes, connections, and what is said over them.

use std::time::Duration;

use warren::model::scale::{ScaleWorld, Setup, idle};
use warren_raft::lease::Holder;
use warren_raft::store::weights;

use super::figures::Figures;

/// What a message of a QUIC stream takes beside itself: IPv4 and UDP 28, the short header with an 8-byte id and the tag 27, the frame's head and the stream's end 6,
/// the length in front and the wrapping of the control connection 7.
pub(super) const DATAGRAM: u64 = 68;
/// A datagram that says nothing but what has come, or asks for that.
const BARE: u64 = 60;
/// Datagrams that are acknowledgements of a question and its answer, beside the two.
const ACKNOWLEDGEMENTS: u64 = 2;
/// Connections for dials between two proxies, as configured by default.
const DATA_CONNECTIONS: u64 = 2;
/// How often the dialling side of one of them asks for a sign of life (`Profile::keep_alive`).
const KEEP_ALIVE: Duration = Duration::from_secs(2);
/// As configured by default.
const HEARTBEAT: Duration = Duration::from_millis(150);

/// Adds what there is when all have come.
///
/// # Errors
/// There is no runtime to count a snapshot in.
pub(super) fn measure(world: &mut ScaleWorld, setup: &Setup, (prefix, figures): (&str, &mut Figures)) -> anyhow::Result<()> {
    let prefix = format!("{prefix}/idle");
    let tunnels: u64 = world.loads().iter().sum();
    let snapshot = tokio::runtime::Builder::new_current_thread().build()?.block_on(weights::snapshot(world.table()));
    let mut add = |what: &str, value: f64| figures.add(&prefix, what, value);
    add("tunnels", tunnels as f64);
    add("tunnels_per_proxy", tunnels as f64 / setup.proxies as f64);
    add("combinations", world.table().placements().len() as f64);
    add("snapshot_bytes", snapshot as f64);
    add("view_bytes", world.view_bytes() as f64);
    peers(setup.proxies, &mut add);
    // An acknowledgement that is asked for, and the acknowledgement.
    let pulses = tunnels as f64 / setup.proxies as f64 / idle::tunnel_pulse(tunnels / setup.proxies).as_secs_f64();
    add("tunnel_pulses_per_s", pulses);
    add("tunnel_bytes_per_s", pulses * (BARE * 2) as f64);
    Ok(())
}

/// What proxies have and say among each other.
fn peers(proxies: u64, add: &mut impl FnMut(&str, f64)) {
    let others = (proxies - 1) as f64;
    let per_pair = (1 + DATA_CONNECTIONS) as f64;
    add("connections_per_proxy", others * per_pair);
    add("connections", others * per_pair * proxies as f64 / 2.0);
    let exchange = |weight: weights::Weight| (weight.request + weight.answer + 2 * DATAGRAM + ACKNOWLEDGEMENTS * BARE) as f64;
    // Whoever asks is heard by the other one, too: one question for both.
    let asks = others / idle::peer_pulse(usize::try_from(proxies - 1).unwrap_or(usize::MAX)).as_secs_f64();
    let asked = asks * exchange(weights::Weight { request: 1, answer: 30 });
    let alive = others * DATA_CONNECTIONS as f64 / KEEP_ALIVE.as_secs_f64() * (2 * BARE) as f64;
    let beats = 1.0 / HEARTBEAT.as_secs_f64();
    let renewals = 1.0 / Holder::new(Duration::from_secs(3)).interval().as_secs_f64();
    let leads = beats * exchange(weights::heartbeat()) + renewals * exchange(weights::renewal());
    // The leader is heard by its heartbeats: it neither asks nor is asked.
    add("follower_messages_per_s", asks - asks / others.max(1.0) + beats + renewals);
    add("follower_bytes_per_s", asked - asked / others.max(1.0) + alive + leads);
    add("leader_messages_per_s", others * (beats + renewals));
    add("leader_bytes_per_s", alive + others * leads);
}
