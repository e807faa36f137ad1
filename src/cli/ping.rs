//! `warren ping`.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use tokio::time::sleep;
use warren_raft::{AgentName, ProxyName};

use super::connect::EntranceArgs;
use super::context::Context;
use super::output::{Show, Width};
use super::run::{GOODBYE, known_proxies, session};
use super::signals::Signals;
use super::table::count;
use super::{CliError, Exit, UsageError, reachable};
use crate::api::{PingFailure, PingRow, PingView};
use crate::client::{Pong, Session, ping_proxy, ping_service};
use crate::config::{Config, HostPort};
use crate::failure::{Code, Failure, Printable};
use crate::net::Env;
use crate::target::{Target, TargetError};
use crate::telemetry::Colour;
use crate::wire::Member;

/// Most that are sent: what came of each is kept.
const MAX_COUNT: u64 = 100_000;

/// Show the way to a service or to a proxy, and its round trip
#[derive(Debug, Args)]
#[command(
    after_help = "To a service it is a dial until the target has accepted: nothing is sent to it. A proxy answers by itself: `warren ping proxy-2` goes straight there, with `--proxy ADDR` through the one at that address. The exit status is 0 if any has come back, else that of the last failure."
)]
pub(super) struct PingArgs {
    /// A target as `connect` takes it, or the name of a proxy; without one, what this client may reach is listed
    #[arg(value_name = "TARGET|PROXY")]
    target: Option<Pinged>,
    /// How many are sent
    #[arg(short, long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=MAX_COUNT), env = "WARREN_COUNT", hide_env_values = true)]
    count: u64,
    /// How long after one the next is sent
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = interval, env = "WARREN_INTERVAL", hide_env_values = true)]
    interval: Duration,
    #[command(flatten)]
    entrance: EntranceArgs,
}

/// What is pinged.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pinged {
    Service(Target),
    Proxy(ProxyName),
}

impl FromStr for Pinged {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        // No name has any of these, and every target has one.
        if text.contains(['/', ':', '.']) { text.parse().map(Self::Service) } else { Ok(Self::Proxy(text.parse()?)) }
    }
}

impl std::fmt::Display for Pinged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Service(target) => target.fmt(f),
            Self::Proxy(proxy) => proxy.fmt(f),
        }
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let bounds = Duration::from_millis(10)..=Duration::from_secs(3600);
    if bounds.contains(&interval) { Ok(interval) } else { Err("it is from 10ms to 1h".to_owned()) }
}

impl PingArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config(&context.overrides())?;
        context.log_as_command(&config)?;
        let mut signals = Signals::new()?;
        let env = Env::real_with(config.transport.settings());
        let identity = self.entrance.identity.dir()?;
        let Some(target) = self.target else {
            let session = session(identity, &self.entrance.proxies, &env)?;
            return reachable::show(&session, (&config, context), &mut signals).await;
        };
        let known = known_proxies(&identity, &env);
        let entrances = entrances(&target, &self.entrance.proxies, &known)?;
        let pings = Pings { session: session(identity, &entrances, &env)?, known, target, count: self.count, interval: self.interval };
        let mut view = PingView::begin(pings.target.to_string());
        let ended = tokio::select! {
            ended = pings.run(&mut view, &config, context) => ended,
            // What has come back by now is told.
            () = signals.any() => Ok(None),
        };
        pings.session.close(GOODBYE).await;
        let failure = ended?;
        context.output().show(&view)?;
        match failure {
            Some(failure) if view.received == 0 => Err(failure.into()),
            Some(_) | None => Ok(Exit::Success),
        }
    }
}

/// Where a ping enters: where `--proxy` says, else straight at the proxy that is meant, else where the identity says.
fn entrances(target: &Pinged, given: &[HostPort], known: &[Member]) -> Result<Vec<HostPort>, CliError> {
    let (Pinged::Proxy(name), true) = (target, given.is_empty()) else { return Ok(given.to_vec()) };
    let addresses = known.iter().filter(|member| member.name == name.as_str()).flat_map(|member| &member.public_addresses);
    let parsed: Result<Vec<HostPort>, _> = addresses.map(|address| address.parse()).collect();
    parsed.map_err(|error| {
        let hint = "`--proxy ADDR` says where to enter".to_owned();
        UsageError { message: format!("the address of `{name}` in the client's identity is none: {error}"), hint }.into()
    })
}

struct Pings {
    session: Session,
    known: Vec<Member>,
    target: Pinged,
    count: u64,
    interval: Duration,
}

impl Pings {
    /// Sends all of them, shows each as it comes back, and gives the last failure.
    async fn run(&self, view: &mut PingView, config: &Config, context: &Context) -> Result<Option<Failure>, CliError> {
        let timeout = config.limits.dial_timeout;
        // The first one is not to take the handshake's time too. If there is none, that is its answer.
        let mut unconnected = self.session.connect_within(timeout).await.err();
        let mut last = None;
        for number in 1..=self.count {
            let answer = match unconnected.take() {
                Some(failure) => Err(failure),
                None => self.ping(number, timeout).await,
            };
            match answer {
                Ok(row) => {
                    context.output().piece(&row)?;
                    view.reply(row);
                }
                Err(failure) => {
                    let (code, message) = (failure.code(), failure.message().to_owned());
                    let failed = PingFailure { number, code, message };
                    context.output().piece(&failed)?;
                    view.fail(failed);
                    // It would be no other a second later.
                    let is_final = matches!(failure.code(), Code::ServiceUnknown | Code::Denied);
                    last = Some(self.hinted(failure));
                    if is_final {
                        break;
                    }
                }
            }
            if number < self.count {
                sleep(self.interval).await;
            }
        }
        Ok(last)
    }

