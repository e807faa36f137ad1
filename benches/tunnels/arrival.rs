//! All agents arrive at one proxy: they enrol, open a tunnel, and are registered.

use tokio::time::Instant;

use super::scene::Scene;
use super::shared::{Report, number};

/// What the design measured for an idle connection at the server, and what it allows, in kilobytes.
const AIM: &str = "aim 36 kB, at most 45 (quic.md 6)";

/// Measures.
pub(crate) fn run(scene: &mut Scene, report: &mut Report) -> anyhow::Result<()> {
    let agents = scene.options.agents as f64;
    report.begin(&format!("{} agents enrol and open a tunnel to one proxy", number(agents)));
    let (empty, begun) = (scene.proxies()?[&0], Instant::now());
    scene.start_agents()?;
    scene.wait_settled()?;
    let seconds = begun.elapsed().as_secs_f64();
    scene.check_routes()?;
    let (full, swarms) = (scene.proxies()?[&0], scene.agents_usage()?);
    report.figure(
        "agents enrolled and registered",
        (agents / seconds, "per s"),
        format!("{} in all, 32 at once per process", number(agents)),
    );
    let proxy = full.resident.saturating_sub(empty.resident) as f64 / agents / 1e3;
    report.figure("memory per tunnel, at the proxy", (proxy, "kB"), AIM);
    let beside = format!("the whole agent, its socket and its supervisor; {AIM}");
    report.figure("memory per agent with one tunnel", (swarms.resident as f64 / agents / 1e3, "kB"), beside);
    let cpu = (full.cpu - empty.cpu).as_secs_f64() * 1e3 / agents;
    report.figure("processor time per arrival, at the proxy", (cpu, "ms"), "two handshakes, two commits; a handshake alone is 0.9 ms");
    Ok(())
}
