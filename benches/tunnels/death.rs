//! A proxy is killed, and all its agents lose it at once.

use super::migration::Migration;
use super::scene::Scene;
use super::shared::Report;

/// What the design promises.
const AIM: &str = "aim 10,000 within 10 s, on machines of their own (design 9)";

/// Measures.
pub(crate) fn run(scene: &mut Scene, report: &mut Report) -> anyhow::Result<()> {
    report.begin("two more proxies join, one of them takes over the leadership, and the first one is killed");
    scene.add_proxies()?;
    let killed = Migration::measure(scene, 0, |scene| scene.cluster.proxy_mut(0).kill())?;
    scene.wait_settled()?;
    scene.check_routes()?;
    killed.report("killed", AIM, report);
    Ok(())
}
