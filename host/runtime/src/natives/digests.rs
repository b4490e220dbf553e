//! Hashes and their keyed forms, by the names that Node and the web give them.

use hmac::{Mac, SimpleHmac};
use md5::Md5;
use rquickjs::{Ctx, Function, Object, Result, TypedArray};
use sha1::Sha1;
use sha2::digest::Digest;
use sha2::digest::core_api::BlockSizeUser;
use sha2::{Sha224, Sha256, Sha384, Sha512};

use super::bytes::slice;

type Bytes<'js> = TypedArray<'js, u8>;

pub(super) fn install<'js>(ctx: &Ctx<'js>, module: &Object<'js>) -> Result<()> {
    module.set("hash", Function::new(ctx.clone(), hash)?)?;
    module.set("hmac", Function::new(ctx.clone(), hmac)?)
}

/// Runs `$apply::<Algorithm>(…)` for the algorithm that `$name` names, or gives `None`.
macro_rules! with_algorithm {
    ($name:expr, $apply:ident ( $($argument:expr),* )) => {
        match $name.to_ascii_lowercase().replace('-', "").as_str() {
            "md5" => Some($apply::<Md5>($($argument),*)),
            "sha1" => Some($apply::<Sha1>($($argument),*)),
            "sha224" => Some($apply::<Sha224>($($argument),*)),
            "sha256" => Some($apply::<Sha256>($($argument),*)),
            "sha384" => Some($apply::<Sha384>($($argument),*)),
            "sha512" => Some($apply::<Sha512>($($argument),*)),
            _ => None,
        }
    };
}

/// `hash(algorithm, bytes)`: undefined for an algorithm that is not here.
fn hash<'js>(ctx: Ctx<'js>, algorithm: String, bytes: Bytes<'js>) -> Result<Option<Bytes<'js>>> {
    with_algorithm!(algorithm, digest(slice(&bytes)))
        .map(|digest| TypedArray::new(ctx, digest))
        .transpose()
}

/// `hmac(algorithm, key, bytes)`: undefined for an algorithm that is not here.
fn hmac<'js>(
    ctx: Ctx<'js>,
    algorithm: String,
    key: Bytes<'js>,
    bytes: Bytes<'js>,
) -> Result<Option<Bytes<'js>>> {
    with_algorithm!(algorithm, keyed(slice(&key), slice(&bytes)))
        .flatten()
        .map(|digest| TypedArray::new(ctx, digest))
        .transpose()
}

fn digest<D: Digest>(bytes: &[u8]) -> Vec<u8> {
    D::digest(bytes).to_vec()
}

fn keyed<D: Digest + BlockSizeUser>(key: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
    // A key of any length will do, so there is always one.
    let mut mac = SimpleHmac::<D>::new_from_slice(key).ok()?;
    mac.update(bytes);
    Some(mac.finalize().into_bytes().to_vec())
}
