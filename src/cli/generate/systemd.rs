//! `warren generate systemd`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::context::Context;
use crate::config::Role;

/// Print the systemd unit of a proxy or an agent
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  warren generate systemd > /etc/systemd/system/warren-proxy.service
  warren generate systemd --role agent > /etc/systemd/system/warren-agent.service

`--config FILE` is what the unit's process is given, /etc/warren/config.toml or /etc/warren/agent.toml by default. A token is taken from /etc/credstore/warren.token where the \
configuration says `token_file = \"credential:warren.token\"`.")]
pub(super) struct SystemdArgs {
    /// What the unit runs: `proxy` or `agent`
    #[arg(long, value_name = "ROLE", default_value = "proxy", env = "WARREN_ROLE", hide_env_values = true)]
    role: Role,
    /// Where the binary is
    #[arg(long, value_name = "FILE", default_value = "/usr/bin/warren", env = "WARREN_BINARY", hide_env_values = true)]
    binary: PathBuf,
}

impl SystemdArgs {
    pub(super) fn run(self, context: &Context) -> String {
        let default = match self.role {
            Role::Proxy => "/etc/warren/config.toml",
            Role::Agent => "/etc/warren/agent.toml",
        };
        let config = context.config_path().map_or_else(|| default.to_owned(), |path| path.display().to_string());
        unit(self.role, &self.binary.display().to_string(), &config)
    }
}

/// The unit. Whatever may have a blank or a `%` in it is quoted.
pub(super) fn unit(role: Role, binary: &str, config: &str) -> String {
    let (state, drain) = match role {
        Role::Proxy => ("warren", "proxies keep their streams for as long as `drain_timeout` says, 30s by default"),
        Role::Agent => ("warren-agent", "streams to its services run on for as long as `drain_timeout` says, 30s by default"),
    };
    let (binary, config) = (quoted(binary), quoted(config));
    UNIT.replace("{role}", &role.to_string())
        .replace("{state}", state)
        .replace("{drain}", drain)
        .replace("{binary}", &binary)
        .replace("{config}", &config)
}

/// A word of a command line in a unit (systemd.service(5), "Command lines").
fn quoted(word: &str) -> String {
    let escaped = word.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$");
    let is_plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+@:,".contains(c));
    if is_plain { escaped } else { format!("\"{escaped}\"") }
}

const UNIT: &str = r#"# Made by `warren generate systemd --role {role}`.
[Unit]
Description=warren {role}
Documentation=man:warren(1) man:warren-{role}(1)
Wants=network-online.target
After=network-online.target
# Whatever it waits for may take long to come back: it is tried for ever.
StartLimitIntervalSec=0

[Service]
# systemd 253 and later tell it by HUP to reload, and wait until it has. An older one passes over the second line.
Type=notify
Type=notify-reload
ExecStart={binary} {role} --config {config}
# It says what has changed, and fails if that was refused.
ExecReload={binary} config reload --role {role} --config {config}
Restart=always
RestartSec=2s
# A wrong command line or configuration, and a machine that was removed, do not get better by themselves.
RestartPreventExitStatus=2 5 78
# It says that it is ready when it may be used, and how it stands until then: without a quorum or a proxy that takes long.
TimeoutStartSec=infinity
# {drain}.
TimeoutStopSec=90s
# Told at half of this by the threads that do the work: one that hangs is killed and started again.
WatchdogSec=30s

DynamicUser=yes
StateDirectory={state}
StateDirectoryMode=0700
LogsDirectory={state}
# /etc/credstore/warren.token, if there is one: `token_file = "credential:warren.token"`.
LoadCredential=warren.token
LimitNOFILE=1048576
UMask=0077

# What it needs is the network, its state and, for ports below 1024, one capability.
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged

[Install]
WantedBy=multi-user.target
"#;
