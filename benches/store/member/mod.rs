//! One member of a group, in a process of its own: a whole proxy, which does what it is told on standard input.

mod deeds;
mod proxy;
mod work;

use std::io::Write;
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::Instant;

use super::order::{Answer, Settings};
use deeds::Member;

/// How long a start may take, the installation of a large table included.
const START: Duration = Duration::from_secs(300);

/// Runs until the orders end.
pub(crate) fn run(settings: &str) -> anyhow::Result<()> {
    let settings: Settings = serde_json::from_str(settings)?;
    tokio::runtime::Runtime::new()?.block_on(serve(settings))
}

async fn serve(settings: Settings) -> anyhow::Result<()> {
    let begun = Instant::now();
    let running = proxy::start(&settings).await?;
    let readable = begun.elapsed();
    tokio::time::timeout(START, running.ready()).await.context("no lease in time")?;
    say(&Answer::Ready { readable_nanos: nanos(readable), lease_nanos: nanos(begun.elapsed()) })?;
    let mut member = Member::new(running);
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    while let Some(order) = orders.next_line().await? {
        let outcome = member.obey(serde_json::from_str(&order)?).await;
        say(&outcome.unwrap_or_else(|error| Answer::Failed { why: format!("{error:#}") }))?;
    }
    member.stop().await;
    Ok(())
}

/// Says one thing to whoever gives the orders.
fn say(answer: &Answer) -> anyhow::Result<()> {
    let mut line = serde_json::to_string(answer)?;
    line.push('\n');
    Ok(std::io::stdout().write_all(line.as_bytes())?)
}

/// A duration as it travels.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
