//! Where a job's JavaScript is: in the project file, in the file it names, or in `jobs/NAME.js`.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use crate::expression::{Expression, Placement};
use crate::inputs::{Inputs, Read};
use crate::report::{Place, Secrecy};
use crate::suggest::did_you_mean;
use crate::yaml::{Field, PROJECT_FILE, RawJob, RawProject};

const FOLDER: &str = "jobs";
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
        raw: &RawProject,
        job: &RawJob,
    ) -> Option<Expression> {
        match &job.expression {
            Field::Wrong => None,
            Field::Absent => self.of_name(inputs, job),
            Field::Text {
                text,
                at,
                written_at,
            } => match path_in(text) {
                Some(path) => self.of_path(inputs, &path, *at),
                None => inline(inputs, raw, text, *at, *written_at),
            },
        }
    }

    fn of_name(&mut self, inputs: &mut Inputs<'_>, job: &RawJob) -> Option<Expression> {
        let name = &job.name.text;
        let file = Path::new(FOLDER).join(format!("{name}.js"));
        let plain = !name.contains(['/', '\\']);
        if let Some(source) = plain.then(|| self.read(inputs, &file)) {
            match source {
                Read::Text(source) => return of_file(inputs, &file, source),
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
            .error(Path::new(PROJECT_FILE), job.name.at, format!("the job `{name}` has no expression"))
            .help(match help {
                Some(help) => format!("write it into jobs/{name}.js, or name its file: `expression: jobs/….js`; {help}"),
                None => format!("write it into jobs/{name}.js, or here: `expression: |`"),
            });
        None
    }

    fn of_path(&mut self, inputs: &mut Inputs<'_>, path: &Path, at: Place) -> Option<Expression> {
        let file = Path::new(PROJECT_FILE);
        let outside = path
            .components()
            .any(|part| !matches!(part, Component::Normal(_) | Component::CurDir));
        let there = inputs.dir.join(path).exists();
        if outside || (there && inputs.inside(path).is_none()) {
            inputs
                .report
                .error(
                    file,
                    at,
                    format!("{} is outside the project", path.display()),
                )
                .help("a project is complete in its own folder; copy the file to jobs/");
            return None;
        }
        let path: PathBuf = path
            .components()
            .filter(|part| *part != Component::CurDir)
            .collect();
        match self.read(inputs, &path) {
            Read::Text(source) => of_file(inputs, &path, source),
            Read::Refused => None,
            Read::Missing => {
                let names: Vec<String> = inputs
                    .names_in(FOLDER, "js")
                    .iter()
                    .map(|name| format!("{FOLDER}/{name}"))
                    .collect();
                inputs
                    .report
                    .error(file, at, format!("there is no file {}", path.display()))
                    .help = did_you_mean(
                    &path.to_string_lossy(),
                    "there are",
                    names.iter().map(String::as_str),
                );
                None
            }
        }
    }

    fn read(&mut self, inputs: &mut Inputs<'_>, file: &Path) -> Read {
        self.used.insert(file.to_owned());
        inputs.read(file, Secrecy::Open)
    }

    /// A file that no job uses is most likely one that was meant to run.
    pub fn warn_of_unused(&self, inputs: &mut Inputs<'_>) {
        for name in inputs.names_in(FOLDER, "js") {
            let file = Path::new(FOLDER).join(&name);
            if !self.used.contains(&file) {
                let job = name.strip_suffix(".js").unwrap_or(&name);
                inputs
                    .report
                    .warning(&file, Place::FILE, "no job uses this file")
                    .help(format!("add a job `{job}` to project.yaml, or name the file in one: `expression: {FOLDER}/{name}`"));
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
    raw: &RawProject,
    text: &str,
    at: Place,
    written_at: Place,
) -> Option<Expression> {
    let file = Path::new(PROJECT_FILE);
    if text.trim().is_empty() {
        inputs
            .report
            .error(file, at, "the expression is empty")
            .help(EMPTY_HELP);
        return None;
    }
    let placement = Placement::of_scalar(&raw.text, written_at, text);
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
    let path = text.strip_prefix("file://").unwrap_or(text);
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
