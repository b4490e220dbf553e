//! Where expressions are found, and where their characters stand.

use fonio_project::{Expression, Project};

use crate::{Fixture, WORKING, only_problem};

fn project_with(expression: &str) -> Fixture {
    Fixture::new(&format!(
        "jobs:\n  job-1:\n    adaptor: http\n    trigger: t\n    {expression}\ntriggers:\n  t: {{ criteria: '{{}}' }}\n"
    ))
}

/// Checks every character of the expression that is no white space against the file it is said to be in.
fn assert_every_character_is_where_it_says(fixture: &Fixture, project: &Project) -> Expression {
    let expression = project.workflows[0].jobs[0].expression.clone();
    let file = std::fs::read_to_string(fixture.path().join(&expression.file)).expect("the file");
    for (line, text) in expression.source.lines().enumerate() {
        for (column, wanted) in text.chars().enumerate().filter(|(_, c)| !c.is_whitespace()) {
            let (in_line, in_column) = expression.position(line as u32 + 1, column as u32 + 1);
            let found = file
                .lines()
                .nth(in_line as usize - 1)
                .and_then(|line| line.chars().nth(in_column as usize - 1));
            assert_eq!(
                found,
                Some(wanted),
                "{}:{} of\n{}",
                line + 1,
                column + 1,
                expression.source
            );
        }
    }
    expression
}

#[test]
fn a_literal_block_keeps_its_lines() {
    let fixture =
        project_with("expression: |\n      fn(state => {\n\n        throw 'ü'; // note\n      });");
    let expression = assert_every_character_is_where_it_says(&fixture, &fixture.project());
    assert_eq!(
        expression.source,
        "fn(state => {\n\n  throw 'ü'; // note\n});\n"
    );
    assert_eq!((expression.first_line, expression.indent), (6, 6));
    assert_eq!(expression.position(3, 3), (8, 9));
}

#[test]
fn a_folded_block_is_folded_and_still_maps_exactly() {
    let fixture = project_with(
        "expression: >\n      alterState(state => {\n        state.data.number = 2;\n\n        return state;\n      })",
    );
    let expression = assert_every_character_is_where_it_says(&fixture, &fixture.project());
    assert!(
        expression
            .source
            .starts_with("alterState(state => {\n  state.data.number = 2;"),
        "{:?}",
        expression.source
    );
}

#[test]
fn a_folded_block_that_becomes_one_line_maps_exactly() {
    let fixture = project_with("expression: >-\n      fn(state =>\n      state)\n      fn(s => s)");
    let expression = assert_every_character_is_where_it_says(&fixture, &fixture.project());
    assert_eq!(expression.source, "fn(state => state) fn(s => s)");
    assert_eq!(expression.position(1, 13), (7, 7));
    // The blank that folding made is just behind the letter before it.
    assert_eq!(expression.position(1, 12), (6, 18));
    assert_eq!(
        expression.position(9, 9),
        (8, 17),
        "past the end is the end"
    );
}

#[test]
fn plain_and_quoted_texts_map_exactly() {
    for text in [
        "expression: fn(state => state)",
        "expression: 'fn(state => 1)'",
        "expression: \"fn(s =>\n      s)\"",
        "expression: >2-\n        fn(s =>\n          s)",
        "expression: |2\n      fn(s => s)",
    ] {
        let fixture = project_with(text);
        assert_every_character_is_where_it_says(&fixture, &fixture.project());
    }
}

#[test]
fn an_escaped_text_maps_exactly() {
    let expression = project_with("expression: \"fn(s => {\\n  throw 1 })\"")
        .project()
        .workflows[0]
        .jobs[0]
        .expression
        .clone();
    assert_eq!(expression.source, "fn(s => {\n  throw 1 })");
    assert_eq!(expression.position(1, 1), (5, 18));
    assert_eq!(expression.position(2, 3), (5, 31));
}

#[test]
fn an_aliased_text_maps_to_where_it_is_written() {
    let fixture = project_with(
        "expression: &code |\n      fn(s => s)\n  job-2: { adaptor: http, trigger: t, expression: *code }",
    );
    let project = fixture.project();
    assert_eq!(
        project.workflows[0].jobs[1].expression.position(1, 1),
        (6, 7)
    );
}

#[test]
fn a_job_without_an_expression_takes_the_file_of_its_name() {
    let fixture =
        project_with("").with("jobs/job-1.js", "\u{feff}fn(state => state)\r\nfn(s => s)");
    let expression = assert_every_character_is_where_it_says(
        &Fixture::empty().with("jobs/job-1.js", "fn(state => state)\r\nfn(s => s)"),
        &fixture.project(),
    );
    assert_eq!(
        (
            expression.first_line,
            expression.indent,
            expression.file.to_str()
        ),
        (1, 0, Some("jobs/job-1.js"))
    );
    assert_eq!(expression.source, "fn(state => state)\r\nfn(s => s)");
}

