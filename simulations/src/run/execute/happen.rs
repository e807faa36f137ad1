//! What the events of a plan do, and how it is made right again.

use std::time::Duration;

use super::{Execution, Mend, expected};
use crate::cast::{Dialled, Order};
use crate::network::{Effect, HostId, Hosts};
use crate::plan::{Dial, DiskTrouble, Event, Operation};
use crate::run::scene::Phase;
use crate::world::Armed;

impl Execution {
    pub(super) fn dial(&mut self, dial: Dial) {
        let number = self.next_dial;
        self.next_dial += 1;
        let ready = self.run.stage.has_client(dial.client);
        if !ready {
            return;
        }
        self.count("dial");
        let Some(host) = self.run.world.host(dial.client) else { return };
        self.run.stage.begin_dial(number, Dialled::new(dial.clone(), self.run.world.now_us()));
        self.run.world.trace.event(format_args!("dial {number}: {dial:?}"));
        host.tell(Order::Dial(number, dial));
    }

    pub(super) fn apply(&mut self, event: Event) {
        if let Event::Dial(dial) = event {
            return self.dial(dial);
        }
        self.calm_since_us = None;
        let now = self.run.world.now_us();
        self.run.world.trace.event(format_args!("{event:?}"));
        self.count(event.class());
        match event {
            Event::Dial(_) => {}
            Event::Crash { host, down_ms } => self.crash(host, down_ms),
            Event::CrashAt { host, place, down_ms } => {
                self.traps.insert(host, down_ms);
                self.run.points.arm(Armed { host, place });
            }
            Event::Wipe { host, down_ms } => self.wipe(host, down_ms),
            Event::Pause { host, for_ms } => {
                let until = now + for_ms * 1_000;
                if let Some(host) = self.run.world.host_mut(host) {
                    host.pause(now, until);
                }
                self.mends.push((until, host, Mend::Pause));
                self.pauses.push((host, now, until));
            }
            Event::Network { rule, for_ms } => {
                let proxies = Hosts::of(self.run.plan.topology.proxy_hosts());
                let is_split = rule.effect == Effect::Cut && rule.from.0 & !proxies.0 == 0 && rule.to.0 & !proxies.0 == 0;
                let id = self.run.world.network.impose(rule);
                self.rules.insert(id, is_split);
                self.lifts.insert((now + for_ms * 1_000, id), ());
            }
            Event::Rebind { host } => {
                self.conditions.fair_since_us = None;
                self.run.world.network.rebind(host);
            }
            Event::WallStep { host, by_ms } => {
                self.conditions.fair_since_us = None;
                if let Some(host) = self.run.world.host(host) {
                    host.wall.step(by_ms);
                }
            }
            Event::Rate { host, millionths, for_ms } => {
                if let Some(host) = self.run.world.host_mut(host) {
                    host.set_rate(millionths);
                }
                self.mends.push((now + for_ms * 1_000, host, Mend::Rate));
            }
            Event::Disk { host, trouble, for_ms } => self.disk(host, trouble, for_ms),
            Event::Operate { host, operation } => self.operate(host, operation),
            Event::Restart { host, down_ms } => self.restart(host, down_ms),
            Event::AgentRestart { agent, down_ms } => {
                self.tell_agent(agent, Order::StopAgent(agent));
                self.agent_starts.insert((now + down_ms * 1_000, agent), ());
            }
            Event::Join { host } => self.start(host),
        }
    }

    /// Tells a program to end; one that does not run has nothing to come back from.
    pub(super) fn restart(&mut self, host: HostId, down_ms: u64) {
        if self.run.world.host(host).is_some_and(|host| host.tell(Order::Stop)) {
            self.leaves.insert(host, down_ms);
        }
    }

    pub(super) fn crash(&mut self, host: HostId, down_ms: u64) {
        self.leaves.remove(&host);
        self.lose_power(host);
        self.start_after(host, down_ms);
    }

    pub(super) fn lose_power(&mut self, host: HostId) {
        self.run.crash(host);
        self.watch.crashed(host);
    }

