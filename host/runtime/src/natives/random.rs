//! Random bytes.
//!
//! They are hashes of numbers that whoever installs them draws, four for each 32 bytes. The engine draws each of the host,
//! when it is asked for: never before a snapshot, whose steps would all go on with the same. So one value does not tell
//! the next; and nothing is kept here between two calls.

use rquickjs::{Ctx, Function, Object, Result, TypedArray};
use sha2::{Digest, Sha256};

/// As in browsers; more is a mistake, not a wish for chance.
const BYTES_MAX: usize = 65_536;

pub(super) fn install<'js>(
    ctx: &Ctx<'js>,
    module: &Object<'js>,
    random: impl Fn() -> f64 + 'static,
) -> Result<()> {
    let random_bytes = move |ctx: Ctx<'js>, length: usize| {
        (length <= BYTES_MAX)
            .then(|| TypedArray::<u8>::new(ctx, bytes(length, &random)))
            .transpose()
    };
    module.set("randomBytes", Function::new(ctx.clone(), random_bytes)?)
}

fn bytes(length: usize, random: &impl Fn() -> f64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length + 32);
    while bytes.len() < length {
        let mut hash = Sha256::new();
        // Four numbers of 53 bits for 32 bytes.
        for _ in 0..4 {
            hash.update(random().to_le_bytes());
        }
        bytes.extend_from_slice(&hash.finalize());
    }
    bytes.truncate(length);
    bytes
}
