//! Where things are, and how cargo is called.

use anyhow::{Context, bail};
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The checkout and its target directory, both absolute.
pub struct Repo {
    /// The folder of the workspace's `Cargo.toml`.
    pub root: PathBuf,
    /// `CARGO_TARGET_DIR`, or `target` in the root.
    pub target: PathBuf,
}

impl Repo {
    pub fn find() -> anyhow::Result<Repo> {
        // As cargo says when it runs this, not as it was when this was built: checkouts may share a target directory.
        let here = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let here = here.context("run this as `cargo xtask`, which says where the checkout is")?;
        let root = here
            .parent()
            .ok_or_else(|| anyhow::anyhow!("{} has no parent folder", here.display()))?;
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => env::current_dir()?.join(folder),
            None => root.join("target"),
        };
        Ok(Repo {
            root: root.to_owned(),
            target,
        })
    }

    /// Cargo's target directory for guests. Theirs alone: another compiler may write there, with flags of its own.
    pub fn guests_target(&self) -> PathBuf {
        self.target.join("guests")
    }

    /// Where `host/sandbox/build.rs` finds the components to embed; it has the same default.
    pub fn guests_out(&self) -> PathBuf {
        env::var_os("FONIO_GUESTS").map_or_else(|| self.guests_target().join("out"), PathBuf::from)
    }

    /// The release program.
    pub fn program(&self) -> PathBuf {
        self.target
            .join("release")
            .join(format!("fonio{}", env::consts::EXE_SUFFIX))
    }

    /// The cargo that runs this xtask, in the root, with the target directory said aloud: a `build.target-dir` in
    /// someone's own configuration would otherwise send the program where nothing here looks for it.
    pub fn cargo(&self) -> Command {
        let mut cargo = Command::new(active_cargo());
        cargo
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", &self.target);
        for of_xtask_only in [
            "CARGO_MANIFEST_DIR",
            "CARGO_MANIFEST_PATH",
            "LD_LIBRARY_PATH",
        ] {
            cargo.env_remove(of_xtask_only);
        }
        cargo
    }

    /// Runs `command` with its output on the terminal; `otherwise` is the error if it fails.
    pub fn run(&self, command: &mut Command, otherwise: &str) -> anyhow::Result<()> {
        let program = command.get_program().to_string_lossy().into_owned();
        let status = command
            .status()
            .with_context(|| format!("could not start {program}"))?;
        if !status.success() {
            bail!("{otherwise}");
        }
        Ok(())
    }

    /// Whether `cargo NAME` exists on this machine.
    pub fn has_cargo_command(&self, name: &str) -> bool {
        self.cargo()
            .args([name, "--version"])
            .output()
            .is_ok_and(|output| output.status.success())
    }

    /// `path` as a person in the root would type it.
    pub fn short<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }
}

/// `cargo run` names itself in `CARGO`.
pub fn active_cargo() -> PathBuf {
    env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}
