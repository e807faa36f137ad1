//! Looks after the tunnels: those that are silent are suspect, and closed when they are dead. One task looks at all of them.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::liveness::Life;
use super::tunnels::Tunnels;
use crate::wire::close::Close;

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(500);
/// The same where there are many tunnels: a look costs about a microsecond each.
const SELDOM: Duration = Duration::from_secs(1);
/// How many are many.
const MANY: usize = 4096;
/// After how many tunnels others have their turn.
const TURN: usize = 256;

/// Looks until `cancel`. A tunnel that is closed here has its route withdrawn by the task that holds it.
pub(super) async fn watch(tunnels: Arc<Tunnels>, cancel: CancellationToken) {
    let (mut looked, mut pause) = (Instant::now(), LOOK);
    while cancel.run_until_cancelled(sleep(pause)).await.is_some() {
        // A proxy that was stopped, or had no time, has packets to read first.
        let step = looked.elapsed().min(pause * 2);
        looked = Instant::now();
        let all = tunnels.all();
        pause = if all.len() > MANY { SELDOM } else { LOOK };
        for (number, tunnel) in all.iter().enumerate() {
            let (before, life) = tunnel.look(step);
            if life != before {
                tracing::info!(agent = %tunnel.agent, sequence = %tunnel.sequence, %life, "tunnel");
            }
            if life == Life::Dead {
                Close::SILENT.close(&tunnel.connection);
            }
            if number % TURN == TURN - 1 {
                tokio::task::yield_now().await;
            }
        }
    }
}
