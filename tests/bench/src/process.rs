//! The programs under test, each in a process of its own, and what the kernel says about one.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;

use crate::load::{self, Target};
use crate::tree::ProcessTree;

/// A host that does not stop in this time is killed; its own drain is bounded by 10 s.
const STOP_WITHIN: Duration = Duration::from_secs(20);
/// The first start compiles the guests; on a slow core that takes most of a minute.
const READY_WITHIN: Duration = Duration::from_secs(180);
const POLL_EVERY: Duration = Duration::from_millis(1);

/// A server that was started, and is killed when this is dropped.
pub struct Server {
    pub address: SocketAddr,
    child: Child,
}

impl Server {
    /// This program again, as the server of that name (see `servers`).
    pub fn own(arguments: &[&str]) -> anyhow::Result<Server> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments);
        Server::start(command)
    }

    /// `fonio serve` on `project`, once it is ready. Its standard error goes to `serve.log` in the project.
    pub fn fonio(program: &Path, project: &Path) -> anyhow::Result<Server> {
        Server::fonio_on(program, project, None)
    }

    /// The same with its store in the PostgreSQL database at `url`.
    pub fn fonio_on(program: &Path, project: &Path, url: Option<&str>) -> anyhow::Result<Server> {
        Server::serving(program, &[project.as_os_str()], project, url)
    }

    /// The same on a folder whose folders are tenants.
    pub fn fonio_tenants(program: &Path, projects: &Path) -> anyhow::Result<Server> {
        let arguments = ["--projects".as_ref(), projects.as_os_str()];
        Server::serving(program, &arguments, projects, None)
    }

    fn serving(
        program: &Path,
        what: &[&OsStr],
        folder: &Path,
        url: Option<&str>,
    ) -> anyhow::Result<Server> {
        let log = std::fs::File::create(folder.join("serve.log"))?;
        let mut command = Command::new(program);
        command
            .arg("serve")
            .args(what)
            .args(["--dev", "--listen", "127.0.0.1:0"])
            // The flood that measures accepting must not measure refusing.
            .args(["--queue", "10000000"])
            .stderr(log)
            .envs(url.map(|url| ("FONIO_STORE", url)));
        for of_this_machine in ["PROJECT_DIR", "PORT", "ENDPOINT_STYLE", "FONIO_LOG"] {
            command.env_remove(of_this_machine);
        }
        let server = Server::start(command)
            .with_context(|| format!("see {}", folder.join("serve.log").display()))?;
        server.wait_until_ready()?;
        Ok(server)
    }

    fn start(mut command: Command) -> anyhow::Result<Server> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| {
                format!("{} did not start", command.get_program().to_string_lossy())
            })?;
        let mut said = BufReader::new(child.stdout.take().context("its output is piped")?);
        let mut line = String::new();
        said.read_line(&mut line)?;
        let Some(address) = line.trim().strip_prefix("listening on http://") else {
            // It ended, or said something else: either way there is nothing to measure.
            let _ = child.kill();
            let status = child.wait()?;
            bail!(
                "{} did not say where it listens but {line:?}, and ended with {status}",
                command.get_program().to_string_lossy()
            );
        };
        let server = Server {
            address: address.parse()?,
            child,
        };
        // A full pipe would stop the server in the middle of a measurement.
        std::thread::spawn(move || said.read_to_end(&mut Vec::new()));
        Ok(server)
    }

    fn wait_until_ready(&self) -> anyhow::Result<()> {
        let ready = Target::get(self.address, "/ready");
        wait_until(READY_WITHIN, "the host to be ready", POLL_EVERY, || {
            Ok(load::once(&ready)?.status == 200)
        })
    }

    /// Waits until every run that was accepted has been settled; `within` bounds the wait.
    pub fn wait_until_settled(&self, within: Duration) -> anyhow::Result<()> {
        wait_until(within, "all runs to end", Duration::from_millis(20), || {
            Ok(self.metric("fonio_steps_queued")? + self.metric("fonio_steps_running")? == 0)
        })
    }

    /// One figure of `/metrics`.
    pub fn metric(&self, name: &str) -> anyhow::Result<u64> {
        let reply = load::once(&Target::get(self.address, "/metrics"))?;
        let text = String::from_utf8_lossy(&reply.body);
        let mut lines = text.lines().filter_map(|line| line.split_once(' '));
        let value = lines.find_map(|(found, value)| (found == name).then_some(value));
        value
            .and_then(|value| value.parse().ok())
            .with_context(|| format!("/metrics has no {name}"))
    }

    /// What it holds in memory now, and has held at most.
    pub fn memory(&self) -> anyhow::Result<Memory> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        Memory::parse(&status).context("/proc/PID/status lacks a figure")
    }

    /// CPU time so far, of it and its children.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        Ok(ProcessTree::of(self.child.id())?.cpu)
    }

    /// Asks it to finish and waits until it has.
    pub fn stop(mut self) -> anyhow::Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let child = &mut self.child;
        wait_until(
            STOP_WITHIN,
            "the host to stop",
            Duration::from_millis(5),
            || Ok(child.try_wait()?.is_some()),
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks every `pause` until the answer is yes.
pub fn wait_until(
    within: Duration,
    what: &str,
    pause: Duration,
    mut done: impl FnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let deadline = Instant::now() + within;
    while !done()? {
        if Instant::now() > deadline {
            bail!("waited {} s in vain for {what}", within.as_secs());
        }
        std::thread::sleep(pause);
    }
    Ok(())
}

/// Resident memory of a process, in MiB. `anon` leaves out mapped files: the program itself and compiled code.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Memory {
    pub rss_mib: f64,
    pub anon_mib: f64,
    pub peak_mib: f64,
}

impl Memory {
    fn parse(status: &str) -> Option<Memory> {
        let mib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            let kib: f64 = line
                .trim_start_matches(':')
                .trim()
                .strip_suffix(" kB")?
                .parse()
                .ok()?;
            Some(kib / 1024.0)
        };
        Some(Memory {
            rss_mib: mib("VmRSS")?,
            anon_mib: mib("RssAnon")?,
            peak_mib: mib("VmHWM")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_mebibytes() {
        let status =
            "Name:\tfonio\nVmHWM:\t    4096 kB\nVmRSS:\t    3072 kB\nRssAnon:\t    1024 kB\n";
        assert_eq!(
            Memory::parse(status),
            Some(Memory {
                rss_mib: 3.0,
                anon_mib: 1.0,
                peak_mib: 4.0
            })
        );
        assert_eq!(Memory::parse("Name:\tfonio\n"), None);
    }
}
