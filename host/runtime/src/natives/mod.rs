//! The functions of `fonio:host` that ask nothing of the host: what the compatibility layer for npm packages (`sdk/js`)
//! would do slowly or wrongly in JavaScript.
//!
//! - `bytes`: text, base64, hexadecimal and compressed data.
//! - `digests`: hashes and their keyed forms.
//! - `random`: random bytes.
//! - `urls`: addresses, by the WHATWG's rules.
//!
//! Byte arguments are `Uint8Array`s (a `Buffer` is one). Strings must be well formed (`toWellFormed()`): half of a
//! surrogate pair has no UTF-8. What cannot be done gives `undefined`, and the JavaScript says in its own words why.

mod bytes;
mod digests;
mod random;
mod urls;

use rquickjs::{Ctx, Object, Result};

/// What [`install`] defines, for the declaration of a module.
pub const NAMES: &[&str] = &[
    "utf8Encode",
    "utf8Decode",
    "latin1Encode",
    "latin1Decode",
    "base64Encode",
    "base64Decode",
    "hexEncode",
    "hexDecode",
    "inflate",
    "deflate",
    "hash",
    "hmac",
    "randomBytes",
    "parseUrl",
    "setUrl",
];

/// Defines every function of [`NAMES`] on `module`.
///
/// `random` gives numbers in [0, 1), as `Math.random` does; it is not called before `randomBytes` is, so a snapshot may
/// be taken in between.
///
/// # Errors
/// If memory does not suffice.
pub fn install<'js>(
    ctx: &Ctx<'js>,
    module: &Object<'js>,
    random: impl Fn() -> f64 + 'static,
) -> Result<()> {
    bytes::install(ctx, module)?;
    digests::install(ctx, module)?;
    random::install(ctx, module, random)?;
    urls::install(ctx, module)
}
