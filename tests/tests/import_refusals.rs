//! What is not imported, and what a person reads then.

use fonio_tests::{Answer, Ended, FarSide, Npm, Package, Program, Project};
use serde_json::{Value, json};

/// The package is refused with exit code 10, and the person reads all of `words`.
#[track_caller]
fn refused(package: &Package, words: &[&str]) {
    let Some(npm) = Npm::for_test("import_refusals") else {
        return;
    };
    let said = package.import(&npm).expect_code(10).stderr;
    for words in words {
        assert!(said.contains(words), "`{words}` is not in:\n{said}");
    }
}

fn needing(dependency: &str) -> Package {
    Package::with_manifest(&format!(
        r#"{{"name": "@acme/thing", "version": "1.0.0", "main": "index.js", "dependencies": {{"{dependency}": "*"}}}}"#
    ))
    .file("index.js", "module.exports = {};")
    .file(
        &format!("node_modules/{dependency}/package.json"),
        format!(r#"{{"name": "{dependency}", "version": "1.0.0", "main": "index.js"}}"#),
    )
    .file(&format!("node_modules/{dependency}/index.js"), "module.exports = {};")
}

#[test]
fn what_needs_a_database_or_files_by_tcp_is_refused_with_the_alternative() {
    for (dependency, system) in [
        ("pg", "PostgreSQL"),
        ("mysql2", "MySQL"),
        ("tedious", "Microsoft SQL Server"),
        ("mongodb", "MongoDB"),
        ("redis", "Redis"),
        ("ssh2", "SSH"),
        ("thrift", "Hive"),
        ("duckdb", "native code"),
    ] {
        let needs = format!("it needs `{dependency}`");
        refused(
            &needing(dependency),
            &[
                "@acme/thing@1.0.0 cannot be imported",
                &needs,
                system,
                "\n  = ",
            ],
        );
    }
}

#[test]
fn a_native_addon_is_refused() {
    refused(
        &needing("fast-thing").file("node_modules/fast-thing/binding.gyp", "{}"),
        &["`fast-thing`, which has a native addon"],
    );
    refused(
        &needing("fast-thing").file(
            "node_modules/fast-thing/build/Release/fast.node",
            "\u{7f}ELF",
        ),
        &["native addon"],
    );
}

#[test]
fn a_bundle_of_30_mb_is_refused_with_the_limit() {
    let source = format!("export const text = () => {:?};", "x".repeat(30_000_000));
    refused(
        &Package::new(&source),
        &["MiB of JavaScript", "the limit is 8 MiB"],
    );
}

#[test]
fn a_package_that_names_no_entry_is_refused() {
    let types = r#"{"name": "@acme/thing", "version": "1.0.0", "exports": {".": {"types": "./index.d.ts"}}}"#;
    refused(
        &Package::with_manifest(types).file("index.d.ts", ""),
        &["names no file to start from"],
    );
}

#[test]
fn a_package_without_an_import_form_is_imported_by_its_require_form() {
    let Some(npm) = Npm::for_test("import_refusals") else {
        return;
    };
    let only_require = r#"{"name": "@acme/thing", "version": "1.0.0", "exports": {".": {"require": "./index.cjs"}}}"#;
    let wasm = Package::with_manifest(only_require)
        .file(
            "index.cjs",
            "exports.hello = () => state => ({ data: 'hello' });",
        )
        .imported(&npm);
    let state = fonio_tests::Job::new("hello();")
        .adaptor_file(&wasm)
        .run()
        .state();
    assert_eq!(state["data"], "hello");
}

#[test]
fn what_is_missing_or_broken_in_it_is_said_with_its_place() {
    refused(
        &Package::new("import x from 'not-there'; export const a = x;"),
        &["cannot be bundled", "not-there"],
    );
    refused(
        &Package::new("export const a = {;"),
        &["cannot be bundled", "index.js"],
    );
}

#[test]
fn a_package_that_throws_while_it_loads_is_refused_with_what_it_said() {
    refused(
        &Package::new("throw new Error('no such luck');"),
        &["does not load in the sandbox", "no such luck"],
    );
}

#[test]
fn whatever_it_throws_while_it_loads_is_shown() {
    let odd = Package::new("throw { code: 7, reason: 'no licence' };");
    refused(&odd, &["does not load in the sandbox", "no licence"]);
    let odd = Package::new("throw { message: 'no such luck', toString() { throw 1; } };");
    refused(&odd, &["it throws no such luck"]);
}

#[test]
fn a_package_that_asks_for_the_network_while_it_loads_is_refused_with_the_request() {
    for source in [
        "export const version = await fetch('https://api.example.org/version');",
        "import http from 'node:https'; http.get('https://api.example.org/version'); export const a = 1;",
    ] {
        refused(
            &Package::new(source),
            &["it requests GET https://api.example.org/version while it loads"],
        );
    }
}

#[test]
fn a_package_that_loops_while_it_loads_meets_the_limit_of_the_child() {
    let Some(npm) = Npm::for_test("import_refusals") else {
        return;
    };
    // Compiles what the next import needs besides, within the limits that there are.
    Package::new("export const a = 1;").imported(&npm);
    let looping = Package::new("export const a = 1; for (;;) {}");
    looping
        .import_with(&npm, &[("FONIO_CHILD_CPU_SECONDS", "2")])
        .expect_code(10)
        .expect_said("it was not done after 2 s of CPU time, which is the limit");
}

#[test]
fn another_package_than_the_one_asked_for_is_refused() {
    refused(
        &Package::new("export const a = 1;").named("@acme/other"),
        &["@acme/other was asked for, but that is @acme/thing@1.2.3"],
    );
}

/// What a registry answers for a package of one version that needs these.
fn published(name: &str, version: &str, needs: &Value) -> Answer {
    Answer::json(&json!({
        "name": name,
        "dist-tags": { "latest": version },
        "versions": { version: {
            "name": name, "version": version, "dependencies": needs,
            "dist": { "tarball": "http://127.0.0.1:1/none.tgz", "shasum": "0000000000000000000000000000000000000000" },
        } },
    }))
}

/// Imports from a registry that has `@openfn/language-thing`, which needs a version of common that was never published.
fn import_from_registry(package: &str) -> Option<Ended> {
    Npm::for_test("import_refusals")?;
    let registry =
        FarSide::answering(
            |request| match request.target.replace("%2f", "/").as_str() {
                "/@openfn/language-thing" => {
                    let needs = json!({"@openfn/language-common": "3.3.5"});
                    published("@openfn/language-thing", "1.2.3", &needs)
                }
                "/@openfn/language-common" => {
                    published("@openfn/language-common", "3.3.4", &json!({}))
                }
                _ => Answer::json(&json!({"error": "Not found"})).status(404),
            },
        );
    let project = Project::new();
    let ended = Program::new(["adaptor", "import", package, "-o", "thing.wasm"])
        .env("PATH", &std::env::var("PATH").unwrap_or_default())
        .env("npm_config_registry", &registry.url("/"))
        .run(project.dir());
    Some(ended.expect_code(10))
}

#[test]
fn a_dependency_that_was_never_published_is_named_with_who_asks_for_it_and_a_way_round() {
    let Some(ended) = import_from_registry("thing") else {
        return;
    };
    ended
        .expect_said("@openfn/language-thing@1.2.3 asks for @openfn/language-common@3.3.5, which")
        .expect_said(
            r#"echo '{"overrides": {"@openfn/language-common": "latest"}}' > package.json"#,
        )
        .expect_said("--from node_modules/@openfn/language-thing");
}

#[test]
fn a_version_that_is_not_there_is_told_from_a_package_that_is_not() {
    let Some(ended) = import_from_registry("thing@9.9.9") else {
        return;
    };
    ended
        .expect_said("the registry has no @openfn/language-thing@9.9.9")
        .expect_said("npm view @openfn/language-thing versions");
}

#[test]
fn a_short_name_that_is_none_of_openfns_says_what_it_stands_for() {
    let Some(ended) = import_from_registry("lodash") else {
        return;
    };
    ended
        .expect_said("lodash stands for @openfn/language-lodash, which is not in the registry")
        .expect_said("fonio adaptor import lodash --from node_modules/lodash");
}

#[test]
fn a_package_without_a_scope_is_imported_from_where_it_is() {
    let Some(npm) = Npm::for_test("import_refusals") else {
        return;
    };
    Package::with_manifest(r#"{"name": "clinic", "version": "1.0.0", "main": "index.js"}"#)
        .named("clinic")
        .file("index.js", "exports.visit = () => state => state;")
        .import(&npm)
        .expect_code(0);
}

/// In a folder, and without npm or esbuild.
fn import_where_there_is_nothing(arguments: &[&str]) -> Ended {
    let project = Project::new()
        .file(
            "here/package.json",
            r#"{"name": "@acme/thing", "version": "1.2.3", "main": "index.js"}"#,
        )
        .file("here/index.js", "exports.visit = () => state => state;");
    let nothing = project.path("nothing").display().to_string();
    Program::new([&["adaptor", "import"], arguments, &["-o", "it.wasm"]].concat())
        .env("PATH", &nothing)
        .env("FONIO_CACHE", &nothing)
        .run(project.dir())
        .expect_code(1)
}

#[test]
fn without_npm_on_the_machine_the_error_says_what_to_type_here_and_elsewhere() {
    import_where_there_is_nothing(&["http@7.2.10"])
        .expect_said("npm is not on this machine. Install Node.js")
        .expect_said("npm install --ignore-scripts @openfn/language-http@7.2.10\n")
        .expect_said("fonio adaptor import @openfn/language-http --from FOLDER/node_modules/@openfn/language-http\n");
}

#[test]
fn a_package_that_is_here_needs_esbuild_and_the_error_says_where_that_is_to_be_had() {
    import_where_there_is_nothing(&["@acme/thing", "--from", "here"])
        .expect_said("esbuild, which bundles packages, is not on this machine; nor is npm")
        .expect_said("name it with FONIO_ESBUILD")
        .expect_said("npm pack @esbuild/")
        .expect_unsaid("--from");
}

#[test]
fn a_registry_that_is_not_reached_leads_to_the_same_way_round() {
    if Npm::for_test("import_refusals").is_none() {
        return;
    }
    let project = Project::new();
    // Nobody listens on this port.
    Program::new(["adaptor", "import", "http@7.2.10", "-o", "http.wasm"])
        .env("PATH", &std::env::var("PATH").unwrap_or_default())
        .env("npm_config_registry", "http://127.0.0.1:1/")
        .env("npm_config_fetch_retries", "0")
        .run(project.dir())
        .expect_code(1)
        .expect_said("npm does not reach its registry (ECONNREFUSED)")
        .expect_said("npm install --ignore-scripts @openfn/language-http@7.2.10\n")
        .expect_said("--from FOLDER/node_modules/@openfn/language-http\n");
}

#[test]
fn a_runtime_without_a_package_in_it_is_no_adaptor() {
    let wasm =
        std::fs::read(fonio_tests::guests().join("runtime-package.wasm")).expect("it is built");
    let project = Project::new().file("runtime.wasm", wasm);
    Program::new(["adaptor", "inspect", "runtime.wasm"])
        .run(project.dir())
        .expect_code(10)
        .expect_said("has no section `fonio:package`");
}
