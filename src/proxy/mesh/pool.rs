//! Over which of a peer's data connections the next dial goes. Pure.
//!
//! Streams cannot move, so it is decided once, when the stream is opened: not where bulk runs if there is a connection where none does, then where
//! the fewest streams live. Among equals chance decides: whoever takes turns gives every fourth stream the same connection, and dials do
//! come in patterns, such as a keystroke, a keystroke, a keystroke, a backup.

/// A connection of the pool, as it is used now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Burden {
    /// Whether bulk runs over it.
    pub(super) is_heavy: bool,
    /// How many streams live on it.
    pub(super) streams: usize,
}

/// The position of the connection for the next stream; `None` where there is none. `turn` differs from stream to stream.
pub(super) fn choose(burdens: &[Burden], turn: u64) -> Option<usize> {
    let least = burdens.iter().map(rank).min()?;
    let equals = || burdens.iter().enumerate().filter(|(_, burden)| rank(burden) == least).map(|(position, _)| position);
    let count = u64::try_from(equals().count()).unwrap_or(1).max(1);
    equals().nth(usize::try_from(mixed(turn) % count).unwrap_or(0))
}

fn rank(burden: &Burden) -> (bool, usize) {
    (burden.is_heavy, burden.streams)
}

/// A number that looks drawn by chance and is the same for the same turn (the finalizer of SplitMix64).
fn mixed(turn: u64) -> u64 {
    let mut mixed = turn.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn burden(is_heavy: bool, streams: usize) -> Burden {
        Burden { is_heavy, streams }
    }

    #[test]
    fn the_fewest_streams_win_and_bulk_is_kept_away_from() {
        let table = [
            (vec![], None),
            (vec![burden(true, 9)], Some(0)),
            (vec![burden(false, 3), burden(false, 2), burden(false, 4)], Some(1)),
            // One backup disturbs more than many keystrokes.
            (vec![burden(true, 1), burden(false, 50)], Some(1)),
            (vec![burden(true, 7), burden(true, 6)], Some(1)),
        ];
        for (burdens, expected) in table {
            for turn in 0..10 {
                assert_eq!(choose(&burdens, turn), expected, "{burdens:?}");
            }
        }
    }

    /// Streams that open and close one after the other never see each other: what comes in a pattern must still be spread.
    #[test]
    fn whatever_the_pattern_each_part_of_it_uses_every_connection() {
        for connections in [2_usize, 3, 4, 8, 16] {
            let idle = vec![burden(false, 0); connections];
            for period in 1..=16_u64 {
                let mut uses = vec![0_u32; connections];
                let samples = u32::try_from(connections).expect("few") * 100;
                for turn in (0..u64::from(samples)).map(|round| round * period) {
                    uses[choose(&idle, turn).expect("one of them")] += 1;
                }
                let fair = samples / u32::try_from(connections).expect("few");
                assert!(uses.iter().all(|uses| *uses > fair / 2 && *uses < fair * 2), "period {period}: {uses:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn streams_that_stay_are_spread_evenly(connections in 1_usize..=16, streams in 0_usize..200, turn: u64) {
            let mut burdens = vec![burden(false, 0); connections];
            for stream in 0..streams {
                let chosen = choose(&burdens, turn.wrapping_add(stream as u64)).expect("one of them");
                burdens[chosen].streams += 1;
            }
            let least = burdens.iter().map(|burden| burden.streams).min().unwrap_or(0);
            prop_assert!(burdens.iter().all(|burden| burden.streams <= least + 1), "{burdens:?}");
        }
    }
}
