//! Many agents in a process of its own, each the production's, which does what it is told on standard input.

mod agents;
mod journal;

use tokio::io::{AsyncBufReadExt, BufReader};

use super::order::{Answer, Settings};
use super::shared::say;
use agents::Agents;

/// Runs until the orders end.
pub(crate) fn run(settings: &str) -> anyhow::Result<()> {
    let settings: Settings = serde_json::from_str(settings)?;
    tokio::runtime::Runtime::new()?.block_on(serve(settings))
}

async fn serve(settings: Settings) -> anyhow::Result<()> {
    let mut agents = Agents::new(settings)?;
    say(Ok(Answer::Ready))?;
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    while let Some(order) = orders.next_line().await? {
        say(agents.obey(serde_json::from_str(&order)?).await)?;
    }
    agents.stop().await;
    Ok(())
}
