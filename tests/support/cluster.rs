//! Proxies that form a cluster.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use super::proxy::text;
use super::{Agent, Client, Namespaces, Ports, Proxy, wait_for, warren};

/// A cluster. Dropping it ends its proxies and removes what they kept.
#[derive(Debug)]
pub(crate) struct Cluster {
    proxies: Vec<Proxy>,
    home: TempDir,
}

impl Cluster {
    /// Starts so many proxies: the first makes the cluster, the others join it by token; all of them vote in the end.
    pub(crate) fn start(count: usize) -> Self {
        Self::start_with(count, |proxy| proxy)
    }

    /// The same, once `prepare` has dealt with the data directory of each.
    pub(crate) fn start_on(count: usize, mut prepare: impl FnMut(&Path)) -> Self {
        Self::start_with(count, |proxy| {
            prepare(&proxy.data_dir());
            proxy
        })
    }

    /// The same with proxies that `make` has changed, such as [`Proxy::behind_relays`].
    pub(crate) fn start_with(count: usize, make: impl FnMut(Proxy) -> Proxy) -> Self {
        Self::start_in(TempDir::new().expect("a directory"), count, make)
    }

    /// The same in a directory, which goes with the cluster.
    pub(crate) fn start_in(home: TempDir, count: usize, mut make: impl FnMut(Proxy) -> Proxy) -> Self {
        let mut first = make(Proxy::new(home.path(), 1));
        first.start();
        first.wait_ready();
        let mut cluster = Self { proxies: vec![first], home };
        for _ in 1..count {
            cluster.add(&mut make);
        }
        cluster.wait_healthy();
        cluster
    }

    /// Starts one more proxy, which joins by token, and does not wait for it.
    pub(crate) fn add(&mut self, make: impl FnOnce(Proxy) -> Proxy) {
        // What it tells others to come to may lead nowhere yet.
        let (token, address) = (self.token("proxy", &[]), self.proxy(0).ports().expect("it runs")[1]);
        let mut proxy = make(Proxy::new(self.home(), self.proxies.len() + 1));
        proxy.join(address, &token);
        self.proxies.push(proxy);
    }

    /// The same with a proxy on each of three machines.
    pub(crate) fn on(machines: &Namespaces) -> Self {
        let home = TempDir::new().expect("a directory");
        let mut cluster = Self { proxies: Vec::new(), home };
        for machine in 0..3 {
            let mut proxy = Proxy::new(cluster.home(), machine + 1).at(machines.address(machine));
            let first = cluster.proxies.first().map(|first| (first.public_address(), cluster.token("proxy", &[])));
            machines.on(machine, || match first {
                Some((address, token)) => proxy.join(address, &token),
                None => proxy.start(),
            });
            proxy.wait_ready();
            cluster.proxies.push(proxy);
        }
        cluster.wait_healthy();
        cluster
    }

    /// A directory that goes with the cluster.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The proxy with this index; that of `proxy-1` is 0.
    pub(crate) fn proxy(&self, index: usize) -> &Proxy {
        &self.proxies[index]
    }

    /// The same, to start and to stop it.
    pub(crate) fn proxy_mut(&mut self, index: usize) -> &mut Proxy {
        &mut self.proxies[index]
    }

    /// All of them.
    pub(crate) fn proxies(&self) -> &[Proxy] {
        &self.proxies
    }

    /// Gives the proxies away, to be stopped and looked at by two at a time; they are to be given back.
    pub(crate) fn take_proxies(&mut self) -> Vec<Proxy> {
        std::mem::take(&mut self.proxies)
    }

    /// Takes the proxies back.
    pub(crate) fn give_proxies(&mut self, proxies: Vec<Proxy>) {
        self.proxies = proxies;
    }

    /// Ends all of them as `kill -9` does.
    pub(crate) fn kill_all(&mut self) {
        self.proxies.iter_mut().for_each(Proxy::kill);
    }

    /// Ends all of them by TERM, together.
    pub(crate) fn stop_all(&mut self) {
        self.proxies.iter_mut().for_each(Proxy::terminate);
        self.proxies.iter_mut().for_each(Proxy::wait_stopped);
    }

    /// Starts all of them again where they were.
    pub(crate) fn restart_all(&mut self) {
        self.proxies.iter_mut().for_each(|proxy| proxy.restart(Ports::Same));
        self.wait_healthy();
    }