    /// A name alone is a proxy's here, and elsewhere an agent's.
    fn hinted(&self, failure: Failure) -> Failure {
        match &self.target {
            Pinged::Proxy(name) if failure.code() == Code::ServiceUnknown => failure.with_hint(format!(
                "if `{name}` is an agent: `warren ping {name}/SERVICE`; `warren ping` alone lists the services that this client may reach"
            )),
            Pinged::Proxy(_) | Pinged::Service(_) => failure,
        }
    }

    async fn ping(&self, number: u64, timeout: Duration) -> Result<PingRow, Failure> {
        match &self.target {
            Pinged::Service(target) => {
                let pong = ping_service(&self.session, target, timeout).await?;
                let name = |id: &warren_raft::ProxyId| {
                    self.known.iter().find(|member| member.id == *id).map_or_else(|| format!("proxy {id}"), |member| member.name.clone())
                };
                Ok(row(number, &pong, name))
            }
            Pinged::Proxy(proxy) => Ok(row(number, &ping_proxy(&self.session, proxy, timeout).await?, ProxyName::to_string)),
        }
    }
}

fn row<P>(number: u64, pong: &Pong<P>, name: impl Fn(&P) -> String) -> PingRow {
    let path: Vec<_> = pong.path.iter().map(name).collect();
    PingRow {
        number,
        agent: pong.agent.clone(),
        hops: (path.len() + usize::from(pong.agent.is_some())) as u64,
        path,
        rtt_ms: (pong.round_trip.as_secs_f64() * 1e6).round() / 1e3,
        trace: pong.trace.map(|trace| trace.to_string()),
    }
}

/// What one line says of the way.
fn way(path: &[String], agent: Option<&AgentName>) -> String {
    let stations: Vec<_> = path.iter().map(|proxy| Printable(proxy).to_string()).chain(agent.map(ToString::to_string)).collect();
    stations.join(" > ")
}

impl Show for PingRow {
    fn to_text(&self, width: Width, _colour: Colour) -> String {
        let trace = self.trace.as_ref().filter(|_| width == Width::Wide).map(|trace| format!("  trace {trace}")).unwrap_or_default();
        format!("{:>4}  {:>9.3} ms  {}{trace}\n", self.number, self.rtt_ms, way(&self.path, self.agent.as_ref()))
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        vec![serde_json::to_string(self)]
    }
}

impl Show for PingFailure {
    fn to_text(&self, _width: Width, _colour: Colour) -> String {
        format!("{:>4}  {:>12}  {}\n", self.number, self.code, Printable(&self.message))
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        vec![serde_json::to_string(self)]
    }
}

impl Show for PingView {
    /// The end of it: each has been shown as it came.
    fn to_text(&self, _width: Width, _colour: Colour) -> String {
        let times = self.round_trip.map(|times| {
            format!(", round trip {:.3} / {:.3} / {:.3} ms (least, mean, most)", times.least_ms, times.mean_ms, times.most_ms)
        });
        format!("{}: {} sent, {} back{}\n", Printable(&self.target), count(self.sent, "ping"), self.received, times.unwrap_or_default())
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        Vec::new()
    }
}

/// What is shown of three of which one is lost.
#[cfg(test)]
pub(super) fn sample() -> PingView {
    let mut view = PingView::begin("lab-pi/ssh".to_owned());
    let agent: Option<AgentName> = Some("lab-pi".parse().expect("a name"));
    let row = |number, rtt_ms, path: &[&str]| PingRow {
        number,
        agent: agent.clone(),
        path: path.iter().map(ToString::to_string).collect(),
        hops: path.len() as u64 + 1,
        rtt_ms,
        trace: Some("4f1c".to_owned()),
    };
    view.reply(row(1, 1.204, &["proxy-1", "proxy-2"]));
    let message = "no answer from `lab-pi/ssh` in time".to_owned();
    view.fail(PingFailure { number: 2, code: Code::Timeout, message });
    view.reply(row(3, 0.8, &["proxy-2"]));
    view
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_alone_is_a_proxy() {
        let parse = |text: &str| text.parse::<Pinged>();
        assert_eq!(parse("proxy-2"), Ok(Pinged::Proxy("proxy-2".parse().expect("a name"))));
        for target in ["lab-pi/ssh", "lab-pi:22", "any/web", "lab-pi.warren:22"] {
            assert!(matches!(parse(target), Ok(Pinged::Service(_))), "{target}");
        }
        for bad in ["", "Proxy", "a b", "a/b/c", "lab.example"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(interval("1s").is_ok() && interval("1ms").is_err() && interval("soon").is_err());
    }

    #[test]
    fn a_proxy_is_pinged_where_it_is() {
        let member = |name: &str, address: &str| Member {
            id: warren_raft::ProxyId(1),
            name: name.to_owned(),
            peer_address: String::new(),
            public_addresses: vec![address.to_owned()],
            zone: String::new(),
            state: crate::wire::MemberState::Up,
            tunnels: 0,
        };
        let known = [member("proxy-1", "a:1"), member("proxy-2", "b:2")];
        let check = |target: &str, given: &[&str], expected: &[&str]| {
            let given: Vec<HostPort> = given.iter().map(|given| given.parse().expect("an address")).collect();
            let found = entrances(&target.parse().expect("a target"), &given, &known).expect("addresses");
            assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), expected, "{target}");
        };
        check("proxy-2", &[], &["b:2"]);
        check("proxy-2", &["c:3"], &["c:3"]);
        check("proxy-9", &[], &[]);
        check("lab-pi/ssh", &[], &[]);
        check("lab-pi/ssh", &["c:3"], &["c:3"]);
    }
}
