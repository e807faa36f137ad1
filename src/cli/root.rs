//! All verbs.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use super::context::Context;
use super::global::GlobalArgs;
use super::{
    CliError, Exit, agent, agents, ca, clients, config, connect, dev, doctor, enroll, forward, generate, join, ping, proxies, proxy, raft,
    routes, socks, ssh_config, status, strategy, token,
};

/// The verbs by what they are for; a test holds it to [`Verb`].
const VERBS: &str = "\
Try:
  dev      Run a whole cluster on this machine: proxies, an agent with demo services, a client

Run:
  proxy    Run a proxy; an empty data directory begins a new cluster
  join     Enrol this machine as a proxy of an existing cluster, then run it
  agent    Publish services of this network through the proxies

Use:
  enroll   Get a client's identity, kept for connect, forward and socks
  connect  Join standard input and output to a service, as ssh's ProxyCommand
  forward  Forward local TCP ports to services
  socks    Serve SOCKS5 and an HTTP proxy to every service, for programs on this machine
  ssh-config Lead ssh, scp, rsync and git to `NAME.warren`

Look:
  status   Show the verdict, what may fail, and the proxies; exit 0 healthy, 3 degraded
  ping     Show the way to a service or to a proxy, and its round trip
  doctor   Examine this machine: kernel, network, ports, certificate; exit 0, or 3 with a problem

Manage:
  proxies  List proxies, and take one out of service or out of the cluster
  agents   List agents, and remove them
  routes   List routes
  clients  List clients, say what they may reach, and remove them
  strategy Show and change how agents hold their tunnels
  token    Create, list and revoke the tokens that machines enrol with
  ca       Show, replace and roll back the certificate authority, and refuse single certificates
  raft     Show the Raft group as this proxy sees it, and care for it

Set up:
  config   Check, show, format and reload the configuration
  generate Make man pages, completions, systemd units, a dashboard and the documented configuration";

const TEMPLATE: &str = "{about}\n\n{usage-heading} {usage}{after-help}\n\nOptions:\n{options}\n\n`warren VERB --help` says more.\n";

/// A network of tunnels with many entrances.
#[derive(Debug, Parser)]
#[command(
    name = "warren",
    version,
    propagate_version = false,
    max_term_width = 110,
    disable_help_subcommand = true,
    disable_help_flag = true
)]
#[command(help_template = TEMPLATE, after_help = VERBS, override_usage = "warren [OPTIONS] VERB [ARGUMENTS]")]
pub struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum Verb {
    Dev(dev::DevArgs),
    Proxy(proxy::ProxyArgs),
    Join(join::JoinArgs),
    Agent(agent::AgentArgs),
    Enroll(enroll::EnrollArgs),
    Connect(connect::ConnectArgs),
    Forward(forward::ForwardArgs),
    Socks(socks::SocksArgs),
    SshConfig(ssh_config::SshConfigArgs),
    Status(status::StatusArgs),
    Ping(ping::PingArgs),
    Doctor(doctor::DoctorArgs),
    Proxies(proxies::ProxiesArgs),
    Agents(agents::AgentsArgs),
    Routes(routes::RoutesArgs),
    Clients(clients::ClientsArgs),
    Strategy(strategy::StrategyArgs),
    Token(token::TokenArgs),
    Ca(ca::CaArgs),
    Raft(raft::RaftArgs),
    Config(config::ConfigArgs),
    Generate(generate::GenerateArgs),
}

/// What tasks run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Threads {
    /// The one that the process begins with.
    One,
    /// One for each core, or as many as `TOKIO_WORKER_THREADS` says.
    PerCore,
}

