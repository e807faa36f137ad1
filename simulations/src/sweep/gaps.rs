//! What a sweep has not looked at. Without a gap it is green or red; with one it tells nothing: void.

use std::fmt;

use warren::failure::Code;

use super::total::Total;
use crate::plan::CLASSES;
use crate::points::POINTS;

/// From so many runs on a sweep has no excuse for a gap: the rarest of what is listed here comes in one of some thirty runs.
pub const ENOUGH: u64 = 300;
/// The least dials that must have been served, of each run on average. Random plans ask for some sixty.
const FLOOR: u64 = 20;

/// What faults must have done, not only that they were there.
type Effect = (&'static str, fn(&Total) -> u64);
const EFFECTS: &[Effect] = &[
    ("a datagram that was cut off", |total| total.sum.network.cut),
    ("a datagram that was lost", |total| total.sum.network.lost),
    ("a datagram that came twice", |total| total.sum.network.doubled),
    ("a datagram that came with wrong bytes", |total| total.sum.network.corrupted),
    ("a datagram that was too large", |total| total.sum.network.too_large),
    ("a datagram that was held", |total| total.sum.network.held),
    ("a datagram that was overtaken", |total| total.sum.network.reordered),
    ("a datagram to an address that is no more", |total| total.sum.network.nowhere),
    ("a batch that a crash took", |total| total.sum.disks.batches_lost),
    ("a batch that survived a crash unflushed", |total| total.sum.disks.batches_spared),
    ("a flush that failed", |total| total.sum.disks.flushes_failed),
    ("a write without room", |total| total.sum.disks.writes_without_room),
    ("a slow flush", |total| total.sum.disks.slow_flushes),
    ("a disk that was exchanged", |total| total.sum.disks.wiped),
    ("a crash at a point", |total| total.event("crash_at_point")),
    ("a stream that was reset as it should be", |total| total.sum.dials.get("reset as meant").copied().unwrap_or_default()),
    ("a stream that was broken", |total| total.sum.dials.get("broken").copied().unwrap_or_default()),
    ("an election", |total| total.sum.leaders),
    ("a registration", |total| total.sum.registrations),
];

/// The points that random plans cannot come to, and why.
const NOT_REACHED: &[(&str, &str)] = &[(
    "net.stalled_cut",
    "a proxy cuts what nobody reads when it fills its budget of memory: no plan moves as much; `cargo test --test stalled` does",
)];

/// The codes of failed dials that random plans cannot cause, and why.
const NOT_CAUSED: &[(Code, &str)] = &[
    (Code::LimitReached, "no plan dials as much at once as a proxy or an agent takes"),
    (Code::NoQuorum, "a dial goes by the table that the proxy has: it never waits for a quorum"),
    (Code::Other, "only a later version of warren knows what it stands for"),
];

/// Something that did not happen in a sweep and must.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// Events of a class.
    Event(&'static str),
    /// What a fault does.
    Effect(&'static str),
    /// A point that the product's code came to.
    Point(&'static str),
    /// A dial that failed so.
    Code(&'static str),
    /// So many served dials of a run; there were fewer.
    Served(u64),
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(class) => write!(f, "no event `{class}`"),
            Self::Effect(what) => write!(f, "not {}", what.replacen("a ", "one ", 1)),
            Self::Point(point) => write!(f, "the point `{point}` was never reached"),
            Self::Code(code) => write!(f, "no dial failed with `{code}`"),
            Self::Served(served) => write!(f, "{served} dials served of a run on average, and {FLOOR} are the least"),
        }
    }
}

/// What did not happen and must.
pub fn gaps(total: &Total) -> Vec<Gap> {
    let events = CLASSES.iter().filter(|class| total.event(class) == 0).map(|class| Gap::Event(class));
    let effects = EFFECTS.iter().filter(|(_, count)| count(total) == 0).map(|(what, _)| Gap::Effect(what));
    let is_excused = |point: &str| NOT_REACHED.iter().any(|(name, _)| *name == point);
    let reached = |point: &str| total.sum.points.get(point).is_some_and(|count| *count > 0);
    let points = POINTS.iter().map(|(point, _)| *point).filter(|point| !is_excused(point) && !reached(point)).map(Gap::Point);
    let codes = caused().filter(|code| !failed_with(total, code)).map(Gap::Code);
    let served = total.sum.served / total.runs.max(1);
    let served = (served < FLOOR).then_some(Gap::Served(served));
    events.chain(effects).chain(points).chain(codes).chain(served).collect()
}

/// The codes that random plans cause.
fn caused() -> impl Iterator<Item = &'static str> {
    let is_excused = |code: Code| NOT_CAUSED.iter().any(|(other, _)| *other == code);
    Code::ALL.into_iter().filter(move |code| !is_excused(*code)).map(Code::as_str)
}

fn failed_with(total: &Total, code: &str) -> bool {
    total.sum.dials.iter().any(|(how, count)| *count > 0 && how.split(' ').next() == Some(code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::DiskCounters;
    use crate::network::Counts;
    use crate::run::Report;

    /// A sweep in which everything happened.
    fn whole() -> Total {
        let ones = |names: Vec<String>| names.into_iter().map(|name| (name, 1)).collect();
        let network =
            Counts { cut: 1, lost: 1, doubled: 1, corrupted: 1, too_large: 1, held: 1, reordered: 1, nowhere: 1, ..Counts::default() };
        let disks = DiskCounters {
            batches_lost: 1,
            batches_spared: 1,
            flushes_failed: 1,
            writes_without_room: 1,
            slow_flushes: 1,
            wiped: 1,
            ..DiskCounters::default()
        };
        let events = CLASSES.iter().copied().chain(["crash_at_point"]).map(str::to_owned).collect();
        let points = POINTS.iter().map(|(point, _)| (*point).to_owned()).filter(|point| point != "net.stalled_cut").collect();
        let dials = caused().map(|code| format!("{code} at tunnel")).chain(["reset as meant".to_owned(), "broken".to_owned()]).collect();
        let sum = Report {
            network,
            disks,
            events: ones(events),
            points: ones(points),
            dials: ones(dials),
            served: FLOOR * 2,
            leaders: 1,
            registrations: 1,
            ..Report::default()
        };
        Total { runs: 2, sum, ..Total::default() }
    }

    #[test]
    fn a_sweep_in_which_everything_happened_has_no_gap() {
        assert_eq!(gaps(&whole()), []);
    }

    #[test]
    fn each_thing_that_is_missing_is_a_gap() {
        for (class, _) in whole().sum.events {
            let mut total = whole();
            total.sum.events.remove(&class);
            assert_eq!(gaps(&total).len(), 1, "{class}");
        }
        for (point, _) in whole().sum.points {
            let mut total = whole();
            total.sum.points.insert(point.clone(), 0);
            assert!(matches!(gaps(&total)[..], [Gap::Point(missing)] if missing == point));
        }
        for (how, _) in whole().sum.dials {
            let mut total = whole();
            total.sum.dials.remove(&how);
            assert_eq!(gaps(&total).len(), 1, "{how}");
        }
        let check = |change: fn(&mut Total), expected: &str| {
            let mut total = whole();
            change(&mut total);
            assert_eq!(gaps(&total).iter().map(Gap::to_string).collect::<Vec<_>>(), [expected]);
        };
        check(|total| total.sum.network.corrupted = 0, "not one datagram that came with wrong bytes");
        check(|total| total.sum.disks.writes_without_room = 0, "not one write without room");
        check(|total| total.sum.served = FLOOR * 2 - 1, "19 dials served of a run on average, and 20 are the least");
    }

    #[test]
    fn what_is_excused_is_there() {
        for (point, reason) in NOT_REACHED {
            assert!(POINTS.iter().any(|(name, _)| name == point) && !reason.is_empty(), "{point}");
        }
        assert!(caused().count() + NOT_CAUSED.len() == Code::ALL.len());
    }
}
