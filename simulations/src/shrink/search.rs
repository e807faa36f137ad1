//! The search for a smaller plan.

use super::cuts;
use crate::plan::Plan;

/// Tells which plans still violate the same.
pub trait Judge {
    /// The first of these, some at a time, that does; `None` when none does. It may leave out what it has no time for any more.
    fn first(&mut self, candidates: &[Plan]) -> Option<usize>;

    /// Whether there is time for more.
    fn goes_on(&self) -> bool;

    /// How many are asked about at a time.
    fn width(&self) -> usize;

    /// This is the smallest so far.
    fn smaller(&mut self, _: &Plan) {}
}

/// A search under way.
pub struct Search<'a, J> {
    plan: Plan,
    judge: &'a mut J,
}

/// Looks for the smallest plan that still violates what `plan` does: fewer events, then fewer machines, then shorter times, then usual settings, as long as one of these helps.
pub fn shrink(plan: Plan, judge: &mut impl Judge) -> Plan {
    let mut search = Search { plan, judge };
    loop {
        let before = search.plan.clone();
        search.drop_events();
        search.take_all(cuts::topology);
        search.take_all(cuts::times);
        search.take_all(cuts::settings);
        if search.plan == before || !search.judge.goes_on() {
            return search.plan;
        }
    }
}

impl<J: Judge> Search<'_, J> {
    /// Drops events, by halves first and by single ones in the end.
    fn drop_events(&mut self) {
        let mut size = self.plan.events.len().div_ceil(2);
        while size > 0 {
            self.drop_pieces(size);
            size /= 2;
        }
    }

    /// Drops pieces of so many events, from the end: what happened last is the least likely to have led to it.
    fn drop_pieces(&mut self, size: usize) {
        let mut end = self.plan.events.len();
        while end > 0 && self.judge.goes_on() {
            let ends: Vec<usize> =
                (0..self.judge.width()).map_while(|number| end.checked_sub(number * size)).filter(|end| *end > 0).collect();
            let candidates: Vec<_> = ends.iter().map(|end| cuts::events(&self.plan, end.saturating_sub(size)..*end)).collect();
            let taken = self.judge.first(&candidates);
            // What lies before the piece that was taken, or before all that were tried, is next.
            let last = taken.unwrap_or(ends.len() - 1);
            end = ends[last].saturating_sub(size);
            self.take(taken.map(|taken| candidates[taken].clone()));
        }
    }

    /// Takes whatever of these helps, again and again.
    fn take_all(&mut self, cuts: fn(&Plan) -> Vec<Plan>) {
        loop {
            let candidates = cuts(&self.plan);
            let taken = candidates.chunks(self.judge.width().max(1)).find_map(|some| {
                let goes_on = self.judge.goes_on();
                let taken = goes_on.then(|| self.judge.first(some)).flatten();
                taken.map(|taken| some[taken].clone())
            });
            if taken.is_none() {
                return;
            }
            self.take(taken);
        }
    }

    fn take(&mut self, plan: Option<Plan>) {
        if let Some(plan) = plan {
            self.judge.smaller(&plan);
            self.plan = plan;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Event;

    /// Violated by plans of which this is so.
    struct Made {
        is: fn(&Plan) -> bool,
        tries: usize,
        most: usize,
    }

    impl Judge for Made {
        fn first(&mut self, candidates: &[Plan]) -> Option<usize> {
            self.tries += candidates.len();
            candidates.iter().position(self.is)
        }

        fn goes_on(&self) -> bool {
            self.tries < self.most
        }

        fn width(&self) -> usize {
            2
        }
    }

    fn count(plan: &Plan, class: &str) -> usize {
        plan.events.iter().filter(|timed| timed.event.class() == class).count()
    }

    #[test]
    fn what_matters_stays_and_nothing_else() {
        // A pause and, later, a crash.
        fn is(plan: &Plan) -> bool {
            let place = |class| plan.events.iter().position(|timed| timed.event.class() == class);
            place("pause")
                .zip(plan.events.iter().rposition(|timed| timed.event.class() == "crash"))
                .is_some_and(|(pause, crash)| pause < crash)
        }
        let mut tried = 0;
        for plan in (0..200).map(Plan::generate).filter(is) {
            let mut judge = Made { is, tries: 0, most: usize::MAX };
            let small = shrink(plan.clone(), &mut judge);
            assert!(is(&small));
            assert_eq!((count(&small, "pause"), count(&small, "crash"), small.events.len()), (1, 1, 2), "seed {}", plan.seed);
            let further = [cuts::topology(&small), cuts::times(&small), cuts::settings(&small)].concat();
            assert_eq!(further, [], "seed {}", plan.seed);
            assert!(judge.tries < 600, "{} tries", judge.tries);
            tried += 1;
        }
        assert!(tried > 10, "{tried} plans with a pause and a crash behind");
    }

    #[test]
    fn a_setting_a_time_and_a_machine_that_matter_stay() {
        fn is(plan: &Plan) -> bool {
            let long = plan.events.iter().any(|timed| matches!(timed.event, Event::Pause { for_ms, .. } if for_ms > 2_500));
            long && plan.settings.snapshot_after == 20 && plan.topology.proxies == 3
        }
        let mut tried = 0;
        for plan in (0..600).map(Plan::generate).filter(is) {
            let small = shrink(plan, &mut Made { is, tries: 0, most: usize::MAX });
            assert!(is(&small) && small.events.len() == 1);
            assert!(matches!(small.events[0].event, Event::Pause { for_ms: 2_500..=5_001, .. }), "{:?}", small.events);
            tried += 1;
        }
        assert!(tried > 3, "{tried} such plans");
    }

    #[test]
    fn it_ends_when_there_is_no_more_time() {
        let plan = Plan::generate(3);
        let mut judge = Made { is: |_| true, tries: 0, most: 4 };
        shrink(plan.clone(), &mut judge);
        assert!(judge.tries <= 6, "{}", judge.tries);
        let mut none = Made { is: |_| false, tries: 0, most: usize::MAX };
        assert_eq!(shrink(plan.clone(), &mut none), plan);
    }
}
