//! Whether the other end of a tunnel is still there, by what its connection has heard. Pure.
//!
//! ```text
//!  sound --(nothing heard for 4 s, or a dial not even acknowledged)--> suspect --(8 s)--> dead
//!    ^----------------(heard, and what was sent acknowledged)-------------/
//! ```
//! An agent asks for a sign of life every second to three: a tunnel is silent only when its path is dead or its agent is
//! stopped. Time counts as it is looked: a proxy that was itself stopped for a while has not been looking.

use std::fmt;
use std::time::Duration;

use quinn::ConnectionStats;

/// How long nothing is heard before a tunnel is suspect.
const SUSPECT: Duration = Duration::from_secs(4);
/// How long before it is dead: less than the bound of design section 9 by what the withdrawal of its route may take.
const DEAD: Duration = Duration::from_secs(8);

/// What a connection has heard since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// Datagrams: the other end is there.
    pub datagrams: u64,
    /// Acknowledgements: what is sent arrives.
    pub acknowledgements: u64,
}

impl From<ConnectionStats> for Heard {
    fn from(stats: ConnectionStats) -> Self {
        Self { datagrams: stats.udp_rx.datagrams, acknowledgements: stats.frame_rx.acks }
    }
}

/// How a tunnel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// It is heard.
    Sound,
    /// It may be dead: other tunnels are tried before it.
    Suspect,
    /// It is to be closed.
    Dead,
}

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sound => "sound",
            Self::Suspect => "suspect",
            Self::Dead => "dead",
        })
    }
}

/// What is known of a tunnel's life.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Liveness {
    heard: Heard,
    silent: Duration,
    unacknowledged: Option<Unacknowledged>,
}

/// A dial was not acknowledged.
#[derive(Clone, Copy, Debug)]
struct Unacknowledged {
    acknowledgements: u64,
    since: Duration,
}

impl Liveness {
    /// Looks at what was heard by now, `step` after the last look.
    pub(super) fn look(&mut self, heard: Heard, step: Duration) -> Life {
        self.silent = if heard.datagrams == self.heard.datagrams { self.silent + step } else { Duration::ZERO };
        self.heard = heard;
        // A stream that is given up is told to the other end until that acknowledges it: what is not acknowledged stays so only over a dead path.
        self.unacknowledged = match self.unacknowledged {
            Some(doubt) if doubt.acknowledgements == heard.acknowledgements => Some(Unacknowledged { since: doubt.since + step, ..doubt }),
            _ => None,
        };
        self.life()
    }

    /// A dial was sent over it and has not been acknowledged for longer than the path takes. The next [`look`](Self::look) after an acknowledgement forgets it.
    pub(super) fn doubt(&mut self, acknowledgements: u64) {
        self.unacknowledged.get_or_insert(Unacknowledged { acknowledgements, since: Duration::ZERO });
    }

    /// How it is.
    pub(super) fn life(&self) -> Life {
        let unacknowledged = self.unacknowledged.map(|doubt| doubt.since);
        if self.silent.max(unacknowledged.unwrap_or_default()) >= DEAD {
            Life::Dead
        } else if self.silent >= SUSPECT || unacknowledged.is_some() {
            Life::Suspect
        } else {
            Life::Sound
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(500);

    fn heard(datagrams: u64, acknowledgements: u64) -> Heard {
        Heard { datagrams, acknowledgements }
    }

    #[test]
    fn silence_makes_a_tunnel_suspect_and_then_dead_and_a_sign_of_life_sound_again() {
        let mut liveness = Liveness::default();
        assert_eq!(liveness.look(heard(5, 1), STEP), Life::Sound);
        let lives: Vec<_> = (0..16).map(|_| liveness.look(heard(5, 1), STEP)).collect();
        assert_eq!(lives[..7], [Life::Sound; 7]);
        assert_eq!(lives[7..15], [Life::Suspect; 8]);
        assert_eq!(lives[15], Life::Dead);
        assert_eq!(liveness.look(heard(6, 1), STEP), Life::Sound);
    }

    #[test]
    fn a_path_that_is_dead_one_way_is_found_by_a_dial_though_the_agent_is_heard() {
        let mut liveness = Liveness::default();
        liveness.look(heard(5, 1), STEP);
        liveness.doubt(1);
        assert_eq!(liveness.life(), Life::Suspect);
        // A second dial does not make it younger.
        let lives: Vec<_> = (0..16_u64)
            .map(|look| {
                liveness.doubt(1);
                liveness.look(heard(6 + look, 1), STEP)
            })
            .collect();
        assert_eq!(lives[..15], [Life::Suspect; 15]);
        assert_eq!(lives[15], Life::Dead);
    }

    #[test]
    fn an_acknowledgement_clears_the_doubt() {
        let mut liveness = Liveness::default();
        liveness.look(heard(5, 1), STEP);
        liveness.doubt(1);
        assert_eq!(liveness.look(heard(6, 2), STEP), Life::Sound);
        liveness.doubt(2);
        assert_eq!(liveness.life(), Life::Suspect, "the next one counts from what has been heard by then");
    }
}
