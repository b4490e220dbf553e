//! Puts the guests that every host carries into the program.
//!
//! `cargo xtask guests` builds them; their folder is `FONIO_GUESTS`, or `guests/out` in the target directory.

use std::path::{Path, PathBuf};
use std::{env, fs};

const EMBEDDED: [&str; 4] = ["runtime", "runtime-package", "compiler", "http"];

fn main() {
    println!("cargo::rerun-if-env-changed=FONIO_GUESTS");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let guests = env::var_os("FONIO_GUESTS").map_or_else(|| default_folder(&out), PathBuf::from);
    for name in EMBEDDED {
        let from = guests.join(format!("{name}.wasm"));
        println!("cargo::rerun-if-changed={}", from.display());
        if let Err(error) = fs::copy(&from, out.join(format!("{name}.wasm"))) {
            panic!(
                "no guest at {}: {error}. Run `cargo xtask build`, which builds the guests first.",
                from.display()
            );
        }
    }
}

/// `OUT_DIR` is `<target>/<profile>/build/<package>/out`.
fn default_folder(out: &Path) -> PathBuf {
    let target = out
        .ancestors()
        .nth(4)
        .expect("OUT_DIR is four folders below the target directory");
    target.join("guests").join("out")
}
