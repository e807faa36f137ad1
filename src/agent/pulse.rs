//! Whether a tunnel is alive, by signs of life that are asked for. Pure.
//!
//! ```text
//!         every pulse               nothing acknowledged         silent for 8 s
//!  Quiet ------------> Asked ------------------------> Suspect -----------------> dead
//!    ^                   |                               |
//!    +-- acknowledged ---+-------------------------------+
//! ```
//! What counts is that something was *acknowledged*: where packets are lost in one direction only, packets that come in prove nothing. QUIC's own idle time-out is
//! left to be long, since it closes a connection for good where a moment's silence only asks for another one beside it.

use std::time::Duration;

use tokio::time::Instant;

/// How long an acknowledgement is waited for, at least.
const ANSWER: Duration = Duration::from_millis(700);
/// The same in round trips: QUIC repeats what was lost after about three of them.
const ANSWER_ROUND_TRIPS: u32 = 4;
/// How often a silent tunnel is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// How long a tunnel may be silent.
pub(super) const DEAD: Duration = Duration::from_secs(8);
/// How late this process may look before it has to ask itself whether it was the one that slept: what was sent to it may not have been read yet.
const LATE: Duration = Duration::from_millis(300);
/// The pulses that a proxy may ask for.
const PULSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(4));

/// What is seen of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// How many acknowledgements have come in.
    pub(super) acknowledged: u64,
    /// The round trip.
    pub(super) rtt: Duration,
}

/// What a look has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// Nothing new.
    Nothing,
    /// The other side is to be asked for a sign of life.
    Ask,
    /// It did not answer: another tunnel is wanted; and it is to be asked again.
    Silent,
    /// It is heard again.
    Heard,
    /// It has been silent for too long.
    Dead,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Quiet,
    Asked,
    Suspect,
}

/// The signs of life of one tunnel.
#[derive(Debug)]
pub(super) struct Pulse {
    phase: Phase,
    /// What had been acknowledged when it was last asked.
    acknowledged: u64,
    /// When it was last known to be alive.
    alive: Instant,
    /// When it was last asked.
    asked: Instant,
    /// When to look next.
    next: Instant,
}

impl Pulse {
    /// A tunnel that has just come to life.
    pub(super) fn new(now: Instant) -> Self {
        Self { phase: Phase::Quiet, acknowledged: 0, alive: now, asked: now, next: now + PULSES.0 }
    }

    /// When to look next.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// Looks at a tunnel that is to be asked `every` so long.
    pub(super) fn look(&mut self, seen: Seen, every: Duration, now: Instant) -> Sign {
        let every = every.clamp(PULSES.0, PULSES.1);
        let is_late = now > self.next + LATE;
        let is_acknowledged = seen.acknowledged > self.acknowledged;
        match self.phase {
            Phase::Quiet => self.ask(Phase::Asked, seen, now),
            Phase::Asked | Phase::Suspect if is_acknowledged => {
                let was = std::mem::replace(&mut self.phase, Phase::Quiet);
                self.alive = self.asked;
                self.next = (self.asked + every).max(now);
                if was == Phase::Suspect { Sign::Heard } else { Sign::Nothing }
            }
            // This process may have slept, and the tunnel with it: the silence begins anew.
            Phase::Asked | Phase::Suspect if is_late => {
                self.alive = now;
                self.ask(self.phase, seen, now)
            }
            Phase::Suspect if now >= self.alive + DEAD => Sign::Dead,
            Phase::Suspect => {
                self.ask(Phase::Suspect, seen, now);
                Sign::Ask
            }
            Phase::Asked => {
                self.ask(Phase::Suspect, seen, now);
                Sign::Silent
            }
        }
    }

