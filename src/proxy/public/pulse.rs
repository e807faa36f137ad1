//! How often agents ask for a sign of life. Pure.

use warren_raft::ProxyId;

use crate::wire::ClusterView;

/// After how much silence an agent asks its proxy for a sign of life, at least and at most: a silent tunnel is to be gone within 10 s, and a proxy finds one suspect
/// that it has not heard for 4 s. QUIC's keep-alive of a tunnel is longer, so that it adds no packet of its own.
const PULSE_MS: (u32, u32) = (1_000, 3_000);
/// How many signs of life a proxy is asked for in a second. Each costs it some tens of microseconds.
const PULSES_PER_SECOND: u64 = 2_000;
/// Smaller changes are not told: every agent hears of each.
const STEP_MS: u32 = 1_000;

/// The view with the pulse for as many tunnels as it says that `me` holds, when the pulse was so long before.
pub(in crate::proxy) fn with_pulse(view: ClusterView, me: ProxyId, told_ms: u32) -> ClusterView {
    let tunnels = view.proxies.iter().find(|member| member.id == me).map(|member| member.tunnels).unwrap_or_default();
    ClusterView { pulse_ms: pulse_ms(tunnels, told_ms), ..view }
}

/// How long the pulse is with so many tunnels: in whole steps, and shorter than before only when half a step would be left.
pub(super) fn pulse_ms(tunnels: u64, told_ms: u32) -> u32 {
    let exact = u32::try_from(tunnels.saturating_mul(1_000) / PULSES_PER_SECOND).unwrap_or(u32::MAX);
    let stepped = |ms: u32| ms.div_ceil(STEP_MS).saturating_mul(STEP_MS).clamp(PULSE_MS.0, PULSE_MS.1);
    let (longer, shorter) = (stepped(exact), stepped(exact.saturating_add(STEP_MS / 2)));
    if told_ms > longer { shorter.min(told_ms) } else { longer }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pulse_follows_the_number_of_tunnels_and_does_not_waver() {
        let table = [
            (0, 0, 1_000),
            (2_001, 1_000, 1_000),
            (2_002, 1_000, 2_000),
            (1_999, 2_000, 2_000),
            (1_000, 2_000, 1_000),
            (5_000, 1_000, 3_000),
            (1_000_000, 1_000, 3_000),
            (4_000, 3_000, 3_000),
            (2_500, 3_000, 2_000),
            (0, 3_000, 1_000),
        ];
        for (tunnels, told, expected) in table {
            assert_eq!(pulse_ms(tunnels, told), expected, "{tunnels} after {told}");
        }
    }
}
