//! Members of namespaces, where the compiler is told which there are.

use fonio_compiler::compile;

fn problems(source: &str) -> Vec<(String, u32, u32, Option<String>)> {
    let known = ["fn", "http", "http.get", "http.post", "client"].map(str::to_owned);
    let problems = compile(source, &known).err().unwrap_or_default();
    let described = problems.into_iter();
    described
        .map(|problem| (problem.message, problem.line, problem.column, problem.help))
        .collect()
}

#[test]
fn a_call_of_what_a_namespace_does_not_have_is_a_problem_with_the_nearest_that_it_has() {
    for (source, line, column) in [
        ("fn(s => s);\n  http.gett('/');", 2, 3),
        ("fn(state => http.gett('/')(state));", 1, 13),
    ] {
        let found = problems(source);
        assert_eq!(found.len(), 1, "{source}: {found:?}");
        let (message, at_line, at_column, help) = &found[0];
        assert!(
            message.contains("`http.gett` is not an operation"),
            "{message}"
        );
        assert_eq!((*at_line, *at_column), (line, column), "{source}");
        assert_eq!(help.as_deref(), Some("did you mean `http.get`?"));
    }
}

#[test]
fn what_a_namespace_has_what_is_no_namespace_and_what_the_job_declares_may_be_called() {
    for source in [
        "http.get('/'); http.post('/', {});",
        "client.anything();",
        "const http = { gett: () => s => s }; http.gett();",
        "fn(s => { s.http.gett(); return s; });",
    ] {
        assert_eq!(problems(source), [], "{source}");
    }
}
