//! `http`: any HTTP API. Stands for `@openfn/language-http`, so jobs written for it run unchanged.
//!
//! This file is the table: what there is to call. The work is in the modules, in the order a request takes: [`arguments`] (who wrote
//! what, in which of the three dialects), [`options`], [`address`], [`auth`], [`body`], [`exchange`] (send, follow redirects), and
//! [`reply`] (parse, or fail).

mod address;
mod arguments;
mod auth;
mod body;
mod exchange;
mod options;
mod reply;

use fonio_sdk::http::Method;
use fonio_sdk::{Adaptor, Call, Error, Operation, Parameter, Reply, adaptor};

use arguments::Ask;

/// The adaptor.
pub static HTTP: Adaptor = Adaptor {
    name: "http",
    version: "1.0.0",
    docs: "Requests to any HTTP API. Paths are relative to the credential's `baseUrl`; its secrets are sent as Basic, Bearer or \
           API-key authentication. The parsed reply becomes `state.data`, its status and headers `state.response`.",
    answers_to: &["@openfn/language-http"],
    wants: &["network", "log"],
    credential_schema: include_str!("credential.schema.json"),
    operations: &[
        Operation {
            name: "get",
            docs: "Reads: `get('/patients', { query: { page: 1 } })`.",
            parameters: &[PATH, OPTIONS],
            run: |call| without_data(call, Method::Get),
        },
        Operation {
            name: "post",
            docs: "Creates: `post('/patients', $.data)`, or `post('/patients', { body: $.data, headers: { … } })`.",
            parameters: &[PATH, DATA, OPTIONS],
            run: |call| with_data(call, Method::Post),
        },
        Operation {
            name: "put",
            docs: "Replaces: `put('/patients/7', $.data)`.",
            parameters: &[PATH, DATA, OPTIONS],
            run: |call| with_data(call, Method::Put),
        },
        Operation {
            name: "patch",
            docs: "Changes: `patch('/patients/7', { phone: '0123' })`.",
            parameters: &[PATH, DATA, OPTIONS],
            run: |call| with_data(call, Method::Patch),
        },
        Operation {
            name: "del",
            docs: "Deletes: `del('/patients/7')`.",
            parameters: &[PATH, OPTIONS],
            run: |call| without_data(call, Method::Delete),
        },
        Operation {
            name: "delete",
            docs: "The same as `del`, for callers in whose language `delete` is an ordinary name.",
            parameters: &[PATH, OPTIONS],
            run: |call| without_data(call, Method::Delete),
        },
        Operation {
            name: "head",
            docs: "Reads the headers alone; they are in `state.response.headers`, and `state.data` is null.",
            parameters: &[PATH, OPTIONS],
            run: |call| without_data(call, Method::Head),
        },
        Operation {
            name: "options",
            docs: "Asks what a server allows at a path.",
            parameters: &[PATH, OPTIONS],
            run: |call| without_data(call, Method::Options),
        },
        Operation {
            name: "request",
            docs: "Any method: `request('POST', '/patients', { body: $.data })`.",
            parameters: &[METHOD, OPTIONAL_PATH, OPTIONS],
            run: any_method,
        },
    ],
};
adaptor!(HTTP);

const PATH_DOCS: &str = "Relative to the credential's `baseUrl`, or an absolute URL.";
const PATH: Parameter = Parameter::required("path", PATH_DOCS, r#"{"type": "string"}"#);
const OPTIONAL_PATH: Parameter = Parameter::optional("path", PATH_DOCS, r#"{"type": "string"}"#);
const METHOD: Parameter = Parameter::required(
    "method",
    "`GET`, `POST` and so on; or one object with `method`, `url` and options.",
    r#"{"type": ["string", "object"]}"#,
);
const DATA: Parameter = Parameter::optional(
    "data",
    "The body: an object or array is sent as JSON, a text as it is. Given alone, an object made of nothing but options is taken for \
     options, with the body in it.",
    "{}",
);
const OPTIONS: Parameter = Parameter::optional("options", options::DOCS, options::SCHEMA);

fn without_data(call: &Call, method: Method) -> Result<Reply, Error> {
    reply::to(call, Ask::with_options(call, method)?)
}

fn with_data(call: &Call, method: Method) -> Result<Reply, Error> {
    reply::to(call, Ask::with_data(call, method)?)
}

fn any_method(call: &Call) -> Result<Reply, Error> {
    reply::to(call, Ask::with_method(call)?)
}
