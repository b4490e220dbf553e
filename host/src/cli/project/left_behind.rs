//! What is beside a project, or between its lines, and does not come along with an import.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use fonio_project::Project;

/// A sentence each.
pub(super) fn notes(project: &Project) -> Vec<String> {
    let mut notes: Vec<String> = files(project)
        .into_iter()
        .filter(|file| has_comments(project, file))
        .map(|file| format!("the comments in {} are not carried over", file.display()))
        .collect();
    if project.dir.join(".env").exists() {
        notes.push(
            ".env was not copied, because it may hold secrets; copy it if the project needs it"
                .to_owned(),
        );
    }
    notes
}

/// Those that are written anew.
fn files(project: &Project) -> BTreeSet<&Path> {
    let workflows = project.workflows.iter();
    let files = workflows.map(|workflow| workflow.file.as_path());
    files.chain([project.file.as_path()]).collect()
}

/// As far as single lines tell. Those of jobs do not count: they come along whole.
fn has_comments(project: &Project, file: &Path) -> bool {
    let mark = match file.extension().and_then(|ending| ending.to_str()) {
        Some("yaml" | "yml") => "#",
        Some("js" | "cjs" | "mjs") => "//",
        _ => return false,
    };
    let Ok(text) = fs::read_to_string(project.dir.join(file)) else {
        return false;
    };
    let code = project.jobs().flat_map(|job| job.expression.source.lines());
    let code: BTreeSet<&str> = code.map(str::trim).collect();
    let behind = format!(" {mark} ");
    let mut lines = text.lines().map(str::trim);
    lines.any(|line| (line.starts_with(mark) || line.contains(&behind)) && !code.contains(line))
}
