//! A download and pings beside it, over one tunnel whose line loses packets: 100 Mbit/s, 20 ms there and back, a queue as long as that.
//!
//! TCP and QUIC go through the same emulated line, packet by packet (`tests/support/span.rs`). gRPC is measured with each congestion control that the kernel lets a namespace have.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};

use crate::bench::Bench;
use crate::report::{Aim, Better, Chart, Report};
use crate::shared::{Samples, complain};
use crate::sides::Far;
use crate::support::link::{Loss, Shape};
use crate::support::{Side, Span};
use crate::target::Target;
use crate::traffic::{Order, Request, download, open};

const MEGABITS: f64 = 100.0;
const ROUND_TRIP: Duration = Duration::from_millis(20);
/// In percent.
const LOSSES: [f64; 4] = [0.0, 0.1, 1.0, 3.0];
/// What gRPC's TCP uses; `reno` stands in where `cubic` is not allowed.
const CONTROLS: [&str; 3] = ["cubic", "bbr", "reno"];
/// Where a namespace chooses.
const CHOICE: &str = "/proc/sys/net/ipv4/tcp_congestion_control";
const WARREN: &str = "warren, two hops";
/// Bytes of a ping, and the time from its answer to the next one.
const PING: usize = 64;
const PAUSE: Duration = Duration::from_millis(20);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Measures.
pub(crate) fn run(bench: &mut Bench, report: &mut Report) -> anyhow::Result<()> {
    let shape = Shape::new(MEGABITS, ROUND_TRIP, 1.0);
    let Some(span) = Span::new("the measure `loss`", shape, 1) else {
        report.remark("`loss` was not measured: it needs root and network namespaces.".to_owned());
        return Ok(());
    };
    let target = span.on(Side::Edge, || {
        let _inside = bench.runtime.enter();
        Target::start()
    })?;
    let mut charts = [
        Chart::new("loss", "Bulk over a line that loses packets", "Mbit/s", Better::More),
        Chart::new("loss-ping-p50", "Ping beside it, median", "ms", Better::Less),
        Chart::new("loss-ping-p99", "Ping beside it, p99", "ms", Better::Less),
    ];
    let mut ways = vec![(WARREN.to_owned(), Far::warren(&span, target.address())?)];
    for control in controls(&span) {
        let way = Far::grpc(&span, target.address())?;
        let address = way.address();
        // A connection has what was chosen when it came to stand.
        span.on(Side::Core, || reach(address))?;
        ways.push((format!("gRPC, two hops, {control}"), way));
    }
    let length = bench.options.effort.pick(Duration::from_secs(1), Duration::from_secs(5));
    for (repetition, percent) in (0..bench.options.repeat).flat_map(|number| LOSSES.map(|percent| (number, percent))) {
        complain(&format!("  {}: {percent} % loss", repetition + 1));
        let loss = if percent > 0.0 { Loss::Random(percent / 100.0) } else { Loss::None };
        span.change(shape.losing(loss));
        for (name, way) in &ways {
            let address = way.address();
            let seen = span.on(Side::Core, || measure(address, length)).with_context(|| format!("{name}, {percent} % loss"))?;
            for (chart, figure) in charts.iter_mut().zip(seen) {
                chart.add(&case(percent), name, figure);
            }
        }
    }
    judge(&charts, &ways, report);
    charts.into_iter().try_for_each(|chart| report.chart(chart))
}

/// Chooses one after the other for what is started next on both sides, as far as the kernel lets it: what it lets.
fn controls(span: &Span) -> impl Iterator<Item = &'static str> {
    let chosen = |control: &&'static str| Side::BOTH.iter().all(|side| span.on(*side, || std::fs::write(CHOICE, *control).is_ok()));
    let mut cubic = false;
    CONTROLS.into_iter().filter(move |control| {
        let wanted = *control != "reno" || !cubic;
        let is_chosen = wanted && chosen(control);
        cubic |= is_chosen && *control == "cubic";
        if wanted && !is_chosen {
            complain(&format!("  NOT RUN: gRPC with {control}, which the kernel does not let a namespace have"));
        }
        is_chosen
    })
}

fn case(percent: f64) -> String {
    format!("{percent} % loss")
}

fn judge([bulk, _, tail]: &[Chart; 3], ways: &[(String, Far)], report: &mut Report) {
    for (grpc, _) in ways.iter().skip(1) {
        let pair = (WARREN, grpc.as_str());
        report.aim(Aim::at_least(&format!("1 % loss, bulk: {WARREN} / {grpc}"), bulk.ratio(&case(1.0), pair), 1.0));
        report.aim(Aim::at_most(&format!("1 % loss, ping p99: {WARREN} / {grpc}"), tail.ratio(&case(1.0), pair), 0.2));
    }
}

/// Waits until a way stands to its end.
fn reach(address: SocketAddr) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(open(address, Request { order: Order::Echo, start: 0, run: 0 })).map(drop)
}

/// Mbit/s, and of the pings in ms p50 and p99.
fn measure(address: SocketAddr, length: Duration) -> anyhow::Result<[f64; 3]> {
    // Sockets belong to the network of the thread that makes them.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let bulk = open(address, Request { order: Order::Send, start: 1, run: 0 }).await?;
        let count = Arc::<AtomicU64>::default();
        let counted = count.clone();
        let measured = async {
            // The sender finds its rate first.
            sleep(length / 4).await;
            let (before, begun) = (count.load(Ordering::Relaxed), Instant::now());
            let pings = pings(address, length).await?;
            let (bytes, elapsed) = (count.load(Ordering::Relaxed) - before, begun.elapsed());
            ensure!(bytes > 0, "it moved no bytes");
            Ok([bytes as f64 / 125_000.0 / elapsed.as_secs_f64(), pings.quantile(0.5), pings.quantile(0.99)])
        };
        tokio::select! {
            seen = measured => seen,
            ended = download(bulk, 1, &counted) => Err(ended.err().unwrap_or_else(|| anyhow::anyhow!("the download ended"))),
        }
    })
}

/// One ping after the other for so long, in milliseconds.
async fn pings(address: SocketAddr, length: Duration) -> anyhow::Result<Samples> {
    let mut stream = open(address, Request { order: Order::Echo, start: 0, run: 0 }).await?;
    let (begun, mut times) = (Instant::now(), Vec::new());
    while begun.elapsed() < length || times.is_empty() {
        let (asked, mut answer) = (Instant::now(), [0; PING]);
        stream.write_all(&[7; PING]).await?;
        timeout(PATIENCE, stream.read_exact(&mut answer)).await.context("no answer in time")??;
        ensure!(answer == [7; PING], "the answer is not the question");
        times.push(asked.elapsed().as_secs_f64() * 1e3);
        sleep(PAUSE).await;
    }
    Ok(times.into_iter().collect())
}
