//! The leader takes a rotation from phase to phase, as soon as everybody is ready.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use warren_raft::Command;

use super::{Absent, Rotations, may_advance};

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How long the cluster may take to record that a phase is over.
const COMMIT: Duration = Duration::from_secs(5);

/// Looks after the rotation while this proxy leads, until `cancel`. Nothing is remembered here: another leader goes on where this one was.
pub(in crate::proxy) async fn drive(rotations: Rotations, cancel: CancellationToken) {
    let mut applied = rotations.store.applied();
    loop {
        let is_rotating = rotations.store.with_table(|table| table.rotation().is_some());
        if is_rotating && rotations.store.status().leader == Some(rotations.me) {
            step(&rotations).await;
        }
        let rest = async {
            if is_rotating {
                sleep(LOOK).await;
                Ok(())
            } else {
                applied.changed().await
            }
        };
        tokio::select! {
            rested = rest => if rested.is_err() { return },
            () = cancel.cancelled() => return,
        }
    }
}

async fn step(rotations: &Rotations) {
    let Some((seen, _)) = rotations.look().await else { return };
    let (began_at, phase) = seen.rotation;
    let obstacles = seen.obstacles();
    if !may_advance(&obstacles, Absent::Await) {
        tracing::debug!(%phase, obstacle = obstacles.first().map(ToString::to_string), "the rotation waits");
        return;
    }
    match rotations.store.propose(Command::AdvanceRotation { began_at, from: phase }, COMMIT).await {
        Ok(_) => tracing::warn!(%phase, "a phase of the rotation of the certificate authority is over"),
        Err(error) => tracing::debug!(%phase, %error, "the rotation did not go on"),
    }
}
