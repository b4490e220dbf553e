//! The adaptor that `-a` names, for one job.

use std::path::Path;
use std::sync::Arc;

use fonio_project::AdaptorName;
use fonio_sandbox::{Adaptor, Sandbox};

use super::{Exit, Failure, adaptor, paint};
use crate::adaptors::Adaptors;

/// An adaptor, and the full name that `[adaptors.<name>]` stands for.
pub(crate) struct Named {
    pub adaptor: Arc<Adaptor>,
    pub name: String,
}

/// Loads what is named: `.wasm` files, or adaptors that jobs of the project in `dir` could name. The common operations
/// count for nothing, because every job has them; of others there can be one.
pub(crate) async fn adaptor(
    sandbox: &Sandbox,
    dir: &Path,
    named: &[String],
) -> Result<Option<Named>, Failure> {
    let mut found = None;
    for name in named {
        let this = if is_wasm(Path::new(name)) {
            Some(from_file(sandbox, Path::new(name)).await?)
        } else {
            from_project(sandbox, dir, name).await?
        };
        if found.is_some() && this.is_some() {
            return Err(Failure::usage(
                "a job has one adaptor beside the common operations; name one with -a",
            ));
        }
        found = found.or(this);
    }
    Ok(found)
}

pub(crate) fn is_wasm(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "wasm")
}

async fn from_file(sandbox: &Sandbox, path: &Path) -> Result<Named, Failure> {
    let adaptor = Arc::new(adaptor::load(sandbox, path).await?);
    let name: AdaptorName = adaptor
        .description()
        .name
        .parse()
        .map_err(Failure::failed)?;
    let name = name.name;
    Ok(Named { adaptor, name })
}

/// The adaptor that jobs of the project in `dir` would get by this name; none for the common operations.
pub(crate) async fn from_project(
    sandbox: &Sandbox,
    dir: &Path,
    named: &str,
) -> Result<Option<Named>, Failure> {
    let name: AdaptorName = named
        .parse()
        .map_err(|error| Failure::usage(format!("{named}: {error}")))?;
    let mut problems = Vec::new();
    let adaptors = Adaptors::load(dir, sandbox, None, &mut problems).await;
    for problem in &problems {
        paint::problem(problem);
    }
    match adaptors.find(&name) {
        Ok(found) => Ok(found.map(|loaded| Named {
            adaptor: Arc::clone(&loaded.adaptor),
            name: name.name.clone(),
        })),
        Err((message, help)) => Err(Failure(Exit::NotLoaded, format!("{message}\n  = {help}"))),
    }
}
