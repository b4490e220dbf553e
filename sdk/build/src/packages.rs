//! Which packages bring what guests need, by distribution. Everything that differs between distributions is here.

use crate::machine::Machine;
use anyhow::{Context, bail};
use std::time::Duration;

/// A Rust compiler with the WebAssembly back end, as a distribution packages it.
#[derive(Debug)]
pub struct PackagedRust {
    /// The compiler's path.
    pub rustc: &'static str,
    /// Cargo's path.
    pub cargo: &'static str,
    /// In order of preference the sets that bring it, the standard library's source and a linker.
    packages: &'static [&'static [&'static str]],
}

/// Debian builds `rustc-web` for its browsers, so it is recent in every release. Ubuntu names its compilers by version.
pub const PACKAGED_RUST: &[PackagedRust] = &[
    PackagedRust {
        rustc: "/usr/bin/rustc",
        cargo: "/usr/bin/cargo",
        packages: &[
            &["rustc-web", "cargo-web", "rust-web-src", "lld-22"],
            &["rustc-web", "cargo-web", "rust-web-src", "lld"],
            &["rustc", "cargo", "rust-src", "lld"],
        ],
    },
    PackagedRust {
        rustc: "/usr/bin/rustc-1.96",
        cargo: "/usr/bin/cargo-1.96",
        packages: &[&["rustc-1.96", "cargo-1.96", "rust-1.96-src", "lld"]],
    },
    PackagedRust {
        rustc: "/usr/bin/rustc-1.95",
        cargo: "/usr/bin/cargo-1.95",
        packages: &[&["rustc-1.95", "cargo-1.95", "rust-1.95-src", "lld"]],
    },
];

/// The newest first: these are what Debian 12 to 13 and Ubuntu 22.04 to 26.04 have.
const CLANG: &[&[&str]] = &[
    &["clang-22", "llvm-22"],
    &["clang-21", "llvm-21"],
    &["clang-20", "llvm-20"],
    &["clang-19", "llvm-19"],
    &["clang", "llvm"],
];

/// Other package managers are named in the remedy, not run: what they would replace is not ours to decide.
const BY_HAND: &[(&str, &str)] = &[
    ("dnf", "sudo dnf install clang llvm"),
    ("pacman", "sudo pacman -S clang llvm"),
    ("zypper", "sudo zypper install clang llvm"),
    ("apk", "doas apk add clang llvm"),
    ("brew", "brew install llvm"),
];

/// A slow line brings the 250 MB in ten minutes.
const INSTALL_LIMIT: Duration = Duration::from_secs(900);

/// What a person types to install the first of them.
pub(crate) fn rust_by_hand() -> String {
    let set = PACKAGED_RUST[0].packages[0];
    format!("`apt-get install {}`", set.join(" "))
}

/// Installs a clang that emits wasm, and its `llvm-ar`.
///
/// # Errors
/// When there is no apt-get, or it has none; says what to do.
pub fn install_clang(machine: &dyn Machine, say: &dyn Fn(String)) -> anyhow::Result<()> {
    if machine.ask(&["apt-get", "--version"]).is_none() {
        let remedy = BY_HAND
            .iter()
            .find(|(manager, _)| machine.ask(&[manager, "--version"]).is_some());
        let remedy = remedy.map_or("install clang 14 or later, with llvm-ar", |(_, command)| {
            command
        });
        bail!(
            "no clang on this machine emits wasm. To get one: {remedy}; or name yours in CC_wasm32_unknown_unknown and AR_wasm32_unknown_unknown"
        );
    }
    let apt = Apt::updated(machine, say)?;
    let set = CLANG
        .iter()
        .find(|set| apt.offers(set))
        .context("apt-get offers no clang: enable the distribution's main archive")?;
    apt.install(set, say)
}

/// Installs a distribution's Rust that is at least `wanted`, and says which.
///
/// # Errors
/// When there is no apt-get, or it has none that new.
pub fn install_rust(
    machine: &dyn Machine,
    wanted: (u32, u32),
    say: &dyn Fn(String),
) -> anyhow::Result<&'static PackagedRust> {
    if machine.ask(&["apt-get", "--version"]).is_none() {
        bail!("this machine has no apt-get to install another compiler with");
    }
    let apt = Apt::updated(machine, say)?;
    for rust in PACKAGED_RUST {
        for set in rust.packages {
            if apt.offers(set) && apt.version(set[0]).is_some_and(|version| version >= wanted) {
                apt.install(set, say)?;
                return Ok(rust);
            }
        }
    }
    bail!("apt-get offers no Rust {}.{} or later", wanted.0, wanted.1)
}

/// Installs the PostgreSQL server that the distribution has.
///
/// # Errors
/// When there is no apt-get, or it has none.
pub fn install_postgres(machine: &dyn Machine, say: &dyn Fn(String)) -> anyhow::Result<()> {
    if machine.ask(&["apt-get", "--version"]).is_none() {
        bail!(
            "no PostgreSQL is on this machine; install version 15 or later, with its server programs"
        );
    }
    Apt::updated(machine, say)?.install(&["postgresql"], say)
}

/// Installs what gives a program a clock that a test can set.
///
/// # Errors
/// When there is no apt-get, or it has none.
pub fn install_faketime(machine: &dyn Machine, say: &dyn Fn(String)) -> anyhow::Result<()> {
    if machine.ask(&["apt-get", "--version"]).is_none() {
        bail!(
            "libfaketime is not on this machine; install it where Debian's package `libfaketime` has it"
        );
    }
    Apt::updated(machine, say)?.install(&["libfaketime"], say)
}

/// `major.minor` at the start of a version, which in Debian may follow an epoch: `1:22.1.8-1` is 22.1.
pub fn version(text: &str) -> Option<(u32, u32)> {
    let text = text.split_once(':').map_or(text, |(_, after)| after);
    let mut numbers = text
        .trim()
        .split(|c: char| !c.is_ascii_digit())
        .map(str::parse::<u32>);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

struct Apt<'a> {
    machine: &'a dyn Machine,
    root: Vec<&'static str>,
}

impl<'a> Apt<'a> {
    /// Reads the package lists afresh: an image without them offers nothing.
    fn updated(machine: &'a dyn Machine, say: &dyn Fn(String)) -> anyhow::Result<Apt<'a>> {
        let root = machine.as_root().context(
            "packages are missing and there is neither root nor sudo here: as root, run `apt-get install clang llvm`, then try again",
        )?;
        say("apt-get update".to_owned());
        let apt = Apt { machine, root };
        apt.run(&["update", "-q"])?;
        Ok(apt)
    }

    fn offers(&self, set: &[&str]) -> bool {
        set.iter().all(|package| self.candidate(package).is_some())
    }

    fn version(&self, package: &str) -> Option<(u32, u32)> {
        version(&self.candidate(package)?)
    }

    fn candidate(&self, package: &str) -> Option<String> {
        let policy = self.machine.ask(&["apt-cache", "policy", package])?;
        let candidate = policy
            .lines()
            .find_map(|line| line.trim().strip_prefix("Candidate:"))?
            .trim();
        (candidate != "(none)").then(|| candidate.to_owned())
    }

    fn install(&self, set: &[&str], say: &dyn Fn(String)) -> anyhow::Result<()> {
        say(format!("apt-get install {}", set.join(" ")));
        self.run(&[&["install", "-y", "-q", "--no-install-recommends"], set].concat())
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<()> {
        self.machine.tell(
            &[&self.root, &["apt-get"][..], arguments].concat(),
            INSTALL_LIMIT,
        )
    }
}
