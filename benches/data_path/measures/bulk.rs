//! Bytes without end, down and up, by 1, 8 and 64 streams: how many per second, and how many per second of processor time of all hops together.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::bench::Bench;
use crate::report::{Aim, Better, Chart, Report};
use crate::sides::Kind;
use crate::target::Taken;
use crate::traffic::{Order, Request, download, open, upload};

/// How many streams there are at once.
const STREAMS: [usize; 3] = [1, 8, 64];
/// How long the next byte may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is looked for.
const LOOK: Duration = Duration::from_millis(2);
/// Which way the bytes go.
const WAYS: [(&str, Order); 2] = [("down", Order::Send), ("up", Order::Take)];

/// Measures.
pub(crate) fn run(bench: &mut Bench, report: &mut Report) -> anyhow::Result<()> {
    let sides = bench.start(&Kind::ALL)?;
    let mut rate = Chart::new("bulk", "Bulk", "MB/s", Better::More);
    let mut cost = Chart::new("bulk-cpu", "Bulk per second of processor time of all hops", "MB/CPU-s", Better::More);
    let mut memory = Chart::new("bulk-memory", "Memory of all hops meanwhile", "MB", Better::Less);
    let mut number = 0;
    for repetition in 0..bench.options.repeat {
        for (way, order) in WAYS {
            for streams in STREAMS {
                let case = case_of(way, streams);
                crate::shared::complain(&format!("  {}: {case}", repetition + 1));
                for kind in &sides {
                    number += 1;
                    let moved = Load { order, streams, number }.run(bench, *kind)?;
                    rate.add(&case, kind.name(), moved.rate());
                    if let Some(per_second) = moved.per_cpu_second() {
                        cost.add(&case, kind.name(), per_second);
                        memory.add(&case, kind.name(), moved.resident as f64 / 1e6);
                    }
                }
            }
        }
    }
    judge(&mut rate, report);
    [rate, cost, memory].into_iter().try_for_each(|chart| report.chart(chart))
}

fn case_of(way: &str, streams: usize) -> String {
    format!("{way}, {streams} stream{}", if streams == 1 { "" } else { "s" })
}

fn judge(rate: &mut Chart, report: &mut Report) {
    for (way, streams) in WAYS.into_iter().flat_map(|(way, _)| STREAMS.map(|streams| (way, streams))) {
        let case = case_of(way, streams);
        for (one, other, factor) in
            [(Kind::WarrenTwo, Kind::GrpcTwo, 1.5), (Kind::WarrenInternet, Kind::GrpcTwo, 1.0), (Kind::WarrenTwo, Kind::TcpTwo, 0.5)]
        {
            let (one, other) = (one.name(), other.name());
            report.aim(Aim::at_least(&format!("bulk {case}: {one} / {other}"), rate.ratio(&case, (one, other)), factor));
        }
        rate.mark(&case, (1.5, Kind::GrpcTwo.name()), "1.5 x gRPC");
        rate.mark(&case, (0.5, Kind::TcpTwo.name()), "0.5 x TCP");
    }
}

/// Waits until there is more than this, and tells how much. A busy machine may give a side nothing for a while; a side that never moves a byte fails the run.
async fn wait_for_more(than: u64, moved: impl Fn() -> anyhow::Result<u64>) -> anyhow::Result<u64> {
    let begun = Instant::now();
    loop {
        let so_far = moved()?;
        if so_far > than {
            return Ok(so_far);
        }
        ensure!(begun.elapsed() < PATIENCE, "it moves no bytes");
        sleep(LOOK).await;
    }
}

/// Streams of one run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) order: Order,
    pub(super) streams: usize,
    pub(super) number: u64,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moved {
    bytes: u64,
    elapsed: Duration,
    cpu: Duration,
    /// What all hops held in the end, in bytes.
    resident: u64,
}

impl Moved {
    pub(super) fn rate(self) -> f64 {
        self.bytes as f64 / self.elapsed.as_secs_f64() / 1e6
    }

    /// `None` where there is no hop.
    fn per_cpu_second(self) -> Option<f64> {
        (!self.cpu.is_zero()).then(|| self.bytes as f64 / self.cpu.as_secs_f64() / 1e6)
    }
}

impl Load {
    pub(super) fn run(self, bench: &Bench, kind: Kind) -> anyhow::Result<Moved> {
        bench.settle()?;
        let (side, taken) = (bench.side(kind), bench.target.taken(self.number));
        let window = bench.options.effort.pick(Duration::from_millis(200), Duration::from_millis(1_200));
        let moved = bench.runtime.block_on(async {
            let count = Arc::<AtomicU64>::default();
            let mut streams = self.start(side.address(), &count).await?;
            let moved = || self.moved(&count, &taken);
            wait_for_more(0, moved).await?;
            // The windows open and the senders find their rate first.
            sleep(window / 4).await;
            let (before, cpu, begun) = (moved()?, side.cpu()?, Instant::now());
            sleep(window).await;
            let after = wait_for_more(before, moved).await?;
            let (cpu_after, elapsed) = (side.cpu()?, begun.elapsed());
            if let Some(ended) = streams.try_join_next() {
                ended??;
                bail!("a stream ended by itself");
            }
            streams.shutdown().await;
            anyhow::Ok(Moved { bytes: after - before, elapsed, cpu: cpu_after - cpu, resident: side.resident()? })
        });
        moved.with_context(|| format!("{}, {} streams", kind.name(), self.streams))
    }

    async fn start(self, address: SocketAddr, count: &Arc<AtomicU64>) -> anyhow::Result<JoinSet<anyhow::Result<()>>> {
        let mut opening = JoinSet::new();
        for stream in 0..self.streams {
            let request = Request { order: self.order, start: u32::try_from(stream * 1_009)?, run: self.number };
            opening.spawn(async move { anyhow::Ok((open(address, request).await?, request.start)) });
        }
        let mut running = JoinSet::new();
        while let Some(opened) = opening.join_next().await {
            let ((stream, start), count) = (opened??, count.clone());
            match self.order {
                Order::Send => running.spawn(async move { download(stream, start, &count).await }),
                Order::Take | Order::Echo => running.spawn(upload(stream, start)),
            };
        }
        Ok(running)
    }

    fn moved(self, count: &AtomicU64, taken: &Taken) -> anyhow::Result<u64> {
        match self.order {
            Order::Send => Ok(count.load(Ordering::Relaxed)),
            Order::Take | Order::Echo => taken.bytes(),
        }
    }
}
