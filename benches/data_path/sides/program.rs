//! Tunnels of others, where their commands are installed: a server in the place of the proxy, a client in that of the agent.

use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use anyhow::ensure;
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::shared::home;
use crate::support::{LONG, Server, installed};

/// How often it is looked whether it leads through.
const LOOK: Duration = Duration::from_millis(50);

/// A server and its client. Dropping it ends them.
pub(crate) struct Programs {
    client: Server,
    server: Server,
    address: SocketAddr,
    _home: TempDir,
}

impl Programs {
    /// `rathole`; `None` where it is not installed.
    pub(crate) fn rathole(target: SocketAddr) -> anyhow::Result<Option<Self>> {
        let Some(rathole) = installed("rathole") else { return Ok(None) };
        let (home, control, open) = (home()?, free_port()?, free_port()?);
        let with = |side: &str, configuration: String| {
            let file = home.path().join(format!("{side}.toml"));
            fs::write(&file, configuration).map(|()| {
                let mut command = Command::new(&rathole);
                command.arg(format!("--{side}")).arg(file);
                command
            })
        };
        let service = |key: &str| format!("default_token = \"bench\"\n[{key}.services.target]\n");
        let server = format!("[server]\nbind_addr = \"{control}\"\n{}bind_addr = \"{open}\"\n", service("server"));
        let client = format!("[client]\nremote_addr = \"{control}\"\n{}local_addr = \"{target}\"\n", service("client"));
        let commands = (with("server", server)?, with("client", client)?);
        Self::start(commands, open, home).map(Some)
    }

    /// `bore`; `None` where it is not installed.
    pub(crate) fn bore(target: SocketAddr) -> anyhow::Result<Option<Self>> {
        let Some(bore) = installed("bore") else { return Ok(None) };
        let (home, open) = (home()?, free_port()?);
        let port = open.port().to_string();
        let (mut server, mut client) = (Command::new(&bore), Command::new(&bore));
        server.args(["server", "--min-port", &port, "--max-port", &port]);
        client.args(["local", &target.port().to_string(), "--to", "127.0.0.1", "--port", &port]);
        Self::start((server, client), open, home).map(Some)
    }

    /// Where clients connect.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Their processes.
    pub(crate) fn pids(&self) -> Vec<u32> {
        vec![self.server.pid(), self.client.pid()]
    }

    fn start((mut server, mut client): (Command, Command), address: SocketAddr, home: TempDir) -> anyhow::Result<Self> {
        let log = |name: &str| home.path().join(name);
        let server = Server::start(&mut server, "TERM", &log("server.log"));
        let client = Server::start(&mut client, "TERM", &log("client.log"));
        let mut programs = Self { client, server, address, _home: home };
        let begun = Instant::now();
        while !leads_through(address) {
            programs.server.must_run();
            programs.client.must_run();
            ensure!(begun.elapsed() < LONG, "it does not lead through: {} / {}", programs.server.log(), programs.client.log());
            std::thread::sleep(LOOK);
        }
        Ok(programs)
    }
}

/// Whether the target greets.
fn leads_through(address: SocketAddr) -> bool {
    let greeted = TcpStream::connect_timeout(&address, LONG).and_then(|mut stream| {
        stream.set_read_timeout(Some(LONG))?;
        stream.read_exact(&mut [0])
    });
    greeted.is_ok()
}

/// A port that nobody has at the moment: these programs take none that the kernel chooses.
fn free_port() -> anyhow::Result<SocketAddr> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.local_addr()?.as_socket().ok_or_else(|| anyhow::anyhow!("no address"))
}
