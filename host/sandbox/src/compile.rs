//! The compile child: reads one guest, writes its code, and may use no more than it was given.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use rustix::process::{Resource, Rlimit, Signal, setrlimit};
use sha2::{Digest, Sha256};
use tokio::process::Command;
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, Store};
use wasmtime_wizer::Wizer;

use crate::confine::{self, Reach, Work};
use crate::engine::{Allocation, FIBER_STACK_BYTES, WASM_STACK_BYTES, engine};
use crate::expression::{RuntimeImports, link_runtime};

/// The child's address space. Compiling 1 MB of guest took 77 MB; single functions have been seen to take gigabytes.
const CHILD_MEMORY_BYTES: u64 = 4 << 30;
/// The child's CPU time. The largest guest of ours takes 10 s on a busy core; Python components take half a minute.
const CHILD_CPU_SECONDS: u64 = 300;
/// Names a variable that narrows the CPU time of a child to so many seconds.
const CHILD_CPU_VARIABLE: &str = "FONIO_CHILD_CPU_SECONDS";

/// What kind of guest a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Compiled as it is.
    Plain,
    /// An expression runtime: initialized first, then compiled from the snapshot of its memory, so that each step
    /// starts with the engine up and the library loaded. Without it the library costs 0.7 to 1 ms a step.
    Snapshot,
}

impl Shape {
    /// As given on the child's command line.
    pub fn name(self) -> &'static str {
        match self {
            Shape::Plain => "plain",
            Shape::Snapshot => "snapshot",
        }
    }

    /// The shape of that name.
    pub fn from_name(name: &str) -> Option<Shape> {
        [Shape::Plain, Shape::Snapshot]
            .into_iter()
            .find(|shape| shape.name() == name)
    }
}

/// Changes whenever code compiled before no longer fits: another wasmtime, other settings, another CPU.
pub(crate) fn engine_fingerprint(engine: &Engine) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    let program = Sha256::digest(env!("CARGO_PKG_VERSION"));
    format!(
        "{:016x}{:02x}{:02x}",
        hasher.finish(),
        program[0],
        program[1]
    )
}

/// The CPU time that a child has, in seconds.
fn child_cpu_seconds() -> u64 {
    let narrowed = std::env::var(CHILD_CPU_VARIABLE).ok();
    let narrowed = narrowed.and_then(|seconds| seconds.trim().parse::<u64>().ok());
    narrowed.map_or(CHILD_CPU_SECONDS, |seconds| {
        seconds.clamp(1, CHILD_CPU_SECONDS)
    })
}

/// Runs `PROGRAM ARGUMENTS` to its end and gives what it printed; its error is what it said last, or how it ended if it
/// had no time to say anything.
pub(crate) async fn run_child(program: &Path, arguments: &[&OsStr]) -> Result<String, String> {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env_clear()
        .env(CHILD_CPU_VARIABLE, child_cpu_seconds().to_string())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| format!("{} did not start: {error}", program.display()))?;
    if child.status.success() {
        return Ok(String::from_utf8_lossy(&child.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&child.stderr);
    Err(match said.trim() {
        "" => silent_end(child.status),
        said => {
            let said = said.strip_prefix("error: ").unwrap_or(said);
            said.chars().take(2000).collect()
        }
    })
}

/// How a child ended that had no time to say anything.
fn silent_end(status: ExitStatus) -> String {
    let seconds = child_cpu_seconds();
    if status.signal() == Some(Signal::XCPU.as_raw()) {
        return format!(
            "it was not done after {seconds} s of CPU time, which is the limit; most likely it loops for ever"
        );
    }
    let memory = CHILD_MEMORY_BYTES >> 30;
    format!(
        "the child ended with {status}; its limits are {memory} GiB of memory and {seconds} s of CPU time"
    )
}

/// The child's main: compiles `source` to `output`. Its error is for the parent to show.
///
/// # Errors
/// When the file cannot be read, is no valid component, or cannot be snapshotted.
pub fn compile_guest(shape: Shape, source: &Path, output: &Path) -> anyhow::Result<()> {
    let mut piece = Piece::take(source, output)?;
    let mut wasm = piece.read()?;
    if shape == Shape::Snapshot {
        wasm = snapshot(&wasm)?;
    }
    let code = engine(Allocation::OnDemand)?.precompile_component(&wasm)?;
    piece.write(&code)
}

/// The one piece of work of a child: what it reads and what it writes, which from then on is all that it reaches.
pub(crate) struct Piece {
    source: File,
    output: File,
}

impl Piece {
    /// Limits this process for good, opens both files, and gives up everything else: no other file, no network, no other
    /// program. A stranger's file that takes the compiler over has gained a process that can do nothing but be slow.
    pub fn take(source: &Path, output: &Path) -> anyhow::Result<Piece> {
        let seconds = child_cpu_seconds();
        limit(Resource::As, CHILD_MEMORY_BYTES, CHILD_MEMORY_BYTES)?;
        // The first tells the parent by its signal what happened; at the second it is killed, whatever it does about that.
        limit(Resource::Cpu, seconds, seconds + 1)?;
        limit(Resource::Core, 0, 0)?;
        // What the kernel lacks is said by the host, once, and not by each of its children.
        let _ = confine::privileges(Work::Compiling);
        let piece = Piece {
            source: File::open(source)?,
            output: OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .open(output)?,
        };
        let _ = confine::files(&Reach::default(), Work::Compiling);
        Ok(piece)
    }

    /// Everything in the source.
    pub fn read(&mut self) -> anyhow::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.source.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Writes the whole of the output.
    pub fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        Ok(self.output.write_all(bytes)?)
    }
}

fn limit(resource: Resource, current: u64, maximum: u64) -> anyhow::Result<()> {
    setrlimit(
        resource,
        Rlimit {
            current: Some(current),
            maximum: Some(maximum),
        },
    )?;
    Ok(())
}

/// What a runtime exports for its snapshot.
pub(crate) const INITIALIZE: &str = "initialize";

/// The engine that runs `initialize`.
pub(crate) fn snapshot_config() -> Config {
    let mut config = Config::new();
    // This code runs once, for milliseconds: compile it quickly. Small reservations fit the child's address space.
    config
        .cranelift_opt_level(wasmtime::OptLevel::None)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(FIBER_STACK_BYTES)
        .memory_reservation(1 << 20)
        .memory_guard_size(64 << 10)
        .concurrency_support(false);
    config
}

/// Runs the runtime's `initialize` and gives a component whose memory starts out as that left it.
fn snapshot(wasm: &[u8]) -> anyhow::Result<Vec<u8>> {
    let engine = Engine::new(&snapshot_config())?;
    let mut linker = Linker::<RuntimeImports>::new(&engine);
    link_runtime(&mut linker, |imports| imports)?;
    let mut store = Store::new(&engine, RuntimeImports::silent());
    let mut wizer = Wizer::new();
    // The component goes on naming its export; without it the snapshot would not be a valid component.
    wizer.init_func(INITIALIZE).keep_init_func(true);
    let (snapshot, _) = tokio::runtime::Builder::new_current_thread()
        .build()?
        .block_on(
            wizer.run_component(&mut store, wasm, async |store, component: &Component| {
                linker.instantiate_async(store, component).await
            }),
        )?;
    Ok(snapshot)
}
