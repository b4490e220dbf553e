//! From the core module that rustc writes to the component that the host loads.

use anyhow::{Context, bail};
use std::fs;
use std::path::Path;
use wit_component::ComponentEncoder;

/// Writes `module` as a validated component at `to`, and gives its size in bytes. A file that would not change keeps its
/// date, so that cargo does not embed it again.
///
/// # Errors
/// When the module cannot be read, or is none that becomes a component, or the file cannot be written.
pub fn write(module: &Path, to: &Path) -> anyhow::Result<u64> {
    let core = fs::read(module).with_context(|| format!("could not read {}", module.display()))?;
    let component = encode(&core)?;
    if fs::read(to).is_ok_and(|present| present == component) {
        return Ok(component.len() as u64);
    }
    let folder = to
        .parent()
        .context("a component is written into a folder")?;
    fs::create_dir_all(folder)?;
    // Renamed into place: a build that reads it meanwhile sees the old or the new, never half.
    let unfinished = to.with_extension("wasm.unfinished");
    fs::write(&unfinished, &component)
        .with_context(|| format!("could not write {}", unfinished.display()))?;
    fs::rename(&unfinished, to)?;
    Ok(component.len() as u64)
}

/// wit-bindgen leaves the world it was made for in custom sections of this name.
const WORLD: &[u8] = b"component-type";

fn encode(core: &[u8]) -> anyhow::Result<Vec<u8>> {
    if !core.windows(WORLD.len()).any(|bytes| bytes == WORLD) {
        bail!("it implements no WIT world: export one with the SDK or wit_bindgen::generate!");
    }
    let mut encoder = ComponentEncoder::default()
        .validate(true)
        .module(core)
        .context("it is no core module with a WIT world")?;
    encoder
        .encode()
        .context("its imports and exports do not fit its WIT world")
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn what_is_no_guest_is_refused_with_a_reason() {
        for (bytes, reason) in [
            (&b"\0asm\x01\0\0\0"[..], "it implements no WIT world"),
            (b"text that mentions component-type", "it is no core module"),
        ] {
            let error = encode(bytes).expect_err("neither is a guest");
            assert!(format!("{error:#}").starts_with(reason), "{error:#}");
        }
    }
}
