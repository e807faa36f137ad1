//! What the programs tell, for checkers to see.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use warren::agent::AgentStatus;
use warren::net::{Access, Env, FileError};
use warren_raft::{ProxyId, RoutingStore};

use super::dial::{Dialled, Outcome};
use crate::network::HostId;
use crate::trace::Trace;

/// A proxy that runs.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its id in the cluster.
    pub id: ProxyId,
    /// Its routing store.
    pub store: RoutingStore,
}

/// The tokens with which machines enrol.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// For proxies.
    pub proxy: Option<String>,
    /// For agents.
    pub agent: Option<String>,
    /// For clients.
    pub client: Option<String>,
}

/// A read that was confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// By the proxy of this machine.
    pub host: HostId,
    /// The last entry that was acknowledged to anybody before it was asked for.
    pub acknowledged: u64,
    /// The last entry that it has seen.
    pub seen: u64,
}

/// What a token has admitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Admissions {
    /// How many it should, at most.
    pub uses: u32,
    /// How many it did.
    pub admitted: u32,
}

/// What is known of everybody. Clones are the same.
#[derive(Clone, Debug)]
pub struct Stage(Arc<Mutex<State>>, Trace);

#[derive(Debug, Default)]
struct State {
    home: PathBuf,
    secrets: Secrets,
    members: BTreeMap<HostId, Member>,
    ids: BTreeMap<HostId, ProxyId>,
    /// The ids of those whose disks are gone.
    lost: BTreeMap<HostId, ProxyId>,
    agents: BTreeMap<u16, watch::Receiver<AgentStatus>>,
    /// Agents that have ended in good order and were not started again.
    ended: BTreeSet<u16>,
    clients: BTreeMap<HostId, ()>,
    dials: BTreeMap<u64, Dialled>,
    operations: BTreeMap<String, u64>,
    /// How often the service of each agent was connected to.
    targets: BTreeMap<u16, u64>,
    /// The last entry that was acknowledged.
    acknowledged: u64,
    reads: Vec<Read>,
    admissions: Vec<Admissions>,
    /// Clients that were removed so far, answers that they had, and how one of them got in.
    outcasts: (u64, u64, Vec<String>),
    /// Whether work is to end.
    quiet: bool,
}

impl Stage {
    /// A stage on which nobody is yet. Whatever is kept on real disks is below `home`.
    pub fn new(home: PathBuf, trace: Trace) -> Self {
        Self(Arc::new(Mutex::new(State { home, ..State::default() })), trace)
    }

    /// What happened.
    pub fn trace(&self) -> &Trace {
        &self.1
    }

    /// The directory of a machine.
    pub fn home(&self, host: HostId) -> PathBuf {
        self.lock().home.join(format!("host-{}", host.0))
    }

    /// Writes a file that only its owner can read, as an operator would on that machine.
    ///
    /// # Errors
    /// The file system's.
    pub fn write_secret(&self, env: &Env, path: &Path, text: &str) -> Result<(), FileError> {
        env.files.make_dir(path.parent().unwrap_or(Path::new("")))?;
        env.files.replace(path, text.as_bytes(), Access::Secret)
    }

    /// The tokens.
    pub fn secrets(&self) -> Secrets {
        self.lock().secrets.clone()
    }

    /// Keeps a token.
    pub fn keep(&self, keep: impl FnOnce(&mut Secrets)) {
        keep(&mut self.lock().secrets);
    }

    /// A proxy runs.
    pub fn member_runs(&self, host: HostId, member: Member) {
        let mut state = self.lock();
        state.ids.insert(host, member.id);
        state.members.insert(host, member);
    }

    /// A machine's program is gone, and all that was known of it.
    pub fn gone(&self, host: HostId, agents: impl Iterator<Item = u16>) {
        let mut state = self.lock();
        let member = state.members.remove(&host);
        state.clients.remove(&host);
        for agent in agents {
            state.agents.remove(&agent);
            state.ended.remove(&agent);
        }
        for dial in state.dials.values_mut().filter(|dial| dial.dial.client == host && dial.outcome.is_none()) {
            dial.outcome = Some(Outcome::Abandoned);
        }
        // What it holds may come back here when it goes.
        drop(state);
        drop(member);
    }

    /// The proxies that run.
    pub fn members(&self) -> BTreeMap<HostId, Member> {
        self.lock().members.clone()
    }

    /// A proxy that runs.
    pub fn member(&self, host: HostId) -> Option<Member> {
        self.lock().members.get(&host).cloned()
    }

    /// The id that the proxy of a machine had last.
    pub fn id(&self, host: HostId) -> Option<ProxyId> {
        self.lock().ids.get(&host).copied()
    }

    /// The proxy of a machine is no more: its disk is gone.
    pub fn forget_id(&self, host: HostId) {
        let mut state = self.lock();
        if let Some(id) = state.ids.remove(&host) {
            state.lost.insert(host, id);
        }
    }

