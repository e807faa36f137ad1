//! Thousands of agents on one machine lose their proxy at once: how long until all of them can be reached again, and what it takes.
//!
//! ```sh
//! cargo bench --bench tunnels                          # 6,000 agents; takes some minutes
//! cargo bench --bench tunnels -- --agents 10000        # as many as that
//! cargo bench --bench tunnels -- --connections 2       # with two tunnels each
//! cargo bench --bench tunnels -- --quick               # does everything work? The figures mean little
//! ```
//!
//! The proxies are `warren` processes with their defaults. The agents are the production's, many to a process (`swarm/`), each with
//! a socket, an identity and a directory of its own. What is not measured is checked: a run in which no tunnel was lost, or fewer came back than
//! there were, ends with an error. No absolute time ever does.

mod arrival;
mod death;
mod drain;
mod idle;
mod levelling;
mod load;
mod migration;
mod options;
mod order;
mod scene;
#[path = "../shared/mod.rs"]
mod shared;
#[path = "../../tests/support/mod.rs"]
mod support;
mod swarm;

use std::process::ExitCode;

use options::{Invocation, Options};
use scene::Scene;
use shared::{Report, complain};

fn main() -> ExitCode {
    let outcome = match options::read(std::env::args().skip(1)) {
        Ok(Invocation::Swarm(settings)) => swarm::run(&settings),
        Ok(Invocation::Bench(options)) => bench(&options),
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn bench(options: &Options) -> anyhow::Result<()> {
    let mut report = Report::new(options.effort);
    let mut scene = Scene::new(options)?;
    arrival::run(&mut scene, &mut report)?;
    idle::run(&mut scene, &mut report)?;
    death::run(&mut scene, &mut report)?;
    levelling::run(&mut scene, &mut report)?;
    drain::run(&mut scene, &mut report)?;
    scene.stop()?;
    report.print()
}
