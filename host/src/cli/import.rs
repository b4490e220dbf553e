//! `fonio adaptor import`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use fonio_project::AdaptorName;
use fonio_sandbox::Sandbox;

use super::output::tell;
use super::sandbox::tools;
use super::{Exit, Failure, lock, paint};
use crate::bring::takes_adaptors;
use crate::import::{self, ImportError, Imported, Origin};

/// Makes an adaptor of an npm package: one `.wasm` file that holds it, with its operations, documentation and credential.
///
/// The package is fetched by npm, without running any script of it, and bundled by esbuild (FONIO_ESBUILD, else the one on
/// the path, else npm's). Both are needed on this machine only, to import; running needs neither. The file contains the
/// package, under the package's own licence.
///
/// Exits 10 when the package cannot be had, or cannot run in the sandbox.
#[derive(Debug, Args)]
pub(crate) struct ImportPackage {
    /// The package: `@openfn/language-http@7.2.10`, or `http` for OpenFn's newest.
    package: AdaptorName,
    /// Take it from a tarball or a folder instead of from the registry.
    #[arg(long, value_name = "TARBALL|FOLDER")]
    from: Option<PathBuf>,
    /// The file to write [default: adaptors/NAME@VERSION.wasm in the project].
    #[arg(short, long, value_name = "FILE", conflicts_with = "project")]
    output: Option<PathBuf>,
    /// The project into whose `adaptors/` it goes.
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
}

impl ImportPackage {
    pub(crate) async fn execute(self, sandbox: &Sandbox) -> Result<Exit, Failure> {
        let started = Instant::now();
        self.check_folder()?;
        let origin = self.from.as_deref().map(Origin::from_path);
        let import = import::Import {
            name: self.package.clone(),
            origin: origin.unwrap_or(Origin::Registry),
        };
        let program = std::env::current_exe().map_err(Failure::failed)?;
        let imported = import
            .run(&program, &tools()?, &paint::event)
            .await
            .map_err(failure)?;
        paint::event("Compiling", "the snapshot");
        sandbox
            .load_adaptor(&imported.wasm)
            .await
            .map_err(|error| Failure(Exit::NotLoaded, error.to_string()))?;
        let file = self.file(&imported);
        write(&file, &imported.wasm)?;
        // A file of one's own choosing may be anywhere; one that goes into a project begins its lock.
        lock::keep(&file, sandbox, self.output.is_none()).await?;
        summary(&file, &imported, started);
        Ok(Exit::Success)
    }

    /// An adaptor that lands where no project is would not be found by any.
    fn check_folder(&self) -> Result<(), Failure> {
        if self.output.is_some() {
            return Ok(());
        }
        let dir = &self.project;
        if !dir.is_dir() {
            return Err(Failure::usage(format!(
                "there is no folder {}",
                dir.display()
            )));
        }
        if takes_adaptors(dir) {
            return Ok(());
        }
        Err(Failure::usage(format!(
            "{} holds no project; name one by --project DIR, or a file by -o FILE.wasm",
            dir.canonicalize().unwrap_or_else(|_| dir.clone()).display()
        )))
    }

    fn file(&self, imported: &Imported) -> PathBuf {
        if let Some(file) = &self.output {
            return file.clone();
        }
        let short = self
            .package
            .short()
            .trim_start_matches('@')
            .replace('/', "-");
        let name = format!("{short}@{}.wasm", imported.package.description.version);
        self.project.join("adaptors").join(name)
    }
}

/// Whole or not at all: a project that is being served looks into the folder at any moment.
fn write(file: &Path, wasm: &[u8]) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::failed(format!("{} cannot be written: {error}", file.display()))
    };
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed)?;
    let mut unfinished = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    std::io::Write::write_all(&mut unfinished, wasm).map_err(failed)?;
    let kept = unfinished
        .persist(file)
        .map_err(|error| failed(error.error))?;
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    kept.set_permissions(readable).map_err(failed)
}

fn summary(file: &Path, imported: &Imported, started: Instant) {
    let description = &imported.package.description;
    let documented = description.operations.iter();
    let names: Vec<&str> = documented
        .filter(|operation| !operation.docs.is_empty())
        .map(|operation| operation.name.as_str())
        .collect();
    tell!(
        "{} {} ({}), {}: {}",
        description.name,
        description.version,
        imported.package.contents.licence,
        paint::count(description.operations.len(), "function"),
        names.join(", ")
    );
    tell!(
        "{}: {:.1} MiB, of {} KB of JavaScript, in {:.1} s",
        file.display(),
        imported.wasm.len() as f64 / f64::from(1 << 20),
        imported.bundle_bytes / 1000,
        started.elapsed().as_secs_f64()
    );
}

fn failure(error: ImportError) -> Failure {
    let exit = match error {
        ImportError::Tool(_) | ImportError::NoNpm | ImportError::File { .. } => Exit::Failed,
        ImportError::NotThere(_) | ImportError::Refused { .. } | ImportError::Load { .. } => {
            Exit::NotLoaded
        }
    };
    Failure(exit, error.to_string())
}
