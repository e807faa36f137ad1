//! The ways in of a proxy, as a test finds them.

use std::net::SocketAddr;

use serde_json::Value;

use super::{Proxy, wait_for};

/// Every way in, at free ports on loopback, for hosts below `mesh.test`.
pub(crate) const EVERY_WAY_IN: &str = "\
    [ingress.socks5]\nlisten = \"127.0.0.1:0\"\ndomain = \"mesh.test\"\n\
    [ingress.http_connect]\nlisten = \"127.0.0.1:0\"\ndomain = \"mesh.test\"\n\
    [ingress.tls]\nlisten = \"127.0.0.1:0\"\ndomain = \"mesh.test\"\n";

impl Proxy {
    /// Where this way in listens: the first one of its kind.
    pub(crate) fn ingress(&self, kind: &str) -> SocketAddr {
        self.all_ingress(kind).first().copied().unwrap_or_else(|| panic!("`{}` has no ingress `{kind}`", self.name()))
    }

    /// Where the ways in of a kind listen, in the order of the configuration.
    pub(crate) fn all_ingress(&self, kind: &str) -> Vec<SocketAddr> {
        let log = self.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let listening = lines.filter(|line| line["message"] == "ingress listens" && line["ingress"] == kind);
        listening.map(|line| line["listen"].as_str().expect("an address").parse().expect("an address")).collect()
    }

    /// Waits until every proxy of the cluster may be asked about what this one lets through: its rules are in its own table.
    pub(crate) fn wait_published(&self, doors: usize) {
        wait_for("the ways in are published", || {
            let status = self.status()?;
            let row = status["proxies"].as_array()?.iter().find(|row| row["name"] == self.name())?.clone();
            (row["ingress"].as_array()?.len() == doors).then_some(())
        });
    }

    /// A counter of `/metrics` with these labels; 0 if it is not there.
    pub(crate) fn counter(&self, name_and_labels: &str) -> u64 {
        let (status, text) = super::get(self.http_address(), "/metrics").expect("an answer");
        assert_eq!(status, 200);
        let line = text.lines().find_map(|line| line.strip_prefix(name_and_labels)?.strip_prefix(' '));
        line.map_or(0, |number| number.parse().expect("a number"))
    }
}
