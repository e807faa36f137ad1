//! An agent as a process.

use std::net::SocketAddr;
use std::path::Path;

use super::Process;
use super::proxy::text;

/// Services, each a name and a target.
type Published<'a> = &'a [(&'a str, String)];

/// An agent. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Agent {
    process: Process,
}

impl Agent {
    /// Starts an agent that knows these addresses of proxies and publishes `services`, each a name and a target.
    pub(crate) fn start(home: &Path, name: &str, entries: &[SocketAddr], token: &Path, services: &[(&str, String)]) -> Self {
        Self::start_with(home, name, entries, token, (services, &[]))
    }

    /// The same with variables, such as `WARREN_LIMITS_STALLED_AFTER`.
    pub(crate) fn start_with(
        home: &Path,
        name: &str,
        entries: &[SocketAddr],
        token: &Path,
        (services, variables): (Published<'_>, &[(&str, &str)]),
    ) -> Self {
        let data_dir = home.join(format!("agent-{name}"));
        let entries = entries.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let services = services.iter().map(|(name, target)| format!("{name}={target}")).collect::<Vec<_>>().join(",");
        let words = ["agent", "--name", name, "--data-dir", text(&data_dir), "--token-file", text(token)];
        let words = [&words[..], &["--proxy", &entries, "--publish", &services]].concat();
        // One that is told to end does not keep a test waiting for its streams.
        let variables = [&[("WARREN_AGENT_DRAIN_TIMEOUT", "100ms")], variables].concat();
        Self { process: Process::start(&format!("agent-{name}"), home, &words, &variables) }
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }

    /// Its process.
    pub(crate) fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}
