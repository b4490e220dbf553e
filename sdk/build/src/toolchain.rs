//! Finds, or installs, what builds a guest: a Rust with `wasm32-unknown-unknown`, and a clang that emits wasm (the
//! expression runtime has QuickJS in it, which is C).
//!
//! What is here already comes first, then what can be fetched:
//!
//! 1. the target in the toolchain that runs this;
//! 2. a distribution's compiler that is installed and builds the standard library from its source;
//! 3. `rustup target add`;
//! 4. the distribution's packages, where rustup's download site cannot be reached.

use crate::machine::Machine;
use crate::packages::{self, PACKAGED_RUST, PackagedRust};
use anyhow::{Context, bail};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// What guests are built for: no ambient imports at all.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// 25 MB; where the site cannot be reached rustup itself gives up sooner.
const RUSTUP_LIMIT: Duration = Duration::from_secs(300);

/// The first clang whose wasm QuickJS is known to build with.
const OLDEST_CLANG: u32 = 14;
const NEWEST_CLANG: u32 = 24;

/// Everything needed to build a guest of this repository.
#[derive(Debug, PartialEq, Eq)]
pub struct Toolchain {
    rust: Rust,
    clang: Clang,
}

/// A Rust that builds for [`TARGET`]; all that an adaptor without C in it needs.
#[derive(Debug, PartialEq, Eq)]
pub enum Rust {
    /// The toolchain that runs this, with the target in it.
    Active {
        /// That of the toolchain.
        cargo: PathBuf,
    },
    /// A distribution's, without the target's standard library, so that is built too, and without `rust-lld`, so
    /// LLVM's own linker stands in.
    Packaged {
        /// The distribution's.
        cargo: PathBuf,
        /// The distribution's.
        rustc: PathBuf,
        /// A `wasm-ld` on the path.
        linker: String,
    },
}

#[derive(Debug, PartialEq, Eq)]
struct Clang {
    compiler: String,
    archiver: String,
}

impl Toolchain {
    /// Finds one, or installs what is missing. `wanted` is the oldest Rust that builds this workspace.
    ///
    /// # Errors
    /// When something is missing and cannot be installed: what was tried, and what to do.
    pub fn provide(
        machine: &dyn Machine,
        wanted: (u32, u32),
        say: &dyn Fn(String),
    ) -> anyhow::Result<Toolchain> {
        let rust = match Rust::find(machine, wanted) {
            Some(rust) => rust,
            None => Rust::install(machine, wanted, say)?,
        };
        let clang = match Clang::find(machine) {
            Some(clang) => clang,
            None => {
                say("no clang here emits wasm, which the expression runtime needs".to_owned());
                packages::install_clang(machine, say)?;
                Clang::find(machine).context("the clang that was installed does not emit wasm")?
            }
        };
        Ok(Toolchain { rust, clang })
    }

    /// `cargo build` for guests, up to the choice of packages.
    pub fn cargo_build(&self) -> Command {
        let mut cargo = self.rust.cargo_build();
        cargo.args(["--profile", "guest"]);
        cargo
            .env("CC_wasm32_unknown_unknown", &self.clang.compiler)
            .env("AR_wasm32_unknown_unknown", &self.clang.archiver);
        cargo
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Clang { compiler, archiver } = &self.clang;
        write!(f, "{}, {compiler}, {archiver}", self.rust)
    }
}

impl fmt::Display for Rust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rust::Active { .. } => write!(f, "the active Rust toolchain"),
            Rust::Packaged { rustc, linker, .. } => write!(
                f,
                "{} with its standard library from source, {linker}",
                rustc.display()
            ),
        }
    }
}

impl Rust {
    /// Finds one, or has rustup add the target. Other than [`Toolchain::provide`] it installs no packages: on the machine of an
    /// author that is theirs to decide. `wanted` is the oldest Rust that will do.
    ///
    /// # Errors
    /// When there is none: what was tried, and what to install.
    pub fn find_or_add(
        machine: &dyn Machine,
        wanted: (u32, u32),
        say: &dyn Fn(String),
    ) -> anyhow::Result<Rust> {
        if let Some(rust) = Rust::find(machine, wanted) {
            return Ok(rust);
        }
        let by_rustup = Rust::add_target(machine, say);
        if let Some(rust) = Rust::active(machine) {
            return Ok(rust);
        }
        let reason = by_rustup.err().map_or_else(
            || "it added the target to a toolchain that is not in use".to_owned(),
            |error| format!("{error:#}"),
        );
        bail!(
            "no Rust here builds for {TARGET}.\n  rustup: {reason}\n\
             To go on: `rustup target add {TARGET}`; or, on Debian and Ubuntu, {}",
            packages::rust_by_hand()
        )
    }

    /// `cargo build` for [`TARGET`], up to the profile and the choice of packages.
    pub fn cargo_build(&self) -> Command {
        let mut cargo = match self {
            Rust::Active { cargo } => {
                let mut command = Command::new(cargo);
                command.arg("build");
                command
            }
            Rust::Packaged {
                cargo,
                rustc,
                linker,
            } => {
                let mut command = Command::new(cargo);
                command
                    .args(["build", "-Zbuild-std=std,panic_abort"])
                    .env("RUSTC", rustc)
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
                command.env_remove("RUSTUP_TOOLCHAIN");
                command
            }
        };
        // Flags and paths meant for the host's compiler would change, or break, what is built here.
        for of_the_host in [
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_BUILD_TARGET",
            "LD_LIBRARY_PATH",
        ] {
            cargo.env_remove(of_the_host);
        }
        cargo.args(["--target", TARGET]);
        cargo
    }

