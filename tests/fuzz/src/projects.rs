//! The files of a project: always a project or a reason, every problem in a line that is there, no secret in any, and what is
//! exported is read as the same.
//!
//! `=== PATH` on a line begins a file.

use std::cell::RefCell;
use std::fs;
use std::path::{Component, Path, PathBuf};

use fonio_project::{
    Exported, Generation, Loaded, Project, export, export_workspace, load, load_variables,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::{Target, seeds, shape};

const FILES_MAX: usize = 10;
const DEPTH_MAX: usize = 5;
/// Of a file or folder, in bytes: no file system takes more.
const NAME_MAX: usize = 255;
/// Stands in `.env` and in credentials of the seeds, and must not be shown.
const CANARY: &str = "hush-canary";

/// The target.
pub const TARGET: Target = Target {
    name: "projects",
    run,
    seeds,
    words: &[
        "\n=== project.yaml\n",
        "\n=== project.js\n",
        "\n=== project.json\n",
        "\n=== openfn.yaml\n",
        "\n=== fonio.toml\n",
        "\n=== .env\n",
        "\n=== credentials/a.json\n",
        "\n=== jobs/a.js\n",
        "schema_version: '4.0'",
        "workflows:",
        "jobs:",
        "triggers:",
        "edges:",
        "steps:",
        "  - ",
        ": ",
        "&a ",
        "*a",
        "<<: *a",
        "!!binary ",
        "|\n",
        ">-\n",
        "? ",
        "%YAML 1.1\n---\n",
        "--- ",
        "...",
        "null",
        "~",
        "0x1F",
        ".inf",
        "2026-01-01",
        "'{}'",
        "[network]\nallow = [",
        "[limits]\n",
        "memory = \"18446744073709551615GiB\"",
        "wall_time = \"99999999d\"",
        "[credentials.a]\n",
        "from = \"env:A\"",
        "from = \"file:",
        "reveal = true",
        "open_in = [\"body:/",
        "[retry]\n",
        "'''",
        "\"\"\"",
        "1979-05-27T07:32:00Z",
        "module.exports = ",
        "/*",
        "*/",
        "//",
        "`",
        "\\u{110000}",
        "\\ud800",
        "export ",
        "A=\"",
        "cron: '* * * * *'",
        "0 0 31 2 *",
        "*/0",
        "\t",
        "\r\n",
        "\u{feff}",
        "\u{2028}",
        "\u{85}",
    ],
    short: 5000,
};

fn seeds() -> Vec<Vec<u8>> {
    const FOLDERS: &[&str] = &[
        "host/project/tests/fixtures/clinic/v1",
        "host/project/tests/fixtures/clinic/v2",
        "host/project/tests/fixtures/clinic/v3",
        "host/project/tests/fixtures/clinic/v4",
        "host/project/tests/fixtures/referral/v3",
        "host/project/tests/fixtures/referral/v4",
        "host/project/tests/fixtures/referral/workspace",
        "examples/clinic-intake",
    ];
    const ENDINGS: &[&str] = &[".yaml", ".json", ".js", ".toml", ".env"];
    const SETTINGS: &str = "=== fonio.toml\n[project]\nid = \"p\"\n[network]\nallow = [\"https://a.example.org\", \"http://10.1.0.0/16:8080\"]\n[adaptors.http]\nnetwork = { allow = [\"https://b.example.org\"] }\n[credentials.a]\nfrom = \"env:SECRET\"\nhosts = [\"https://a.example.org\"]\nopen_in = [\"headers\", \"body:/password\", \"query:token\"]\nreveal = false\n[limits]\nmemory = \"64MiB\"\ncpu_time = \"5s\"\nwall_time = \"60s\"\noutput = \"10MiB\"\nlog = \"1MiB\"\nrequests = 1000\n[retry]\nattempts = 5\nbackoff = \"2s\"\nmax_backoff = \"10m\"\n[retention]\nmessages = \"30d\"\nruns = \"30d\"\nkeep = \"always\"\n=== .env\n# a comment\nexport SECRET='{\"password\": \"hush-canary\"}'\nPORT=4001\nENDPOINT_STYLE=\"sync\"\nA=\"two\\nlines # no comment\" # one\n=== project.json\n{\"jobs\":{\"a\":{\"adaptor\":\"http\",\"trigger\":\"t\",\"credential\":\"a\",\"expression\":\"fn(s => s)\"}},\"triggers\":{\"t\":{\"criteria\":{\"a\":1}}},\"credentials\":{}}";
    const CREDENTIAL: &str = "=== credentials/a.json\n{\"baseUrl\": \"https://a.example.org/x\", \"password\": \"hush-canary\", \"n\": [1, 2.5]}\n=== project.js\nmodule.exports = { jobs: { a: { adaptor: 'http', trigger: 't', credential: \"a\", expression: `fn(s => s)` + '', }, }, triggers: { t: { cron: '0 6 * * 1-5' } }, credentials: {} }; // end";
    let folder = |folder: &&str| {
        let files = seeds::files(folder, ENDINGS).into_iter();
        // Settings of tests are about a person's machine, and messages are no part of a project.
        let files = files.filter(|(path, _)| !path.starts_with("submissions"));
        let bundle: String = files
            .map(|(path, text)| format!("=== {}\n{text}\n", path.display()))
            .collect();
        bundle
    };
    let written = [SETTINGS.to_owned(), CREDENTIAL.to_owned()];
    let bundles = FOLDERS.iter().map(folder).chain(written);
    bundles.map(String::into_bytes).collect()
}

fn run(bytes: &[u8]) {
    let files = files(bytes);
    let loaded = in_a_folder(&files, |dir| {
        let loaded = load(dir, &|_| None);
        in_lines_that_are_there(dir, &loaded);
        variables(dir);
        loaded
    });
    assert!(
        loaded.project.is_some() || loaded.has_errors(),
        "no project, and no reason"
    );
    no_secret(&files, &loaded);
    if let Some(project) = loaded.project.as_ref().filter(|_| !loaded.has_errors()) {
        exports(project, bytes.len());
    }
}

/// The files of an input.
fn files(bytes: &[u8]) -> Vec<(PathBuf, Vec<u8>)> {
    let marked = [b"\n", bytes].concat();
    let mark = b"\n=== ";
    let mut starts: Vec<usize> = (0..marked.len())
        .filter(|at| marked[*at..].starts_with(mark))
        .collect();
    starts.truncate(FILES_MAX);
    let ends: Vec<usize> = starts
        .iter()
        .skip(1)
        .copied()
        .chain([marked.len()])
        .collect();
    let file = |(start, end): (&usize, usize)| {
        let section = &marked[start + mark.len()..end];
        let line = section.iter().position(|byte| *byte == b'\n')?;
        let path = PathBuf::from(std::str::from_utf8(&section[..line]).ok()?);
        within(&path).then(|| (path, section[line + 1..].to_vec()))
    };
    starts.iter().zip(ends).filter_map(file).collect()
}

/// Whether it is an ordinary path below a folder.
fn within(path: &Path) -> bool {
    let parts: Vec<Component<'_>> = path.components().collect();
    let ordinary = |part: &Component<'_>| matches!(part, Component::Normal(name) if name.len() <= NAME_MAX && !name.as_encoded_bytes().contains(&0));
    !parts.is_empty() && parts.len() <= DEPTH_MAX && parts.iter().all(ordinary)
}

thread_local! {
    static PARENT: RefCell<Option<TempDir>> = const { RefCell::new(None) };
}

/// In memory where the system has a place for that: files are most of what this target takes.
pub(crate) fn folder() -> std::io::Result<TempDir> {
    TempDir::new_in("/dev/shm").or_else(|_| TempDir::new())
}

/// Writes the files into a folder of the same name each time, and takes them away again.
fn in_a_folder<T>(files: &[(PathBuf, Vec<u8>)], work: impl FnOnce(&Path) -> T) -> T {
    let dir = PARENT.with_borrow_mut(|parent| {
        let parent = parent.get_or_insert_with(|| folder().expect("a folder"));
        parent.path().join("project")
    });
    // Left behind by an input that failed.
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir(&dir).expect("a folder");
    for (path, text) in files {
        let path = dir.join(path);
        // One file may stand where another wants its folder.
        let made = path
            .parent()
            .is_some_and(|parent| fs::create_dir_all(parent).is_ok());
        if made {
            let _ = fs::write(path, text);
        }
    }
    let result = work(&dir);
    fs::remove_dir_all(&dir).expect("the folder goes away");
    result
}

fn in_lines_that_are_there(dir: &Path, loaded: &Loaded) {
    for problem in &loaded.problems {
        let bytes = fs::read(dir.join(&problem.file)).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.split('\n').count() + 1;
        assert!(
            problem.line as usize <= lines,
            "line {} of {lines}: {problem}",
            problem.line
        );
        let shown = problem.to_string();
        let control = shown
            .chars()
            .find(|c| c.is_control() && !"\n\t".contains(*c));
        assert_eq!(control, None, "a terminal would obey {shown:?}");
    }
}

/// Lines that are nothing but letters are what they look like.
fn variables(dir: &Path) {
    let Ok(text) = fs::read_to_string(dir.join(".env")) else {
        return;
    };
    // A quote may span lines.
    if text.contains(['"', '\'', '`', '\\', '\u{feff}']) {
        return;
    }
    let read = load_variables(dir);
    let letters = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphabetic());
    let plain = |line: &str| {
        let (name, value) = line.split_once('=')?;
        (letters(name) && letters(value)).then(|| (name.to_owned(), value.to_owned()))
    };
    let lines: Vec<&str> = text.split('\n').collect();
    for (index, (name, value)) in lines
        .iter()
        .enumerate()
        .filter_map(|(i, l)| Some((i, plain(l)?)))
    {
        let later = lines[index + 1..].iter().any(|line| line.contains(&name));
        if !later {
            assert_eq!(read.get(&name), Some(&value), "of the variable {name}");
        }
    }
}

