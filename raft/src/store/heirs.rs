//! Who is asked first to lead where the leader can no more.

use crate::ids::ProxyId;
use crate::store::types::LogId;

/// The other voters with what each has of the log, the first to be asked first: those that can win an election, of these the ones that do not
/// drain, and of these the ones that have most.
pub(crate) fn heirs(others: &[(ProxyId, LogId)], voters: usize, is_draining: impl Fn(ProxyId) -> bool) -> Vec<(ProxyId, LogId)> {
    // Whoever has more of the log does not vote for it.
    let can_win = |has: LogId| others.iter().filter(|(_, other)| *other <= has).count() > voters / 2;
    let mut ranked: Vec<_> = others.iter().map(|(id, has)| (can_win(*has), !is_draining(*id), *has, *id)).collect();
    ranked.sort_unstable_by(|a, b| b.cmp(a));
    ranked.into_iter().map(|(_, _, has, id)| (id, has)).collect()
}

#[cfg(test)]
mod tests {
    use openraft::CommittedLeaderId;

    use super::*;

    /// What each of the others has, who drains, and in which order they are asked.
    type Case<'a> = (&'a [(u64, u64)], &'a [u64], &'a [u64]);

    #[test]
    fn who_can_win_comes_before_who_stays_and_that_before_who_has_most() {
        let table: &[Case] = &[
            (&[(2, 9), (3, 9)], &[], &[3, 2]),
            (&[(2, 9), (3, 8)], &[], &[2, 3]),
            (&[(2, 9), (3, 9)], &[3], &[2, 3]),
            (&[(2, 9), (3, 9)], &[2, 3], &[3, 2]),
            // 3 would not get the vote of 2.
            (&[(2, 9), (3, 8)], &[2], &[2, 3]),
            // 4 gets those of 3 and 5.
            (&[(2, 9), (3, 8), (4, 8), (5, 7)], &[2, 3], &[4, 2, 3, 5]),
            (&[(2, 9)], &[2], &[2]),
            (&[], &[], &[]),
        ];
        for (others, draining, order) in table {
            let log_id = |index| LogId::new(CommittedLeaderId::new(1, ProxyId(1)), index);
            let others: Vec<_> = others.iter().map(|(id, has)| (ProxyId(*id), log_id(*has))).collect();
            let found = heirs(&others, others.len() + 1, |id| draining.contains(&id.0));
            assert_eq!(found.iter().map(|(id, _)| id.0).collect::<Vec<_>>(), *order, "{others:?}, {draining:?} drain");
            assert!(found.iter().all(|heir| others.contains(heir)));
        }
    }
}
