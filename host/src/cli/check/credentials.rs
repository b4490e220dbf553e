//! Credentials that jobs have and that are less safe, or less useful, than they could be.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use fonio_project::{
    Credential, CredentialSource, Job, OpenIn, Problem, Project, SETTINGS_FILE, Severity,
};
use fonio_sandbox::{Vault, Weakness};
use serde_json::Value;

use crate::bring::word;
use crate::live::Live;
use crate::sealed::Held;

/// What is said, and what to do about it.
type Said = (String, String);

/// Each once, however many jobs have the credential: at its table in fonio.toml, or else at the first of those jobs.
pub(super) fn warnings(live: &Live) -> Vec<Problem> {
    let mut said = BTreeSet::new();
    let mut problems = Vec::new();
    for job in live.project.jobs() {
        let vault = live
            .job(&job.key)
            .and_then(|job| job.credential.as_deref())
            .map(Held::vault);
        let (Some(credential), Some(vault)) = (live.project.credential_for(job), vault) else {
            continue;
        };
        let found = of(credential, vault).into_iter();
        let new = found.filter(|(message, _)| said.insert(message.clone()));
        problems.extend(new.map(|found| problem(live, job, &credential.name, found)));
    }
    problems
}

fn of(credential: &Credential, vault: &Vault) -> Vec<Said> {
    if vault.sealed_fields().next().is_none() {
        return Vec::new();
    }
    if vault.reveals() {
        return vec![revealed(vault)];
    }
    let mut found: Vec<Said> = vault
        .weak_fields()
        .map(|(field, weakness)| weak(vault.name(), field, weakness))
        .collect();
    found.extend(vault.origins().is_empty().then(|| homeless(vault.name())));
    let anywhere = |place: &OpenIn| matches!(place, OpenIn::Body(pointer) if pointer.is_empty());
    let by_toml = credential.open_in.is_some();
    let wide = vault.open_in().iter().any(anywhere);
    found.extend(wide.then(|| in_any_body(vault.name(), by_toml)));
    found
}

fn revealed(vault: &Vault) -> Said {
    let fields = vault.sealed_fields().collect::<Vec<_>>().join(", ");
    (
        format!(
            "the credential `{}` is revealed: jobs with it and their adaptors see {fields} themselves",
            vault.name()
        ),
        "without `reveal = true` they get placeholders, which the host opens toward the credential's hosts; what computes \
         a signature with a secret needs it revealed"
            .to_owned(),
    )
}

fn homeless(name: &str) -> Said {
    (
        format!(
            "the credential `{name}` belongs to no host: its secrets are sealed, and no request opens them"
        ),
        format!(
            "name the system that it is for, in fonio.toml:\n[credentials.\"{name}\"]\nhosts = [\"https://…\"]"
        ),
    )
}

fn weak(name: &str, field: &str, weakness: Weakness) -> Said {
    let subject = format!("`{field}` of the credential `{name}`");
    let message = match weakness {
        Weakness::NotSought => format!(
            "{subject} has fewer than 4 bytes, and is not looked for in replies, logs and records: it can be read there"
        ),
        Weakness::Short => format!(
            "{subject} has fewer than 8 characters: replies in which they stand by chance are altered"
        ),
        Weakness::Common => {
            format!(
                "{subject} is a common word: replies in which it stands for another reason are altered"
            )
        }
    };
    let why = match weakness {
        Weakness::NotSought => "",
        Weakness::Short | Weakness::Common => {
            "wherever it occurs in a reply it is sealed again, so that a job reads a placeholder there; "
        }
    };
    let plain = format!("[credentials.\"{name}\"]\nplain = [\"{field}\"]");
    let help =
        format!("{why}choose a longer secret, or say in fonio.toml that it is none:\n{plain}");
    (message, help)
}

fn in_any_body(name: &str, by_toml: bool) -> Said {
    let who = if by_toml {
        "`open_in` has `body`"
    } else {
        "the adaptor asks for `body`"
    };
    (
        format!(
            "the credential `{name}` is opened anywhere in a body ({who}): a job can store its secrets in a record and read them \
             back in another form"
        ),
        format!(
            "name the field it is for, in fonio.toml:\n[credentials.\"{name}\"]\nopen_in = [\"headers\", \"body:/FIELD/IN/JSON\"]"
        ),
    )
}

/// Files with secrets that every user of this machine can read.
pub(super) fn notes(project: &Project) -> Vec<String> {
    let encrypted = |path: &PathBuf| {
        let mut all = project.settings.credentials.values();
        all.any(|one| one.from == Some(CredentialSource::Age(path.clone())))
    };
    let empty: Vec<&Path> = project.credentials.values().filter_map(empty).collect();
    let files = project.credential_files.iter();
    let open = files
        .filter(|path| !encrypted(path) && !empty.contains(&path.as_path()))
        .filter(|path| is_open(&project.dir.join(path)));
    // What is mounted has the mode that its mount gives it, and mounts are elsewhere.
    let (elsewhere, own): (Vec<&PathBuf>, Vec<&PathBuf>) =
        open.partition(|path| path.is_absolute() || path.starts_with(".."));
    let said = |files: &[&PathBuf], advice: &str| {
        let names: Vec<String> = files
            .iter()
            .map(|path| word(&path.display().to_string()))
            .collect();
        let names = names.join(" ");
        format!("every user of this machine can read what credentials are in: {advice}{names}")
    };
    let mounts = "chmod o= FILE, or where it is mounted, a mode of 0400 (Kubernetes: `defaultMode`, Docker: `mode`): ";
    [(own, "chmod o= "), (elsewhere, mounts)]
        .iter()
        .filter(|(files, _)| !files.is_empty())
        .map(|(files, advice)| said(files, advice))
        .collect()
}

/// The file of a credential that is still to be filled in.
fn empty(credential: &Credential) -> Option<&Path> {
    let filled = |value: &Value| !matches!(value, Value::Null) && value.as_str() != Some("");
    let from = &credential.from;
    let file = Path::new(from.strip_prefix("file:").unwrap_or(from));
    (!credential.body.values().any(filled)).then_some(file)
}

/// A folder's own mode says nothing of the files in it, which their mount sets.
fn is_open(path: &Path) -> bool {
    const OTHERS_READ: u32 = 0o004;
    let found = fs::metadata(path);
    found.is_ok_and(|found| found.is_file() && found.permissions().mode() & OTHERS_READ != 0)
}

fn problem(live: &Live, job: &Job, credential: &str, (message, help): Said) -> Problem {
    let settings = live.project.settings.credentials.get(credential);
    let (file, (line, column)) = match settings {
        Some(settings) => (PathBuf::from(SETTINGS_FILE), settings.place()),
        None => (job.file.clone(), (job.line, 1)),
    };
    Problem {
        severity: Severity::Warning,
        file,
        line,
        column,
        message,
        help: Some(help),
        source_line: None,
    }
}