#[test]
fn an_expression_may_name_its_file() {
    for path in [
        "./jobs/x.js",
        "jobs/x.js",
        "file://jobs/x.js",
        "lib/deep/x.js",
    ] {
        let file = path.trim_start_matches("file://").trim_start_matches("./");
        let project = project_with(&format!("expression: {path}"))
            .with(file, "fn(s => s)")
            .project();
        assert_eq!(
            project.workflows[0].jobs[0].expression.file.to_str(),
            Some(file)
        );
    }
}

#[test]
fn none_is_kept_for_a_job_that_does_nothing() {
    assert_eq!(
        project_with("expression: none").project().workflows[0].jobs[0]
            .expression
            .source,
        "none"
    );
}

#[test]
fn a_job_without_any_expression_is_told_where_to_write_it() {
    assert_eq!(
        only_problem(&project_with("")),
        "error project.yaml:2:3 the job `job-1` has no expression | write it into jobs/job-1.js, or here: `expression: |`"
    );
    let problems = project_with("")
        .with("jobs/job1.js", "fn(s => s)")
        .problems();
    assert_eq!(
        problems,
        [
            "warning jobs/job1.js:0:0 no job uses this file | add a job `job1` to project.yaml, or name the file in one: `expression: jobs/job1.js`",
            "error project.yaml:2:3 the job `job-1` has no expression | write it into jobs/job-1.js, or name its file: `expression: jobs/….js`; did you mean `job1.js`?",
        ]
    );
}

#[test]
fn a_job_whose_name_is_a_path_reads_no_file_by_it() {
    let fixture = Fixture::new(
        &WORKING
            .replace("job-1", "../job-1")
            .replace("    expression: fn(state => state)\n", ""),
    );
    assert!(only_problem(&fixture).contains("has no expression"));
}

#[test]
fn an_empty_expression_is_an_error() {
    let empty = "the expression is empty | write `none` for a job that does nothing on purpose";
    assert_eq!(
        only_problem(&project_with("expression: ''")),
        format!("error project.yaml:5:17 {empty}")
    );
    assert_eq!(
        only_problem(&project_with("").with("jobs/job-1.js", " \n")),
        format!("error jobs/job-1.js:0:0 {empty}")
    );
}

#[test]
fn a_named_file_that_is_missing_is_an_error_with_the_nearest_name() {
    let fixture = Fixture::new(&WORKING.replace("fn(state => state)", "./jobs/send.js"))
        .with("jobs/job-2.js", "")
        .with("jobs/sent.js", "x");
    let problem = fixture
        .problems()
        .into_iter()
        .find(|problem| problem.starts_with("error"))
        .expect("an error");
    assert_eq!(
        problem,
        "error project.yaml:3:17 there is no file jobs/send.js | did you mean `./jobs/sent.js`?"
    );
}

#[test]
fn a_file_outside_the_project_is_not_read() {
    let outside = Fixture::empty().with("secret.js", "fn(s => s)");
    for path in [
        "../secret.js".to_owned(),
        outside.path().join("secret.js").display().to_string(),
    ] {
        let problem = only_problem(&Fixture::new(&WORKING.replace("fn(state => state)", &path)));
        assert!(
            problem.contains("is outside the project | a project is complete in its own folder"),
            "{problem}"
        );
    }
    #[cfg(unix)]
    {
        let fixture = Fixture::new(&WORKING.replace("fn(state => state)", "link.js"));
        std::os::unix::fs::symlink(
            outside.path().join("secret.js"),
            fixture.path().join("link.js"),
        )
        .expect("a link");
        assert!(only_problem(&fixture).contains("link.js is outside the project"));
    }
}

#[test]
fn a_comment_that_hides_code_in_a_folded_block_is_a_warning() {
    let hidden = "the comment hides the code after it: `>` makes the lines one line | write `|` in place of `>`, which keeps the lines";
    for (block, place) in [
        (
            ">\n      fn(state => state)\n      // then\n      fn(state => 2)",
            "7:7",
        ),
        (">-\n      // first\n      fn(state => 2)", "6:7"),
        (
            ">-\n      fn(state => state); // why\n      fn(state => 2)",
            "6:27",
        ),
    ] {
        let fixture = project_with(&format!("expression: {block}"));
        assert_eq!(
            only_problem(&fixture),
            format!("warning project.yaml:{place} {hidden}")
        );
    }
}

#[test]
fn a_comment_that_hides_nothing_is_none_of_our_business() {
    for block in [
        "|\n      fn(state => state) // why\n      fn(state => 2)",
        ">\n      fn(state => state)\n      // at the end",
        ">\n      get('https://example.org',\n      'a // b')",
        ">\n      fn(state => {\n        a(); // the lines further in stay lines\n        b();\n      })",
    ] {
        project_with(&format!("expression: {block}")).project();
    }
}