    /// The id that the proxy of a machine had before its disk was lost the last time.
    pub fn lost_id(&self, host: HostId) -> Option<ProxyId> {
        self.lock().lost.get(&host).copied()
    }

    /// An agent runs.
    pub fn agent_runs(&self, agent: u16, status: watch::Receiver<AgentStatus>) {
        let mut state = self.lock();
        state.ended.remove(&agent);
        state.agents.insert(agent, status);
    }

    /// An agent has stopped.
    pub fn agent_stopped(&self, agent: u16) {
        self.lock().agents.remove(&agent);
    }

    /// An agent has ended in good order.
    pub fn agent_ended(&self, agent: u16) {
        self.lock().ended.insert(agent);
    }

    /// The agent is started.
    pub fn agent_starts(&self, agent: u16) {
        self.lock().ended.remove(&agent);
    }

    /// The agents that have ended in good order and were not started again.
    pub fn ended(&self) -> BTreeSet<u16> {
        self.lock().ended.clone()
    }

    /// The agents that run, each with its tunnels.
    pub fn agents(&self) -> BTreeMap<u16, AgentStatus> {
        self.lock().agents.iter().map(|(agent, status)| (*agent, status.borrow().clone())).collect()
    }

    /// A client can dial.
    pub fn client_runs(&self, host: HostId) {
        self.lock().clients.insert(host, ());
    }

    /// Whether the client of a machine can dial.
    pub fn has_client(&self, host: HostId) -> bool {
        self.lock().clients.contains_key(&host)
    }

    /// What is known of a dial.
    pub fn note_dial(&self, number: u64, change: impl FnOnce(&mut Dialled)) {
        if let Some(dial) = self.lock().dials.get_mut(&number) {
            change(dial);
        }
    }

    /// A dial begins.
    pub fn begin_dial(&self, number: u64, dial: Dialled) {
        self.lock().dials.insert(number, dial);
    }

    /// All dials.
    pub fn dials(&self) -> BTreeMap<u64, Dialled> {
        self.lock().dials.clone()
    }

    /// Looks at all dials.
    pub fn with_dials<T>(&self, look: impl FnOnce(&BTreeMap<u64, Dialled>) -> T) -> T {
        look(&self.lock().dials)
    }

    /// An operation has ended like this.
    pub fn operated(&self, what: String) {
        *self.lock().operations.entry(what).or_default() += 1;
    }

    /// How operations have ended.
    pub fn operations(&self) -> BTreeMap<String, u64> {
        self.lock().operations.clone()
    }

    /// The service of an agent was connected to.
    pub fn target_connected(&self, agent: u16) {
        *self.lock().targets.entry(agent).or_default() += 1;
    }

    /// This entry was acknowledged, and all before it are committed.
    pub fn note_acknowledged(&self, index: u64) {
        let mut state = self.lock();
        state.acknowledged = state.acknowledged.max(index);
    }

    /// The last entry that was acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.lock().acknowledged
    }

    /// A read was confirmed.
    pub fn note_read(&self, read: Read) {
        self.lock().reads.push(read);
    }

    /// Reads that were confirmed since the last call.
    pub fn take_reads(&self) -> Vec<Read> {
        std::mem::take(&mut self.lock().reads)
    }

    /// There is a token of so many uses with which machines will enrol. Its number.
    pub fn begin_admissions(&self, uses: u32) -> usize {
        let mut state = self.lock();
        state.admissions.push(Admissions { uses, admitted: 0 });
        state.admissions.len() - 1
    }

    /// A machine has enrolled with that token.
    pub fn admitted(&self, token: usize) {
        if let Some(admissions) = self.lock().admissions.get_mut(token) {
            admissions.admitted += 1;
        }
    }

    /// What tokens have admitted.
    pub fn admissions(&self) -> Vec<Admissions> {
        self.lock().admissions.clone()
    }

    /// A client is to be removed: its number.
    pub fn next_outcast(&self) -> u64 {
        let mut state = self.lock();
        state.outcasts.0 += 1;
        state.outcasts.0
    }

    /// A client that was removed has its answer from a proxy that knows so.
    pub fn outcast_heard(&self, was_let_in: bool, how: impl FnOnce() -> String) {
        let mut state = self.lock();
        state.outcasts.1 += 1;
        if was_let_in {
            state.outcasts.2.push(how());
        }
    }

    /// How clients got in that were removed.
    pub fn outcasts_let_in(&self) -> Vec<String> {
        self.lock().outcasts.2.clone()
    }

    /// Whether what has no end of its own is to end.
    pub fn is_quiet(&self) -> bool {
        self.lock().quiet
    }

    /// What has no end of its own is to end, or may go on again.
    pub fn set_quiet(&self, quiet: bool) {
        self.lock().quiet = quiet;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
