//! What `warren doctor --report` writes: all that a question about a machine is answered by, and nothing that is secret.
//!
//! It must *never* have the content of a file: of configuration it has values, which are no secrets by design (those are in files of their own), of identities when they end.

use std::fs;

use serde::Serialize;

use super::Finding;
use crate::api::{ClusterSeen, Schema, Time};
use crate::config::{Config, Origin};

/// All of it.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    schema: Schema,
    warren: &'static str,
    made_at: Time,
    machine: Machine,
    configuration: Vec<Key>,
    checks: &'a [Finding],
    cluster: ClusterSeen,
}

/// The machine.
#[derive(Debug, Serialize)]
struct Machine {
    system: Option<String>,
    kernel: Option<String>,
    architecture: &'static str,
    processors: usize,
    memory_bytes: Option<u64>,
}

/// A key of the configuration.
#[derive(Debug, Serialize)]
struct Key {
    key: String,
    value: String,
    origin: String,
}

impl<'a> Report<'a> {
    /// Of what was found, with how the cluster is as far as the proxy of this machine tells.
    pub fn new(config: &Config, checks: &'a [Finding], cluster: ClusterSeen, made_at: Time) -> Self {
        let key = |shown: &crate::config::Shown| Key {
            key: format!("{}.{}", shown.section, shown.key),
            value: shown.value.clone(),
            origin: shown.origin.to_string(),
        };
        // What nobody has set is known.
        let set = config.shown().iter().filter(|shown| shown.origin != Origin::Default);
        let configuration = set.map(key).collect();
        Self { schema: Schema, warren: env!("CARGO_PKG_VERSION"), made_at, machine: machine(), configuration, checks, cluster }
    }
}

fn machine() -> Machine {
    let line = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let system = line("/etc/os-release")
        .and_then(|text| Some(text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?.trim_matches('"').to_owned()));
    let memory = line("/proc/meminfo")
        .and_then(|text| text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    Machine {
        system,
        kernel: line("/proc/sys/kernel/osrelease"),
        architecture: std::env::consts::ARCH,
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        memory_bytes: memory.map(|kilobytes| kilobytes * 1024),
    }
}
