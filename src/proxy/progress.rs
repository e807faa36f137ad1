//! What an agent has said last of the tunnels that it ought to hold.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;
use warren_raft::AgentName;

use crate::wire::AgentProgress;
use crate::wire::tunnel::{MAX_OBSTACLES, MAX_REASON, Progress};

/// The last word of an agent on one tunnel. An agent that has what it wants takes no room.
#[derive(Debug, Default)]
pub(super) struct ProgressNote(Mutex<Option<Box<Lacking>>>);

/// What an agent that lacks tunnels has said, and since when it does.
#[derive(Debug)]
struct Lacking {
    progress: Progress,
    since: Instant,
}

impl ProgressNote {
    /// Notes what the agent says now; no more of it than an agent of ours would say.
    pub(super) fn note(&self, progress: &Progress, now: Instant) {
        let mut known = self.lock();
        if progress.held >= progress.wanted {
            *known = None;
            return;
        }
        let since = known.as_ref().map_or(now, |known| known.since);
        *known = Some(Box::new(Lacking { progress: bounded(progress), since }));
    }

    /// What the agent has said, if it lacks tunnels.
    pub(super) fn unsettled(&self, agent: &AgentName, now: Instant) -> Option<AgentProgress> {
        let known = self.lock();
        let Lacking { progress, since } = known.as_deref()?;
        Some(AgentProgress { agent: agent.clone(), progress: progress.clone(), seconds: now.duration_since(*since).as_secs() })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Box<Lacking>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bounded(progress: &Progress) -> Progress {
    let mut obstacles = progress.obstacles.clone();
    obstacles.truncate(MAX_OBSTACLES);
    for obstacle in &mut obstacles {
        let end = obstacle.reason.floor_char_boundary(MAX_REASON);
        obstacle.reason.truncate(end);
    }
    Progress { obstacles, ..progress.clone() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::wire::tunnel::Obstacle;

    fn progress(wanted: u32, held: u32, reasons: &[&str]) -> Progress {
        let obstacles = reasons.iter().map(|reason| Obstacle { proxy: None, reason: (*reason).to_owned() }).collect();
        Progress { wanted, held, retiring: 1, obstacles }
    }

    #[test]
    fn an_agent_is_unsettled_from_when_it_first_lacked_a_tunnel() {
        let (note, lab, begun) = (ProgressNote::default(), "lab".parse().expect("a name"), Instant::now());
        let at = |seconds| begun + Duration::from_secs(seconds);
        assert_eq!(note.unsettled(&lab, at(0)), None);
        note.note(&progress(2, 1, &["no answer"]), at(1));
        note.note(&progress(3, 2, &["refused"]), at(4));
        let told = note.unsettled(&lab, at(6)).expect("it lacks one");
        assert_eq!((told.agent, told.progress, told.seconds), (lab.clone(), progress(3, 2, &["refused"]), 5));
        note.note(&progress(3, 3, &[]), at(7));
        assert_eq!(note.unsettled(&lab, at(8)), None);
        note.note(&progress(3, 0, &[]), at(9));
        assert_eq!(note.unsettled(&lab, at(9)).map(|told| told.seconds), Some(0));
    }

    #[test]
    fn what_an_agent_says_has_a_bound() {
        let (note, lab, now) = (ProgressNote::default(), "lab".parse().expect("a name"), Instant::now());
        let long = "ä".repeat(MAX_REASON);
        note.note(&progress(2, 1, &vec![long.as_str(); MAX_OBSTACLES + 5]), now);
        let told = note.unsettled(&lab, now).expect("it lacks one").progress;
        assert_eq!(told.obstacles.len(), MAX_OBSTACLES);
        assert!(told.obstacles.iter().all(|obstacle| obstacle.reason.len() == MAX_REASON), "{told:?}");
    }
}
