//! Enrolments that failed, by where they came from. Pure.
//!
//! A token's secret has 256 bits: nobody guesses one, at whatever rate. What is bounded here is the work that trying makes, how much of the log it fills, and how
//! long it goes unnoticed.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::Source;

/// Over what an allowance of failures is spread.
const MINUTE: Duration = Duration::from_secs(60);
/// How many minutes are looked back upon.
const RECENT: usize = 10;
/// Most sources that are known. Beyond it the one that has the least to wait is forgotten: many addresses are what a botnet has, and this is what its memory costs.
const MAX_SOURCES: usize = 4_096;
/// How many failures may show in the log in a minute.
const SAID: u32 = 10;

/// Failed enrolments.
#[derive(Debug)]
pub struct Guesses {
    /// What one failure costs.
    step: Duration,
    /// Until when each source has used up its allowance, if it has failed lately.
    spent_until: BTreeMap<Source, Instant>,
    /// How many failed in each of the last minutes, the present one last.
    minutes: VecDeque<u64>,
    minute: Instant,
    said: u32,
    unsaid: u64,
}

impl Guesses {
    /// None yet; each source may fail so often in a minute.
    pub fn new(per_minute: u32, now: Instant) -> Self {
        let (spent_until, minutes) = (BTreeMap::new(), VecDeque::from([0]));
        Self { step: MINUTE / per_minute.max(1), spent_until, minutes, minute: now, said: 0, unsaid: 0 }
    }

    /// How long a source has to wait until the next try of it is looked at; `None`: not at all.
    pub fn wait(&self, source: Source, now: Instant) -> Option<Duration> {
        let spent = self.spent_until.get(&source)?.saturating_duration_since(now);
        (spent + self.step).checked_sub(MINUTE).filter(|wait| !wait.is_zero())
    }

    /// A try of a source has failed.
    pub fn failed(&mut self, source: Source, now: Instant) {
        self.turn(now);
        if let Some(minute) = self.minutes.back_mut() {
            *minute += 1;
        }
        let spent = self.spent_until.get(&source).map_or(now, |until| (*until).max(now));
        if !self.spent_until.contains_key(&source) {
            self.make_room(now);
        }
        // What a flood of tries that were under way together costs is bounded too.
        self.spent_until.insert(source, (spent + self.step).min(now + 2 * MINUTE));
    }

    /// Whether a failure may show in the log, and how many have not since the last that did.
    pub fn may_say(&mut self, now: Instant) -> Option<u64> {
        self.turn(now);
        if self.said >= SAID {
            self.unsaid += 1;
            return None;
        }
        self.said += 1;
        Some(std::mem::take(&mut self.unsaid))
    }

    /// How many failed in the last ten minutes.
    pub fn recent(&mut self, now: Instant) -> u64 {
        self.turn(now);
        self.minutes.iter().sum()
    }

    /// How many sources are remembered.
    pub fn sources(&self) -> usize {
        self.spent_until.len()
    }

    fn turn(&mut self, now: Instant) {
        while now.saturating_duration_since(self.minute) >= MINUTE {
            let late = now.saturating_duration_since(self.minute).as_secs() / MINUTE.as_secs();
            // After a long silence not every minute of it is gone through.
            self.minute = if late > RECENT as u64 { now } else { self.minute + MINUTE };
            let turns = if late > RECENT as u64 { RECENT } else { 1 };
            self.minutes.extend(std::iter::repeat_n(0, turns));
            while self.minutes.len() > RECENT {
                self.minutes.pop_front();
            }
            self.said = 0;
        }
    }

    fn make_room(&mut self, now: Instant) {
        if self.spent_until.len() < MAX_SOURCES {
            return;
        }
        self.spent_until.retain(|_, until| *until > now);
        if self.spent_until.len() >= MAX_SOURCES {
            let least = self.spent_until.iter().min_by_key(|(_, until)| **until).map(|(source, _)| *source);
            least.map(|source| self.spent_until.remove(&source));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn source(number: u32) -> Source {
        IpAddr::from(Ipv4Addr::from_bits(number)).into()
    }

    #[test]
    fn a_source_fails_so_often_in_a_minute_and_no_more() {
        let (begin, step) = (Instant::now(), Duration::from_secs(6));
        let mut guesses = Guesses::new(10, begin);
        for _ in 0..10 {
            assert_eq!(guesses.wait(source(1), begin), None);
            guesses.failed(source(1), begin);
        }
        assert_eq!((guesses.wait(source(1), begin), guesses.wait(source(2), begin)), (Some(step), None));
        assert_eq!(guesses.wait(source(1), begin + step / 2), Some(step / 2));
        assert_eq!(guesses.wait(source(1), begin + step), None);
        guesses.failed(source(1), begin + step);
        assert_eq!(guesses.wait(source(1), begin + step), Some(step));
        assert_eq!(guesses.wait(source(1), begin + 2 * MINUTE), None);
    }

    /// However many were under way when the first of them failed.
    #[test]
    fn a_flood_waits_for_minutes_and_not_for_ever() {
        let begin = Instant::now();
        let mut guesses = Guesses::new(10, begin);
        (0..10_000).for_each(|_| guesses.failed(source(1), begin));
        assert!(guesses.wait(source(1), begin).is_some_and(|wait| wait <= 2 * MINUTE));
        assert_eq!(guesses.wait(source(1), begin + 2 * MINUTE), None);
    }

    #[test]
    fn memory_is_bounded_and_who_waits_longest_is_kept() {
        let begin = Instant::now();
        let mut guesses = Guesses::new(10, begin);
        (0..20).for_each(|_| guesses.failed(source(0), begin));
        (1..3 * MAX_SOURCES as u32).for_each(|number| guesses.failed(source(number), begin));
        assert_eq!(guesses.sources(), MAX_SOURCES);
        assert!(guesses.wait(source(0), begin).is_some());
        let later = begin + 3 * MINUTE;
        guesses.failed(source(u32::MAX), later);
        assert_eq!(guesses.sources(), 1, "nobody else has anything to wait for");
    }

    #[test]
    fn the_log_is_not_filled_and_what_is_recent_is_counted() {
        let begin = Instant::now();
        let mut guesses = Guesses::new(10, begin);
        let said = (0..50).filter(|_| guesses.may_say(begin).is_some()).count();
        assert_eq!(said, SAID as usize);
        assert_eq!(guesses.may_say(begin + MINUTE), Some(40));
        for minute in 0..20 {
            guesses.failed(source(minute), begin + minute * MINUTE);
        }
        assert_eq!(guesses.recent(begin + 19 * MINUTE), RECENT as u64);
        assert_eq!(guesses.recent(begin + 24 * MINUTE), 5);
        assert_eq!(guesses.recent(begin + 200 * MINUTE), 0);
        guesses.failed(source(1), begin + 201 * MINUTE);
        assert_eq!(guesses.recent(begin + 202 * MINUTE), 1);
    }
}
