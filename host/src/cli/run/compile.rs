//! The expression in a file, compiled for one run.

use std::path::Path;
use std::sync::Arc;

use fonio_project::{Problem, Severity};
use fonio_sandbox::{Adaptor, CompiledJob, JobProblem, Sandbox};

use crate::cli::{Exit, Failure, paint};

/// Compiles the expression in `file`.
///
/// # Errors
/// Every problem found, with its place in the file.
pub(crate) async fn compile(
    sandbox: &Sandbox,
    file: &Path,
    source: &str,
    adaptor: Option<Arc<Adaptor>>,
) -> Result<(CompiledJob, Vec<Problem>), Vec<Problem>> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let problems = |found: &[JobProblem], severity| {
        let found = found.iter();
        found
            .map(|each| problem(file, source, each, severity))
            .collect()
    };
    match sandbox.load_job(&stem, source, adaptor).await {
        Ok(code) => {
            let warnings = problems(&code.warnings, Severity::Warning);
            Ok((code, warnings))
        }
        Err(found) => Err(problems(&found, Severity::Error)),
    }
}

/// The code of a job, after every problem has been shown.
pub(crate) async fn compiled(
    sandbox: &Sandbox,
    file: &Path,
    source: &str,
    adaptor: Option<Arc<Adaptor>>,
) -> Result<CompiledJob, Failure> {
    let compiled = compile(sandbox, file, source, adaptor).await;
    let problems = match &compiled {
        Ok((_, warnings)) => warnings,
        Err(errors) => errors,
    };
    for problem in problems {
        paint::problem(problem);
    }
    let said = format!("{} could not be loaded", file.display());
    let code = compiled.map(|(code, _)| code);
    code.map_err(|_| Failure(Exit::NotLoaded, said))
}

fn problem(file: &Path, source: &str, found: &JobProblem, severity: Severity) -> Problem {
    Problem {
        severity,
        file: file.to_path_buf(),
        line: found.line,
        column: found.column,
        message: found.message.clone(),
        help: found.help_at(|line, column| (line, column)),
        source_line: source
            .lines()
            .nth(found.line as usize - 1)
            .map(str::to_owned),
    }
}
