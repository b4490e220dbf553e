//! One target under libFuzzer: `FONIO_FUZZ_TARGET` names it, `FONIO_FUZZ_SEEDS` is an empty folder for its seeds, and a file
//! beside that, `words`, becomes its dictionary. The rest of the command line is libFuzzer's.

#![no_main]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::{env, fs};

use fonio_fuzz::Target;
use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<&'static Target> = LazyLock::new(|| {
    let name = env::var("FONIO_FUZZ_TARGET").unwrap_or_default();
    fonio_fuzz::find(&name).unwrap_or_else(|| panic!("FONIO_FUZZ_TARGET names no target: `{name}`"))
});

fuzz_target!(
    init: {
        if let Some(folder) = env::var_os("FONIO_FUZZ_SEEDS").map(PathBuf::from) {
            write_seeds(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        }
    },
    |bytes: &[u8]| (TARGET.run)(bytes)
);

fn write_seeds(folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    for (index, seed) in (TARGET.seeds)().iter().enumerate() {
        fs::write(folder.join(format!("{index:04}")), seed)?;
    }
    let quoted = |word: &&str| {
        let bytes = word.bytes().map(|byte| format!("\\x{byte:02x}"));
        format!("\"{}\"\n", bytes.collect::<String>())
    };
    let words: String = TARGET.words.iter().map(quoted).collect();
    fs::write(folder.with_file_name("words"), words)
}
