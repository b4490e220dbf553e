//! `--credentials`: a map from the names that steps have to what they mean.

use std::path::Path;

use fonio_project::{Credential, Problem, Project, origins_of_credential};
use serde_json::{Map, Value};

use crate::cli::{Failure, run};

/// Fills in the credentials of the project, and takes back what was said of those that lacked.
pub(super) fn apply(
    path: &Path,
    project: &mut Project,
    problems: &mut Vec<Problem>,
) -> Result<(), Failure> {
    let map = read(path)?;
    for credential in project.credentials.values_mut() {
        let names = names(credential);
        let Some(body) = names.iter().find_map(|name| map.get(name)) else {
            continue;
        };
        let Value::Object(body) = body else {
            return Err(Failure::usage(format!(
                "the credential {} in {} is not an object",
                credential.name,
                path.display()
            )));
        };
        credential.body = body.clone().into();
        credential.origins.extend(origins_of_credential(body));
        let lacked = format!("the credential `{}` has no values", credential.name);
        problems.retain(|problem| problem.is_error() || !problem.message.starts_with(&lacked));
    }
    Ok(())
}

/// Every name by which a step may have called it, the most particular first.
fn names(credential: &Credential) -> Vec<String> {
    let id = |name: &str| credential.kept.get(name).and_then(Value::as_str);
    let owned = credential.owner.as_ref().zip(credential.title.as_ref());
    let owned = owned.map(|(owner, title)| format!("{owner}|{title}"));
    let ids = ["id", "uuid"].into_iter().filter_map(id);
    owned
        .into_iter()
        .chain(ids.map(str::to_owned))
        .chain([credential.name.clone()])
        .chain(credential.title.clone())
        .collect()
}

fn read(path: &Path) -> Result<Map<String, Value>, Failure> {
    let wrong = |why: String| {
        Failure::usage(format!(
            "the credentials in {} cannot be read: {why}",
            path.display()
        ))
    };
    let text = run::read(path)?;
    let value: Value = if path.extension().is_some_and(|ending| ending == "json") {
        serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?
    } else {
        // Without the line at fault, which may hold a secret.
        let options = serde_saphyr::options! { with_snippet: false };
        serde_saphyr::from_str_with_options(&text, options)
            .map_err(|error| wrong(error.to_string()))?
    };
    match value {
        Value::Object(map) => Ok(map),
        _ => Err(wrong(
            "it is not a map from names to credentials".to_owned(),
        )),
    }
}
