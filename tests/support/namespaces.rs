//! Network namespaces: each proxy has a machine's network of its own, with a cable to the others that can be pulled.

use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::process::Command;
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::{installed, is_root, not_run};

/// Machines on one network. Dropping it removes them.
#[derive(Debug)]
pub(crate) struct Namespaces {
    prefix: String,
    machines: usize,
}

impl Namespaces {
    /// So many machines; `None`, and a line that says so, where that is not possible.
    pub(crate) fn new(test: &str, machines: usize) -> Option<Self> {
        if !is_root() {
            not_run(test, "network namespaces need root");
            return None;
        }
        if installed("ip").is_none() {
            not_run(test, "not installed: ip");
            return None;
        }
        let made = Self { prefix: format!("warren-{}", std::process::id()), machines };
        if let Err(error) = made.hub().and_then(|()| (0..machines).try_for_each(|machine| made.plug_in(machine))) {
            not_run(test, &format!("no network namespaces: {error}"));
            return None;
        }
        Some(made)
    }

    /// The address of a machine.
    pub(crate) fn address(&self, machine: usize) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, 0, u8::try_from(machine + 1).expect("few machines"))
    }

    /// Does something on a machine: processes that it starts belong there.
    pub(crate) fn on<T: Send>(&self, machine: usize, work: impl FnOnce() -> T + Send) -> T {
        let place = File::open(format!("/run/netns/{}", self.name(machine))).expect("its namespace");
        thread::scope(|scope| {
            let there = scope.spawn(move || {
                move_into_link_name_space(place.as_fd(), Some(LinkNameSpaceType::Network)).expect("root may");
                work()
            });
            there.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Makes the cables carry packets of so many bytes.
    pub(crate) fn widen(&self, mtu: u16) {
        let hub = self.hub_name();
        for machine in 0..self.machines {
            ip(&format!("-n {hub} link set port{machine} mtu {mtu}")).expect("the cable is there");
            ip(&format!("-n {} link set eth0 mtu {mtu}", self.name(machine))).expect("the cable is there");
        }
        ip(&format!("-n {hub} link set hub mtu {mtu}")).expect("the hub is there");
    }

    /// Pulls the cable of a machine. What is on the machine still reaches what is there.
    pub(crate) fn cut(&self, machine: usize) {
        self.cable(machine, "down").expect("the cable is there");
    }

    /// Puts it in again.
    pub(crate) fn mend(&self, machine: usize) {
        self.cable(machine, "up").expect("the cable is there");
    }

    fn cable(&self, machine: usize, state: &str) -> Result<(), String> {
        ip(&format!("-n {} link set port{machine} {state}", self.hub_name()))
    }

    fn hub(&self) -> Result<(), String> {
        let hub = self.hub_name();
        ip(&format!("netns add {hub}"))?;
        ip(&format!("-n {hub} link add hub type bridge"))?;
        ip(&format!("-n {hub} link set hub up"))
    }

    fn plug_in(&self, machine: usize) -> Result<(), String> {
        let (hub, name, address) = (self.hub_name(), self.name(machine), self.address(machine));
        ip(&format!("netns add {name}"))?;
        ip(&format!("-n {name} link set lo up"))?;
        ip(&format!("-n {hub} link add port{machine} type veth peer name eth0 netns {name}"))?;
        ip(&format!("-n {hub} link set port{machine} master hub up"))?;
        ip(&format!("-n {name} address add {address}/24 dev eth0"))?;
        ip(&format!("-n {name} link set eth0 up"))
    }

    fn hub_name(&self) -> String {
        format!("{}-hub", self.prefix)
    }

    fn name(&self, machine: usize) -> String {
        format!("{}-{machine}", self.prefix)
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for name in (0..self.machines).map(|machine| self.name(machine)).chain([self.hub_name()]) {
            // It fails for one that was never made.
            let _ = ip(&format!("netns del {name}"));
        }
    }
}

/// Runs `ip WORDS`.
pub(super) fn ip(words: &str) -> Result<(), String> {
    let program = installed("ip").ok_or("`ip` is not installed")?;
    let ended = Command::new(program).args(words.split(' ')).output().map_err(|error| error.to_string())?;
    if ended.status.success() { Ok(()) } else { Err(format!("ip {words}: {}", String::from_utf8_lossy(&ended.stderr).trim())) }
}