    /// Waits until every proxy that runs sees every one of them as a healthy voter, and the same leader.
    pub(crate) fn wait_healthy(&mut self) {
        for proxy in self.proxies.iter_mut().filter(|proxy| proxy.runs()) {
            proxy.wait_ready();
        }
        let running: Vec<_> = self.proxies.iter().filter(|proxy| proxy.runs()).map(|proxy| proxy.name().to_owned()).collect();
        wait_for("all proxies see a healthy cluster", || {
            let all = self.proxies.iter().filter(|proxy| proxy.runs());
            let leaders: Option<Vec<_>> = all.map(|proxy| healthy_leader(&proxy.status()?, &running)).collect();
            leaders?.windows(2).all(|pair| pair[0] == pair[1]).then_some(())
        });
    }

    /// The index of the leader, as the proxies that run see it together.
    pub(crate) fn leader(&self) -> usize {
        wait_for("a leader that all know", || {
            let running = self.proxies.iter().filter(|proxy| proxy.runs());
            let leaders: Option<Vec<_>> = running.map(|proxy| Some(proxy.status()?["leader"].as_str()?.to_owned())).collect();
            let leaders = leaders?;
            let first = leaders.first()?;
            let index = self.proxies.iter().position(|proxy| proxy.name() == first && proxy.runs())?;
            leaders.iter().all(|leader| leader == first).then_some(index)
        })
    }

    /// Makes a token at a proxy that runs, in a file.
    pub(crate) fn token(&self, role: &str, more: &[&str]) -> PathBuf {
        let created = self.create_token(role, more);
        let file = self.home().join(format!("{}.token", created["id"].as_str().expect("an id")));
        fs::write(&file, created["token"].as_str().expect("a token")).expect("a file");
        file
    }

    /// What `token create -o json` says.
    pub(crate) fn create_token(&self, role: &str, more: &[&str]) -> Value {
        let proxy = self.proxies.iter().find(|proxy| proxy.runs()).expect("a proxy that runs");
        self.run_at(proxy, &[&["token", "create", "--role", role, "-o", "json"], more].concat())
    }

    /// Runs a verb of an operator beside `proxy` and gives its JSON.
    pub(crate) fn run_at(&self, proxy: &Proxy, words: &[&str]) -> Value {
        let config = proxy.config();
        warren(&[&["--config", text(&config)], words].concat(), b"").json()
    }

    /// Starts an agent that enters at the proxies with these indexes, and waits until all proxies know where it is.
    pub(crate) fn agent(&self, name: &str, entries: &[usize], services: &[(&str, String)]) -> Agent {
        let token = self.token("agent", &[]);
        let entries: Vec<_> = entries.iter().map(|index| self.proxy(*index).public_address()).collect();
        let agent = Agent::start(self.home(), name, &entries, &token, services);
        self.wait_online(name);
        agent
    }

    /// Waits until every proxy that runs knows a proxy at which the agent is.
    pub(crate) fn wait_online(&self, agent: &str) {
        for proxy in self.proxies.iter().filter(|proxy| proxy.runs()) {
            wait_for(&format!("`{}` knows where `{agent}` is", proxy.name()), || (!proxy.places_of(agent).is_empty()).then_some(()));
        }
    }

    /// The index of the one proxy that holds the agent's tunnel, once it is the only one: an agent that moves is at two for a while, and one that has
    /// died is in the table until its lease is over.
    pub(crate) fn owner_of(&self, agent: &str) -> usize {
        let asked = self.proxies.iter().find(|proxy| proxy.runs()).expect("a proxy that runs");
        let place = wait_for(&format!("`{agent}` is at one proxy"), || match &asked.places_of(agent)[..] {
            [place] => Some(place.clone()),
            _ => None,
        });
        self.proxies.iter().position(|proxy| proxy.name() == place).expect("a proxy of this cluster")
    }

    /// Enrols a client that may reach `allow`.
    pub(crate) fn client(&self, name: &str, allow: &str) -> Client {
        let token = self.token("client", &["--allow", allow]);
        Client::enroll(self.home(), name, self.proxy(0).public_address(), &token)
    }
}

fn healthy_leader(status: &Value, running: &[String]) -> Option<String> {
    let rows = status["proxies"].as_array()?;
    let well = |row: &&Value| row["state"] == "healthy" && row["role"] == "voter";
    let all = running.iter().all(|name| rows.iter().filter(well).any(|row| row["name"] == name.as_str()));
    status["leader"].as_str().filter(|_| all).map(str::to_owned)
}
