//! Tunnels over which nothing runs.

use std::thread::sleep;
use std::time::Duration;

use super::scene::Scene;
use super::shared::{Report, number};

/// What the design measured for signs of life every 15 s, and what it allows.
const AIM: &str = "of a core; every 15 s it would be 4.2 %, at most 8 (quic.md 6)";
/// For so many tunnels.
const MANY: f64 = 10_000.0;

/// Measures.
pub(crate) fn run(scene: &mut Scene, report: &mut Report) -> anyhow::Result<()> {
    let (while_idle, settling) = scene.options.effort.pick((2, 1), (30, 10));
    report.begin(&format!("idle for {while_idle} s"));
    // What the arrival has set off ends first.
    sleep(Duration::from_secs(settling));
    let tunnels = scene.standing()?.tunnels.values().sum::<u64>() as f64;
    let before = (scene.proxies()?[&0].cpu, scene.agents_usage()?.cpu);
    sleep(Duration::from_secs(while_idle));
    let after = (scene.proxies()?[&0].cpu, scene.agents_usage()?.cpu);
    for (side, cpu) in [("proxy", after.0 - before.0), ("agents", after.1 - before.1)] {
        let share = cpu.as_secs_f64() / while_idle as f64 / tunnels;
        let beside = format!("{AIM}; {} us per tunnel and second", number(share * 1e6));
        report.figure(&format!("idle processor time for {} tunnels, {side}", number(MANY)), (share * MANY * 100.0, "%"), beside);
    }
    Ok(())
}
