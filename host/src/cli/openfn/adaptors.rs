//! What `-a` names: adaptors by name, or files that stand for a name.

use std::path::{Path, PathBuf};

use fonio_project::{AdaptorName, Problem};
use fonio_sandbox::Sandbox;

use crate::adaptors::Adaptors;
use crate::cli::named::is_wasm;
use crate::cli::{Exit, Failure};

/// What every job can call without naming it.
const EVERYWHERE: &[&str] = &["@openfn/language-common", "@openfn/language-collections"];

/// The adaptors of a command.
pub(super) struct Asked(Vec<One>);

struct One {
    name: AdaptorName,
    file: Option<PathBuf>,
}

impl Asked {
    /// `http`, `@openfn/language-http@7.2.0`, `http=build/http.wasm` or `build/http.wasm`.
    pub fn parse(named: &[String]) -> Result<Asked, Failure> {
        let all: Result<Vec<One>, Failure> = named.iter().map(|text| one(text)).collect();
        Ok(Asked(all?))
    }

    /// The adaptor of a job alone.
    pub fn of_job(&self) -> Result<AdaptorName, Failure> {
        let mut names = self.0.iter().map(|one| &one.name);
        let mut own = names
            .clone()
            .filter(|name| !EVERYWHERE.contains(&name.name.as_str()));
        match (own.next(), own.next()) {
            (Some(first), Some(second)) => Err(Failure::usage(format!(
                "a job has one adaptor beside the common operations: {} or {}?",
                first.short(),
                second.short()
            ))),
            (Some(only), None) => Ok(only.clone()),
            (None, _) => match names.find(|name| name.name == EVERYWHERE[0]) {
                Some(common) => Ok(common.clone()),
                None => EVERYWHERE[0].parse().map_err(Failure::failed),
            },
        }
    }

    /// Whether no adaptor was named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that do not come with a file, which stands for its name in a workflow, too.
    pub fn names_alone(&self) -> impl Iterator<Item = &AdaptorName> {
        let alone = self.0.iter().filter(|one| one.file.is_none());
        alone.map(|one| &one.name)
    }

    /// The adaptors of `dir`, those of files before them.
    pub async fn load(
        &self,
        dir: &Path,
        sandbox: &Sandbox,
        problems: &mut Vec<Problem>,
    ) -> Result<Adaptors, Failure> {
        let mut adaptors = Adaptors::load(dir, sandbox, None, problems).await;
        for one in &self.0 {
            if let Some(file) = &one.file {
                let put = adaptors.put_first(one.name.short(), file, sandbox).await;
                put.map_err(|reason| {
                    let said = format!("{} is not an adaptor: {reason}", file.display());
                    Failure(Exit::NotLoaded, said)
                })?;
            }
        }
        Ok(adaptors)
    }
}

fn one(text: &str) -> Result<One, Failure> {
    let (name, file) = match text.split_once('=') {
        Some((name, file)) => (name.to_owned(), Some(PathBuf::from(file))),
        None if is_wasm(Path::new(text)) => {
            let stem = Path::new(text).file_stem().unwrap_or_default();
            (stem.to_string_lossy().into_owned(), Some(text.into()))
        }
        None => (text.to_owned(), None),
    };
    if let Some(file) = file.as_ref().filter(|file| !is_wasm(file)) {
        return Err(Failure::usage(format!(
            "{} is not a .wasm file; make one of a package with: fonio adaptor import {name} --from {0}",
            file.display()
        )));
    }
    let parsed: Result<AdaptorName, _> = name.parse();
    let name = parsed.map_err(|error| Failure::usage(format!("-a {text}: {error}")))?;
    Ok(One { name, file })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_job(named: &[&str]) -> Result<String, String> {
        let named: Vec<String> = named.iter().map(|&name| name.to_owned()).collect();
        let name = Asked::parse(&named).and_then(|asked| asked.of_job());
        name.map(|name| name.to_string())
            .map_err(|Failure(_, said)| said)
    }

    #[test]
    fn a_job_has_one_adaptor_beside_what_every_job_has() {
        assert_eq!(of_job(&[]).as_deref(), Ok("@openfn/language-common"));
        assert_eq!(
            of_job(&["common", "http@7.2.0", "collections"]).as_deref(),
            Ok("@openfn/language-http@7.2.0")
        );
        assert!(of_job(&["http", "dhis2"]).is_err_and(|said| said.contains("http or dhis2")));
    }

    #[test]
    fn a_file_stands_for_a_name_and_a_folder_is_to_be_imported() {
        assert_eq!(
            of_job(&["http=a/b.wasm"]).as_deref(),
            Ok("@openfn/language-http")
        );
        assert_eq!(
            of_job(&["a/kobo.wasm"]).as_deref(),
            Ok("@openfn/language-kobo")
        );
        assert!(
            of_job(&["http=../http"]).is_err_and(|said| said.contains("fonio adaptor import http"))
        );
    }
}
