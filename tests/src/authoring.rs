//! Adaptors as their authors make them, with the compilers and package managers of this machine.
//!
//! What was built is kept in the target directory under the hash of everything that it was built from, so that a suite that
//! changed none of it builds none of it.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{FlockOperation, flock};

use crate::{Ended, code_cache, code_key, fonio};

const COMPONENTIZE_JS: &str = "@bytecodealliance/componentize-js@0.23.0";
/// The contract that an adaptor exports.
pub const OPERATIONS_WIT: &str = include_str!("../../wit/operations/operations.wit");
const WORLD: &str =
    "package made:adaptor;\nworld made { export fonio:operations/operations@1.0.0; }\n";
const MAKER: &str = r#"
    import { readFile, writeFile } from 'node:fs/promises';
    import { componentize } from '@bytecodealliance/componentize-js';
    const source = await readFile('adaptor.js', 'utf8');
    const { component } = await componentize(source, { witPath: 'wit', worldName: 'made' });
    await writeFile(process.argv[2], component);
"#;

/// A folder that outlives the test, and that no other test uses meanwhile.
#[derive(Debug)]
pub struct Workshop {
    dir: PathBuf,
    _lock: File,
}

impl Workshop {
    /// The workshop of this name; waits until nobody else is in it.
    pub fn enter(name: &str) -> Workshop {
        let dir = code_cache().with_file_name("authored").join(name);
        fs::create_dir_all(&dir).expect("the target directory can be written");
        let lock = File::create(dir.join("lock")).expect("the target directory can be written");
        flock(&lock, FlockOperation::LockExclusive).expect("a file can be locked");
        Workshop { dir, _lock: lock }
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// `node_modules` with this package from npm, fetched once: another `npm install` in the same folder took one of its
    /// dependencies out again. Nothing where npm cannot be reached; then says that `test` was skipped.
    pub fn npm(&self, test: &str, package: &str) -> Option<PathBuf> {
        let dir = self.dir.join(package.replace(['@', '/'], "_"));
        let done = dir.join("done");
        if !done.is_file() {
            let _ = fs::remove_dir_all(&dir);
            fs::create_dir_all(&dir).expect("the target directory can be written");
            let mut npm = Command::new("npm");
            npm.args(["install", "--no-audit", "--no-fund", "--loglevel=error"]);
            npm.args(["--prefix", ".", package]).current_dir(&dir);
            if !reachable(test, npm) {
                return None;
            }
            fs::write(done, "").expect("the target directory can be written");
        }
        Some(dir.join("node_modules"))
    }

    /// The component `name.wasm` that `@bytecodealliance/componentize-js` makes of `source`, which exports `operations`. Nothing where npm
    /// cannot be reached; then says that `test` was skipped.
    pub fn component_of_javascript(test: &str, name: &str, source: &str) -> Option<PathBuf> {
        let workshop = Workshop::enter("componentize-js");
        let modules = workshop.npm(test, COMPONENTIZE_JS)?;
        let file = format!("{name}.wasm");
        let sources = [
            ("adaptor.js", source),
            ("make.mjs", MAKER),
            ("wit/world.wit", WORLD),
            ("wit/deps/operations.wit", OPERATIONS_WIT),
        ];
        let make = |dir: &Path| {
            fs::create_dir_all(dir.join("wit/deps")).expect("a folder");
            for (name, text) in sources {
                fs::write(dir.join(name), text).expect("a file");
            }
            symlink(&modules, dir.join("node_modules")).expect("a link");
            let mut node = Command::new("node");
            node.args(["make.mjs", &file]);
            run(node, dir).expect_code(0);
        };
        let contents: Vec<&[u8]> = sources
            .iter()
            .map(|(_, text)| text.as_bytes())
            .chain([COMPONENTIZE_JS.as_bytes(), name.as_bytes()])
            .collect();
        let made = workshop.once(&contents, || true, make)?;
        Some(made.join(&file))
    }

    /// What `make` makes of `sources`, which it is given a fresh folder for; made once for the same sources. Nothing if it is
    /// not made yet and `can_be_made` says no.
    pub fn once(
        &self,
        sources: &[&[u8]],
        can_be_made: impl FnOnce() -> bool,
        make: impl FnOnce(&Path),
    ) -> Option<PathBuf> {
        let mut hasher = DefaultHasher::new();
        sources.hash(&mut hasher);
        let made = self.dir.join(format!("{:016x}", hasher.finish()));
        let done = made.join("done");
        if !done.is_file() {
            if !can_be_made() {
                return None;
            }
            let _ = fs::remove_dir_all(&made);
            fs::create_dir_all(&made).expect("the target directory can be written");
            make(&made);
            fs::write(done, "").expect("the target directory can be written");
        }
        Some(made)
    }
}

/// `fonio ARGUMENTS…` in `dir`, with the environment of this machine, which compilers and package managers need.
pub fn as_author(dir: &Path, arguments: &[&str]) -> Ended {
    let mut command = Command::new(fonio());
    command
        .args(arguments)
        .env("FONIO_CACHE", code_cache())
        .env("FONIO_CACHE_KEY", code_key());
    run(command, dir)
}

/// Any program, likewise.
pub fn run(mut command: Command, dir: &Path) -> Ended {
    let named = command.get_program().to_string_lossy().into_owned();
    // Cargo's compilers of several tests share one folder, and with it the standard library, if that has to be built.
    command
        .env(
            "CARGO_TARGET_DIR",
            code_cache().with_file_name("authored").join("cargo"),
        )
        .current_dir(dir)
        .stdin(Stdio::null());
    let output = command.output();
    let output = output.unwrap_or_else(|error| panic!("{named} does not start: {error}"));
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Every file of a folder with its path in it, in order; what `Workshop::once` goes by.
pub fn contents(dir: &Path) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).expect("the folder can be read");
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() {
                // A socket holds nothing.
                files.push(path);
            }
        }
    }
    files.sort();
    let with_path = |path: PathBuf| {
        let name = path.strip_prefix(dir).expect("it was found in there");
        let text = fs::read(&path).expect("the file can be read");
        [name.to_string_lossy().into_owned().into_bytes(), text].concat()
    };
    files.into_iter().map(with_path).collect()
}

/// Whether a package manager gets what a test needs. Where not, says that `test` was skipped, and why.
pub fn reachable(test: &str, mut command: Command) -> bool {
    let why = match command.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    let needed = command.get_program().to_string_lossy();
    eprintln!("SKIPPED: {test}: {needed} does not get what it needs: {why}");
    false
}
