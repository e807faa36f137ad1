//! `cargo sim run`.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::cast::Order;
use crate::plan::{Dial, Mode, Plan, Seats, Settings, Topology};
use crate::run::Run;
use crate::trace::Trace;

/// Run one seed
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The seed
    #[arg(long)]
    seed: u64,
    /// Where every line of what happens is written, each datagram among them
    #[arg(long)]
    trace: Option<std::path::PathBuf>,
    /// The product's logs, on standard error
    #[arg(long)]
    log: Option<String>,
}

impl RunArgs {
    pub(super) fn run(self) -> ExitCode {
        if let Some(filter) = &self.log {
            tracing_subscriber::fmt().with_env_filter(filter).without_time().with_writer(std::io::stderr).init();
        }
        let file = self.trace.as_ref().map(|path| std::fs::File::create(path).expect("a file"));
        let home = tempfile::tempdir().expect("a directory");
        let plan = Plan {
            seed: self.seed,
            topology: Topology { proxies: 3, spares: 0, farms: vec![3, 3], clients: 1, zones: 1 },
            settings: Settings::default(),
            length_ms: 60_000,
            events: Vec::new(),
        };
        let began = std::time::Instant::now();
        let mut run = Run::new(plan, home.path().to_owned(), Trace::new(file));
        run.world.start(Seats::SERVICES).expect("started");
        run.world.start(Seats::proxy(0)).expect("started");
        let ok = run.until(Duration::from_secs(20), |run| run.stage.members().len() == 1);
        eprintln!("first {ok} {:?}", run.world.now());
        run.world.start(Seats::proxy(1)).expect("started");
        run.world.start(Seats::proxy(2)).expect("started");
        run.world.start(Seats::farm(0)).expect("started");
        run.world.start(Seats::farm(1)).expect("started");
        run.world.start(Seats::client(0)).expect("started");
        let ok = run.until(Duration::from_secs(30), |run| {
            run.stage.agents().values().filter(|agent| agent.tunnels.len() == 2).count() == 6 && run.stage.has_client(Seats::client(0))
        });
        eprintln!("all {ok} {:?} {:?}", run.world.now(), run.stage.agents());
        for n in 0..100 {
            let dial = Dial { client: Seats::client(0), agent: (n % 6) as u16, mode: Mode::Echo, bytes: 10_000, timeout_ms: 5_000 };
            run.stage.begin_dial(n, crate::cast::Dialled::new(dial.clone(), run.world.now_us()));
            run.world.host(Seats::client(0)).expect("there").tell(Order::Dial(n, dial));
            let until = run.world.now() + Duration::from_millis(500);
            run.until(Duration::from_millis(500), |run| run.world.now() >= until);
        }
        for line in run.world.trace.last() {
            println!("{line}");
        }
        let (hash, lines) = run.world.trace.digest();
        println!("{hash:016x} {lines} lines, {:?} simulated in {:?}, {:?}", run.world.now(), began.elapsed(), run.world.network.counts());
        ExitCode::SUCCESS
    }
}
