//! The command that brings a package into a project, as a person would type it where they are.

use std::path::{Path, PathBuf};

use fonio_project::AdaptorName;

/// What makes a folder a project.
const PROJECT_FILES: [&str; 5] = [
    "project.yaml",
    "project.yml",
    "openfn.yaml",
    "project.json",
    "project.js",
];

/// Whether there is a project in the folder.
pub(crate) fn holds_project(dir: &Path) -> bool {
    PROJECT_FILES.iter().any(|file| dir.join(file).is_file())
}

/// Whether adaptors of this folder are found: by a project in it, or by jobs beside a fonio.toml.
pub(crate) fn takes_adaptors(dir: &Path) -> bool {
    holds_project(dir) || dir.join(fonio_project::SETTINGS_FILE).is_file()
}

/// `fonio adaptor import NAME`, into the folder whose adaptors were looked through. A folder of jobs alone is no project,
/// so there the file is named.
pub(crate) fn import_command(name: &AdaptorName, dir: &Path) -> String {
    let package = word(&name.to_string());
    let into = if !takes_adaptors(dir) {
        let file = adaptor_file(name, dir).display().to_string();
        format!(" -o {}", word(&file))
    } else if is_here(dir) {
        String::new()
    } else {
        format!(" --project {}", word(&dir.display().to_string()))
    };
    format!("fonio adaptor import {package}{into}")
}

/// Where an adaptor of this name would lie.
pub(crate) fn adaptor_file(name: &AdaptorName, dir: &Path) -> PathBuf {
    let short = name.short().trim_start_matches('@').replace('/', "-");
    let file = Path::new("adaptors").join(format!("{short}.wasm"));
    if is_here(dir) { file } else { dir.join(file) }
}

fn is_here(dir: &Path) -> bool {
    dir == Path::new("") || dir == Path::new(".")
}

/// As a shell takes it for one word.
pub(crate) fn word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "@/._-+:=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(name: &str, dir: &Path) -> String {
        import_command(&name.parse().expect("a name"), dir)
    }

    #[test]
    fn a_folder_without_a_project_gets_the_file_by_name() {
        let dir = tempfile::tempdir().expect("a folder");
        assert_eq!(
            command("http@7.2.0", dir.path()),
            format!(
                "fonio adaptor import @openfn/language-http@7.2.0 -o {}/adaptors/http.wasm",
                dir.path().display()
            )
        );
        std::fs::write(dir.path().join("project.yaml"), "").expect("it can be written");
        assert_eq!(
            command("http@7.2.0", dir.path()),
            format!(
                "fonio adaptor import @openfn/language-http@7.2.0 --project {}",
                dir.path().display()
            )
        );
    }

    #[test]
    fn what_a_shell_would_take_apart_is_quoted() {
        assert_eq!(word("@acme/x@7.2.0"), "@acme/x@7.2.0");
        assert_eq!(word("my clinic"), "'my clinic'");
        assert_eq!(word("http@>=6"), "'http@>=6'");
        assert_eq!(word("a'b"), r"'a'\''b'");
    }
}
