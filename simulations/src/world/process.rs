//! One life of a program on a host.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::census::Census;
use super::host::Exit;

/// A program that runs, with a clock of its own.
pub(super) struct Process {
    /// Dropped, it ends everything that runs on it.
    runtime: Runtime,
    main: JoinHandle<Exit>,
    began: Instant,
    /// How far its clock has gone.
    passed: Duration,
    census: Census,
}

impl Process {
    /// Starts `program` on a runtime whose own decisions come from `seed`.
    pub(super) fn start(seed: u64, program: Pin<Box<dyn Future<Output = Exit> + Send>>) -> std::io::Result<Self> {
        let mut builder = Builder::new_current_thread();
        builder.enable_time().start_paused(true);
        seeded(&mut builder, seed);
        let census = Census::default();
        census.count(&mut builder);
        let runtime = builder.build()?;
        let (began, main) = runtime.block_on(async { (Instant::now(), tokio::runtime::Handle::current().spawn(program)) });
        Ok(Self { runtime, main, began, passed: Duration::ZERO, census })
    }

    /// Lets so much time pass, with everything that is due in it.
    pub(super) fn step(&mut self, by: Duration) {
        self.passed += by;
        let until = self.began + self.passed;
        self.runtime.block_on(async { tokio::time::sleep_until(until).await });
    }

    /// So much time has passed while nothing ran.
    pub(super) fn skip(&mut self, by: Duration) {
        self.passed += by;
        self.runtime.block_on(tokio::time::advance(by));
    }

    /// How the program has ended, if it has.
    pub(super) fn exit(&mut self) -> Option<Exit> {
        if !self.main.is_finished() {
            return None;
        }
        let Self { runtime, main, .. } = self;
        Some(runtime.block_on(main).unwrap_or_else(|error| Exit::Failed(error.to_string())))
    }

    /// Tasks that are alive.
    pub(super) fn tasks(&self) -> usize {
        self.runtime.metrics().num_alive_tasks()
    }

    /// Where those were spawned.
    pub(super) fn census(&self) -> &Census {
        &self.census
    }
}

/// Only tokio's unstable interface takes a seed.
#[cfg(tokio_unstable)]
fn seeded(builder: &mut Builder, seed: u64) {
    builder.rng_seed(tokio::runtime::RngSeed::from_bytes(&seed.to_be_bytes()));
}

#[cfg(not(tokio_unstable))]
fn seeded(_: &mut Builder, _: u64) {}
