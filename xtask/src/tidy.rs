//! `cargo xtask tidy`: the repository's rules, as checks. Each rule is a function from what is there to its problems.

use crate::pinned;
use crate::progress::Progress;
use crate::repo::Repo;
use crate::workspace;
use anyhow::{Context, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// Longer than any file that still has one idea.
const LINES_MAX: usize = 600;

/// Files that are longer, and why.
const LONG: &[(&str, &str)] = &[];

/// What a crate must not reach, near or far.
const APART: &[(&str, &[&str])] = &[
    (
        "fonio-project",
        &["wasmtime", "hyper", "fonio-store", "fonio-sandbox"],
    ),
    (
        "fonio-store",
        &["wasmtime", "hyper", "fonio-project", "fonio-sandbox"],
    ),
    (
        "fonio-access",
        &[
            "wasmtime",
            "hyper",
            "fonio-project",
            "fonio-sandbox",
            "fonio-store",
        ],
    ),
    ("fonio-sandbox", &["rusqlite", "fonio-store"]),
];

/// What unfinished work leaves behind. In halves, so that this file does not find itself.
const UNFINISHED: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("to", "do!("),
    concat!("unimpl", "emented!("),
];

const TEST_GUESTS: &str = "tests/guests/examples";
const CASES: &str = "tests/tests";

/// A text file of the repository.
struct Text {
    /// From the root.
    path: PathBuf,
    text: String,
}

/// Checks every rule; the problems go to standard error.
pub fn check(repo: &Repo, progress: &Progress) -> anyhow::Result<()> {
    let mut texts = Vec::new();
    collect(&repo.root, &repo.root, &mut texts)?;
    let mut problems: Vec<String> = texts
        .iter()
        .flat_map(|text| text.problems(&repo.root))
        .collect();
    problems.extend(packages(repo)?);
    problems.extend(guests_without_a_case(&repo.root)?);
    problems.extend(unpinned(&repo.root, &texts)?);
    for problem in &problems {
        eprintln!("{problem}");
    }
    if !problems.is_empty() {
        bail!(
            "{} of the repository's rules are broken (xtask/src/tidy.rs has them)",
            problems.len()
        );
    }
    progress.say(format!("{} files", texts.len()));
    Ok(())
}

impl Text {
    fn is(&self, extensions: &[&str]) -> bool {
        self.path
            .extension()
            .is_some_and(|extension| extensions.iter().any(|one| extension == *one))
    }

    fn problems(&self, root: &Path) -> Vec<String> {
        let mut problems = self.spaces_at_line_ends();
        if self.is(&["rs", "js", "wit", "toml"]) {
            problems.extend(self.unfinished());
        }
        if self.is(&["rs", "js"]) {
            problems.extend(self.too_long());
        }
        if self.is(&["md"]) {
            problems.extend(self.dead_links(root));
        }
        problems
    }

    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
    }

    fn at(&self, line: usize, problem: &str) -> String {
        format!("{}:{line}: {problem}", self.path.display())
    }

    fn spaces_at_line_ends(&self) -> Vec<String> {
        let trailing = self.lines().filter(|(_, line)| line.ends_with([' ', '\t']));
        trailing
            .map(|(number, _)| self.at(number, "spaces at the end of the line"))
            .collect()
    }

    fn unfinished(&self) -> Vec<String> {
        let found = self.lines().filter_map(|(number, line)| {
            Some((
                number,
                UNFINISHED.iter().find(|word| line.contains(**word))?,
            ))
        });
        found
            .map(|(number, word)| self.at(number, &format!("{word}: finish it, or write an issue")))
            .collect()
    }

    fn too_long(&self) -> Option<String> {
        let lines = self.text.lines().count();
        let excused = LONG.iter().any(|(path, _)| self.path == Path::new(path));
        (lines > LINES_MAX && !excused).then(|| {
            self.at(
                lines,
                &format!(
                    "{lines} lines, more than {LINES_MAX}: split it, or give the reason in LONG"
                ),
            )
        })
    }

    fn dead_links(&self, root: &Path) -> Vec<String> {
        let folder = root.join(self.path.parent().unwrap_or(Path::new("")));
        let mut problems = Vec::new();
        let mut in_code = false;
        for (number, line) in self.lines() {
            in_code ^= line.trim_start().starts_with("```");
            let links = if in_code {
                vec![]
            } else {
                relative_links(line)
            };
            let dead = links.into_iter().filter(|link| !folder.join(link).exists());
            problems.extend(
                dead.map(|link| self.at(number, &format!("the link to {link} leads nowhere"))),
            );
        }
        problems
    }
}

/// The files that a line of Markdown links to, without anchors.
fn relative_links(line: &str) -> Vec<&str> {
    let targets = line
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', ' ']).next());
    let files = targets.map(|target| target.split('#').next().unwrap_or_default());
    files
        .filter(|file| !file.is_empty() && !file.contains(':'))
        .collect()
}

