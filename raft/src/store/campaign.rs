//! Keeps a voter that has lost its peers from campaigning: what Raft calls pre-vote, which openraft 0.9 lacks.
//!
//! Alone, such a voter would raise its term at each election time-out, and depose a healthy leader once it is back; and one that has just started would do so before the leader
//! has found the way to it. So each voter that does not lead asks the others for a sign of life and whether they have a leader, and stands for election only while a majority lives, and
//! no majority has a leader.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use openraft::ServerState;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::core::Core;
use super::engine::Elections;
use super::message::{Refusal, Request, Response};
use super::runtime::jitter;
use super::types::Metrics;
use crate::ids::ProxyId;
use crate::membership::is_majority;
use crate::transport::TransportError;

/// The range from which a candidate draws grows to four election time-outs.
const MOST_DOUBLINGS: u32 = 4;

/// Allows and forbids this member to stand for election, as its peers come and go.
pub(crate) async fn mind_the_majority(core: Arc<Core>) {
    // A loss must be seen before it is acted upon. That is an election time-out after the last heartbeat, which may itself be one and a
    // half heartbeats old: with three of them to a time-out, half of it is left for this pause and the signs of life.
    let pace = core.config.election_timeout / 5;
    loop {
        let metrics = core.engine.metrics().borrow().clone();
        let now = may_campaign(&core, &metrics).await;
        if now != core.engine.may_campaign() {
            tracing::debug!(allowed = now, "whether this member may stand for election has changed");
            core.engine.elect(if now { Elections::Allowed } else { Elections::Forbidden });
        }
        sleep(pace).await;
    }
}

/// Keeps candidates that have split the votes from doing so again and again.
///
/// In openraft 0.9 a member draws its time once for its whole life and looks at it at every tick, so that two whose ticks fall together
/// and whose times lie between the same two would always stand together. A candidate therefore does not stand again by its ticks: it
/// draws a further time for each try, from a range that doubles, or disks that are slow to note votes would never let anybody win. One that was
/// refused because it lags behind stands back for two election time-outs.
pub(crate) async fn part_candidates(core: Arc<Core>) {
    let all = core.config.election_timeout;
    let mut metrics = core.engine.metrics();
    let mut tries = 0;
    loop {
        let Ok(candidate) = metrics.wait_for(|metrics| metrics.state == ServerState::Candidate).await.map(|metrics| metrics.clone()) else {
            return;
        };
        core.engine.pace(Elections::Forbidden);
        // One that has heard of a later term is none any more, and waits for what every follower waits for: it may be the only one that can win.
        let retired = metrics.wait_for(|metrics| metrics.state != ServerState::Candidate);
        let _ = timeout(all / 20 + jitter(all / 4 * (1 << tries)), retired).await;
        if core.network.outranked.swap(false, Ordering::Relaxed) {
            // It cannot win, and each of its terms costs those who can one of theirs.
            let decided = metrics.wait_for(|metrics| metrics.state != ServerState::Candidate);
            let _ = timeout(all * 2 + jitter(all), decided).await;
        }
        let newest = metrics.borrow().clone();
        let is_undecided = newest.state == ServerState::Candidate && newest.current_term == candidate.current_term;
        if is_undecided
            && core.engine.may_campaign()
            && let Ok(raft) = core.engine.raft()
        {
            tries = (tries + 1).min(MOST_DOUBLINGS);
            // It fails when it has stopped, and then there is no candidate.
            let _ = raft.trigger().elect().await;
        }
        if newest.current_leader.is_some() {
            tries = 0;
        }
        if newest.state != ServerState::Candidate {
            core.engine.pace(Elections::Allowed);
        }
    }
}

async fn may_campaign(core: &Core, metrics: &Metrics) -> bool {
    let me = core.config.id;
    let membership = metrics.membership_config.membership();
    let mut voters: BTreeSet<ProxyId> = membership.voter_ids().collect();
    if metrics.state == ServerState::Leader || !voters.remove(&me) {
        return true;
    }
    let is_led = core.led.is_led(metrics, Instant::now());
    let mut poll = Poll {
        voters: membership.get_joint_config(),
        alive: [me].into(),
        led: is_led.then_some(me).into_iter().collect(),
        awaited: voters,
    };
    let mut answers = core.asked(metrics, poll.awaited.clone(), Request::PreVote);
    loop {
        if let Some(decided) = poll.decided() {
            return decided;
        }
        match answers.join_next().await {
            Some(Ok((id, answer))) => poll.answered(id, answer.ok().as_ref()),
            // Nobody cancels or panics.
            Some(Err(_)) => {}
            None => return false,
        }
    }
}

