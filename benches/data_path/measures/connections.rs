//! New connections: how many per second, and how long until the first byte.

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
use crate::traffic::{GREETING, Order, Request, connect};

/// Who connects at the same time.
const CLIENTS: usize = 16;
/// Bytes that come back from the target.
const ECHO: usize = 64;
/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The one case of the rate and of its cost.
const RATE: &str = "16 clients";

/// What the client waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    /// The byte that the target sends by itself; the client has sent nothing.
    Greeting,
    /// That byte, and what the client has sent meanwhile.
    Echo,
}

/// Measures.
pub(crate) fn run(bench: &mut Bench, report: &mut Report) -> anyhow::Result<()> {
    let sides = bench.start(&Kind::ALL)?;
    let mut rate = Chart::new("connections", "New connections, each with 64 B there and back", "per second", Better::More);
    let mut cost = Chart::new("connections-cpu", "Processor time of all hops for a new connection", "us", Better::Less);
    let mut first = Chart::new("first-byte", "A new connection alone, median", "us", Better::Less);
    for repetition in 0..bench.options.repeat {
        complain(&format!("  {}", repetition + 1));
        for kind in &sides {
            let name = kind.name();
            let measured = many(bench, *kind).with_context(|| format!("new connections, {name}"))?;
            rate.add(RATE, name, measured.0);
            if measured.1 > 0.0 {
                cost.add(RATE, name, measured.1);
            }
            for (case, until) in [("until the target's first byte", Until::Greeting), ("until 64 B are back", Until::Echo)] {
                let alone = alone(bench, *kind, until).with_context(|| format!("a new connection, {name}"))?;
                first.add(case, name, alone.median());
            }
        }
    }
    let beside = |chart: &Chart, case: &str| chart.ratio(case, (Kind::WarrenTwo.name(), Kind::GrpcTwo.name()));
    report.aim(Aim::at_least("new connections per second: warren two hops / gRPC two hops", beside(&rate, RATE), 1.5));
    rate.mark(RATE, (1.5, Kind::GrpcTwo.name()), "1.5 x gRPC");
    [rate, cost, first].into_iter().try_for_each(|chart| report.chart(chart))
}

fn window(bench: &Bench) -> Duration {
    bench.options.effort.pick(Duration::from_millis(200), Duration::from_millis(1_500))
}

/// How many connections by several clients per second, and the microseconds of processor time for each.
pub(super) fn many(bench: &Bench, kind: Kind) -> anyhow::Result<(f64, f64)> {
    let (side, window) = (bench.side(kind), window(bench));
    bench.settle()?;
    let (begun, cpu) = (Instant::now(), side.cpu()?);
    let count = bench.runtime.block_on(async {
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            clients.spawn(again_and_again(side.address(), Until::Echo, (u32::try_from(client)?, window)));
        }
        let mut sum = 0;
        while let Some(times) = clients.join_next().await {
            sum += times??.len();
        }
        anyhow::Ok(sum as f64)
    })?;
    let cpu = side.cpu()? - cpu;
    Ok((count / begun.elapsed().as_secs_f64(), cpu.as_secs_f64() * 1e6 / count))
}

/// How long connections take one after the other, in microseconds.
fn alone(bench: &Bench, kind: Kind, until: Until) -> anyhow::Result<Samples> {
    bench.settle()?;
    let times = bench.runtime.block_on(again_and_again(bench.side(kind).address(), until, (0, window(bench) / 2)))?;
    Ok(times.into_iter().collect())
}

async fn again_and_again(address: SocketAddr, until: Until, (client, window): (u32, Duration)) -> anyhow::Result<Vec<f64>> {
    let (begun, mut times) = (Instant::now(), Vec::new());
    while begun.elapsed() < window || times.is_empty() {
        let start = client * 1_009 + u32::try_from(times.len())?;
        let connected = Instant::now();
        timeout(PATIENCE, once(address, until, start)).await.context("nothing came back in time")??;
        times.push(connected.elapsed().as_secs_f64() * 1e6);
    }
    Ok(times)
}

async fn once(address: SocketAddr, until: Until, start: u32) -> anyhow::Result<()> {
    let mut stream = connect(address).await.context("no connection")?;
    let (mut place, request) = (Place::new(start), Request { order: Order::Echo, start, run: 0 });
    if until == Until::Echo {
        // In one piece, as a program would: the greeting is not waited for.
        let first = [&request.encode()[..], &place.next()[..ECHO]].concat();
        stream.write_all(&first).await.context("nothing can be sent")?;
    }
    let greeting = stream.read_u8().await.context("no first byte")?;
    ensure!(greeting == GREETING, "the first byte is another one than the target sends");
    if until == Until::Echo {
        let mut back = [0; ECHO];
        stream.read_exact(&mut back).await.context("cut before the bytes were back")?;
        place.check(&back)?;
    }
    Ok(())
}
