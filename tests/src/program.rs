//! One call of the program, to its end.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};
use serde_json::Value;
use tempfile::TempDir;

use crate::places::{code_cache, code_key, fonio};
use crate::wait::wait_at_most;

/// The first call of all compiles the guests that the program carries, on whatever else the machine has to do.
const LIFETIME: Duration = Duration::from_secs(180);

/// A call that is being put together.
#[derive(Clone, Debug)]
pub struct Program {
    name: Option<String>,
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
    address_space_bytes: Option<u64>,
    input: Option<String>,
}

/// How a call ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// What it printed for the next program.
    pub stdout: String,
    /// What it told the person.
    pub stderr: String,
}

impl Program {
    /// `fonio ARGUMENTS…`, with an environment that holds nothing of the machine's.
    pub fn new<A: AsRef<str>>(arguments: impl IntoIterator<Item = A>) -> Program {
        let arguments = arguments
            .into_iter()
            .map(|argument| argument.as_ref().to_owned())
            .collect();
        Program {
            name: None,
            arguments,
            environment: BTreeMap::new(),
            address_space_bytes: None,
            input: None,
        }
    }

    /// `fonio serve` for the tenants in the project's folder, on any free port, and more arguments.
    pub fn serving_tenants(more: &[&str]) -> Program {
        let serve = ["serve", "--projects", ".", "--listen", "127.0.0.1:0"];
        Program::new([&serve[..], more].concat())
    }

    /// `NAME ARGUMENTS…`, NAME being a link to the program.
    pub fn called<A: AsRef<str>>(name: &str, arguments: impl IntoIterator<Item = A>) -> Program {
        Program {
            name: Some(name.to_owned()),
            ..Program::new(arguments)
        }
    }

    /// Limits its address space, as `ulimit -v` does.
    #[must_use]
    pub fn within_address_space(mut self, bytes: u64) -> Program {
        self.address_space_bytes = Some(bytes);
        self
    }

    /// Gives it this on standard input, which is empty otherwise.
    #[must_use]
    pub fn input(mut self, text: &str) -> Program {
        self.input = Some(text.to_owned());
        self
    }

    /// Adds a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Program {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Keeps what it accepts where that one does.
    #[must_use]
    pub(crate) fn stored_as(mut self, other: &Program) -> Program {
        const STORE: &str = "FONIO_STORE";
        if let Some(store) = other.environment.get(STORE) {
            self.environment.insert(STORE.to_owned(), store.clone());
        }
        self
    }

    /// Adds an argument.
    pub fn arg(&mut self, argument: impl Into<String>) {
        self.arguments.push(argument.into());
    }

    /// Starts it in `dir`.
    pub(crate) fn start(&self, dir: &Path) -> Child {
        // Once the child has started, nobody needs the link any more.
        let links = self.name.as_ref().map(|name| link(name));
        let mut command = match &links {
            Some((_, link)) => Command::new(link),
            None => Command::new(fonio()),
        };
        command
            .args(&self.arguments)
            .current_dir(dir)
            .env_clear()
            .env("FONIO_CACHE", code_cache())
            .env("FONIO_CACHE_KEY", code_key())
            .env("HOME", dir)
            .envs(&self.environment);
        if let Some(bytes) = self.address_space_bytes {
            limit_address_space(&mut command, bytes);
        }
        let stdin = self
            .input
            .as_ref()
            .map_or(Stdio::null(), |_| Stdio::piped());
        command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        if let (Some(text), Some(mut stdin)) = (&self.input, child.stdin.take()) {
            // It may end without having read it.
            let _ = stdin.write_all(text.as_bytes());
        }
        child
    }

    /// Runs it in `dir` to its end.
    pub fn run(&self, dir: &Path) -> Ended {
        let mut child = self.start(dir);
        let stdout = collect(child.stdout.take());
        let stderr = collect(child.stderr.take());
        let status = wait(&mut child, &self.arguments.join(" "));
        let text = |reader: thread::JoinHandle<Vec<u8>>| {
            String::from_utf8_lossy(&reader.join().expect("output is read")).into_owned()
        };
        Ended {
            code: status.code(),
            stdout: text(stdout),
            stderr: text(stderr),
        }
    }
}

impl Program {
    /// Runs it in `dir` to its end, and calls `then` as soon as the person has read a line with `words` in it.
    pub fn run_until_said(&self, dir: &Path, words: &str, then: impl FnOnce()) -> Ended {
        let mut child = self.start(dir);
        let stdout = collect(child.stdout.take());
        let mut stderr = String::new();
        let mut then = Some(then);
        for line in BufReader::new(child.stderr.take().expect("the pipe was asked for")).lines() {
            stderr += &(line.expect("it is text") + "\n");
            if stderr.contains(words)
                && let Some(then) = then.take()
            {
                then();
            }
        }
        let status = wait(&mut child, &self.arguments.join(" "));
        let stdout = stdout.join().expect("output is read");
        Ended {
            code: status.code(),
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr,
        }
    }
}

impl Program {
    /// Runs it in `dir`, gives `hear` each line that it prints, and kills it when that says so.
    pub fn lines_until(&self, dir: &Path, mut hear: impl FnMut(&str) -> bool) {
        let mut child = self.start(dir);
        let stderr = collect(child.stderr.take());
        let stdout = BufReader::new(child.stdout.take().expect("the pipe was asked for"));
        let mut lines = stdout.lines().map_while(Result::ok);
        let heard = lines.any(|line| hear(&line));
        let _ = child.kill();
        let _ = child.wait();
        let said = stderr.join().expect("output is read");
        assert!(heard, "it ended: {}", String::from_utf8_lossy(&said));
    }
}

impl Ended {
    /// Standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("standard output is not JSON: {error}\n{self:#?}"))
    }

    /// Checks the exit code, showing everything when it is another.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Ended {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// Checks that the person does not read `words`.
    #[track_caller]
    pub fn expect_unsaid(self, words: &str) -> Ended {
        assert!(
            !self.stderr.contains(words),
            "`{words}` is in:\n{}",
            self.stderr
        );
        self
    }

    /// Checks that the person reads `words`.
    #[track_caller]
    pub fn expect_said(self, words: &str) -> Ended {
        assert!(
            self.stderr.contains(words),
            "`{words}` is not in:\n{}",
            self.stderr
        );
        self
    }
}

/// A link to the program in a folder of its own.
fn link(name: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder for the link");
    let link = folder.path().join(name);
    std::os::unix::fs::symlink(fonio(), &link).expect("links can be made");
    (folder, link)
}

fn limit_address_space(command: &mut Command, bytes: u64) {
    let limit = Rlimit {
        current: Some(bytes),
        maximum: Some(bytes),
    };
    // SAFETY: between fork and exec it makes one system call and allocates nothing.
    unsafe {
        command.pre_exec(move || Ok(setrlimit(Resource::As, limit)?));
    }
}

/// Reads to the end on a thread, so that a full pipe never holds the program up.
fn collect(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    let mut pipe = pipe.expect("the pipe was asked for");
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        bytes
    })
}

/// Waits for a child with an end; kills it when it overstays.
pub(crate) fn wait(child: &mut Child, what: &str) -> ExitStatus {
    struct Guard<'a>(&'a mut Child);
    impl Drop for Guard<'_> {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
    let guard = Guard(child);
    wait_at_most(LIFETIME, &format!("the end of `fonio {what}`"), || {
        guard.0.try_wait().expect("a child can be waited for")
    })
}