/// The variables of all options that are no keys of the configuration.
pub(super) fn variables() -> BTreeSet<String> {
    fn collect(command: &clap::Command, variables: &mut BTreeSet<String>) {
        let names = command.get_arguments().filter_map(clap::Arg::get_env);
        variables.extend(names.map(|name| name.to_string_lossy().into_owned()));
        command.get_subcommands().for_each(|verb| collect(verb, variables));
    }
    let mut variables = BTreeSet::new();
    collect(&Cli::command(), &mut variables);
    variables
}

/// The command, where a negative number is a value and no option: what is wrong with it can be said.
fn with_negative_numbers(command: clap::Command) -> clap::Command {
    let takes_values = |arg: &clap::Arg| arg.get_action().takes_values();
    let command = command.mut_args(|arg| if takes_values(&arg) { arg.allow_negative_numbers(true) } else { arg });
    command.mut_subcommands(with_negative_numbers)
}

/// The command, where an empty variable is as good as none, as it is for the keys of the configuration.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |arg: &clap::Arg| arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
    let command = command.mut_args(|arg| if is_empty(&arg) { arg.env(None::<&str>) } else { arg });
    command.mut_subcommands(without_empty_variables)
}

impl Cli {
    /// Reads a command line, the program's name first.
    ///
    /// # Errors
    /// The parser's, which [`usage`](super::usage) explains.
    pub fn read(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut matches = without_empty_variables(with_negative_numbers(Self::command())).try_get_matches_from(words)?;
        Self::from_arg_matches_mut(&mut matches)
    }

    /// Does what the verb says and gives the process's exit status, having shown any error.
    pub fn run(self) -> ExitCode {
        let context = Context::new(self.global);
        let ended = self.verb.run_on_runtime(&context);
        ended.unwrap_or_else(|error| error.show(context.colour_of_stderr())).into()
    }
}

impl Verb {
    fn run_on_runtime(self, context: &Context) -> Result<Exit, CliError> {
        let mut builder = match self.threads() {
            Threads::One => tokio::runtime::Builder::new_current_thread(),
            Threads::PerCore => tokio::runtime::Builder::new_multi_thread(),
        };
        let runtime = builder.enable_all().build().map_err(anyhow::Error::from)?;
        let ended = runtime.block_on(self.run(context));
        // A read of standard input cannot be interrupted: it must not keep the process.
        runtime.shutdown_background();
        ended
    }

    /// How many threads it runs on. One costs a fifth less for each byte and a quarter less for each connection, since nothing is handed from thread to thread: right for an
    /// agent, of which one carries about 10 Gbit/s. A proxy is to use the cores that there are; with two of them, its control thread is the other one.
    fn threads(&self) -> Threads {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let is_proxy = matches!(self, Self::Dev(_) | Self::Proxy(_) | Self::Join(_));
        if is_proxy && cores > 2 { Threads::PerCore } else { Threads::One }
    }

    async fn run(self, context: &Context) -> Result<Exit, CliError> {
        match self {
            Self::Dev(args) => args.run(context).await,
            Self::Proxy(args) => args.run(context).await,
            Self::Join(args) => args.run(context).await,
            Self::Agent(args) => args.run(context).await,
            Self::Enroll(args) => args.run(context).await,
            Self::Connect(args) => args.run(context).await,
            Self::Forward(args) => args.run(context).await,
            Self::Socks(args) => args.run(context).await,
            Self::SshConfig(args) => args.run(context).await,
            Self::Status(args) => args.run(context).await,
            Self::Ping(args) => args.run(context).await,
            Self::Doctor(args) => args.run(context).await,
            Self::Proxies(args) => args.run(context).await,
            Self::Agents(args) => args.run(context).await,
            Self::Routes(args) => args.run(context).await,
            Self::Clients(args) => args.run(context).await,
            Self::Strategy(args) => args.run(context).await,
            Self::Token(args) => args.run(context).await,
            Self::Ca(args) => args.run(context).await,
            Self::Raft(args) => args.run(context).await,
            Self::Config(args) => args.run(context).await,
            Self::Generate(args) => args.run(context).await,
        }
    }
}