    fn ask(&mut self, phase: Phase, seen: Seen, now: Instant) -> Sign {
        let wait = match phase {
            Phase::Quiet | Phase::Asked => ANSWER.max(seen.rtt.saturating_mul(ANSWER_ROUND_TRIPS)).min(DEAD),
            Phase::Suspect => ASK_AGAIN,
        };
        (self.phase, self.acknowledged, self.asked, self.next) = (phase, seen.acknowledged, now, now + wait);
        Sign::Ask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(1);

    /// Runs a tunnel on which everything sent is acknowledged at once in the seconds that `answers` accepts, and gives what was seen when, in milliseconds.
    fn run(answers: impl Fn(u64) -> bool, looks: usize) -> Vec<(u64, Sign)> {
        let start = Instant::now();
        let (mut pulse, mut acknowledged, mut told) = (Pulse::new(start), 0, Vec::new());
        for _ in 0..looks {
            let now = pulse.next();
            let at = u64::try_from((now - start).as_millis()).expect("it is short");
            let sign = pulse.look(Seen { acknowledged, rtt: Duration::from_millis(1) }, EVERY, now);
            acknowledged += u64::from(matches!(sign, Sign::Ask | Sign::Silent) && answers(at));
            told.push((at, sign));
            if sign == Sign::Dead {
                break;
            }
        }
        told
    }

    #[test]
    fn a_tunnel_that_answers_is_asked_once_a_pulse() {
        let told = run(|_| true, 8);
        let expected = [(250, Sign::Ask), (950, Sign::Nothing), (1250, Sign::Ask), (1950, Sign::Nothing), (2250, Sign::Ask)];
        assert_eq!(told[..5], expected);
    }

    #[test]
    fn a_tunnel_that_falls_silent_is_suspected_within_two_seconds_and_dead_within_ten() {
        // The last answer was to the question of 3250.
        let told = run(|at| at <= 3250, 40);
        let suspected: Vec<_> = told.iter().filter(|(_, sign)| *sign == Sign::Silent).collect();
        assert_eq!(suspected, [&(4950, Sign::Silent)], "once: {told:?}");
        let (dead, sign) = told.last().copied().expect("an end");
        assert!(sign == Sign::Dead && (3250 + 8_000..=3250 + 9_000).contains(&dead), "{told:?}");
    }

    #[test]
    fn a_tunnel_that_is_heard_again_is_well() {
        let told = run(|at| !(3000..6000).contains(&at), 30);
        let turns: Vec<_> =
            told.iter().map(|(_, sign)| *sign).filter(|sign| matches!(sign, Sign::Silent | Sign::Heard | Sign::Dead)).collect();
        assert_eq!(turns, [Sign::Silent, Sign::Heard], "{told:?}");
    }

    #[test]
    fn who_slept_himself_suspects_nobody() {
        let start = Instant::now();
        let mut pulse = Pulse::new(start);
        let seen = Seen { acknowledged: 0, rtt: Duration::from_millis(1) };
        assert_eq!(pulse.look(seen, EVERY, pulse.next()), Sign::Ask);
        let woken = pulse.next() + Duration::from_secs(3600);
        assert_eq!(pulse.look(seen, EVERY, woken), Sign::Ask, "it may have answered an hour ago");
        assert_eq!(pulse.look(seen, EVERY, pulse.next()), Sign::Silent);
    }

    #[test]
    fn a_far_proxy_is_given_its_round_trips_and_no_pulse_is_absurd() {
        let start = Instant::now();
        for (rtt_ms, every, answer_ms, pulse_ms) in
            [(1, 1_000, 700, 1_000), (400, 1_000, 1_600, 1_600), (1, 0, 700, 700), (1, 60_000, 700, 4_000)]
        {
            let mut pulse = Pulse::new(start);
            let (rtt, every) = (Duration::from_millis(rtt_ms), Duration::from_millis(every));
            let asked = pulse.next();
            assert_eq!(pulse.look(Seen { acknowledged: 1, rtt }, every, asked), Sign::Ask);
            assert_eq!(pulse.next() - asked, Duration::from_millis(answer_ms));
            assert_eq!(pulse.look(Seen { acknowledged: 2, rtt }, every, pulse.next()), Sign::Nothing);
            assert_eq!(pulse.next() - asked, Duration::from_millis(pulse_ms));
        }
    }
}
