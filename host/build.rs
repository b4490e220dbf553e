//! Puts the compatibility layer for packages (`sdk/js`) into the program, as a table of paths and texts.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let layer = here.join("../sdk/js");
    println!("cargo::rerun-if-changed={}", layer.display());
    let mut files = Vec::new();
    collect(&layer, &mut files);
    files.sort();
    let rows: String = files
        .iter()
        .map(|file| {
            let name = file.strip_prefix(&layer).expect("it was found in there");
            format!(
                "({:?}, include_str!({:?})),\n",
                name.display().to_string(),
                file.display().to_string()
            )
        })
        .collect();
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("compat.rs");
    fs::write(out, format!("&[\n{rows}]\n")).expect("cargo's own folder can be written to");
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            collect(&path, files);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "js" || extension == "cjs")
        {
            files.push(path);
        }
    }
}
