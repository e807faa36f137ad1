//! One member of a group, in a process of its own: a whole proxy, which does what it is told on standard input.

mod deeds;
mod proxy;
mod work;

use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::Instant;

use super::order::{Answer, Settings};
use super::shared::{nanos, say};
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
    say(Ok(Answer::Ready { readable_nanos: nanos(readable), lease_nanos: nanos(begun.elapsed()) }))?;
    let mut member = Member::new(running);
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    while let Some(order) = orders.next_line().await? {
        say(member.obey(serde_json::from_str(&order)?).await)?;
    }
    member.stop().await;
    Ok(())
}