fn no_secret(files: &[(PathBuf, Vec<u8>)], loaded: &Loaded) {
    let is_secret = |path: &Path| path == Path::new(".env") || path.starts_with("credentials");
    let holds = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(CANARY);
    let elsewhere = files.iter().any(|(path, bytes)| {
        !is_secret(path) && (holds(bytes) || path.to_string_lossy().contains(CANARY))
    });
    if elsewhere {
        return;
    }
    for problem in &loaded.problems {
        assert!(!problem.to_string().contains(CANARY), "{problem}");
        let json = serde_json::to_string(problem).expect("JSON");
        assert!(!json.contains(CANARY), "{json}");
    }
}

/// In one format, which goes by `turn`: writing and reading takes far longer than all else.
fn exports(project: &Project, turn: usize) {
    let (what, exported) = match turn % 4 {
        0 => ("v2", export(project, Generation::V2)),
        1 => ("v3", export(project, Generation::V3)),
        2 => ("v4", export(project, Generation::V4)),
        _ => ("a workspace", export_workspace(project)),
    };
    if let Ok(exported) = exported {
        reads_back(project, &exported, what);
    }
}

fn reads_back(project: &Project, exported: &Exported, what: &str) {
    let files: Vec<(PathBuf, Vec<u8>)> = exported
        .files
        .iter()
        .map(|(path, text)| (path.clone(), text.clone().into_bytes()))
        .collect();
    for (path, _) in &files {
        assert!(
            within(path),
            "as {what} it is written to {}",
            path.display()
        );
    }
    let again = in_a_folder(&files, |dir| load(dir, &|_| None));
    let shown = || -> String {
        let files = exported.files.iter();
        files
            .map(|(path, text)| format!("=== {}\n{text}\n", path.display()))
            .collect()
    };
    assert!(
        !again.has_errors(),
        "as {what} it is not read: {:#?}\n{}",
        again.problems,
        shown()
    );
    // Whoever exports is told what the format has no room for; and v2 has one name for a trigger and its workflow.
    if !exported.notes.is_empty() || what == "v2" {
        return;
    }
    let again = again.project.expect("without errors there is a project");
    assert_eq!(
        comparable(&again),
        comparable(project),
        "as {what} it is another:\n{}",
        shown()
    );
}

/// What every format has room for, in an order that no format changes. The id may come from the folder's name or fonio.toml,
/// which are not exported.
fn comparable(project: &Project) -> Value {
    let mut shape = shape::of(project);
    if let Value::Object(fields) = &mut shape {
        for key in ["id", "credentials", "collections", "description"] {
            fields.remove(key);
        }
        // A workspace has a folder each.
        if let Some(Value::Array(workflows)) = fields.get_mut("workflows") {
            workflows.sort_by_key(|workflow| workflow["id"].to_string());
            for workflow in workflows.iter_mut() {
                // Written in MiB.
                let memory = workflow["memory_bytes"].as_u64();
                workflow["memory_bytes"] = memory.map(|bytes| bytes >> 20).into();
            }
            let jobs = workflows
                .iter_mut()
                .filter_map(|workflow| workflow["jobs"].as_array_mut())
                .flatten();
            // Each format has its own key for one; whether there is one is the same.
            for job in jobs {
                job["credential"] = job["credential"].is_string().into();
            }
        }
    }
    shape
}