    fn find(machine: &dyn Machine, wanted: (u32, u32)) -> Option<Rust> {
        Rust::active(machine).or_else(|| {
            PACKAGED_RUST
                .iter()
                .find_map(|rust| Rust::packaged(machine, rust, wanted))
        })
    }

    fn install(
        machine: &dyn Machine,
        wanted: (u32, u32),
        say: &dyn Fn(String),
    ) -> anyhow::Result<Rust> {
        let by_rustup = Rust::add_target(machine, say);
        if let Some(rust) = Rust::active(machine) {
            return Ok(rust);
        }
        let reason = by_rustup.err().map_or_else(
            || "rustup added it to a toolchain that is not in use".to_owned(),
            |e| e.to_string(),
        );
        say("rustup cannot add it; taking the distribution's compiler".to_owned());
        let packaged = packages::install_rust(machine, wanted, say);
        match packaged.map(|rust| Rust::packaged(machine, rust, wanted)) {
            Ok(Some(rust)) => Ok(rust),
            Ok(None) => bail!(
                "{}",
                remedy(
                    &reason,
                    "the packages installed, but brought no complete compiler"
                )
            ),
            Err(error) => bail!("{}", remedy(&reason, &format!("{error:#}"))),
        }
    }

    fn add_target(machine: &dyn Machine, say: &dyn Fn(String)) -> anyhow::Result<()> {
        machine
            .ask(&["rustup", "--version"])
            .context("rustup is not installed")?;
        say(format!("rustup target add {TARGET}"));
        machine.tell(&["rustup", "target", "add", TARGET], RUSTUP_LIMIT)
    }

    fn active(machine: &dyn Machine) -> Option<Rust> {
        let cargo = machine.cargo();
        let rustc = cargo.with_file_name("rustc");
        let library = sysroot(machine, &rustc)?
            .join("lib/rustlib")
            .join(TARGET)
            .join("lib");
        machine.has(&library).then_some(Rust::Active { cargo })
    }

    fn packaged(machine: &dyn Machine, rust: &PackagedRust, wanted: (u32, u32)) -> Option<Rust> {
        let (rustc, cargo) = (Path::new(rust.rustc), Path::new(rust.cargo));
        if !machine.has(rustc) || !machine.has(cargo) {
            return None;
        }
        let printed = machine.ask(&[rust.rustc, "--version"])?;
        let source = sysroot(machine, rustc)?.join("lib/rustlib/src/rust/library/Cargo.lock");
        let fits =
            packages::version(printed.strip_prefix("rustc ")?)? >= wanted && machine.has(&source);
        let linker = linker(machine)?;
        fits.then(|| Rust::Packaged {
            cargo: cargo.to_owned(),
            rustc: rustc.to_owned(),
            linker,
        })
    }
}

/// The newest of LLVM's linkers for wasm: an old one may not read what a new compiler writes.
fn linker(machine: &dyn Machine) -> Option<String> {
    let versioned = (OLDEST_CLANG..=NEWEST_CLANG)
        .rev()
        .map(|version| format!("wasm-ld-{version}"));
    versioned
        .chain(["wasm-ld".to_owned()])
        .find(|linker| machine.ask(&[linker, "--version"]).is_some())
}

fn sysroot(machine: &dyn Machine, rustc: &Path) -> Option<PathBuf> {
    Some(PathBuf::from(
        machine
            .ask(&[rustc.to_str()?, "--print", "sysroot"])?
            .trim(),
    ))
}

fn remedy(rustup: &str, packages: &str) -> String {
    format!(
        "no Rust here builds for {TARGET}.\n  rustup: {rustup}\n  packages: {packages}\n\
         To go on: connect to the network and run `rustup target add {TARGET}`, then this command again."
    )
}

impl Clang {
    fn find(machine: &dyn Machine) -> Option<Clang> {
        let chosen = machine
            .variable("CC_wasm32_unknown_unknown")
            .map(|compiler| (compiler, String::new()));
        let plain = [
            "clang",
            "/opt/homebrew/opt/llvm/bin/clang",
            "/usr/local/opt/llvm/bin/clang",
        ]
        .map(|c| (c.to_owned(), String::new()));
        let versioned = (OLDEST_CLANG..=NEWEST_CLANG)
            .rev()
            .map(|v| (format!("clang-{v}"), format!("-{v}")));
        chosen
            .into_iter()
            .chain(plain)
            .chain(versioned)
            .find_map(|(compiler, suffix)| Clang::with(machine, compiler, &suffix))
    }

    /// `compiler` if it is recent, has the wasm back end, and an archiver is beside it.
    fn with(machine: &dyn Machine, compiler: String, suffix: &str) -> Option<Clang> {
        let version = machine.ask(&[&compiler, "-dumpversion"])?;
        let major: u32 = version.trim().split('.').next()?.parse().ok()?;
        if major < OLDEST_CLANG {
            return None;
        }
        machine.ask(&[
            &compiler,
            "--target=wasm32",
            "-c",
            "-x",
            "c",
            "/dev/null",
            "-o",
            "/dev/null",
        ])?;
        let beside = Path::new(&compiler)
            .with_file_name(format!("llvm-ar{suffix}"))
            .to_str()?
            .to_owned();
        let archivers = machine.variable("AR_wasm32_unknown_unknown").into_iter();
        let archivers = archivers.chain([beside, format!("llvm-ar-{major}"), "llvm-ar".to_owned()]);
        let archiver = archivers
            .into_iter()
            .find(|archiver| machine.ask(&[archiver, "--version"]).is_some())?;
        Some(Clang { compiler, archiver })
    }
}

#[cfg(test)]
#[path = "toolchain_tests.rs"]
mod tests;
