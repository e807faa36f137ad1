//! A proxy comes back without a tunnel, and gets its share.

use tokio::time::Instant;

use super::order::Standing;
use super::scene::Scene;
use super::shared::{Report, number};
use super::support::Ports;

/// How many tunnels a proxy may have beside the mean (design, section 9).
const SKEW: f64 = 1.3;

/// Measures.
pub(crate) fn run(scene: &mut Scene, report: &mut Report) -> anyhow::Result<()> {
    report.begin("the proxy that was killed comes back, and is filled up");
    let begun = Instant::now();
    scene.cluster.proxy_mut(0).restart(Ports::Same);
    scene.cluster.wait_healthy();
    let proxies = scene.cluster.proxies().len() as f64;
    let standing = scene.wait_standing("the tunnels are level", |standing| skew(standing, proxies) <= SKEW)?;
    let beside = format!("{} x the mean at the fullest, at most {SKEW} (design 9); slow on purpose", number(skew(&standing, proxies)));
    report.figure("a proxy came back: tunnels level", (begun.elapsed().as_secs_f64(), "s"), beside);
    scene.wait_settled()?;
    scene.check_routes()
}

/// The most tunnels of a proxy beside the mean.
fn skew(standing: &Standing, proxies: f64) -> f64 {
    let most = standing.tunnels.values().max().copied().unwrap_or_default() as f64;
    most * proxies / standing.tunnels.values().sum::<u64>().max(1) as f64
}
