//! The server itself.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a server may take until it answers.
const START_WITHIN: Duration = Duration::from_secs(60);

/// A server that runs until the value is dropped.
pub struct Server {
    keeper: Child,
    dir: PathBuf,
}

impl Server {
    /// Makes a new cluster and starts it. Durable as a real one: tests kill what writes to it.
    ///
    /// # Errors
    /// When PostgreSQL is not there, or does not start.
    pub fn start() -> io::Result<Server> {
        let programs = programs().ok_or_else(|| {
            io::Error::other("PostgreSQL is not on this machine; `cargo xtask test` installs it, or: apt-get install postgresql")
        })?;
        let dir = TempDir::with_prefix("fonio-postgres-")?;
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755))?;
        let user = unprivileged()?;
        let data = dir.path().join("data");
        fs::create_dir(&data)?;
        if let Some((user, group)) = user {
            chown(&data, Some(user), Some(group))?;
            chown(dir.path(), Some(user), Some(group))?;
        }
        let command = |program: &str| {
            let mut command = Command::new(programs.join(program));
            if let Some((user, group)) = user {
                command.uid(user).gid(group);
            }
            command
                .current_dir(dir.path())
                .stdin(Stdio::null())
                .stdout(Stdio::null());
            command
        };
        let made = command("initdb")
            .args([
                "--username=fonio",
                "--auth=trust",
                "--encoding=UTF8",
                "--no-locale",
                "--no-instructions",
                "-D",
            ])
            .arg(&data)
            .output()?;
        if !made.status.success() {
            return Err(io::Error::other(
                String::from_utf8_lossy(&made.stderr).into_owned(),
            ));
        }
        let log = fs::File::create(dir.path().join("log"))?;
        let mut process = command("postgres");
        process
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(dir.path())
            .args(["-c", "listen_addresses=", "-c", "max_connections=300"]);
        let keeper = keep(&process, dir.path(), user).stderr(log).spawn()?;
        let server = Server {
            keeper,
            dir: dir.keep(),
        };
        server.wait(&programs)?;
        Ok(server)
    }

    /// Ends it as a crash of its machine would, and starts it again: every session is gone, and what it had not made
    /// durable.
    ///
    /// # Errors
    /// When it does not answer again.
    pub fn crash(&mut self) -> io::Result<()> {
        let programs = programs().ok_or_else(|| io::Error::other("PostgreSQL is gone"))?;
        let before = self.process()?;
        // SIGQUIT is PostgreSQL's immediate shutdown: at its next start it recovers from its log.
        let keeper = self.keeper.stdin.as_mut();
        let keeper = keeper.ok_or_else(|| io::Error::other("the keeper is gone"))?;
        keeper.write_all(b"QUIT\n")?;
        let begun = Instant::now();
        while self.process().is_ok_and(|now| now == before) || self.process().is_err() {
            if begun.elapsed() > START_WITHIN {
                return Err(io::Error::other("PostgreSQL did not come back"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.wait(&programs)
    }

    /// The number of its process, which it writes down itself.
    fn process(&self) -> io::Result<String> {
        let said = fs::read_to_string(self.dir.join("data/postmaster.pid"))?;
        let first = said.lines().next();
        first
            .map(str::to_owned)
            .ok_or_else(|| io::Error::other("it has not said"))
    }

    /// Who it runs as, if that is not who runs the tests: the numbers of a user and a group.
    ///
    /// # Errors
    /// When PostgreSQL's user is not there.
    pub fn owner() -> io::Result<Option<(u32, u32)>> {
        unprivileged()
    }

    /// The folder of its socket.
    pub fn socket(&self) -> &Path {
        &self.dir
    }

    fn wait(&self, programs: &Path) -> io::Result<()> {
        let started = Instant::now();
        loop {
            let mut ask = Command::new(programs.join("pg_isready"));
            let ask = ask
                .arg("-q")
                .arg("-h")
                .arg(&self.dir)
                .args(["-U", "fonio", "-d", "postgres"]);
            if ask.status()?.success() {
                return Ok(());
            }
            if started.elapsed() > START_WITHIN {
                let log = fs::read_to_string(self.dir.join("log")).unwrap_or_default();
                return Err(io::Error::other(format!(
                    "PostgreSQL does not answer:\n{log}"
                )));
            }
            // A server has no other way to say that it is ready than to answer.
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// A shell that runs the server until its input ends, which it does however the test ends, and then cleans up. SIGINT is
/// PostgreSQL's fast stop. A line of input is a signal that ends the server, which is then started again.
fn keep(server: &Command, dir: &Path, user: Option<(u32, u32)>) -> Command {
    let script = "\"$@\" & pid=$!; \
        while read -r signal; do kill -\"$signal\" $pid; wait $pid; \"$@\" & pid=$!; done; \
        kill -INT $pid; wait $pid; rm -rf \"$FONIO_DIR\"";
    let mut keeper = Command::new("sh");
    keeper
        .args(["-c", script, "sh"])
        .arg(server.get_program())
        .args(server.get_args());
    keeper
        .env("FONIO_DIR", dir)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    if let Some((user, group)) = user {
        keeper.uid(user).gid(group);
    }
    // Of its own, so that Ctrl-C at the terminal ends the tests first.
    keeper.process_group(0);
    keeper
}

/// The folder of the server's programs: Debian keeps them out of the way, by version.
pub fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut found: Vec<(u32, PathBuf)> = versions
        .flatten()
        .filter_map(|version| {
            let number = version.file_name().to_str()?.parse().ok()?;
            let programs = version.path().join("bin");
            (number >= 15 && programs.join("initdb").exists()).then_some((number, programs))
        })
        .collect();
    found.sort();
    found.pop().map(|(_, programs)| programs)
}

/// PostgreSQL refuses to run as root; Debian's package has made a user for it.
fn unprivileged() -> io::Result<Option<(u32, u32)>> {
    if fs::metadata("/proc/self")?.uid() != 0 {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let line = users.lines().find(|line| line.starts_with("postgres:"));
    let mut fields = line.into_iter().flat_map(|line| line.split(':')).skip(2);
    let mut number = || fields.next().and_then(|field| field.parse().ok());
    match (number(), number()) {
        (Some(user), Some(group)) => Ok(Some((user, group))),
        _ => Err(io::Error::other(
            "there is no user `postgres`, and PostgreSQL does not run as root",
        )),
    }
}
