//! Where the program and the guests are.

use std::env;
use std::path::{Path, PathBuf};

/// The target directory. A test lies in `<target>/<profile>/deps`, a program of the tests one folder above.
pub(crate) fn target() -> PathBuf {
    let test = env::current_exe().expect("a test knows where it is");
    let profile = test
        .ancestors()
        .skip(1)
        .find(|folder| !folder.ends_with("deps"));
    profile
        .and_then(Path::parent)
        .expect("a test is below the target directory")
        .to_owned()
}

fn there(path: PathBuf, what: &str) -> PathBuf {
    assert!(
        path.exists(),
        "{what} is not at {}: run `cargo xtask test`, which builds it first",
        path.display()
    );
    path
}

/// The built program.
pub fn fonio() -> PathBuf {
    let path = env::var_os("FONIO_BIN")
        .map_or_else(|| target().join("release").join("fonio"), PathBuf::from);
    there(path, "the program")
}

/// The folder of the built guests.
pub fn guests() -> PathBuf {
    env::var_os("FONIO_GUESTS").map_or_else(|| target().join("guests").join("out"), PathBuf::from)
}

/// The bytes of a test guest; `name` is that of its file in `tests/guests/examples`.
pub fn guest(name: &str) -> Vec<u8> {
    let path = there(
        guests().join("test").join(name).with_extension("wasm"),
        "the test guest",
    );
    read(&path)
}

/// Compiled code is shared between tests, so that each guest is compiled once.
pub fn code_cache() -> PathBuf {
    target().join("fonio-code-cache")
}

/// The key of that code.
pub fn code_key() -> PathBuf {
    target().join("fonio-code-cache.key")
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()))
}
