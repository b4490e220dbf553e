//! The host as the demo runs it: a child that does not outlive the command that started it.

use crate::repo::Repo;
use crate::wire::{self, Message};
use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Where `fonio serve` listens unless told otherwise.
const USUAL_PORT: u16 = 4001;

const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
/// Two minutes: the first start compiles the runtime, some 5 s on a quiet core.
const LOOKS_FOR_READY: usize = 2_400;
/// Half a minute for steps that are under way; then it is stopped.
const LOOKS_FOR_END: usize = 600;

const LINES_SHOWN: usize = 20;

pub struct Host {
    child: Child,
    pub address: SocketAddr,
    pub log: PathBuf,
    /// Set by Ctrl-C, and by who stops this command.
    told_to_stop: Arc<AtomicBool>,
}

impl Host {
    /// Starts the program on `project`, with fresh data, and waits until it accepts work.
    pub fn serve(repo: &Repo, project: &Path) -> anyhow::Result<Host> {
        let folder = repo.target.join("demo");
        if folder.exists() {
            fs::remove_dir_all(&folder)
                .with_context(|| format!("could not empty {}", folder.display()))?;
        }
        fs::create_dir_all(&folder)?;
        let told_to_stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&told_to_stop))?;
        }
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let log = folder.join("host.log");
        let output = File::create(&log)?;
        let child = Command::new(repo.program())
            .arg("serve")
            .arg(project)
            // A demo on loopback: nobody should have to sign in to see it.
            .args(["--dev", "--listen", &address.to_string(), "--data"])
            .arg(folder.join("data"))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("could not start {}", repo.program().display()))?;
        let mut host = Host {
            child,
            address,
            log,
            told_to_stop,
        };
        host.wait_until_ready()?;
        Ok(host)
    }

    pub fn request(
        &self,
        method: &str,
        path: &str,
        content: Option<(&str, &[u8])>,
    ) -> anyhow::Result<Message> {
        wire::request(self.address, method, path, content)
            .with_context(|| format!("{method} {path} on the host"))
    }

    pub fn json(&self, path: &str) -> anyhow::Result<Value> {
        let reply = self.request("GET", path, None)?;
        if reply.status()? != 200 {
            bail!(
                "GET {path} on the host: {} {}",
                reply.start,
                String::from_utf8_lossy(&reply.body)
            );
        }
        serde_json::from_slice(&reply.body)
            .with_context(|| format!("GET {path} gave something that is not JSON"))
    }

    /// An error if the host has ended, or if someone asked for the end.
    pub fn check_alive(&mut self) -> anyhow::Result<()> {
        if self.told_to_stop.load(Ordering::Relaxed) {
            bail!("stopped");
        }
        match self.child.try_wait()? {
            Some(status) => Err(self.ended(status)),
            None => Ok(()),
        }
    }

    /// Until Ctrl-C.
    pub fn keep_serving(mut self) -> anyhow::Result<()> {
        while !self.told_to_stop.load(Ordering::Relaxed) {
            if let Some(status) = self.child.try_wait()? {
                // At a terminal Ctrl-C reaches the host too, and it may be gone before the flag is seen.
                if status.success() {
                    return Ok(());
                }
                return Err(self.ended(status));
            }
            thread::sleep(BETWEEN_LOOKS);
        }
        self.stop()
    }

    /// Lets what runs finish; an error if the host does not end well.
    pub fn stop(mut self) -> anyhow::Result<()> {
        let status = self
            .terminate()?
            .context("the host did not stop within 30 s of SIGTERM")?;
        if status.success() {
            Ok(())
        } else {
            Err(self.ended(status))
        }
    }

    fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        for _ in 0..LOOKS_FOR_READY {
            self.check_alive()?;
            let answer =
                wire::request(self.address, "GET", "/ready", None).and_then(|reply| reply.status());
            if answer.is_ok_and(|status| status == 200) {
                return Ok(());
            }
            thread::sleep(BETWEEN_LOOKS);
        }
        bail!(
            "the host was not ready after two minutes; its last lines:\n{}",
            self.last_lines()
        )
    }

    /// `None` if it had not ended in time.
    fn terminate(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        if let Some(status) = self.child.try_wait()? {
            return Ok(Some(status));
        }
        let pid = i32::try_from(self.child.id())
            .ok()
            .and_then(Pid::from_raw)
            .context("the host has no process number")?;
        kill_process(pid, Signal::TERM)?;
        for _ in 0..LOOKS_FOR_END {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            thread::sleep(BETWEEN_LOOKS);
        }
        Ok(None)
    }

    fn ended(&self, status: ExitStatus) -> anyhow::Error {
        anyhow::anyhow!(
            "the host ended ({status}); its last lines:\n{}",
            self.last_lines()
        )
    }

    fn last_lines(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Already waited for after `stop`; after an error this is what keeps it from being left behind.
        if !matches!(self.terminate(), Ok(Some(_))) && self.child.kill().is_ok() {
            self.child.wait().ok();
        }
    }
}

/// The usual one if nobody has it, so that the addresses in the documentation work.
fn free_port() -> anyhow::Result<u16> {
    let usual = TcpListener::bind(("127.0.0.1", USUAL_PORT));
    let listener = usual
        .or_else(|_| TcpListener::bind(("127.0.0.1", 0)))
        .context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}