/// What the other voters have said so far.
struct Poll<'a> {
    voters: &'a [BTreeSet<ProxyId>],
    alive: BTreeSet<ProxyId>,
    led: BTreeSet<ProxyId>,
    awaited: BTreeSet<ProxyId>,
}

impl Poll<'_> {
    fn answered(&mut self, id: ProxyId, answer: Option<&Response>) {
        self.awaited.remove(&id);
        match answer {
            Some(Response::Refused(Refusal::Led)) => drop((self.alive.insert(id), self.led.insert(id))),
            // An earlier version does not know the question: it is there.
            Some(Response::Pong | Response::Refused(Refusal::Unknown)) => drop(self.alive.insert(id)),
            Some(_) | None => {}
        }
    }

    /// Whether to stand, as soon as no further answer changes that: a voter that is gone is not waited for.
    fn decided(&self) -> Option<bool> {
        let is_majority = |of: &BTreeSet<ProxyId>| is_majority(self.voters, of);
        let may_be = |of: &BTreeSet<ProxyId>| is_majority(&(of | &self.awaited));
        if is_majority(&self.led) || !may_be(&self.alive) {
            return Some(false);
        }
        (is_majority(&self.alive) && !may_be(&self.led)).then_some(true)
    }
}

impl Core {
    /// Which of these members answer within a quarter of an election time-out.
    pub(crate) async fn signs_of_life(&self, metrics: &Metrics, asked: BTreeSet<ProxyId>) -> BTreeSet<ProxyId> {
        let answers = self.asked(metrics, asked, Request::Ping).join_all().await.into_iter();
        answers.filter(|(_, answer)| matches!(answer, Ok(Response::Pong))).map(|(id, _)| id).collect()
    }

    /// Asks these members, and waits for each a quarter of an election time-out.
    fn asked(
        &self,
        metrics: &Metrics,
        asked: BTreeSet<ProxyId>,
        question: Request,
    ) -> JoinSet<(ProxyId, Result<Response, TransportError>)> {
        let question = Arc::new(question);
        let mut answers = JoinSet::new();
        for (id, node) in metrics.membership_config.membership().nodes().filter(|(id, _)| asked.contains(id)) {
            let (network, id, address, deadline) = (self.network.clone(), *id, node.address.clone(), self.config.election_timeout / 4);
            let question = Arc::clone(&question);
            answers.spawn(async move { (id, network.call(id, &address, &question, deadline).await) });
        }
        answers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether this member has a leader, what the others answer, and what is decided.
    type Case<'a> = (bool, &'a [(u64, Option<&'a Response>)], Option<bool>);

    #[test]
    fn a_majority_lives_and_none_has_a_leader() {
        let voters = [[1, 2, 3].map(ProxyId).into()];
        let (pong, led, older) = (Response::Pong, Response::Refused(Refusal::Led), Response::Refused(Refusal::Unknown));
        let stopped = Response::Refused(Refusal::Stopped);
        let table: [Case<'_>; 12] = [
            (false, &[], None),
            (false, &[(2, Some(&pong))], Some(true)),
            (false, &[(2, Some(&older))], Some(true)),
            (false, &[(2, None)], None),
            (false, &[(2, None), (3, None)], Some(false)),
            (false, &[(2, Some(&stopped)), (3, None)], Some(false)),
            // One of two others has a leader: it may be the third, which is silent.
            (false, &[(2, Some(&led))], None),
            (false, &[(2, Some(&led)), (3, None)], Some(true)),
            (false, &[(2, Some(&led)), (3, Some(&led))], Some(false)),
            // It has one itself.
            (true, &[(2, Some(&pong))], None),
            (true, &[(2, Some(&led))], Some(false)),
            (true, &[(2, Some(&pong)), (3, None)], Some(true)),
        ];
        for (is_led, answers, expected) in table {
            let me = ProxyId(1);
            let led = is_led.then_some(me).into_iter().collect();
            let mut poll = Poll { voters: &voters, alive: [me].into(), led, awaited: [2, 3].map(ProxyId).into() };
            for (id, answer) in answers {
                poll.answered(ProxyId(*id), *answer);
            }
            assert_eq!(poll.decided(), expected, "{is_led}, {answers:?}");
        }
    }
}
