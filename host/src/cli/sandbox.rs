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
    let from = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    from("FONIO_CACHE")
        .or_else(|| from("XDG_CACHE_HOME").map(|cache| cache.join("fonio").join("code")))
        .or_else(|| from("HOME").map(|home| home.join(".cache").join("fonio").join("code")))
        .ok_or_else(|| {
            Failure::usage("there is no folder for compiled code: set FONIO_CACHE, or HOME")
        })
}
