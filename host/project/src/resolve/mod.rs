//! Raw parts to the model: names looked up, expressions found, texts parsed; all problems at once.

mod expressions;
mod jobs;
mod triggers;

use std::path::Path;

use crate::credential;
use crate::dotenv::{Environment, Variables};
use crate::inputs::Inputs;
use crate::model::Project;
use crate::settings::{SETTINGS_FILE, Settings};
use crate::suggest::did_you_mean;
use crate::yaml::RawProject;

/// Makes the project of its parts.
pub(crate) fn resolve(
    inputs: &mut Inputs<'_>,
    mut raw: RawProject,
    settings: Settings,
    environment: Environment,
    variables: &Variables<'_>,
) -> Project {
    let inline = std::mem::take(&mut raw.credentials);
    let credentials = credential::resolve(inputs, inline, &settings, variables);
    let triggers = triggers::resolve(inputs, &raw);
    triggers::check_cycles(inputs, &raw, &triggers);
    let jobs = jobs::resolve(inputs, &raw, &credentials, &settings);
    triggers::warn_of_unused(inputs, &raw);
    warn_of_unused_adaptors(inputs, &settings, &jobs);
    Project {
        id: project_id(inputs.dir, &raw, &settings),
        dir: inputs.dir.to_owned(),
        jobs,
        triggers,
        credentials,
        settings,
        environment,
        fingerprint: inputs.fingerprint(),
    }
}

fn warn_of_unused_adaptors(
    inputs: &mut Inputs<'_>,
    settings: &Settings,
    jobs: &[crate::model::Job],
) {
    for (name, adaptor) in &settings.adaptors {
        if !jobs.iter().any(|job| job.adaptor.name == *name) {
            let used = jobs.iter().map(|job| job.adaptor.short());
            inputs
                .report
                .warning(
                    Path::new(SETTINGS_FILE),
                    adaptor.at,
                    format!("no job has the adaptor `{}`", adaptor.written),
                )
                .help = did_you_mean(&adaptor.written, "the jobs have", used);
        }
    }
}

fn project_id(dir: &Path, raw: &RawProject, settings: &Settings) -> String {
    if let Some(id) = &settings.project_id {
        return id.clone();
    }
    let directory = dir
        .canonicalize()
        .ok()
        .and_then(|dir| Some(dir.file_name()?.to_string_lossy().into_owned()));
    let named = [raw.id.clone(), directory]
        .into_iter()
        .flatten()
        .map(|name| slug(&name))
        .find(|slug| !slug.is_empty());
    named.unwrap_or_else(|| "project".to_owned())
}

/// A name in the letters of an id: `My Clinic (test)` is `my-clinic-test`.
fn slug(name: &str) -> String {
    let letters = name.to_lowercase();
    let words: Vec<&str> = letters
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.')
        .collect();
    words
        .into_iter()
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join("-")
        .trim_matches(['.', '_'])
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::slug;

    #[test]
    fn a_name_becomes_an_id() {
        assert_eq!(slug("My Clinic (test)"), "my-clinic-test");
        assert_eq!(slug("7d2c0e9a-1b"), "7d2c0e9a-1b");
        assert_eq!(slug("…"), "");
    }
}
