//! What happens at a proxy when agents come, and when they go.

use std::time::Duration;

use warren_raft::{Command, ProxyId, Service, ServiceKind};

use super::agents::UNANSWERED;
use super::batch::Waiting;
use super::queue::{Event, Try, micros};
use super::world::ScaleWorld;
use crate::proxy::public::Answer;

/// After how long a silent tunnel is closed.
pub(super) const CLOSED: Duration = Duration::from_secs(8);

impl ScaleWorld {
    /// A first packet: a handshake is work for one of the cores, and waits for it.
    pub(super) fn knock(&mut self, attempt: Try) {
        let (now, costs) = (self.now, self.setup.costs);
        let proxy = self.proxy(attempt.proxy);
        if !proxy.lives {
            self.tally.unanswered += 1;
            return self.queue.push(self.later(UNANSWERED - costs.one_way), Event::Failed(attempt));
        }
        if !proxy.door.knocks() {
            self.tally.turned_away += 1;
            return self.queue.push(self.later(costs.one_way), Event::Failed(attempt));
        }
        let core = proxy.cores.iter_mut().min().expect("a proxy has a core");
        *core = (*core).max(now) + micros(costs.handshake);
        // Two round trips, of which the first packet's way is over.
        let done = *core + micros(costs.one_way * 3);
        self.queue.push(done, Event::Shaken(attempt));
    }

    pub(super) fn hello(&mut self, attempt: Try) {
        let now = self.instant();
        let proxy = self.proxies.get_mut(&attempt.proxy).expect("it was dialled");
        if !proxy.lives {
            return self.queue.push(self.later(CLOSED), Event::Failed(attempt));
        }
        let name = &self.agents[attempt.agent as usize].name;
        match proxy.door.hello(name, (&self.table, attempt.proxy), now) {
            Answer::Taken => self.register(attempt),
            Answer::Refused(after) => {
                self.tally.refused += 1;
                self.queue.push(self.later(self.setup.costs.one_way), Event::Refused(attempt, after));
            }
        }
    }

    /// The services go with the route, where the table has others.
    fn register(&mut self, Try { agent, sequence, proxy }: Try) {
        let name = self.agents[agent as usize].name.clone();
        let (services, version) = (services(), env!("CARGO_PKG_VERSION").to_owned());
        let is_known = self.table.agent(&name).is_some_and(|known| known.services == services && known.version == version);
        let epoch = self.table.epoch(proxy).unwrap_or_default();
        let route = Command::RegisterRoute { agent: name.clone(), proxy, epoch, sequence };
        let publish = (!is_known).then_some(Command::PublishServices { agent: name, services, version });
        if let Some(publish) = publish {
            self.proxy(proxy).lanes.push(Waiting::new(publish, None));
        }
        self.wait(proxy, Waiting::new(route, Some(agent)));
    }

    /// An agent wants a tunnel no more.
    pub(super) fn retire(&mut self, attempt @ Try { agent, sequence, proxy }: Try) {
        if !self.proxies[&proxy].lives {
            return self.queue.push(self.later(CLOSED), Event::Retired(attempt));
        }
        let epoch = self.table.epoch(proxy).unwrap_or_default();
        let withdraw = Command::WithdrawRoute { agent: self.agents[agent as usize].name.clone(), proxy, epoch, sequence };
        self.wait(proxy, Waiting::new(withdraw, Some(agent)));
    }

    /// Something waits for its place in the log.
    pub(super) fn wait(&mut self, proxy: ProxyId, waiting: Waiting) {
        self.proxy(proxy).lanes.push(waiting);
        self.send(proxy);
    }
}

/// What each agent offers.
fn services() -> Vec<Service> {
    let (name, target) = ("web".parse().expect("it is a name"), "127.0.0.1:3000".to_owned());
    vec![Service { name, target, kind: ServiceKind::Tcp }]
}