    /// The machine gets a new disk, and its proxy joins anew once the one before is removed.
    pub(super) fn wipe(&mut self, host: HostId, down_ms: u64) {
        if !expected::can_lose(&self.run, host) {
            // Whoever takes away the disks of half of the voters has no cluster any more: that is what `warren raft recover` is for.
            return;
        }
        self.crash(host, down_ms);
        self.empty(host);
        self.wiped.insert(host);
        self.exchanged.insert(host);
        self.lost.insert(host);
        self.care();
    }

    pub(super) fn empty(&mut self, host: HostId) {
        self.watch.wiped(host);
        self.run.stage.forget_id(host);
        if let Some(disk) = self.run.disks.get(&host) {
            disk.wipe();
        }
        self.run.wipe_home(host);
    }

    /// Tells the proxies that are there to let go of those whose disks are gone and that are not in the cluster again.
    pub(super) fn remove_wiped(&mut self) {
        let members = self.run.stage.members();
        self.wiped.retain(|host| !members.contains_key(host));
        for host in self.wiped.clone() {
            let there = self.run.stage.members().into_keys().find(|other| *other != host);
            if let Some(there) = there.and_then(|there| self.run.world.host(there)) {
                there.tell(Order::Operate(Operation::Remove(host)));
            }
        }
    }

    pub(super) fn disk(&mut self, host: HostId, trouble: DiskTrouble, for_ms: u64) {
        let Some(disk) = self.run.disks.get(&host) else { return };
        match trouble {
            DiskTrouble::Full => disk.fill(),
            DiskTrouble::FailsOnce => disk.fail(warren_raft::disk::Operation::Flush, crate::disk::Lasting::Once),
            DiskTrouble::Slow(each) => disk.flush_slowly(Duration::from_millis(each / 4)..Duration::from_millis(each + 1)),
            DiskTrouble::Lies => disk.lie(crate::disk::Lie::Everything),
            DiskTrouble::Reverts => {
                disk.revert();
                return self.crash(host, for_ms);
            }
        }
        self.mends.push((self.run.world.now_us() + for_ms * 1_000, host, Mend::Disk));
    }

    pub(super) fn operate(&mut self, host: HostId, operation: Operation) {
        match &operation {
            Operation::Drain(proxy) => {
                self.drained.insert(*proxy);
            }
            // That it is told so does not mean that it happens.
            Operation::Resume(_)
            | Operation::Strategy(_)
            | Operation::Transfer(_)
            | Operation::Remove(_)
            | Operation::Token { .. }
            | Operation::Expel
            | Operation::Look => {}
        }
        if let Some(host) = self.run.world.host(host) {
            host.tell(Order::Operate(operation));
        }
    }

    /// Everything that is wrong is made right.
    pub(super) fn heal(&mut self) {
        self.run.points.disarm();
        self.traps.clear();
        for ((_, rule), ()) in std::mem::take(&mut self.lifts) {
            self.run.world.network.lift(rule);
            self.rules.remove(&rule);
        }
        let hosts: Vec<_> = self.run.world.hosts().map(|host| host.id).collect();
        for host in hosts {
            self.mend(host, Mend::Disk);
            self.mend(host, Mend::Rate);
            let now = self.run.world.now_us();
            if let Some(host) = self.run.world.host_mut(host).filter(|host| host.is_paused()) {
                host.pause(now, now);
            }
        }
        self.mends.clear();
        let now = self.run.world.now_us();
        self.starts = std::mem::take(&mut self.starts).into_keys().map(|(_, host)| ((now, host), ())).collect();
        self.agent_starts = std::mem::take(&mut self.agent_starts).into_keys().map(|(_, agent)| ((now, agent), ())).collect();
        self.care();
    }

    /// What an operator does until all is well: proxies that were drained take tunnels again, and those that lost their disks are let go of.
    pub(super) fn care(&mut self) {
        let members = self.run.stage.members();
        let there = members.keys().next().and_then(|there| self.run.world.host(*there));
        for proxy in members.keys().filter(|_| self.phase >= Phase::Converge) {
            if let Some(there) = there
                && self.drained.contains(proxy)
            {
                there.tell(Order::Operate(Operation::Resume(*proxy)));
            }
        }
        self.remove_wiped();
        self.cared_us = self.run.world.now_us();
    }
}
