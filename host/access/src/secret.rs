//! Random values that stand for somebody, and what is kept of them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::error::AccessError;

/// Every token begins with it, so that scanners of repositories and logs know one when they see it.
pub const TOKEN_PREFIX: &str = "fonio_";

/// 256 random bits as 43 letters of base64url.
pub(crate) fn random() -> Result<String, AccessError> {
    Ok(URL_SAFE_NO_PAD.encode(random_bytes::<32>()?))
}

pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N], AccessError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| AccessError::System(format!("give random numbers: {error}")))?;
    Ok(bytes)
}

/// What is kept of 256 random bits. A slow hash is for what people think up; these nobody can try out.
pub(crate) fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}

/// The value that goes with a cookie: whoever can read the one page it is given to can send it, and no other site can.
pub(crate) fn csrf(cookie: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!("fonio csrf {cookie}")))
}
