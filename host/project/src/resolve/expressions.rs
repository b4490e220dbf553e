//! Where a job's JavaScript is: in the project file, in the file it names, or in `jobs/NAME.js`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::draft::{DraftJob, Field, SourceFile, Without};
use crate::expression::{Expression, Placement};
use crate::inputs::{Inputs, Read};
use crate::report::{Place, Secrecy};
use crate::suggest::did_you_mean;

const FOLDER: &str = "jobs";
/// What may stand before a path; `uri://` is v1's.
const SCHEMES: &[&str] = &["file://", "uri://"];
const MISSING_HELP: &str = "add its code: `body: |`, or `body: {path: ./FILE.js}`";
const EMPTY_HELP: &str = "write `none` for a job that does nothing on purpose";

/// Which files of `jobs/` have been used.
#[derive(Default)]
pub(super) struct Expressions {
    used: BTreeSet<PathBuf>,
}

impl Expressions {
    pub fn find(
        &mut self,
        inputs: &mut Inputs<'_>,
        source: &SourceFile,
        job: &DraftJob,
    ) -> Option<Expression> {
        let nothing = || Some(Expression::nothing(&source.path, job.id.at));
        match (&job.expression, job.without_expression) {
            (Field::Absent, Without::FileOfName) => self.of_name(inputs, source, job),
            (Field::Absent, Without::Nothing) => nothing(),
            (Field::Text { text, .. }, Without::Nothing) if text.trim().is_empty() => nothing(),
            (Field::Absent, Without::Mistake) => {
                let message = format!("the job `{}` has no expression", job.id.text);
                inputs
                    .report
                    .error(&source.path, job.id.at, message)
                    .help(MISSING_HELP);
                None
            }
            (field, _) => self.of_field(inputs, source, field),
        }
    }

    /// What is written, or is in the file that is named: also a module that is not a job's own, as v4's `globals`.
    pub fn of_field(
        &mut self,
        inputs: &mut Inputs<'_>,
        source: &SourceFile,
        field: &Field,
    ) -> Option<Expression> {
        match field {
            Field::Absent | Field::Wrong => None,
            Field::Path { text, at } => self.of_path(inputs, source, Path::new(text), *at),
            Field::Text {
                text,
                at,
                written_at,
            } => match path_in(text) {
                Some(path) => self.of_path(inputs, source, &path, *at),
                None => inline(inputs, source, text, *at, *written_at),
            },
        }
    }

    fn of_name(
        &mut self,
        inputs: &mut Inputs<'_>,
        source: &SourceFile,
        job: &DraftJob,
    ) -> Option<Expression> {
        let name = &job.id.text;
        let file = Path::new(FOLDER).join(format!("{name}.js"));
        let plain = !name.contains(['/', '\\']);
        if let Some(read) = plain.then(|| self.read(inputs, &file)) {
            match read {
                Read::Text(text) => return of_file(inputs, &file, text),
                Read::Refused => return None,
                Read::Missing => {}
            }
        }
        let names = inputs.names_in(FOLDER, "js");
        let help = did_you_mean(
            &format!("{name}.js"),
            "the files in jobs/ are",
            names.iter().map(String::as_str),
        );
        inputs
            .report
            .error(&source.path, job.id.at, format!("the job `{name}` has no expression"))
            .help(match help {
                Some(help) => format!("write it into jobs/{name}.js, or name its file: `expression: jobs/….js`; {help}"),
                None => format!("write it into jobs/{name}.js, or here: `expression: |`"),
            });
        None
    }

