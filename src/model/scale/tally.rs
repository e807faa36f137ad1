//! What was counted.

use std::time::Duration;

/// What the leader did in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Second {
    /// Entries that were committed.
    pub entries: u64,
    /// Routes that were registered.
    pub registered: u64,
    /// Routes that were withdrawn.
    pub withdrawn: u64,
    /// What the entries' proposals take, encoded.
    pub bytes: u64,
}

impl Second {
    fn add(&mut self, other: &Self) {
        self.entries += other.entries;
        self.registered += other.registered;
        self.withdrawn += other.withdrawn;
        self.bytes += other.bytes;
    }
}

/// What was counted since the last [`begin`](super::ScaleWorld::begin).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// What the leader did, second for second.
    pub seconds: Vec<Second>,
    /// When it began, in microseconds.
    pub(super) begun: u64,
    /// Dials that agents made.
    pub dials: u64,
    /// Those that a proxy refused at the door, since too many handshakes were in progress.
    pub turned_away: u64,
    /// Those that were refused after the handshake, to come later.
    pub refused: u64,
    /// Dials that nobody answered.
    pub unanswered: u64,
    /// Handshakes for nothing: the agent had what it wanted, or a tunnel there.
    pub needless: u64,
    /// Agents that were asked to move a tunnel.
    pub asked: u64,
    /// Views of the cluster that were pushed to agents.
    pub views: u64,
    /// What they take.
    pub view_bytes: u64,
    /// When an agent without any tunnel had one again, in microseconds.
    pub(super) reached: Vec<u64>,
    /// When an agent had all its tunnels again, in microseconds.
    pub(super) whole: Vec<u64>,
}

impl Tally {
    /// All of it.
    pub fn total(&self) -> Second {
        let mut total = Second::default();
        self.seconds.iter().for_each(|second| total.add(second));
        total
    }

    /// The most of something in one second.
    pub fn peak(&self, of: impl Fn(&Second) -> u64) -> u64 {
        self.seconds.iter().map(of).max().unwrap_or_default()
    }

    /// Within how long so large a share of the agents that had none had a tunnel again; nothing if none had lost them all.
    pub fn reached(&self, share: f64) -> Option<Duration> {
        quantile(&self.reached, share)
    }

    /// Within how long so large a share of the agents that lacked any had all their tunnels again.
    pub fn whole(&self, share: f64) -> Option<Duration> {
        quantile(&self.whole, share)
    }

    /// How many agents had none and have one again.
    pub fn returned(&self) -> usize {
        self.reached.len()
    }

    /// The second of that moment.
    pub(super) fn second(&mut self, now: u64) -> &mut Second {
        let place = usize::try_from((now - self.begun) / 1_000_000).unwrap_or(usize::MAX);
        if self.seconds.len() <= place {
            self.seconds.resize(place + 1, Second::default());
        }
        &mut self.seconds[place]
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count")]
fn quantile(moments: &[u64], share: f64) -> Option<Duration> {
    let mut sorted = moments.to_vec();
    sorted.sort_unstable();
    let place = (sorted.len().checked_sub(1)? as f64 * share).round() as usize;
    sorted.get(place).map(|micros| Duration::from_micros(*micros))
}
