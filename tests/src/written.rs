//! After every test that served a project: none of the secrets in its credentials is in anything that the host wrote.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::authoring::contents;
use crate::sinks::forms;
use crate::{Host, Project};

/// Names of fields that hold secrets in the credentials of tests.
const SECRET: &[&str] = &["password", "secret", "token", "key", "hush"];
/// A shorter text may well stand in a file by chance.
const LENGTH_MIN: usize = 8;

impl Host {
    /// Looks through its data, what it said and what it printed.
    ///
    /// # Panics
    /// When a secret is there, in a form that the host's filter promises to know.
    pub(crate) fn check_what_was_written(&self) {
        let secrets = secrets(&self.project);
        if secrets.is_empty() {
            return;
        }
        let mut written = vec![self.said().into_bytes(), self.printed().into_bytes()];
        let data = self.project.path(".fonio");
        if data.is_dir() {
            written.extend(contents(&data));
        }
        for secret in &secrets {
            for form in forms(secret) {
                let found = written
                    .iter()
                    .any(|bytes| memchr::memmem::find(bytes, form.as_bytes()).is_some());
                assert!(!found, "the host wrote the secret {secret}, as {form}");
            }
        }
    }
}

/// Of every credential in the project's folder, and in those of tenants; but where a project reveals them.
fn secrets(project: &Project) -> Vec<String> {
    let folders = fs::read_dir(project.dir()).into_iter().flatten().flatten();
    let tenants = folders
        .map(|entry| entry.path())
        .filter(|path| path.is_dir());
    let projects = tenants.chain([project.dir().to_owned()]);
    let mut secrets: Vec<String> = projects
        .filter(|dir| !reveals(dir))
        .flat_map(|dir| of_folder(&dir.join("credentials")))
        .collect();
    secrets.sort();
    secrets.dedup();
    secrets
}

fn reveals(dir: &Path) -> bool {
    let settings = fs::read_to_string(dir.join("fonio.toml")).unwrap_or_default();
    settings.contains("reveal = true") || settings.contains("plain = [")
}

fn of_folder(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let texts = entries.filter_map(|entry| fs::read(entry.path()).ok());
    let credentials = texts.filter_map(|text| serde_json::from_slice::<Value>(&text).ok());
    let mut secrets = Vec::new();
    for credential in credentials {
        let fields = credential.as_object().into_iter().flatten();
        for (field, value) in fields {
            let field = field.to_lowercase();
            let value = value.as_str().unwrap_or_default();
            if SECRET.iter().any(|name| field.ends_with(name)) && value.len() >= LENGTH_MIN {
                secrets.push(value.to_owned());
            }
        }
    }
    secrets
}
