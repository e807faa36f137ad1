//! Small requests and their answers: how long they take, alone and among others.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::bench::Bench;
use crate::pattern::Place;
use crate::report::{Aim, Better, Chart, Report};
use crate::shared::{Samples, complain};
use crate::sides::Kind;
use crate::traffic::{Order, Request, open};

/// Bytes of a request, and of its answer.
const SIZES: [usize; 2] = [64, 1_024];
/// How many connections have one under way.
const AT_ONCE: [usize; 2] = [1, 32];
/// What is told of them.
const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)];
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Measures.
pub(crate) fn run(bench: &mut Bench, report: &mut Report) -> anyhow::Result<()> {
    let sides = bench.start(&Kind::ALL)?;
    let mut charts = [
        Chart::new("exchange-p50", "Request and response, median", "us", Better::Less),
        Chart::new("exchange-p99", "Request and response, p99", "us", Better::Less),
        Chart::new("exchange-p999", "Request and response, p99.9", "us", Better::Less),
    ];
    for repetition in 0..bench.options.repeat {
        complain(&format!("  {}", repetition + 1));
        for (size, at_once) in SIZES.into_iter().flat_map(|size| AT_ONCE.map(|at_once| (size, at_once))) {
            for kind in &sides {
                bench.settle()?;
                let times = measure(bench, *kind, size, at_once).with_context(|| format!("{}, {size} B", kind.name()))?;
                for (chart, (_, quantile)) in charts.iter_mut().zip(QUANTILES) {
                    chart.add(&case(size, at_once), kind.name(), times.quantile(quantile));
                }
            }
        }
    }
    for (chart, (quantile, _)) in charts.iter_mut().zip(QUANTILES).take(2) {
        judge(chart, quantile, report);
    }
    charts.into_iter().try_for_each(|chart| report.chart(chart))
}

fn judge(chart: &mut Chart, quantile: &str, report: &mut Report) {
    let (warren, grpc) = (Kind::WarrenTwo.name(), Kind::GrpcTwo.name());
    for (size, at_once) in SIZES.into_iter().flat_map(|size| AT_ONCE.map(|at_once| (size, at_once))) {
        let case = case(size, at_once);
        report.aim(Aim::at_most(&format!("{case}, {quantile}: {warren} / {grpc}"), chart.ratio(&case, (warren, grpc)), 1.0));
        chart.mark(&case, (1.0, grpc), "gRPC");
    }
}

fn case(size: usize, at_once: usize) -> String {
    let size = if size < 1_024 { format!("{size} B") } else { format!("{} KiB", size / 1_024) };
    format!("{size}, {at_once} at once")
}

/// The times of all exchanges together, in microseconds.
pub(super) fn measure(bench: &Bench, kind: Kind, size: usize, at_once: usize) -> anyhow::Result<Samples> {
    let (address, window) =
        (bench.side(kind).address(), bench.options.effort.pick(Duration::from_millis(200), Duration::from_millis(1_200)));
    bench.runtime.block_on(async {
        let mut clients = JoinSet::new();
        for client in 0..at_once {
            clients.spawn(exchange(address, (size, u32::try_from(client * 1_009)?), window));
        }
        let mut all = Samples::default();
        while let Some(times) = clients.join_next().await {
            times??.into_iter().for_each(|time| all.add(time));
        }
        ensure!(all.len() > 0, "no exchange in {window:?}");
        Ok(all)
    })
}

async fn exchange(address: SocketAddr, (size, start): (usize, u32), window: Duration) -> anyhow::Result<Vec<f64>> {
    let mut stream = open(address, Request { order: Order::Echo, start, run: 0 }).await?;
    let (mut place, mut back, mut times) = (Place::new(start), vec![0; size], Vec::new());
    let begun = Instant::now();
    // What comes first warms up what it goes through.
    let counted = window / 8;
    while begun.elapsed() < window + counted || times.is_empty() {
        let sent = Instant::now();
        let answer = async {
            stream.write_all(&place.next()[..size]).await?;
            stream.read_exact(&mut back).await
        };
        timeout(PATIENCE, answer).await.context("no answer in time")??;
        let time = sent.elapsed();
        place.check(&back)?;
        if begun.elapsed() > counted {
            times.push(time.as_secs_f64() * 1e6);
        }
    }
    Ok(times)
}
