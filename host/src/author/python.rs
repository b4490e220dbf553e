//! Adaptors in Python: componentize-py puts CPython and the adaptor into one component.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::{AuthorError, Progress};

/// What pip installs: componentize-py in the version that the adaptor was made for, and what else the adaptor needs.
const REQUIREMENTS: &str = "requirements.txt";

const NO_PYTHON: &str = "python3 is not on this machine. Install Python 3.10 or later (only building needs it, running does not)";

pub async fn build(dir: &Path, output: &Path, progress: Progress<'_>) -> Result<u64, AuthorError> {
    let environment = Environment::provide(dir, progress).await?;
    progress(
        "Building",
        &format!("{} with componentize-py", dir.display()),
    );
    // Renamed into place: a project that is being served looks at the file at any moment.
    let unfinished = output.with_extension("wasm.unfinished");
    let mut componentize = Command::new(environment.program("componentize-py"));
    componentize
        .args(["--quiet", "--wit-path", "wit", "--world", "adaptor"])
        .args(["componentize", "app", "--output"])
        .arg(std::path::absolute(&unfinished).map_err(AuthorError::file(&unfinished))?)
        .env("VIRTUAL_ENV", &environment.folder)
        // It is in Rust; of what is wrong with the source its backtrace says nothing.
        .env("RUST_BACKTRACE", "0")
        .current_dir(dir);
    if !succeeds(componentize).await? {
        return Err(AuthorError::Source(dir.to_owned()));
    }
    fs::rename(&unfinished, output).map_err(AuthorError::file(output))?;
    let written = fs::metadata(output).map_err(AuthorError::file(output))?;
    Ok(written.len())
}

/// The adaptor's virtual environment, with everything it requires.
struct Environment {
    folder: PathBuf,
}

impl Environment {
    /// Makes it, or uses the one of last time if the requirements are the same.
    async fn provide(dir: &Path, progress: Progress<'_>) -> Result<Environment, AuthorError> {
        let requirements = dir.join(REQUIREMENTS);
        let wanted = fs::read(&requirements).map_err(AuthorError::file(&requirements))?;
        let environment = Environment {
            folder: dir.join(".venv"),
        };
        let stamp = environment.folder.join(REQUIREMENTS);
        if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
            return Ok(environment);
        }
        if !environment.program("python").is_file() {
            progress(
                "Creating",
                ".venv, a virtual environment for componentize-py",
            );
            let mut venv = Command::new("python3");
            venv.args([
                OsStr::new("-m"),
                "venv".as_ref(),
                environment.folder.as_os_str(),
            ]);
            if !succeeds(venv).await? {
                return Err(AuthorError::Tool("python3 could not make a virtual environment, for the reason above. On Debian and Ubuntu: `apt-get install python3-venv`".into()));
            }
        }
        progress("Fetching", &format!("what {REQUIREMENTS} names, with pip"));
        let mut pip = Command::new(environment.program("python"));
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
        ]);
        pip.arg(&requirements);
        if !succeeds(pip).await? {
            return Err(AuthorError::Tool(format!(
                "pip could not install what {REQUIREMENTS} names, for the reason above. If PyPI cannot be reached from here, set PIP_INDEX_URL to a mirror, or PIP_FIND_LINKS to a folder of wheels"
            )));
        }
        fs::write(&stamp, wanted).map_err(AuthorError::file(&stamp))?;
        Ok(environment)
    }

    fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }
}

/// Runs a tool to its end. All that it says goes to standard error: standard output is for results.
async fn succeeds(mut command: Command) -> Result<bool, AuthorError> {
    let program = command.as_std().get_program().to_owned();
    command
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .kill_on_drop(true);
    match command.status().await {
        Ok(status) => Ok(status.success()),
        Err(error) if error.kind() == ErrorKind::NotFound && program == "python3" => {
            Err(AuthorError::Tool(NO_PYTHON.into()))
        }
        Err(error) => Err(AuthorError::Tool(format!(
            "{} does not start: {error}. Delete .venv, and it will be made anew",
            program.display()
        ))),
    }
}
