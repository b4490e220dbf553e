//! The sandbox as every command starts it.

use std::path::PathBuf;

use fonio_sandbox::{Sandbox, SandboxOptions};

use super::Failure;

/// Steps that run at once. 8 with the default memory limit of 64 MiB is at most 512 MiB, which few machines lack.
pub(crate) const STEPS: usize = 8;

/// Starts the sandbox. Compiled code is kept in `FONIO_CACHE`, else in `fonio/code` in the user's cache folder.
pub(crate) async fn start() -> Result<Sandbox, Failure> {
    let compiler = std::env::current_exe()
        .map_err(|error| Failure::failed(format!("the program cannot find itself: {error}")))?;
    let options = SandboxOptions {
        code_cache: code_cache()?,
        compiler,
        steps: STEPS,
    };
    Sandbox::start(options).await.map_err(Failure::failed)
}

fn code_cache() -> Result<PathBuf, Failure> {
    match variable("FONIO_CACHE") {
        Some(named) => Ok(named),
        None => Ok(cache_folder()?.join("code")),
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
