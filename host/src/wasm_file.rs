//! Reading a `.wasm` file that anybody may have put there.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The largest adaptor. Those made from Python are 18 MB, from JavaScript 12 MB.
const FILE_MAX_BYTES: u64 = 128 << 20;

/// Reads a file whole, off the async threads. What is no plain file (a pipe would never end) or too large is refused.
pub async fn read(path: PathBuf) -> Result<Vec<u8>, String> {
    match tokio::task::spawn_blocking(move || read_bounded(&path)).await {
        Ok(read) => read,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("it cannot be read: {error}");
    // Without waiting: opening a pipe would, until somebody writes to it.
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nonblocking)
        .open(path)
        .map_err(unreadable)?;
    let found = file.metadata().map_err(unreadable)?;
    if !found.is_file() {
        return Err("it is no plain file".to_owned());
    }
    if found.len() > FILE_MAX_BYTES {
        return Err(format!("it is larger than {} MiB", FILE_MAX_BYTES >> 20));
    }
    let mut bytes = Vec::new();
    file.take(FILE_MAX_BYTES)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(bytes)
}
