//! Calls itself until its stack is used up.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Reply, data};

/// What comes after the call cannot be moved before it, so this stays a recursion; its end is never reached.
fn deeper(depth: u64, end: u64) -> u64 {
    if depth == end {
        return depth;
    }
    deeper(depth + 1, end).rotate_left(3) ^ depth
}

struct Guest;

impl Adaptor for Guest {
    fn attack(argument: &str) -> Result<Reply, Error> {
        data(deeper(argument.len() as u64, u64::MAX).to_string())
    }
}

fonio_test_guests::export!(Guest);
