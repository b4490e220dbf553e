//! What an adaptor says about itself, whichever shape it has.

use serde::{Deserialize, Serialize};

use crate::adaptor::AdaptorError;
use crate::bindings::adaptor::exports::fonio::operations::operations as wit;

/// What an adaptor says about itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Description {
    /// Short name.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// What it is for.
    pub docs: String,
    /// What a job can call.
    pub operations: Vec<Operation>,
    /// JSON Schema of its credential.
    pub credential_schema: serde_json::Value,
    /// OpenFn package names it stands for.
    pub answers_to: Vec<String>,
    /// Capabilities it wants.
    pub wants: Vec<String>,
}

/// One operation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Operation {
    /// As a job calls it.
    pub name: String,
    /// What it does.
    pub docs: String,
    /// In order.
    pub parameters: Vec<Parameter>,
}

impl Operation {
    /// The fields of its last parameter, if that is an object of options.
    pub(crate) fn options(&self) -> Vec<String> {
        let last = self
            .parameters
            .last()
            .filter(|parameter| parameter.optional);
        let fields = last.and_then(|parameter| parameter.schema["properties"].as_object());
        fields
            .map(|fields| fields.keys().cloned().collect())
            .unwrap_or_default()
    }
}

/// One parameter of an operation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Parameter {
    /// For people; arguments go by position.
    pub name: String,
    /// What it means.
    pub docs: String,
    /// JSON Schema of the value.
    pub schema: serde_json::Value,
    /// May be left out.
    pub optional: bool,
}

fn schema(of: &str, json: &str) -> Result<serde_json::Value, AdaptorError> {
    serde_json::from_str(json)
        .map_err(|error| AdaptorError::Describe(format!("the schema of {of} is not JSON: {error}")))
}

/// As much as a package's file may say about it. It is kept while the project is served, and the API shows it.
const SAID_MAX_BYTES: usize = 4 << 20;
/// What an operation or a parameter takes beside its texts.
const ENTRY_BYTES: usize = 128;

/// About what a description takes in memory.
fn said_bytes(said: &wit::Description) -> usize {
    let parameter =
        |one: &wit::Parameter| ENTRY_BYTES + one.name.len() + one.docs.len() + one.schema.len();
    let operation = |one: &wit::Operation| {
        let parameters = one.parameters.iter().map(parameter).sum::<usize>();
        ENTRY_BYTES + one.name.len() + one.docs.len() + parameters
    };
    let names = said.answers_to.iter().chain(&said.wants);
    let texts = [
        &said.name,
        &said.version,
        &said.docs,
        &said.credential_schema,
    ];
    said.operations.iter().map(operation).sum::<usize>()
        + names.map(|name| ENTRY_BYTES + name.len()).sum::<usize>()
        + texts.iter().map(|text| text.len()).sum::<usize>()
}

impl TryFrom<wit::Description> for Description {
    type Error = AdaptorError;

    fn try_from(said: wit::Description) -> Result<Description, AdaptorError> {
        if said_bytes(&said) > SAID_MAX_BYTES {
            return Err(AdaptorError::Describe(
                "it says more about itself than the 4 MiB that it may".to_owned(),
            ));
        }
        let operations = said
            .operations
            .into_iter()
            .map(Operation::try_from)
            .collect::<Result<_, _>>()?;
        let credential_schema = schema("the credential", &said.credential_schema)?;
        Ok(Description {
            name: said.name,
            version: said.version,
            docs: said.docs,
            operations,
            credential_schema,
            answers_to: said.answers_to,
            wants: said.wants,
        })
    }
}

impl TryFrom<wit::Operation> for Operation {
    type Error = AdaptorError;

    fn try_from(said: wit::Operation) -> Result<Operation, AdaptorError> {
        let name = said.name;
        let parameters = said
            .parameters
            .into_iter()
            .map(|parameter| {
                let schema = schema(&format!("{name}({})", parameter.name), &parameter.schema)?;
                Ok(Parameter {
                    name: parameter.name,
                    docs: parameter.docs,
                    schema,
                    optional: parameter.optional,
                })
            })
            .collect::<Result<_, AdaptorError>>()?;
        Ok(Operation {
            name,
            docs: said.docs,
            parameters,
        })
    }
}
