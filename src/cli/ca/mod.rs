//! `warren ca`.

mod shown;
mod waiting;

use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args, Subcommand};
use warren_raft::Serial;

use self::waiting::{Urge, wait};
use super::context::Context;
use super::{CliError, Exit};
use crate::api::{AuthorityView, CertificatesView, Path, RollbackRequest, RotateRequest, SerialRequest, SerialRevoked, SerialText};

/// Show, replace and roll back the certificate authority, and refuse single certificates
#[derive(Debug, Args)]
pub(super) struct CaArgs {
    #[command(subcommand)]
    verb: CaVerb,
}

#[derive(Debug, Subcommand)]
enum CaVerb {
    /// Show which authorities are trusted, how far a rotation is, and which certificates are refused
    Status,
    /// List the certificates that proxies, agents and clients use now, with their serial numbers
    Ls,
    Rotate(RotateArgs),
    Rollback(RollbackArgs),
    Revoke(RevokeArgs),
}

/// Put another authority in the place of the present one, in phases
#[derive(Debug, Args)]
#[command(
    after_help = "Run it on any proxy's machine. First everybody trusts the new authority beside the old one, then agents, clients and at last proxies get certificates of the new one, then the old one is forgotten. The cluster goes from phase to phase by itself, whether the command waits or not, and no stream is cut. Machines that are away are waited for until their certificates have ended by themselves, a day by default; with `--skip-absent` they are not, and have to be enrolled again. Until the old one is forgotten, `warren ca rollback` takes it back."
)]
struct RotateArgs {
    /// Wait until it is over and show how far it is; exit 3 if that takes too long
    #[arg(long, value_parser = FalseyValueParser::new(), env = "WARREN_WAIT", hide_env_values = true)]
    wait: bool,
    /// How long to wait, such as `30s` or `1day`
    #[arg(long, value_name = "DURATION", default_value = "1day", requires = "wait", value_parser = humantime::parse_duration, env = "WARREN_TIMEOUT", hide_env_values = true)]
    timeout: Duration,
    /// Do not wait for machines that are away: they have to be enrolled again
    #[arg(long)]
    skip_absent: bool,
}

/// Take a rotation back, in any phase but the last
#[derive(Debug, Args)]
#[command(
    after_help = "Run it on any proxy's machine. Whoever has a certificate of the new authority gets one of the old one first; then the new one is forgotten. Machines that are away are waited for until their certificates have ended by themselves, a day by default; with `--skip-absent`, which can also be said later, they are not, and those with a certificate of the new authority have to be enrolled again."
)]
struct RollbackArgs {
    /// Wait until it is over and show how far it is; exit 3 if that takes too long
    #[arg(long, value_parser = FalseyValueParser::new(), env = "WARREN_WAIT", hide_env_values = true)]
    wait: bool,
    /// How long to wait, such as `30s` or `1day`
    #[arg(long, value_name = "DURATION", default_value = "1day", requires = "wait", value_parser = humantime::parse_duration, env = "WARREN_TIMEOUT", hide_env_values = true)]
    timeout: Duration,
    /// Do not wait for machines that are away: those with a certificate of the new authority have to be enrolled again
    #[arg(long)]
    skip_absent: bool,
}

/// Refuse one certificate from now on, and cut the connections that were made with it
#[derive(Debug, Args)]
#[command(
    after_help = "Run it on any proxy's machine. It is effective on every proxy within a second, and remembered until the certificate has ended by itself. The identity stays: with a new token the machine gets another certificate. To refuse an identity for good, remove it: `warren agents rm`, `warren clients rm`, `warren proxies rm`. A proxy issues itself another certificate at once."
)]
struct RevokeArgs {
    /// The certificate's serial number, 32 hexadecimal digits: `warren ca ls` lists them, and `openssl x509 -noout -serial` shows one
    #[arg(value_name = "SERIAL", value_parser = serial)]
    serial: Serial,
}

/// Digits in either case.
fn serial(text: &str) -> Result<Serial, warren_raft::ids::IdError> {
    text.to_ascii_lowercase().parse()
}

impl CaArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        match self.verb {
            CaVerb::Status => {
                let view: AuthorityView = context.look(Path::Authority).await?;
                context.output().show(&view)?;
            }
            CaVerb::Ls => {
                let view: CertificatesView = context.look(Path::Certificates).await?;
                context.output().show(&view)?;
            }
            CaVerb::Rotate(args) => return args.run(context).await,
            CaVerb::Rollback(args) => return args.run(context).await,
            CaVerb::Revoke(args) => {
                let request = SerialRequest { serial: SerialText(args.serial) };
                let revoked: SerialRevoked = context.admin()?.post_json(Path::RevokeSerial, &request).await?;
                context.output().show(&revoked)?;
            }
        }
        Ok(Exit::Success)
    }
}

impl RotateArgs {
    async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let request = RotateRequest { skip_absent: self.skip_absent };
        let view: AuthorityView = context.admin()?.post_json(Path::Rotate, &request).await?;
        if !self.wait {
            return context.output().show(&view).map(|()| Exit::Success);
        }
        // Each phase has its own absent machines.
        wait(context, view, self.timeout, (Urge::On, self.skip_absent)).await
    }
}

impl RollbackArgs {
    async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let request = RollbackRequest { skip_absent: self.skip_absent };
        let view: AuthorityView = context.admin()?.post_json(Path::Rollback, &request).await?;
        if !self.wait {
            return context.output().show(&view).map(|()| Exit::Success);
        }
        wait(context, view, self.timeout, (Urge::Back, self.skip_absent)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_number_is_taken_in_either_case() {
        let digits = "4A".repeat(16);
        assert_eq!(serial(&digits).expect("a serial").to_string(), digits.to_lowercase());
        assert!(serial("4a").is_err() && serial("").is_err());
    }
}
