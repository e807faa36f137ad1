//! A proxy drains, and hands its agents over at a pace.

use super::migration::Migration;
use super::scene::Scene;
use super::shared::Report;

/// What the design promises.
const AIM: &str = "paced, and no dial fails (design 6, 9)";

/// Measures.
pub(crate) fn run(scene: &mut Scene, report: &mut Report) -> anyhow::Result<()> {
    report.begin("a proxy drains");
    let drained = Migration::measure(scene, 0, |scene| {
        let proxy = scene.cluster.proxy(0);
        scene.cluster.run_at(proxy, &["proxies", "drain", proxy.name(), "-o", "json"]);
    })?;
    scene.wait_settled()?;
    drained.report("drained", AIM, report);
    Ok(())
}
