//! A thousand downloads at once: does each get its share?

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::bench::Bench;
use crate::report::{Better, Chart, Report};
use crate::shared::complain;
use crate::sides::Kind;
use crate::traffic::{Order, Request, download, greeted};

/// How many connect at the same time: a server's queue of new connections is often no longer than 128.
const OPENING: usize = 100;
/// The one case.
const CASE: &str = "1,000 streams";

/// Measures.
pub(crate) fn run(bench: &mut Bench, report: &mut Report) -> anyhow::Result<()> {
    let sides = bench.start(&Kind::ALL)?;
    let mut jain = Chart::new("fairness", "Jain's index of 1,000 downloads at once", "1 is fair", Better::More);
    let mut tails = Chart::new("fairness-tails", "The slowest tenth of 1,000 downloads", "% of the fastest tenth", Better::More);
    let mut rate = Chart::new("fairness-rate", "1,000 downloads together", "MB/s", Better::More);
    // Each takes seconds: what a stream gets in a moment says nothing.
    for _ in 0..bench.options.repeat.min(2) {
        for kind in &sides {
            complain(&format!("  {}", kind.name()));
            let shares = match measure(bench, *kind).with_context(|| kind.name().to_owned()) {
                Ok(shares) => shares,
                // What is beside the others only where it is installed need not stand a thousand streams; that it does not is told.
                Err(error) if matches!(kind, Kind::Ssh | Kind::Rathole | Kind::Bore) => {
                    report.remark(format!("1,000 downloads: {error:#}."));
                    continue;
                }
                Err(error) => return Err(error),
            };
            jain.add(CASE, kind.name(), shares.jain());
            tails.add(CASE, kind.name(), shares.tails() * 100.0);
            rate.add(CASE, kind.name(), shares.rate());
        }
    }
    [jain, tails, rate].into_iter().try_for_each(|chart| report.chart(chart))
}

/// What each stream got.
struct Shares {
    /// In ascending order.
    bytes: Vec<f64>,
    elapsed: Duration,
}

impl Shares {
    fn sum(&self) -> f64 {
        self.bytes.iter().sum()
    }

    /// 1 where all have as much, 1/n where one has everything (RFC 5166, section 2.3).
    fn jain(&self) -> f64 {
        let squares: f64 = self.bytes.iter().map(|bytes| bytes * bytes).sum();
        self.sum() * self.sum() / (self.bytes.len() as f64 * squares)
    }

    /// The slowest tenth beside the fastest.
    fn tails(&self) -> f64 {
        let tenth = (self.bytes.len() / 10).max(1);
        let slowest: f64 = self.bytes.iter().take(tenth).sum();
        let fastest: f64 = self.bytes.iter().rev().take(tenth).sum();
        slowest / fastest
    }

    fn rate(&self) -> f64 {
        self.sum() / self.elapsed.as_secs_f64() / 1e6
    }
}

fn measure(bench: &Bench, kind: Kind) -> anyhow::Result<Shares> {
    let address = bench.side(kind).address();
    let (streams, window) = bench.options.effort.pick((100, Duration::from_millis(500)), (1_000, Duration::from_secs(5)));
    bench.settle()?;
    bench.runtime.block_on(async {
        let (mut running, mut counts) = (JoinSet::new(), Vec::new());
        // All of them stand before the first byte is asked for: a dial behind the bulk of others is another measure.
        for (stream, mut standing) in stand(address, streams).await?.into_iter().enumerate() {
            let request = Request { order: Order::Send, start: u32::try_from(stream * 127)?, run: 0 };
            standing.write_all(&request.encode()).await?;
            let count = Arc::<AtomicU64>::default();
            counts.push(count.clone());
            running.spawn(async move { download(standing, request.start, &count).await });
        }
        let read = || counts.iter().map(|count| count.load(Ordering::Relaxed)).collect::<Vec<_>>();
        // Those that came first have had the wire to themselves.
        sleep(window / 5).await;
        let (before, begun) = (read(), Instant::now());
        sleep(window).await;
        let (after, elapsed) = (read(), begun.elapsed());
        if let Some(ended) = running.try_join_next() {
            ended??;
            bail!("a stream ended by itself");
        }
        running.shutdown().await;
        let mut bytes: Vec<_> = after.iter().zip(&before).map(|(after, before)| (after - before) as f64).collect();
        bytes.sort_by(f64::total_cmp);
        ensure!(bytes.iter().any(|bytes| *bytes > 0.0), "it moves no bytes");
        Ok(Shares { bytes, elapsed })
    })
}

/// Connects so many times, not all at once.
async fn stand(address: SocketAddr, streams: usize) -> anyhow::Result<Vec<TcpStream>> {
    let mut standing = Vec::new();
    while standing.len() < streams {
        let mut opening: JoinSet<_> = (standing.len()..streams).take(OPENING).map(|_| greeted(address)).collect();
        while let Some(opened) = opening.join_next().await {
            standing.push(opened??);
        }
    }
    Ok(standing)
}
