//! For running one job without a project: the parts of one that a directory has all the same.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use crate::credential::{ADDRESS_FIELDS, origin_of_address};
use crate::dotenv::{self, Environment};
use crate::files::Files;
use crate::grants::{Access, CollectionGrants, Grants, JobCollections, JobEvents, Origin, Table};
use crate::inputs::Inputs;
use crate::problem::Problem;
use crate::settings::{self, Settings};

/// Reads `fonio.toml` in `dir` alone; without the file, the defaults: no network, and the usual limits. `None` when the
/// file cannot be understood.
pub fn load_settings(dir: &Path) -> (Option<Settings>, Vec<Problem>) {
    load_settings_of(&Files::of(dir))
}

/// The same of a project whose files may be a tenant's.
pub fn load_settings_of(files: &Files) -> (Option<Settings>, Vec<Problem>) {
    let mut inputs = Inputs::of(files);
    let settings = settings::read(&mut inputs);
    (settings, inputs.report.into_problems())
}

/// Reads `.env` in `dir` alone; `environment` looks up variables of the process, which win.
pub fn load_environment(dir: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Environment {
    let mut inputs = Inputs::new(dir);
    let variables = dotenv::read(&mut inputs, environment);
    dotenv::environment(&mut inputs, &variables)
}

/// The variables that `.env` in `dir` sets, by name; what cannot be understood is left out.
pub fn load_variables(dir: &Path) -> BTreeMap<String, String> {
    let mut inputs = Inputs::new(dir);
    dotenv::read(&mut inputs, &|_| None).into_map()
}

/// The origins of the system that a credential is for, from the fields that carry its address.
pub fn origins_of_credential(body: &Map<String, Value>) -> Vec<Origin> {
    let addresses = ADDRESS_FIELDS
        .iter()
        .filter_map(|field| body.get(*field)?.as_str());
    addresses
        .filter_map(|address| origin_of_address(address).ok())
        .collect()
}

impl Settings {
    /// Names of the variables that an adaptor (by its full name) sees.
    pub fn environment_of(&self, adaptor: &str) -> impl Iterator<Item = &str> {
        let own = self.adaptors.get(adaptor);
        own.into_iter()
            .flat_map(|own| own.environment.iter().map(|name| name.text.as_str()))
    }

    /// What a job with this adaptor (by its full name) may reach, with `credential` the origins of its credential.
    pub fn grants(&self, adaptor: &str, credential: Vec<Origin>) -> Grants {
        let own = self.adaptors.get(adaptor);
        match own.and_then(|own| Some((&own.written, own.allow.as_ref()?))) {
            Some((written, allow)) => {
                Grants::for_job(Table::Adaptor(written.clone()), allow.clone(), credential)
            }
            None => Grants::for_job(Table::Project, self.allow.clone(), credential),
        }
    }

    /// What a job with this adaptor (by its full name) may do with collections.
    pub fn collections_with(&self, adaptor: &str) -> JobCollections {
        let own = self.adaptors.get(adaptor);
        match own.and_then(|own| Some((&own.written, own.collections.as_ref()?))) {
            Some((written, grants)) => JobCollections {
                grants: grants.clone(),
                adaptor: Some(written.clone()),
            },
            None => JobCollections {
                grants: self
                    .collections
                    .clone()
                    .unwrap_or(CollectionGrants::All(Access::Write)),
                adaptor: None,
            },
        }
    }

    /// What the code of jobs with this adaptor may publish, and the adaptor itself where it has a table that says so.
    pub fn events_with(&self, adaptor: &str) -> JobEvents {
        let own = self.adaptors.get(adaptor);
        match own.and_then(|own| Some((&own.written, own.events.as_ref()?))) {
            Some((written, patterns)) => {
                JobEvents::of_adaptor(patterns.clone(), Some(written.clone()))
            }
            None => match &self.events {
                Some(patterns) => JobEvents::of_adaptor(patterns.clone(), None),
                None => JobEvents::any(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_directory_without_fonio_toml_grants_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        let (settings, problems) = load_settings(dir.path());
        assert_eq!(
            (settings, problems),
            (Some(Settings::default()), Vec::new())
        );
    }

    #[test]
    fn a_broken_fonio_toml_gives_no_settings_but_a_place() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("fonio.toml"), "[network\n").expect("written");
        let (settings, problems) = load_settings(dir.path());
        assert!(settings.is_none());
        assert_eq!(problems[0].line, 1);
    }

    #[test]
    fn a_credential_names_its_own_system() {
        let body = json!({"baseUrl": "https://dhis2.example.org/api", "username": "u", "host": ""});
        let origins = origins_of_credential(body.as_object().expect("an object"));
        assert_eq!(
            origins,
            ["https://dhis2.example.org"
                .parse::<Origin>()
                .expect("an origin")]
        );
    }
}
