//! Sealed credentials in components of other toolchains: each sees a placeholder, its request carries the secret, and what
//! comes back is sealed again. Native adaptors and packages from npm are in `sealing.rs`.
//!
//! Where npm or PyPI cannot be reached, the test of that toolchain says so and passes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fonio_tests::authoring::{OPERATIONS_WIT, Workshop, as_author, reachable};
use fonio_tests::{Answer, FarSide, Job};
use serde_json::json;

const SECRET: &str = "hush/hush+\"quoted\" & more";

/// Runs `whoami` of this adaptor, which asks `/me` with `Basic`, and gives `{ reversed, reply }`: the password as it sees
/// it, backwards, so that no filter would know it, and what the other system said.
fn seals(wasm: &Path) {
    let far_side = FarSide::answering(|request| {
        let basic = request.header("authorization").unwrap_or_default();
        let told = STANDARD.decode(basic.trim_start_matches("Basic "));
        let told = String::from_utf8_lossy(&told.unwrap_or_default()).into_owned();
        Answer::json(&json!({"plain": told, "basic": basic})).header("x-echo", basic)
    });
    let credential = json!({"baseUrl": far_side.origin(), "username": "admin", "password": SECRET});
    let finished = Job::new("whoami();")
        .adaptor_file(&fs::read(wasm).expect("it was built"))
        .credential(&credential)
        .run();
    let said = finished.ended.stderr.clone();
    let state = finished.state();
    let basic = STANDARD.encode(format!("admin:{SECRET}"));
    assert_eq!(
        far_side.only().header("authorization"),
        Some(format!("Basic {basic}").as_str())
    );
    let reversed = state["data"]["reversed"].as_str().expect("a text");
    let seen: String = reversed.chars().rev().collect();
    assert!(seen.starts_with("fonioSealed"), "{state}");
    let reply = &state["data"]["reply"];
    assert_eq!(reply["plain"], format!("admin:{seen}"), "{state}");
    for form in [SECRET, "hush/hush", &basic[9..30]] {
        assert!(!state.to_string().contains(form), "{form} is in {state}");
        assert!(!said.contains(form), "{form} is in {said}");
    }
}

const JAVASCRIPT: &str = r#"
    export const operations = {
        describe() {
            return {
                name: 'who', version: '1.0.0', docs: 'Asks who one is.', credentialSchema: '{}', answersTo: [], wants: [],
                operations: [{ name: 'whoami', docs: 'Who one is.', parameters: [] }],
            };
        },
        async invoke(operation, args, state) {
            const { baseUrl, username, password } = JSON.parse(state).configuration;
            const authorization = `Basic ${btoa(`${username}:${password}`)}`;
            const reply = await fetch(`${baseUrl}/me`, { headers: { authorization } });
            const reversed = [...password].reverse().join('');
            return { data: JSON.stringify({ reversed, reply: await reply.json() }) };
        },
    };
"#;

fn by_componentize_js(test: &str) -> Option<PathBuf> {
    Workshop::component_of_javascript(test, "who", JAVASCRIPT)
}

/// Beside what `fonio adaptor new` gives an author in Python.
const PYTHON: &str = r#"
import base64

from fonio import Adaptor, Reply, http

adaptor = Adaptor(name="who", version="1.0.0", docs="Asks who one is.", credential={"type": "object"})


@adaptor.operation()
def whoami(state):
    """Who one is."""
    own = state["configuration"]
    pair = f"{own['username']}:{own['password']}".encode()
    basic = "Basic " + base64.b64encode(pair).decode()
    response = http.get(own["baseUrl"] + "/me", {"authorization": basic})
    return Reply({"reversed": own["password"][::-1], "reply": response.json()})


Operations = adaptor.exported()
"#;
const REQUIREMENTS: &str = include_str!("../../sdk/templates/python/requirements.txt");
const PYTHON_SDK: &[&str] = &[
    include_str!("../../sdk/templates/python/fonio/__init__.py"),
    include_str!("../../sdk/templates/python/fonio/http.py"),
    include_str!("../../sdk/templates/python/fonio/log.py"),
];

fn by_componentize_py(test: &str) -> Option<PathBuf> {
    let workshop = Workshop::enter("python");
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
    ]);
    let fetched = tempfile::tempdir().expect("a folder");
    let named = REQUIREMENTS
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    pip.args(named.filter(|line| !line.is_empty()))
        .arg("-d")
        .arg(fetched.path());
    let sources: Vec<&[u8]> = [PYTHON, REQUIREMENTS, OPERATIONS_WIT]
        .iter()
        .chain(PYTHON_SDK)
        .map(|source| source.as_bytes())
        .collect();
    let made = workshop.once(
        &sources,
        || reachable(test, pip),
        |dir| {
            as_author(dir, &["adaptor", "new", "who", "--lang", "python"]).expect_code(0);
            fs::write(dir.join("who/app.py"), PYTHON).expect("a file");
            as_author(dir, &["adaptor", "build", "who"]).expect_code(0);
        },
    );
    Some(made?.join("who/who.wasm"))
}

#[test]
fn a_component_by_componentize_js_never_sees_the_secret() {
    if let Some(wasm) = by_componentize_js("sealing in a component by componentize-js") {
        seals(&wasm);
    }
}

#[test]
fn a_component_by_componentize_py_never_sees_the_secret() {
    if let Some(wasm) = by_componentize_py("sealing in a component by componentize-py") {
        seals(&wasm);
    }
}
