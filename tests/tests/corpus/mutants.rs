//! Mistakes, made in every job of the corpus, that `fonio check` must find: where they are, and with words that help.

use fonio_tests::{Program, Project};
use serde_json::Value;

use crate::case;

/// A job with one mistake.
struct Mutant {
    kind: &'static str,
    source: String,
    /// Where the mistake is: line and column, both from 1, the column in characters.
    line: usize,
    column: usize,
    /// What the person reads, in the message or the help.
    says: String,
}

/// Checks a project that has the job and its mutants: the job is right, and every mutant wrong in the right place.
pub fn are_found(name: &str) {
    // No editor counts a byte order mark.
    let job = case::source(name);
    let source = job.replace('\u{feff}', "");
    let makers = [
        misspelled,
        misspelled_inside,
        misplaced_dollar,
        missing_bracket,
    ];
    let mutants: Vec<Mutant> = makers.iter().filter_map(|make| make(&source)).collect();
    assert!(!mutants.is_empty(), "{name} has no mutant");
    let problems = check(case::adaptor(name), &job, &mutants);
    for mutant in &mutants {
        let file = format!("jobs/{}.js", mutant.kind);
        let of_file: Vec<&Value> = problems
            .iter()
            .filter(|problem| problem["file"] == *file)
            .collect();
        assert!(
            of_file.len() == 1,
            "{}\n{}\n{of_file:#?}",
            mutant.kind,
            mutant.source
        );
        mutant.assert_is(of_file[0]);
    }
    assert_eq!(
        problems.len(),
        mutants.len(),
        "the job itself is wrong: {problems:#?}"
    );
}

/// The errors that `fonio check` finds.
fn check(adaptor: &str, source: &str, mutants: &[Mutant]) -> Vec<Value> {
    let jobs = mutants
        .iter()
        .map(|mutant| (mutant.kind, mutant.source.as_str()));
    let mut yaml = String::from("jobs:\n");
    let project = Project::new();
    for (kind, source) in jobs.chain([("original", source)]) {
        yaml += &format!("  {kind}:\n    adaptor: '{adaptor}'\n    trigger: any\n");
        project.write(&format!("jobs/{kind}.js"), source);
    }
    yaml += "triggers:\n  any:\n    criteria: '{}'\ncredentials: {}\n";
    project.write("project.yaml", yaml);
    let ended = Program::new(["check", ".", "--format", "json"]).run(project.dir());
    let ended = ended.expect_code(1);
    let problems = ended.json()["problems"]
        .as_array()
        .cloned()
        .expect("a list of problems");
    problems
        .into_iter()
        .filter(|problem| problem["severity"] == "error")
        .collect()
}

impl Mutant {
    fn assert_is(&self, problem: &Value) {
        let place = (problem["line"].as_u64(), problem["column"].as_u64());
        let expected = (Some(self.line as u64), Some(self.column as u64));
        assert_eq!(
            place, expected,
            "{}\n{}\n{problem:#}",
            self.kind, self.source
        );
        let said = format!("{}\n{}", problem["message"], problem["help"]);
        assert!(
            said.contains(&self.says),
            "`{}` is not in {problem:#}",
            self.says
        );
        let line = self.source.lines().nth(self.line - 1).unwrap_or_default();
        assert_eq!(problem["source_line"], line.trim_end(), "{problem:#}");
    }
}

/// The first top-level call, with the last letter of its name doubled.
fn misspelled(source: &str) -> Option<Mutant> {
    let mut start = 0;
    for line in source.split_inclusive('\n') {
        if let Some(name) = callee(line) {
            return Some(with_letter_doubled("misspelled", source, start, name));
        }
        start += line.len();
    }
    None
}

/// The first call, inside a line, of an operation that most jobs call inside others.
fn misspelled_inside(source: &str) -> Option<Mutant> {
    const NESTED: [&str; 5] = ["dataValue", "alterState", "each", "post", "get"];
    let calls = NESTED.iter().filter_map(|name| {
        let at = source.find(&format!(" {name}("))?;
        Some((at + 1, *name))
    });
    let (at, name) = calls.min()?;
    Some(with_letter_doubled("misspelled_inside", source, at, name))
}

fn with_letter_doubled(kind: &'static str, source: &str, at: usize, name: &str) -> Mutant {
    let end = at + name.len();
    let (line, column) = place(source, at);
    Mutant {
        kind,
        source: format!(
            "{}{}{}",
            &source[..end],
            &name[name.len() - 1..],
            &source[end..]
        ),
        line,
        column,
        says: format!("did you mean `{name}`?"),
    }
}

/// Line and column of a byte.
fn place(source: &str, at: usize) -> (usize, usize) {
    let before = &source[..at];
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

/// `fn` of a line that begins with `fn(`, `beta` of one that begins with `beta.each(`.
fn callee(line: &str) -> Option<&str> {
    let (callee, _) = line.split_once('(')?;
    let is_name = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric());
    let is_keyword = matches!(callee, "if" | "for" | "while" | "switch" | "function");
    let name = callee.split('.').next()?;
    (callee.split('.').all(is_name) && !is_keyword).then_some(name)
}

/// The lazy state where no operation is. In a module that was compiled already, `$` is a name like any other.
fn misplaced_dollar(source: &str) -> Option<Mutant> {
    if source.contains("export default") {
        return None;
    }
    let before = "const misplaced = ";
    Some(Mutant {
        kind: "misplaced_dollar",
        source: format!("{source}{before}$.data;\n"),
        line: source.lines().count() + 1,
        column: before.len() + 1,
        says: "`$`".to_owned(),
    })
}

/// The last closing parenthesis, taken away: missed where the next text is, or at the end.
fn missing_bracket(source: &str) -> Option<Mutant> {
    let at = source.rfind(')')?;
    let mut mutated = source.to_owned();
    mutated.remove(at);
    let rest = &mutated[at..];
    let next = at + rest.len() - rest.trim_start().len();
    let at = if next == mutated.len() {
        mutated.trim_end().len()
    } else {
        next
    };
    let (line, column) = place(&mutated, at);
    Some(Mutant {
        kind: "missing_bracket",
        source: mutated,
        line,
        column,
        says: "`)`".to_owned(),
    })
}
