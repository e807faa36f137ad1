//! Readers that have stopped reading, and a download beside them that has not: does it move, and what do the hops hold meanwhile?

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::bench::Bench;
use crate::report::{Aim, Better, Chart, Report};
use crate::shared::complain;
use crate::sides::{Kind, Side};
use crate::traffic::{Order, Request, download, open};

/// How many readers stop.
const STALLED: [usize; 3] = [4, 64, 500];
/// The sides with several streams on one connection, and the one without.
const SIDES: [Kind; 5] = [Kind::TcpTwo, Kind::GrpcTwo, Kind::GrpcWide, Kind::WarrenOne, Kind::WarrenTwo];
/// How long a connection or a byte may take before it is taken for blocked.
const BLOCKED: Duration = Duration::from_secs(5);
/// How long the hops may take until they hold no more.
const FILLING: Duration = Duration::from_secs(30);
/// How long they must not have grown.
const FILLED: Duration = Duration::from_millis(750);
/// How often is looked.
const LOOK: Duration = Duration::from_millis(50);

/// Measures.
pub(crate) fn run(bench: &mut Bench, report: &mut Report) -> anyhow::Result<()> {
    let sides = bench.start(&SIDES)?;
    let mut share = Chart::new("stalled", "A download beside stalled readers", "% of it alone", Better::More);
    let mut memory = Chart::new("stalled-memory", "Memory of all hops meanwhile", "MB", Better::Less);
    for _ in 0..bench.options.repeat.min(3) {
        for count in bench.options.effort.pick(&STALLED[..1], &STALLED[..]) {
            for kind in &sides {
                complain(&format!("  {count} stalled: {}", kind.name()));
                let beside = measure(bench, *kind, *count).with_context(|| format!("{}, {count} stalled", kind.name()))?;
                share.add(&case(*count), kind.name(), beside.share * 100.0);
                memory.add(&case(*count), kind.name(), beside.resident as f64 / 1e6);
                if beside.opened < *count {
                    report.remark(format!(
                        "{}: only {} of {count} streams to stalled readers could be opened.",
                        kind.name(),
                        beside.opened
                    ));
                }
            }
        }
    }
    for count in STALLED {
        for kind in [Kind::WarrenOne, Kind::WarrenTwo] {
            // What else the machine does moves the rate by as much.
            let what = format!("{count} stalled: {} beside them, % of it alone", kind.name());
            report.aim(Aim::at_least(&what, share.samples(&case(count), kind.name()), 70.0));
        }
    }
    [share, memory].into_iter().try_for_each(|chart| report.chart(chart))
}

fn case(count: usize) -> String {
    format!("{count} stalled")
}

/// What came of it.
struct Beside {
    /// What the download moved beside them, of what it moved alone.
    share: f64,
    /// What all hops held, in bytes.
    resident: u64,
    /// How many of the stalled streams there were.
    opened: usize,
}

fn measure(bench: &Bench, kind: Kind, count: usize) -> anyhow::Result<Beside> {
    bench.settle()?;
    let (side, window) = (bench.side(kind), bench.options.effort.pick(Duration::from_millis(300), Duration::from_millis(1_500)));
    bench.runtime.block_on(async {
        let alone = rate(side.address(), window).await?;
        ensure!(alone > 0.0, "it moves no bytes");
        let stalled = stall(side.address(), count).await?;
        fill(side).await?;
        // One that is blocked moves nothing: that is what is to be seen.
        let beside = rate(side.address(), window).await?;
        Ok(Beside { share: beside / alone, resident: side.resident()?, opened: stalled.len() })
    })
}

/// Opens so many downloads that nobody reads, or as many as can be had.
async fn stall(address: SocketAddr, count: usize) -> anyhow::Result<Vec<TcpStream>> {
    let mut opening = JoinSet::new();
    for stream in 0..count {
        let request = Request { order: Order::Send, start: u32::try_from(stream * 257)?, run: 0 };
        // One after the other, since each brings all that the hops take at once.
        opening.spawn(async move {
            sleep(Duration::from_millis(2) * u32::try_from(stream)?).await;
            anyhow::Ok(timeout(BLOCKED, open(address, request)).await.ok().transpose()?)
        });
    }
    let mut stalled = Vec::new();
    while let Some(opened) = opening.join_next().await {
        stalled.extend(opened??);
    }
    Ok(stalled)
}

/// Waits until the hops hold no more than before.
async fn fill(side: &Side) -> anyhow::Result<()> {
    let (begun, mut most, mut at) = (Instant::now(), 0, Instant::now());
    while at.elapsed() < FILLED && begun.elapsed() < FILLING {
        let resident = side.resident()?;
        // A tenth of a megabyte is noise.
        if resident > most + 100_000 {
            (most, at) = (resident, Instant::now());
        }
        sleep(LOOK).await;
    }
    Ok(())
}

/// The bytes per second of one download; none where it is blocked.
async fn rate(address: SocketAddr, window: Duration) -> anyhow::Result<f64> {
    let request = Request { order: Order::Send, start: 7, run: 0 };
    let Ok(stream) = timeout(BLOCKED, open(address, request)).await else { return Ok(0.0) };
    let (stream, count) = (stream?, Arc::<AtomicU64>::default());
    let mut running = JoinSet::new();
    let counted = count.clone();
    running.spawn(async move { download(stream, request.start, &counted).await });
    sleep(window / 4).await;
    let (before, begun) = (count.load(Ordering::Relaxed), Instant::now());
    sleep(window).await;
    let moved = count.load(Ordering::Relaxed) - before;
    let elapsed = begun.elapsed();
    if let Some(ended) = running.try_join_next() {
        ended??;
    }
    running.shutdown().await;
    Ok(moved as f64 / elapsed.as_secs_f64())
}
