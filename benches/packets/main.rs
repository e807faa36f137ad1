//! What a packet costs: bytes per processor second of one QUIC connection over loopback, by the size of the packets, with sends gathered and as quinn makes them, and by how often
//! a receiver is asked to acknowledge.
//!
//! `cargo bench --bench packets -- [--megabytes N] [--rounds N] [--payloads 1452,6500]`. Both ends run in this process, so that a figure is of both together. The sides take turns; figures of
//! different runs are not to be compared.

#[path = "../shared/mod.rs"]
mod shared;
mod side;
mod socket;

use anyhow::{Context, bail};
use shared::{Effort, Report, Samples};
use side::{Sends, Side};

fn main() -> anyhow::Result<()> {
    let (mut megabytes, mut rounds, mut payloads) = (256_usize, 5, vec![1_452, 6_500, 8_972, 16_384, 32_768, 65_000]);
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(argument) = arguments.next() {
        let value = arguments.next().with_context(|| format!("`{argument}` takes a value"))?;
        match argument.as_str() {
            "--megabytes" => megabytes = value.parse()?,
            "--rounds" => rounds = value.parse()?,
            "--payloads" => payloads = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
            _ => bail!("no option `{argument}`; there are `--megabytes N`, `--rounds N` and `--payloads N,..`"),
        }
    }
    let sides = sides(&payloads);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut figures: Vec<Vec<side::Figure>> = sides.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (side, figures) in sides.iter().zip(&mut figures) {
            figures.push(runtime.block_on(side.measure(megabytes << 20))?);
        }
    }
    let mut report = Report::new(Effort::Full);
    for (side, figures) in sides.iter().zip(&figures) {
        let of = |figure: fn(&side::Figure) -> f64| figures.iter().map(figure).collect::<Samples>();
        let beside = format!(
            "{:.2} GB/s, packets of {:.0} B, {:.0} lost, {:.1} in a message, {:.1} a receive",
            of(|figure| figure.wall).median(),
            of(|figure| figure.mtu).median(),
            of(|figure| figure.lost).median(),
            of(|figure| figure.per_message).median(),
            of(|figure| figure.per_receive).median(),
        );
        report.add(&side.to_string(), &of(|figure| figure.per_cpu), "GB/cpu-s", beside);
    }
    report.print()
}

/// Every size both ways, and the frequency of acknowledgements at a small and a large one.
fn sides(payloads: &[u16]) -> Vec<Side> {
    let sizes = payloads
        .iter()
        .flat_map(|payload| [Sends::AsMade, Sends::Gathered].map(|sends| Side { payload: *payload, sends, acknowledge_after: None }));
    let rare = [payloads.first(), payloads.last()].into_iter().flatten();
    let rare =
        rare.flat_map(|payload| [10, 25].map(|after| Side { payload: *payload, sends: Sends::Gathered, acknowledge_after: Some(after) }));
    sizes.chain(rare).collect()
}
