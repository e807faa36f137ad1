//! A proxy that takes a question on its admin socket and does not answer.

use std::time::Duration;

use super::context::Context;
use crate::failure::{Code, Failure, Stage};
use crate::http::ClientError;

/// How long it may take until an answer begins to one who only looks: the proxy's peers have a second to say how they are.
pub(super) const LOOK: Duration = Duration::from_secs(5);
/// Most other proxies that are named where this one does not answer.
const MAX_OTHERS: usize = 5;

/// What can be said of it without it.
pub(super) fn failure(context: &Context, error: &ClientError) -> Failure {
    let config = context.config(&context.overrides());
    let others: Vec<_> = config.iter().flat_map(|config| &config.cluster.join).take(MAX_OTHERS).map(|join| format!("`{join}`")).collect();
    let elsewhere = if others.is_empty() { "another proxy".to_owned() } else { format!("another proxy, such as {}", others.join(", ")) };
    Failure::new(Code::Timeout, Stage::Local, error.to_string())
        .with_cause("somebody listens there and does not answer: the process is stopped or stuck, or its machine is overloaded")
        .with_hint(format!(
            "`ps -o pid,stat,wchan:20,args -C warren` shows whether it is stopped (`T`) or waits for a disk (`D`); `warren status` on the machine of {elsewhere} shows how the cluster does without it"
        ))
}
