//! Places in messages are places in the author's file, also where an expression stands within a project file.

use fonio_tests::{Program, Project};
use serde_json::{Value, json};

/// A workflow of four steps in four ways to write an expression; each but the last fails at `Error('no')`, and the next
/// step follows the failure.
const FAILING: &str = r#"id: p
name: p
schema_version: '4.0'
workflows:
  - id: w
    name: w
    start: block
    steps:
      - id: block
        adaptors: ['@openfn/language-common@latest']
        expression: |
          // A comment.
          fn(s => { throw new Error('no'); });
        next: { folded: on_job_failure }
      - id: folded
        adaptors: ['@openfn/language-common@latest']
        expression: >
          fn(s => s);
          fn(s => {
          throw new Error('no'); });
        next: { quoted: on_job_failure }
      - id: quoted
        adaptors: ['@openfn/language-common@latest']
        expression: "fn(s => s);\n\tfn(s => { throw new Error('no'); });"
        next: { own: on_job_failure }
      - id: own
        adaptors: ['@openfn/language-common@latest']
        expression: ./own.js
        next: { rescue: on_job_failure }
      - id: rescue
        adaptors: ['@openfn/language-common@latest']
        expression: fn(s => s)
"#;

/// The text of the project's file from a place on.
fn text_at<'t>(files: &[(&str, &'t str)], place: &Value) -> &'t str {
    let number = |name: &str| place[name].as_u64().expect("a number") as usize;
    let file = files.iter().find(|(name, _)| place["file"] == *name);
    let (_, text) = file.unwrap_or_else(|| panic!("another file: {place}"));
    let line = text.lines().nth(number("line") - 1).unwrap_or_default();
    line.get(number("column") - 1..).unwrap_or_default()
}

#[test]
fn errors_in_the_state_count_in_the_expression_and_name_the_place_in_the_file() {
    let own = "fn(s => s);\n\nfn(s => { throw new Error('no'); });\n";
    let project = Project::new()
        .file("project.yaml", FAILING)
        .file("own.js", own);
    let ended = Program::new(["run", "w", "--project", "."]).run(project.dir());
    let errors = ended.expect_code(0).json()["errors"].clone();
    let files = [("project.yaml", FAILING), ("own.js", own)];
    for (step, line) in [("block", 2), ("folded", 1), ("quoted", 2), ("own", 3)] {
        let error = &errors[step];
        assert_eq!(error["pos"]["line"], line, "{step}: {error}");
        let text = text_at(&files, &error["place"]);
        assert!(text.starts_with("Error('no')"), "{step}: {error}: {text}");
    }
    assert_eq!(
        errors["own"]["place"],
        json!({"file": "own.js", "line": 3, "column": errors["own"]["pos"]["column"]})
    );
}

/// What `check` finds wrong with a project of one step with this expression, as YAML has it, and its one edge.
fn problem_of(expression: &str, condition: &str) -> (String, Value) {
    let yaml = format!(
        "id: p\nname: p\nschema_version: '4.0'\nworkflows:\n  - id: w\n    name: w\n    start: a\n    steps:\n      - id: a\n        \
         expression: {expression}\n        next: {{ b: {condition} }}\n      - {{ id: b, expression: none }}\n"
    );
    let project = Project::new().file("project.yaml", &yaml);
    let found = Program::new(["check", ".", "--format", "json"]).run(project.dir());
    let problems = found.json()["problems"].clone();
    assert_eq!(problems.as_array().map(Vec::len), Some(1), "{problems:#}");
    (yaml, problems[0].clone())
}

#[test]
fn a_bracket_that_is_not_closed_is_named_where_it_stands_in_the_file() {
    for (expression, condition) in [
        (
            "|\n          fn(s => s);\n          each('$.a',\n            fn(s => s);",
            "true",
        ),
        (
            ">\n          fn(s => s);\n          each('$.a',\n          fn(s => s);",
            "true",
        ),
        (r#""fn(s => s);\neach('$.a',\n\tfn(s => s);""#, "true"),
        ("none", r#""state.a\n\t&& ('$.a'; x""#),
    ] {
        let (yaml, problem) = problem_of(expression, condition);
        let help = problem["help"].as_str().unwrap_or_default();
        let mut numbers = help
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|number| number.parse::<usize>().ok());
        let place =
            json!({"file": "project.yaml", "line": numbers.next(), "column": numbers.next()});
        assert!(place["column"].is_u64(), "{expression}: {problem}");
        let text = text_at(&[("project.yaml", &yaml)], &place);
        assert!(
            text.starts_with("('$.a'"),
            "{expression}: {problem}: {text}"
        );
    }
}

#[test]
fn a_condition_is_exactly_one_expression() {
    for (condition, stops, words) in [
        ("'true); somethingElse('", "); some", "Unexpected token"),
        ("'true)) })]; console.log(('", ")) })]", "Unexpected token"),
        ("'state.a; state.b'", "; state.b", "Unexpected token"),
        (
            "'state.a && fn(state)'",
            "fn(state)",
            "a condition has `state` and `upstreamStepId`",
        ),
    ] {
        let (yaml, problem) = problem_of("none", condition);
        let message = problem["message"].as_str().unwrap_or_default();
        assert!(
            message.starts_with("condition of the edge to b: "),
            "{problem}"
        );
        assert!(message.contains(words), "{problem}");
        let text = text_at(&[("project.yaml", &yaml)], &problem);
        assert!(text.starts_with(stops), "{condition}: {problem}: {text}");
    }
}

#[test]
fn a_condition_that_throws_is_shown_where_it_does() {
    let yaml = "id: p\nname: p\nschema_version: '4.0'\nworkflows:\n  - id: w\n    name: w\n    start: a\n    steps:\n      - id: a\n        \
                expression: none\n        next:\n          b: |\n            // why\n            state.data && state.x.y\n      - { id: b, expression: none }\n";
    let project = Project::new().file("project.yaml", yaml);
    let ended = Program::new(["run", "w", "--project", "."]).run(project.dir());
    ended
        .expect_code(1)
        .expect_said("TypeError")
        .expect_said("--> project.yaml:14:");
}

#[test]
fn control_characters_of_a_name_are_shown_and_never_sent() {
    let yaml = "id: p\nname: p\nschema_version: '4.0'\nworkflows:\n  - id: w\n    name: w\n    start: \"a\\0b\\e[31m\"\n    steps:\n      \
                - { id: \"a\\0b\\e[31m\", expression: 'EXPRESSION' }\n";
    let project = Project::new();
    for (expression, commands) in [
        ("nothing(1)", &[&["check"][..]][..]),
        (
            "fn(s => { throw new Error(1) })",
            &[&["run", "w", "--project", "."][..]][..],
        ),
    ] {
        project.write("project.yaml", yaml.replace("EXPRESSION", expression));
        for command in commands {
            let ended = Program::new(command.iter()).run(project.dir());
            let said = ended.expect_said(r"a\u{0}b\u{1b}[31m").stderr;
            let raw = |c: char| c.is_control() && c != '\n';
            assert!(!said.contains(raw), "{command:?}: {said:?}");
        }
    }
    let workflow =
        r#"{"workflow": {"steps": [{"id": "a\u0000b\u001b[31m", "expression": "fn(s => s)"}]}}"#;
    let ended = Program::called("openfn", ["workflow.json", "-o", "out.json"])
        .run(project.file("workflow.json", workflow).dir());
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(said.contains(r"a\u{0}b\u{1b}[31m"), "{said:?}");
    assert!(!said.contains(['\0', '\u{1b}']), "{said:?}");
}
