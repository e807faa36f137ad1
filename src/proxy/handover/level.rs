//! How many tunnels a proxy gives to which others so that all hold about the same. Pure.
//!
//! Every proxy decides for itself, from the same table and at about the same time, and does not hear what the others decide. So it gives no more than its own surplus,
//! shares what is lacking with the others that have too many, and goes only half of the way each time.

use rand::Rng;
use rand::seq::IndexedMutRandom;
use warren_raft::ProxyId;

/// One part in so many of the mean that a proxy may be away from it.
const TOLERANCE: u64 = 10;
/// Which part of the way is gone at a time.
const STEP: f64 = 0.5;
/// Most tunnels that move at a time, and which part of those that are there if that is more.
const MOST: (u64, u64) = (8, 50);

/// Whether some proxy is away from the mean by more than a tenth of it, and more than one tunnel.
pub(super) fn is_skewed(loads: &[u64]) -> bool {
    let (count, total) = (loads.len() as u64, loads.iter().sum::<u64>());
    let tolerance = (total / TOLERANCE).max(count);
    loads.iter().any(|load| (load * count).abs_diff(total) > tolerance)
}

/// Where `mine` tunnels are to go now, a proxy for each that is to move: none while all hold about the same, or others have to move.
pub(super) fn moves(mine: u64, others: &[(ProxyId, u64)], rng: &mut impl Rng) -> Vec<ProxyId> {
    let loads: Vec<_> = others.iter().map(|(_, load)| *load).chain([mine]).collect();
    if !is_skewed(&loads) {
        return Vec::new();
    }
    let (total, proxies) = (loads.iter().sum::<u64>(), loads.len() as u64);
    // In the end each holds one of these two numbers.
    let (least, most) = (total / proxies, total.div_ceil(proxies));
    let must_come: u64 = loads.iter().map(|load| least.saturating_sub(*load)).sum();
    let must_go: u64 = loads.iter().map(|load| load.saturating_sub(most)).sum();
    let may_go: u64 = loads.iter().map(|load| load.saturating_sub(least)).sum();
    let share = must_go.max(must_come) as f64 * mine.saturating_sub(least) as f64 / may_go.max(1) as f64;
    let mut lacking: Vec<_> = others.iter().map(|(id, load)| (*id, most.saturating_sub(*load))).collect();
    let count = drawn(share * STEP, rng).min(MOST.0.max(mine / MOST.1));
    let mut targets = Vec::new();
    for _ in 0..count {
        // By what is lacking: whoever takes the emptiest each time meets all others there.
        let Ok((target, left)) = lacking.choose_weighted_mut(rng, |(_, lack)| *lack) else { break };
        *left -= 1;
        targets.push(*target);
    }
    targets
}

/// A whole number whose mean is `expected`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is neither negative nor larger than a number of tunnels")]
fn drawn(expected: f64, rng: &mut impl Rng) -> u64 {
    expected.floor() as u64 + u64::from(rng.random::<f64>() < expected.fract())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn small_differences_are_none() {
        let table: [(&[u64], bool); 13] = [
            (&[], false),
            (&[5], false),
            (&[0, 0], false),
            (&[1, 0], false),
            (&[2, 0], false),
            (&[3, 0], true),
            (&[2, 1, 0], false),
            (&[3, 0, 0], true),
            (&[10, 10, 10], false),
            (&[11, 9, 10], false),
            (&[10, 10, 10, 0], true),
            (&[110, 100, 90], false),
            (&[112, 98, 90], true),
        ];
        for (loads, expected) in table {
            assert_eq!(is_skewed(loads), expected, "{loads:?}");
        }
    }

    #[test]
    fn only_who_has_too_many_gives_and_only_to_who_lacks() {
        let mut rng = StdRng::seed_from_u64(1);
        let others = |loads: &[u64]| (2..).map(ProxyId).zip(loads.iter().copied()).collect::<Vec<_>>();
        for _ in 0..100 {
            assert_eq!(moves(10, &others(&[10, 40, 0]), &mut rng), []);
            assert_eq!(moves(12, &others(&[12, 12]), &mut rng), []);
            let given = moves(40, &others(&[10, 10, 0]), &mut rng);
            assert!((4..=8).contains(&given.len()), "{given:?}");
            assert!(given.iter().filter(|id| id.0 == 2).count() <= 5 && given.iter().filter(|id| id.0 == 4).count() <= 15, "{given:?}");
        }
    }

    /// All proxies decide from the same loads, round for round, and all that they decide happens. Gives the loads, the rounds, and how many tunnels have moved.
    fn levelled(mut loads: Vec<u64>, seed: u64) -> (Vec<u64>, u32, u64) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut moved = 0;
        for round in 0..2_000 {
            if !is_skewed(&loads) {
                return (loads, round, moved);
            }
            let before = loads.clone();
            for me in 0..before.len() {
                let others: Vec<_> =
                    before.iter().enumerate().filter(|(other, _)| *other != me).map(|(id, load)| (ProxyId(id as u64), *load)).collect();
                for target in moves(before[me], &others, &mut rng) {
                    loads[me] -= 1;
                    loads[target.0 as usize] += 1;
                    moved += 1;
                }
            }
        }
        (loads, u32::MAX, moved)
    }

    /// How many tunnels have to move until all hold the same, as far as that is possible.
    fn least(loads: &[u64]) -> u64 {
        let mean = loads.iter().sum::<u64>() / loads.len() as u64;
        loads.iter().map(|load| load.saturating_sub(mean)).sum()
    }

    #[test]
    fn a_proxy_that_was_added_gets_its_share_and_no_more() {
        let table = [(vec![10, 10, 10, 0], 20), (vec![15, 15, 0], 20), (vec![5_000, 5_000, 5_000, 0], 30), (vec![9; 20], 0)];
        for (loads, rounds) in table {
            let (after, taken, moved) = levelled(loads.clone(), 7);
            assert!(taken <= rounds, "{loads:?} -> {after:?} in {taken} rounds");
            assert!(moved <= least(&loads), "{loads:?} -> {after:?}: {moved} moved");
        }
    }

    proptest! {
        /// Whoever holds how many, it ends, and no more move than must, but for a few that met.
        #[test]
        fn it_converges_and_does_not_oscillate(loads in proptest::collection::vec(0_u64..400, 1..12), seed: u64) {
            let must = least(&loads);
            let (after, rounds, moved) = levelled(loads.clone(), seed);
            prop_assert!(rounds < 400, "{:?} -> {:?}", loads, after);
            prop_assert_eq!(after.iter().sum::<u64>(), loads.iter().sum::<u64>());
            prop_assert!(moved <= must + must / 10 + loads.len() as u64, "{:?}: {} moved where {} must", loads, moved, must);
        }
    }
}
