//! A file to fill in for each credential of an imported project: the fields, and none of the secrets.

use std::path::{Component, Path};

use fonio_project::{Credential, Project};
use serde_json::{Map, Value, json};

use super::files::Files;
use crate::adaptors::Adaptors;
use crate::cli::{Failure, sandbox};

/// What the files are made of.
pub(super) struct Skeletons<'p> {
    project: &'p Project,
    adaptors: Adaptors,
}

impl<'p> Skeletons<'p> {
    /// With the adaptors of the project, which know the fields of their credentials.
    pub async fn new(project: &'p Project) -> Result<Skeletons<'p>, Failure> {
        let adaptors = if project.credentials.is_empty() {
            Adaptors::default()
        } else {
            let sandbox = sandbox::start().await?;
            // What does not load is told by `check`, which comes next.
            Adaptors::load(&project.dir, &sandbox, None, &mut Vec::new()).await
        };
        Ok(Skeletons { project, adaptors })
    }

    /// Adds `credentials/NAME.json.example`. It is not read before it is renamed, so that `check` says for as long that
    /// the credential has no content.
    pub fn add(&self, dir: &Path, files: &mut Files, notes: &mut Vec<String>) {
        for credential in self.project.credentials.values() {
            let file = format!("{}.json", credential.name);
            if !is_plain(&file) {
                notes.push(format!(
                    "the credential `{}` cannot be a file by that name; say where it comes from in fonio.toml",
                    credential.name
                ));
                continue;
            }
            let text = format!("{:#}\n", Value::Object(self.fields(credential)));
            let path = dir.join("credentials").join(format!("{file}.example"));
            files.add(path, text);
            notes.push(format!(
                "the credential `{}` has no values yet: fill in credentials/{file}.example and rename it to {file}, or say in fonio.toml where it comes from",
                credential.name
            ));
        }
    }

    /// Those that it has; else those that the adaptors of its jobs describe.
    fn fields(&self, credential: &Credential) -> Map<String, Value> {
        if !credential.body.is_empty() {
            let own = credential.body.iter();
            return own
                .map(|(field, value)| (field.clone(), empty(value)))
                .collect();
        }
        let uses = |name: &Option<String>| name.as_ref() == Some(&credential.name);
        let jobs = self.project.jobs().filter(|job| uses(&job.credential));
        let adaptors = jobs.filter_map(|job| self.adaptors.find(&job.adaptor).ok().flatten());
        let mut fields = Map::new();
        for loaded in adaptors {
            let schema = &loaded.adaptor.description().credential_schema;
            let properties = schema["properties"].as_object().into_iter().flatten();
            for (field, property) in properties {
                fields.entry(field).or_insert_with(|| example(property));
            }
        }
        fields
    }
}

/// A value of the same kind that says nothing.
fn empty(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Bool(_) => false.into(),
        Value::Number(_) => 0.into(),
        Value::String(_) => "".into(),
        Value::Array(_) => json!([]),
        Value::Object(fields) => {
            let fields = fields.iter();
            fields
                .map(|(name, value)| (name.clone(), empty(value)))
                .collect()
        }
    }
}

/// What a schema says the field is where nobody fills it in.
fn example(property: &Value) -> Value {
    if let Some(default) = property.get("default") {
        return default.clone();
    }
    match property["type"].as_str() {
        Some("boolean") => false.into(),
        Some("integer" | "number") => 0.into(),
        Some("object") => json!({}),
        Some("array") => json!([]),
        _ => "".into(),
    }
}

/// Whether a name leads to no other folder.
fn is_plain(file: &str) -> bool {
    let mut parts = Path::new(file).components();
    matches!(
        (parts.next(), parts.next()),
        (Some(Component::Normal(_)), None)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_credential_holds_is_emptied_field_by_field() {
        let body = json!({"user": "ana", "port": 8080, "tls": true, "auth": {"token": "hush", "old": ["hush"]}});
        let emptied =
            json!({"user": "", "port": 0, "tls": false, "auth": {"token": "", "old": []}});
        assert_eq!(empty(&body), emptied);
    }

    #[test]
    fn a_name_with_a_folder_in_it_makes_no_file() {
        assert!(is_plain("ana@example.org-registry.json"));
        assert!(!is_plain("../registry.json"));
        assert!(!is_plain("/registry.json"));
    }
}
