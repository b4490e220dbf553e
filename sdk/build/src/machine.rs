//! What is asked of the machine that this runs on. A trait, so that the choice of a toolchain is tested on machines that do
//! not exist.

use anyhow::{Context, bail};
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A computer on which programs can be asked and told.
pub trait Machine {
    /// Whether a file or folder is there.
    fn has(&self, path: &Path) -> bool;
    /// What `command` (a program and its arguments) prints; `None` if it is missing or fails.
    fn ask(&self, command: &[&str]) -> Option<String>;
    /// Runs `command`, which changes the machine.
    ///
    /// # Errors
    /// When it does not start, fails or takes longer than `limit`; carries the last lines it printed.
    fn tell(&self, command: &[&str], limit: Duration) -> anyhow::Result<()>;
    /// How to become root: nothing for root itself, `None` where there is no way.
    fn as_root(&self) -> Option<Vec<&'static str>>;
    /// The value of an environment variable.
    fn variable(&self, name: &str) -> Option<String>;
    /// The cargo that is running.
    fn cargo(&self) -> PathBuf;
}

/// The computer this runs on.
#[derive(Debug)]
pub struct ThisMachine;

/// Enough of an installer's output to see what was wrong.
const LINES_SHOWN: usize = 12;

impl Machine for ThisMachine {
    fn has(&self, path: &Path) -> bool {
        path.exists()
    }

    fn ask(&self, command: &[&str]) -> Option<String> {
        let (program, arguments) = command.split_first()?;
        let output = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn tell(&self, command: &[&str], limit: Duration) -> anyhow::Result<()> {
        let (program, arguments) = command.split_first().context("an empty command")?;
        let mut child = Command::new(program)
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            // rustup tries three times and waits three minutes each; offline, once and briefly says the same.
            .env("RUSTUP_MAX_RETRIES", "1")
            .env("RUSTUP_DOWNLOAD_TIMEOUT", "20")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("could not start {program}"))?;
        let (out, err) = (collect(child.stdout.take()), collect(child.stderr.take()));
        let deadline = Instant::now() + limit;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if Instant::now() >= deadline {
                child.kill()?;
                child.wait()?;
                bail!(
                    "`{}` was still running after {} s and was stopped",
                    command.join(" "),
                    limit.as_secs()
                );
            }
            thread::sleep(Duration::from_millis(20));
        };
        if !status.success() {
            let said = out.join().unwrap_or_default() + &err.join().unwrap_or_default();
            let lines: Vec<&str> = said.lines().collect();
            bail!(
                "`{}` failed:\n{}",
                command.join(" "),
                lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n")
            );
        }
        Ok(())
    }

    fn as_root(&self) -> Option<Vec<&'static str>> {
        if self.ask(&["id", "-u"])?.trim() == "0" {
            Some(vec![])
        } else if self.ask(&["sudo", "-n", "true"]).is_some() {
            Some(vec!["sudo", "-n"])
        } else if std::io::stdin().is_terminal() && self.ask(&["sudo", "--version"]).is_some() {
            Some(vec!["sudo"])
        } else {
            None
        }
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn cargo(&self) -> PathBuf {
        // `cargo run` names itself in `CARGO`.
        std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
    }
}

/// Reads a pipe to its end beside the process that fills it.
fn collect(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe
            && let Err(error) = pipe.read_to_end(&mut bytes)
        {
            bytes
                .extend_from_slice(format!("\n(its output could not be read: {error})").as_bytes());
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
