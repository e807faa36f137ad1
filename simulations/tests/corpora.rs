//! Every input that ever mattered, through its target: no panic, and no more memory than it is worth.

use peak_alloc::PeakAlloc;
use warren_simulations::fuzz::{Corpus, Mutator, TARGETS, Target};

/// Counts what is allocated, so that this file has one test: nothing else runs beside it.
#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// How many inputs are made of each corpus, the same ones each time.
const MADE: usize = 300;

#[test]
fn every_corpus_passes() {
    for target in TARGETS {
        let kept = Corpus::new(&Corpus::committed(), target).inputs().expect("the corpus");
        assert!(!kept.is_empty(), "`{}` has no corpus: cargo sim fuzz --seed-corpus", target.name);
        // What is made once, whatever is read, is not the input's.
        drop(target.run(&[]));
        for (path, input) in &kept {
            check(target, input, &path.display().to_string());
        }
        let inputs: Vec<_> = kept.into_iter().map(|(_, input)| input).collect();
        let mut mutator = Mutator::new(1);
        for number in 0..MADE {
            let input = mutator.next(&inputs);
            check(target, &input, &format!("input {number} made for `{}`: {}", target.name, hex::encode(&input)));
        }
    }
}

fn check(target: &Target, input: &[u8], name: &str) {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    drop(target.run(input));
    let taken = MEMORY.peak_usage().saturating_sub(before);
    assert!(taken <= Target::allowance(input), "{taken} bytes of memory for {} of input: {name}", input.len());
}