    /// `path` is relative to the folder of the file that names it.
    fn of_path(
        &mut self,
        inputs: &mut Inputs<'_>,
        source: &SourceFile,
        written: &Path,
        at: Place,
    ) -> Option<Expression> {
        let file = source.path.as_path();
        let path = inputs.named_in(file, written);
        let Some(path) = path else {
            inputs
                .report
                .error(
                    file,
                    at,
                    format!("{} is outside the project", written.display()),
                )
                .help("a project is complete in its own folder; copy the file to jobs/");
            return None;
        };
        match self.read(inputs, &path) {
            Read::Text(text) => of_file(inputs, &path, text),
            Read::Refused => None,
            Read::Missing => {
                let folder = path.parent().unwrap_or(Path::new(""));
                let names = inputs.names_in(&folder.to_string_lossy(), "js");
                let near = written.parent().unwrap_or(Path::new(""));
                let names: Vec<String> = names
                    .iter()
                    .map(|name| near.join(name).to_string_lossy().into_owned())
                    .collect();
                let names = names.iter().map(String::as_str);
                let message = format!("there is no file {}", path.display());
                inputs.report.error(file, at, message).help =
                    did_you_mean(&written.to_string_lossy(), "there are", names);
                None
            }
        }
    }

    fn read(&mut self, inputs: &mut Inputs<'_>, file: &Path) -> Read {
        self.used.insert(file.to_owned());
        inputs.read(file, Secrecy::Open)
    }

    /// A file that no job uses is most likely one that was meant to run.
    pub fn warn_of_unused(&self, inputs: &mut Inputs<'_>, project_file: &Path) {
        for name in inputs.names_in(FOLDER, "js") {
            let file = Path::new(FOLDER).join(&name);
            if !self.used.contains(&file) {
                let job = name.strip_suffix(".js").unwrap_or(&name);
                inputs
                    .report
                    .warning(&file, Place::FILE, "no job uses this file")
                    .help(format!("add a job `{job}` to {}, or name the file in one: `expression: {FOLDER}/{name}`", project_file.display()));
            }
        }
    }
}

fn of_file(inputs: &mut Inputs<'_>, file: &Path, source: String) -> Option<Expression> {
    if source.trim().is_empty() {
        inputs
            .report
            .error(file, Place::FILE, "the expression is empty")
            .help(EMPTY_HELP);
        return None;
    }
    Some(Expression::from_file(file, source))
}

fn inline(
    inputs: &mut Inputs<'_>,
    source: &SourceFile,
    text: &str,
    at: Place,
    written_at: Place,
) -> Option<Expression> {
    let file = source.path.as_path();
    if text.trim().is_empty() {
        inputs
            .report
            .error(file, at, "the expression is empty")
            .help(EMPTY_HELP);
        return None;
    }
    let placement = Placement::of_scalar(&source.text, written_at, text);
    let expression = Expression::from_scalar(file, text.to_owned(), placement);
    if let Some(comment) = expression.comment_that_hides_code() {
        inputs
            .report
            .warning(
                file,
                comment,
                "the comment hides the code after it: `>` makes the lines one line",
            )
            .help("write `|` in place of `>`, which keeps the lines");
    }
    Some(expression)
}

/// A text that is a path and no JavaScript: one line that ends in `.js` and has nothing that only code has.
fn path_in(text: &str) -> Option<PathBuf> {
    let text = text.trim();
    let scheme = SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme));
    let path = scheme.unwrap_or(text);
    let ends = path.ends_with(".js") && path.len() > ".js".len();
    let like_a_path = !path.contains(|c: char| c.is_control() || "(){};=>\"'`,".contains(c));
    (ends && like_a_path).then(|| PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_told_from_code() {
        for (text, path) in [
            ("./jobs/x.js", "./jobs/x.js"),
            ("jobs/x.js", "jobs/x.js"),
            ("file://jobs/x.js\n", "jobs/x.js"),
            ("../x.js", "../x.js"),
            ("jobs/to dhis2.js", "jobs/to dhis2.js"),
        ] {
            assert_eq!(path_in(text), Some(PathBuf::from(path)), "{text}");
        }
        for text in [
            "none",
            ".js",
            "get('/x.js')",
            "fn(s => s) // see\n// x.js",
            "x => x.js",
        ] {
            assert_eq!(path_in(text), None, "{text}");
        }
    }
}
