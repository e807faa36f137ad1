//! A simulated machine: it runs one program, and starts it again when that ends.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use warren::net::{Entropy, Env};

use super::census::Census;
use super::hooks;
use super::process::Process;
use super::wall::HostWall;
use crate::network::HostId;

/// How a program has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// As it was told.
    Done,
    /// By itself, for this reason; its supervisor starts it again.
    Failed(String),
}

/// What a program is given when it starts.
pub struct Life<Order> {
    /// The outside world.
    pub env: Env,
    /// Which life of the program it is, from 1.
    pub number: u64,
    /// What it is told to do.
    pub orders: mpsc::UnboundedReceiver<Order>,
}

/// What runs on a host.
pub type Program<Order> = Arc<dyn Fn(Life<Order>) -> Pin<Box<dyn Future<Output = Exit> + Send>> + Send + Sync>;

/// Makes the outside world of one life.
pub type Outside = Arc<dyn Fn(Entropy, HostWall) -> Env + Send + Sync>;

/// A machine.
pub struct Host<Order> {
    /// Which one.
    pub id: HostId,
    /// What it is called.
    pub name: String,
    program: Program<Order>,
    outside: Outside,
    entropy: Entropy,
    /// Its wall clock.
    pub wall: HostWall,
    process: Option<Process>,
    orders: Option<mpsc::UnboundedSender<Order>>,
    lives: u64,
    /// How fast its clock goes, in millionths.
    rate: u64,
    passed_us: u64,
    /// It stands still until then, in microseconds of the world.
    paused_until: Option<u64>,
    paused_since: u64,
}

impl<Order: Send + 'static> Host<Order> {
    /// A machine that is switched off.
    pub fn new(id: HostId, name: String, entropy: Entropy, outside: Outside, program: Program<Order>) -> Self {
        Self {
            id,
            name,
            program,
            outside,
            entropy,
            wall: HostWall::default(),
            process: None,
            orders: None,
            lives: 0,
            rate: 1_000_000,
            passed_us: 0,
            paused_until: None,
            paused_since: 0,
        }
    }

    /// Starts the program, if it does not run.
    ///
    /// # Errors
    /// The system's, which gives no runtime.
    pub fn start(&mut self) -> std::io::Result<()> {
        if self.process.is_some() {
            return Ok(());
        }
        self.lives += 1;
        let entropy = self.entropy.split(&format!("life {}", self.lives));
        let seed = u64::from_be_bytes(entropy.split("runtime").bytes());
        let (orders, received) = mpsc::unbounded_channel();
        let life = Life { env: (self.outside)(entropy, self.wall.clone()), number: self.lives, orders: received };
        let _here = hooks::enter(self.id);
        self.process = Some(Process::start(seed, (self.program)(life))?);
        self.orders = Some(orders);
        Ok(())
    }

    /// Ends the program at once, with all that it has in memory.
    pub fn crash(&mut self) {
        let _here = hooks::enter(self.id);
        self.orders = None;
        self.paused_until = None;
        drop(self.process.take());
    }

    /// Whether the program runs.
    pub fn runs(&self) -> bool {
        self.process.is_some()
    }

    /// Which life of the program it is, from 1.
    pub fn lives(&self) -> u64 {
        self.lives
    }

    /// Tells the program something; one that does not run does not hear it.
    pub fn tell(&self, order: Order) -> bool {
        self.orders.as_ref().is_some_and(|orders| orders.send(order).is_ok())
    }

    /// Stands still until then, in microseconds of the world.
    pub fn pause(&mut self, now_us: u64, until_us: u64) {
        self.paused_since = if self.paused_until.is_some() { self.paused_since } else { now_us };
        self.paused_until = Some(until_us);
    }

    /// Whether it stands still.
    pub fn is_paused(&self) -> bool {
        self.paused_until.is_some()
    }

    /// How fast its clock goes from now on, in millionths of the right rate.
    pub fn set_rate(&mut self, millionths: u64) {
        self.rate = millionths;
    }

    /// Tasks that are alive.
    pub fn tasks(&self) -> usize {
        self.process.as_ref().map_or(0, Process::tasks)
    }

    /// Where those were spawned.
    pub fn census(&self) -> Census {
        self.process.as_ref().map_or_else(Census::default, |process| process.census().clone())
    }

    /// Lets time pass on it, up to `now_us` of the world. Tells how the program has ended, if it has.
    pub fn step(&mut self, now_us: u64, tick_us: u64) -> Option<Exit> {
        let passed = tick_us * self.rate / 1_000_000;
        self.passed_us += passed;
        self.wall.pass(self.passed_us);
        if self.paused_until.is_some_and(|until| now_us < until) {
            return None;
        }
        let process = self.process.as_mut()?;
        let _here = hooks::enter(self.id);
        if self.paused_until.take().is_some() {
            // Its monotonic clock has gone on; whatever was due meanwhile is due now.
            process.skip(Duration::from_micros(now_us.saturating_sub(self.paused_since + tick_us)));
        }
        process.step(Duration::from_micros(passed));
        let exit = process.exit();
        if exit.is_some() {
            self.crash();
        }
        exit
    }
}
