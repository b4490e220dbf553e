//! The sandbox as every command starts it.

use std::path::PathBuf;

use fonio_sandbox::{CodeKey, Sandbox, SandboxOptions, make_code_folder, trust_also};

use super::Failure;

/// Steps that run at once. 8 with the default memory limit of 64 MiB is at most 512 MiB, which few machines lack.
pub(crate) const STEPS: usize = 8;

/// Starts the sandbox. Compiled code is kept in `FONIO_CACHE`, else in `fonio/code` in the user's cache folder.
pub(crate) async fn start() -> Result<Sandbox, Failure> {
    start_with(options()?).await
}

/// Starts it with options that were found before.
pub(crate) async fn start_with(options: SandboxOptions) -> Result<Sandbox, Failure> {
    Sandbox::start(options).await.map_err(Failure::failed)
}

/// Makes the folder for compiled code, reads the key by which that code is known, and finds the program that compiles. And
/// takes in, while every file is within reach, whom the operator trusts.
pub(crate) fn options() -> Result<SandboxOptions, Failure> {
    trust_the_operators()?;
    let code_cache = code_cache()?;
    make_code_folder(&code_cache).map_err(Failure::failed)?;
    Ok(SandboxOptions {
        code_key: CodeKey::open(&code_key()?).map_err(Failure::failed)?,
        code_cache,
        compiler: this_program()?,
        steps: STEPS,
    })
}

/// A PEM file of authorities whose certificates this host takes, besides those of Mozilla's: an organisation's own. The
/// operator's to say and not a project's, whose files may come from anybody.
const AUTHORITIES: &str = "FONIO_CA_FILE";

pub(crate) fn trust_the_operators() -> Result<(), Failure> {
    let Some(file) = variable(AUTHORITIES) else {
        return Ok(());
    };
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::usage(format!("{AUTHORITIES} names {}: {error}", file.display()))
    };
    let pem = std::fs::read(&file).map_err(|error| wrong(&error))?;
    trust_also(&pem).map_err(|error| wrong(&error))
}

/// On Linux what is running now, also after an update has put another in its place: only that one makes code that fits.
fn this_program() -> Result<PathBuf, Failure> {
    let running = PathBuf::from("/proc/self/exe");
    if running.exists() {
        return Ok(running);
    }
    std::env::current_exe()
        .map_err(|error| Failure::failed(format!("the program cannot find itself: {error}")))
}

fn code_cache() -> Result<PathBuf, Failure> {
    match variable("FONIO_CACHE") {
        Some(named) => Ok(named),
        None => Ok(cache_folder()?.join("code")),
    }
}

/// Not with what it protects: `FONIO_CACHE_KEY`, else `fonio/code.key` in the user's folder for state, else beside the
/// folder of the code. Of the user and not of a project, because all projects share that code.
fn code_key() -> Result<PathBuf, Failure> {
    let state = || {
        variable("XDG_STATE_HOME")
            .or_else(|| variable("HOME").map(|home| home.join(".local").join("state")))
            .map(|state| state.join("fonio").join("code.key"))
    };
    match variable("FONIO_CACHE_KEY").or_else(state) {
        Some(key) => Ok(key),
        None => {
            let mut beside = code_cache()?.into_os_string();
            beside.push(".key");
            Ok(PathBuf::from(beside))
        }
    }
}

/// Where this user's things are kept that can be made again: `FONIO_CACHE`, else `fonio` in the user's cache folder.
fn cache_folder() -> Result<PathBuf, Failure> {
    variable("FONIO_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|cache| cache.join("fonio")))
        .or_else(|| variable("HOME").map(|home| home.join(".cache").join("fonio")))
        .ok_or_else(|| {
            Failure::usage("there is no folder for compiled code: set FONIO_CACHE, or HOME")
        })
}

/// Where esbuild is kept from one build to the next.
pub(crate) fn tools() -> Result<PathBuf, Failure> {
    Ok(cache_folder()?.join("tools"))
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}
