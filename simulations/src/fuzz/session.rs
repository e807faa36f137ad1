//! A target and its inputs, again and again.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Mutator, Outcome, Target};

/// Most outcomes of a target that count, each with an input that is mutated further.
const MOST_INPUTS: usize = 1_000;

/// One target, the inputs that led somewhere new, and the next ones made of them.
#[derive(Debug)]
pub struct Session {
    target: &'static Target,
    mutator: Mutator,
    inputs: Vec<Vec<u8>>,
    outcomes: BTreeSet<Outcome>,
    /// What was done so far.
    pub tally: Tally,
}

/// What a session has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Inputs that were tried.
    pub tried: u64,
    /// Different outcomes.
    pub outcomes: usize,
    /// Outcomes that no input of the corpus had.
    pub new: usize,
}

/// What came of one more input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Nothing new.
    Nothing,
    /// An outcome that no input had before: the input is worth being kept.
    NewOutcome(Vec<u8>, Outcome),
    /// A bug: the input, and what the panic said.
    Bug(Vec<u8>, String),
}

impl Session {
    /// Begins with the inputs of a corpus.
    ///
    /// # Errors
    /// The first of them that shows a bug.
    pub fn new(target: &'static Target, corpus: Vec<Vec<u8>>, seed: u64) -> Result<Self, Finding> {
        let (inputs, outcomes) = (Vec::new(), BTreeSet::new());
        let mut session = Self { target, mutator: Mutator::new(seed), inputs, outcomes, tally: Tally::default() };
        for input in corpus {
            if let finding @ Finding::Bug(..) = session.try_out(input) {
                return Err(finding);
            }
        }
        session.tally.new = 0;
        if session.inputs.is_empty() {
            session.inputs.push(Vec::new());
        }
        Ok(session)
    }

    /// The next input.
    pub fn next_input(&mut self) -> Vec<u8> {
        self.mutator.next(&self.inputs)
    }

    /// Tries an input.
    pub fn try_out(&mut self, input: Vec<u8>) -> Finding {
        self.tally.tried += 1;
        let outcome = match catch_unwind(AssertUnwindSafe(|| self.target.run(&input))) {
            Ok(outcome) => outcome,
            Err(panic) => return Finding::Bug(input, said(panic.as_ref())),
        };
        if self.inputs.len() >= MOST_INPUTS || !self.outcomes.insert(outcome.clone()) {
            return Finding::Nothing;
        }
        self.tally.outcomes += 1;
        self.tally.new += 1;
        self.inputs.push(input.clone());
        Finding::NewOutcome(input, outcome)
    }
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A decoder with a bug behind three bytes.
    const BROKEN: Target = Target { name: "broken", reads: "three bytes", run: broken, seeds: Vec::new };

    fn broken(data: &[u8]) -> Outcome {
        let right = data.iter().zip(b"\x01\x02\x03").take_while(|(a, b)| a == b).count();
        assert!(right < 3, "the bug");
        Outcome::plain("broken", &"x".repeat(right))
    }

    #[test]
    fn a_bug_behind_several_outcomes_is_found() {
        let mut session = Session::new(&BROKEN, Vec::new(), 1).expect("no bug yet");
        let found = (0..200_000)
            .map(|_| {
                let input = session.next_input();
                session.try_out(input)
            })
            .find(|finding| matches!(finding, Finding::Bug(..)));
        assert!(matches!(found, Some(Finding::Bug(input, said)) if input.starts_with(&[1, 2, 3]) && said == "the bug"));
        assert!(session.tally.outcomes == 3 && session.tally.tried > 3, "{:?}", session.tally);
        assert!(matches!(Session::new(&BROKEN, vec![vec![1, 2, 3]], 1), Err(Finding::Bug(..))));
    }
}
