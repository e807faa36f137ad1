//! How many connections between two proxies, or one for each dial: what bulk, new dials and a small request beside bulk make of it.

mod raw;

use anyhow::Context;
use tokio::task::JoinSet;

use super::{bulk, connections, exchange};
use crate::bench::Bench;
use crate::report::{Better, Chart, Report};
use crate::shared::complain;
use crate::sides::Kind;
use crate::traffic::{Order, Request, download, open};

/// How many data connections the proxies keep.
const POOLS: [u8; 4] = [1, 2, 4, 8];
/// Streams of bulk at once.
const STREAMS: [usize; 3] = [1, 8, 64];
/// Streams of bulk beside the small request.
const BESIDE: usize = 8;
/// Bytes of the small request.
const SMALL: usize = 64;

/// Measures.
pub(crate) fn run(bench: &mut Bench, report: &mut Report) -> anyhow::Result<()> {
    let kinds = bench.start(&POOLS.map(Kind::Pool))?;
    let mut rate = Chart::new("pools-bulk", "Bulk by the number of data connections between two proxies", "MB/s", Better::More);
    let mut dials = Chart::new("pools-dials", "New dials by the number of data connections", "per second", Better::More);
    let mut beside = Chart::new("pools-beside", "A small request beside bulk, p99", "us", Better::Less);
    for repetition in 0..bench.options.repeat {
        for kind in &kinds {
            complain(&format!("  {}: {}", repetition + 1, kind.name()));
            for streams in STREAMS {
                let moved = bulk::Load { order: Order::Send, streams, number: 0 }.run(bench, *kind)?;
                rate.add(&format!("{streams} streams down"), kind.name(), moved.rate());
            }
            dials.add("16 clients", kind.name(), connections::many(bench, *kind).context("new dials")?.0);
            beside.add("64 B beside 8 streams down", kind.name(), small_beside_bulk(bench, *kind)?);
        }
    }
    for kind in kinds {
        bench.end(kind)?;
    }
    [rate, dials, beside].into_iter().try_for_each(|chart| report.chart(chart))?;
    raw::run(bench, report)
}

/// The 99th percentile of a small request's time while bulk comes down.
fn small_beside_bulk(bench: &Bench, kind: Kind) -> anyhow::Result<f64> {
    let address = bench.side(kind).address();
    let mut bulk = bench.runtime.block_on(async {
        let mut streams = JoinSet::new();
        for stream in 0..BESIDE {
            let request = Request { order: Order::Send, start: u32::try_from(stream * 1_009)?, run: 0 };
            let opened = open(address, request).await?;
            streams.spawn(async move { download(opened, request.start, &std::sync::atomic::AtomicU64::new(0)).await });
        }
        anyhow::Ok(streams)
    })?;
    let times = exchange::measure(bench, kind, SMALL, 1)?;
    bench.runtime.block_on(bulk.shutdown());
    Ok(times.quantile(0.99))
}
