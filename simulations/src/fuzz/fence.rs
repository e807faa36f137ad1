//! The file beside the store's database that says how far it had come.

use warren_raft::decoding;

use super::{Outcome, Target};

pub(super) const TARGET: Target = Target { name: "fence", reads: "the file `fence` beside the store's database", run: target, seeds };

fn target(data: &[u8]) -> Outcome {
    let noted = decoding::fence(data);
    if let Some(flushes) = noted {
        // Only what was written as a whole counts: no other bytes of the slots say the same.
        let slots = [0, 512].into_iter().filter_map(|at| data.get(at..at + 20));
        assert!(slots.filter(|slot| decoding::fence(slot) == Some(flushes)).count() > 0, "one slot alone says {flushes}");
    }
    Outcome::decoded("fence", &noted)
}

fn seeds() -> Vec<Vec<u8>> {
    let slot = hex::decode("77617272656e46012c010000000000003a996ada").expect("hexadecimal digits");
    let mut behind = vec![0; 512];
    behind.extend_from_slice(&slot);
    vec![slot.clone(), behind.clone(), [slot.as_slice(), &behind[20..]].concat(), slot[..19].to_vec(), Vec::new()]
}