/// Text files, without what is built, fetched or hidden.
fn collect(root: &Path, folder: &Path, texts: &mut Vec<Text>) -> anyhow::Result<()> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("could not read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let hidden = name.starts_with('.') && ![".ci", ".config", ".cargo"].contains(&&*name);
        if path.is_dir() {
            if !hidden && name != "target" && name != "node_modules" {
                collect(root, &path, texts)?;
            }
            continue;
        }
        let known = ["rs", "js", "wit", "toml", "md", "yaml", "html", "css"];
        let is_text = path
            .extension()
            .is_some_and(|extension| known.iter().any(|one| extension == *one))
            || path.ends_with(".ci/run");
        if is_text {
            let text = fs::read_to_string(&path)
                .with_context(|| format!("could not read {}", path.display()))?;
            texts.push(Text {
                path: path.strip_prefix(root).unwrap_or(&path).to_owned(),
                text,
            });
        }
    }
    Ok(())
}

fn packages(repo: &Repo) -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    for package in workspace::members(repo)? {
        if !package.described {
            problems.push(format!(
                "{}: its Cargo.toml has no description",
                package.name
            ));
        }
        if package.licence.as_deref() != Some("Apache-2.0") {
            problems.push(format!(
                "{}: its licence is not Apache-2.0 (license.workspace = true)",
                package.name
            ));
        }
    }
    let reachable = workspace::reachable(repo)?;
    for (package, forbidden) in APART {
        let reached = reachable
            .get(*package)
            .with_context(|| format!("{package} is gone: change APART"))?;
        let broken = forbidden.iter().filter(|name| reached.contains(**name));
        problems.extend(broken.map(|name| {
            format!("{package} depends on {name}, of which it must know nothing (ARCHITECTURE.md)")
        }));
    }
    Ok(problems)
}

/// A dependency that may become another without anybody's doing.
fn unpinned(root: &Path, texts: &[Text]) -> anyhow::Result<Vec<String>> {
    let lock = fs::read_to_string(root.join("Cargo.lock")).context("there is no Cargo.lock")?;
    let mut problems = pinned::foreign(&lock);
    for text in texts
        .iter()
        .filter(|text| text.path.ends_with("Cargo.toml"))
    {
        problems.extend(pinned::loose(&text.path.to_string_lossy(), &text.text));
        if text.path == Path::new("Cargo.toml") {
            problems.extend(pinned::engine(&text.text, &lock));
        }
    }
    Ok(problems)
}

/// A test guest that no test runs proves nothing.
fn guests_without_a_case(root: &Path) -> anyhow::Result<Vec<String>> {
    let guests = sources(&root.join(TEST_GUESTS))?;
    let mut cases = String::new();
    for file in sources(&root.join(CASES))? {
        cases.push_str(
            &fs::read_to_string(&file)
                .with_context(|| format!("could not read {}", file.display()))?,
        );
    }
    let names = guests
        .iter()
        .filter_map(|guest| guest.file_stem()?.to_str());
    let forgotten = names.filter(|name| !mentions(&cases, name));
    Ok(forgotten
        .map(|name| format!("{TEST_GUESTS}/{name}.rs: no test in {CASES} runs it"))
        .collect())
}

/// The Rust files of a folder, if it is there.
fn sources(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(vec![]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        files.push(entry?.path());
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "rs"));
    files.sort();
    Ok(files)
}

/// Whether `text` has `name` as a whole word, with `_` a letter.
fn mentions(text: &str, name: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-')
        .any(|word| word == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, text: &str) -> Vec<String> {
        Text {
            path: PathBuf::from(path),
            text: text.to_owned(),
        }
        .problems(Path::new(env!("CARGO_MANIFEST_DIR")))
    }

    #[test]
    fn each_rule_about_text_finds_what_breaks_it() {
        assert_eq!(problems("a.rs", "fn a() {}\n"), [""; 0]);
        assert_eq!(
            problems("a.toml", "a = 1 \n"),
            ["a.toml:1: spaces at the end of the line"]
        );
        assert_eq!(
            problems("a.rs", concat!("\n// TO", "DO later\n")),
            [concat!("a.rs:2: TO", "DO: finish it, or write an issue")]
        );
        assert_eq!(problems("a.js", &"x\n".repeat(LINES_MAX)), [""; 0]);
        assert_eq!(problems("a.js", &"x\n".repeat(LINES_MAX + 1)).len(), 1);
    }

    #[test]
    fn links_to_files_must_lead_somewhere_and_others_are_left_alone() {
        let text = "[a](Cargo.toml#deps) [b](https://example.org/x) [c](#here) [d](absent.md) and\n```\n[e](absent.md)\n```\n";
        assert_eq!(
            problems("a.md", text),
            ["a.md:1: the link to absent.md leads nowhere"]
        );
    }

    #[test]
    fn a_guest_is_mentioned_only_by_its_whole_name() {
        assert!(mentions("case!(memory_grow, ...)", "memory_grow"));
        assert!(!mentions("case!(memory_grow_twice, ...)", "memory_grow"));
    }
}
