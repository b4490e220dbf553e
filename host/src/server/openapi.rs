//! `/api/v1/openapi.json`: the API as a document. It is kept in parts (`openapi/`), one for each thing that the API is about,
//! and put together when it is first asked for.

use std::sync::LazyLock;

use http::StatusCode;
use serde_json::{Map, Value};

use super::Reply;

/// The first is the frame; the others add `paths` and `schemas`.
const PARTS: &[&str] = &[
    include_str!("openapi/frame.json"),
    include_str!("openapi/runs.json"),
    include_str!("openapi/decisions.json"),
    include_str!("openapi/messages.json"),
    include_str!("openapi/project.json"),
    include_str!("openapi/session.json"),
];

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| together(PARTS));

/// The document.
pub fn show() -> Reply {
    Reply::json(StatusCode::OK, &*DOCUMENT)
}

fn together(parts: &[&str]) -> Value {
    let mut parts = parts
        .iter()
        .map(|part| serde_json::from_str::<Value>(part).unwrap_or_default());
    let mut document = parts.next().unwrap_or_default();
    document["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    for mut part in parts {
        add(&mut document["paths"], part["paths"].take());
        add(
            &mut document["components"]["schemas"],
            part["schemas"].take(),
        );
    }
    document
}

fn add(to: &mut Value, more: Value) {
    if !to.is_object() {
        *to = Value::Object(Map::new());
    }
    if let (Value::Object(to), Value::Object(more)) = (to, more) {
        to.extend(more);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::server::routes::{ROUTES, Where};

    /// Every operation as `GET /api/v1/runs`.
    fn described() -> BTreeSet<String> {
        let paths = DOCUMENT["paths"].as_object().expect("paths");
        let operations = paths.iter().flat_map(|(path, item)| {
            let methods = item.as_object().expect("operations").keys();
            methods
                .filter(|name| *name != "parameters")
                .map(move |method| format!("{} {path}", method.to_uppercase()))
        });
        operations.collect()
    }

    #[test]
    fn every_part_is_json_and_adds_what_no_other_does() {
        let mut names = BTreeSet::new();
        for part in PARTS {
            let part: Value = serde_json::from_str(part).expect("JSON");
            for kind in ["paths", "schemas"] {
                for name in part[kind].as_object().into_iter().flatten() {
                    assert!(names.insert(name.0.clone()), "{} is there twice", name.0);
                }
            }
        }
    }

    #[test]
    fn every_route_is_described_and_nothing_else_is() {
        let routes = ROUTES
            .iter()
            .map(|route| format!("{} {}", route.method, route.path));
        assert_eq!(described(), routes.collect());
    }

    #[test]
    fn who_may_use_a_route_and_where_it_is_are_as_the_table_says() {
        for route in ROUTES {
            let method = route.method.as_str().to_lowercase();
            let operation = &DOCUMENT["paths"][route.path][method];
            let role = route.role.map(fonio_access::Role::as_str);
            assert_eq!(operation["x-role"].as_str(), role, "{}", route.path);
            let place = match route.place {
                Where::Project => "project",
                Where::Root => "host",
                Where::Both => "both",
            };
            assert_eq!(operation["x-place"], place, "{}", route.path);
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn look(at: &Value) {
            match at {
                Value::Object(fields) => {
                    if let Some(Value::String(to)) = fields.get("$ref") {
                        let found = DOCUMENT.pointer(to.trim_start_matches('#'));
                        assert!(found.is_some(), "{to} leads nowhere");
                    }
                    fields.values().for_each(look);
                }
                Value::Array(items) => items.iter().for_each(look),
                _ => {}
            }
        }
        look(&DOCUMENT);
    }
}
