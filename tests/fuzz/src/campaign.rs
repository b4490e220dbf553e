//! Driving a target through its seeds and numbered mutations.

use std::thread;
use std::time::{Duration, Instant};

use crate::Target;
use crate::mutate::Mutator;

/// The seed of the short run: the same inputs on every machine.
pub const SHORT_SEED: u64 = 1;

/// The short run: every seed, and the first [`Target::short`] mutations.
pub fn short(target: &Target) {
    let mutator = Mutator::new(target, SHORT_SEED);
    seeds(target, &mutator);
    for number in 0..target.short {
        mutation(target, &mutator, number);
    }
}

/// As many mutations as fit into `time`, from the first; gives their number.
pub fn timed(target: &Target, seed: u64, time: Duration) -> u64 {
    let end = Instant::now() + time;
    let mutator = Mutator::new(target, seed);
    seeds(target, &mutator);
    let mut number = 0;
    while Instant::now() < end {
        mutation(target, &mutator, number);
        number += 1;
    }
    number
}

fn seeds(target: &Target, mutator: &Mutator) {
    assert!(
        !mutator.seeds().is_empty(),
        "{} starts from nothing",
        target.name
    );
    for (index, input) in mutator.seeds().iter().enumerate() {
        once(target, input, &format!("its seed {index}"));
    }
}

fn mutation(target: &Target, mutator: &Mutator, number: u64) {
    let input = mutator.input(number);
    let which = format!("seed {}, mutation {number}", mutator.seed());
    once(target, &input, &which);
}

/// Runs one input; what fails is told together with it.
pub fn once(target: &Target, input: &[u8], which: &str) {
    let _told = Told {
        target: target.name,
        input,
        which,
    };
    (target.run)(input);
}

/// Says, if it is dropped by a panic, what the panic was about.
struct Told<'i> {
    target: &'static str,
    input: &'i [u8],
    which: &'i str,
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!(
                "fuzz target `{}` fails on {}: b\"{}\"",
                self.target,
                self.which,
                self.input.escape_ascii()
            );
        }
    }
}
