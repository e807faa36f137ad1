//! `warren forward`.

use clap::Args;

use super::connect::EntranceArgs;
use super::context::Context;
use super::{CliError, Exit, UsageError, run};
use crate::config::{Config, Forward, ForwardSettings};

/// Forward local TCP ports to services
#[derive(Debug, Args)]
#[command(
    after_help = "`warren forward 5432 any/postgres 0 lab-pi/web`: each port is followed by its target. Port 0 picks a free one and prints it."
)]
pub(super) struct ForwardArgs {
    /// Where to listen, on loopback without an address, and what to dial; any number of pairs
    #[arg(required = true, num_args = 2.., value_names = ["[BIND:]PORT", "TARGET"])]
    pairs: Vec<String>,
    #[command(flatten)]
    entrance: EntranceArgs,
}

impl ForwardArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config(&context.overrides())?;
        context.log_as_running(&config)?;
        run::forward(self.settings(&config)?).await.map(|()| Exit::Success)
    }

    fn settings(self, config: &Config) -> Result<ForwardSettings, CliError> {
        Ok(ForwardSettings {
            forwards: parse_pairs(&self.pairs)?,
            proxies: self.entrance.proxies,
            identity: self.entrance.identity.dir()?,
            dial_timeout: config.limits.dial_timeout,
            transport: config.transport,
        })
    }
}

fn parse_pairs(pairs: &[String]) -> Result<Vec<Forward>, UsageError> {
    let wrong = |message: String| UsageError { message, hint: "`warren forward 8080 lab-pi/web`".to_owned() };
    let (pairs, rest) = pairs.as_chunks::<2>();
    if let [alone, ..] = rest {
        return Err(wrong(format!("`{alone}` has no target: ports and targets come in pairs")));
    }
    let parse = |[bind, target]: &[String; 2]| {
        let bind = Forward::parse_bind(bind).map_err(|error| wrong(error.to_string()))?;
        Ok(Forward { bind, target: target.parse().map_err(|error: crate::target::TargetError| wrong(error.to_string()))? })
    };
    pairs.iter().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_and_targets_come_in_pairs() {
        let parse = |words: &[&str]| parse_pairs(&words.iter().map(ToString::to_string).collect::<Vec<_>>());
        let forwards = parse(&["0", "lab-pi/web", "0.0.0.0:22", "lab-pi:22"]).expect("two pairs");
        assert_eq!(forwards[1].bind.to_string(), "0.0.0.0:22");
        assert_eq!(forwards[1].target.to_string(), "lab-pi:22");
        for bad in [&["80", "a/b", "81"][..], &["x", "a/b"], &["80", "a"]] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
