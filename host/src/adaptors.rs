//! The adaptors of a project: files in `adaptors/` and those inside the program, and which of them a job's name means.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fonio_project::{AdaptorName, Files, Problem, Severity};
use fonio_sandbox::{Adaptor, AdaptorError, Sandbox};
use semver::Version;
use sha2::{Digest, Sha256};

use crate::bring::{adaptor_file, import_command};
use crate::trust::lock::LOCK_FILE;
use crate::trust::{Trust, signatures};
use crate::versions::Asked;
use crate::wasm_file;
use crate::workbench::Workbench;

/// The OpenFn package whose operations every job has.
const COMMON: &str = "@openfn/language-common";
/// Its operations, too, every job has: `collections.get` and the like, on the host's own store.
const COLLECTIONS: &str = "@openfn/language-collections";

/// An adaptor that jobs can name.
#[derive(Clone, Debug)]
pub struct LoadedAdaptor {
    /// Relative to the project; none for one that the program carries.
    pub file: Option<PathBuf>,
    pub(crate) digest: String,
    /// The key that signed the file, where files must be signed.
    pub(crate) signed_by: Option<String>,
    /// The adaptor itself.
    pub adaptor: Arc<Adaptor>,
}

impl LoadedAdaptor {
    /// `imported`, `native` or `built in`.
    pub fn kind(&self) -> &'static str {
        match (&self.file, self.adaptor.contents()) {
            (_, Some(_)) => "imported",
            (Some(_), None) => "native",
            (None, None) => "built in",
        }
    }

    /// The name by which `[adaptors.<name>]` and `adaptors/<name>.wasm` know it; of an imported package, its own.
    pub fn short_name(&self) -> String {
        if let Some((package, _)) = self.package() {
            let name = package.parse::<AdaptorName>();
            return name.map_or_else(|_| package.to_owned(), |name| name.short().to_owned());
        }
        match &self.file {
            Some(file) => file
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            None => self.adaptor.description().name.clone(),
        }
    }

    /// The npm package and its version, if it is one.
    fn package(&self) -> Option<(&str, Version)> {
        let description = self.adaptor.description();
        let version = Version::parse(&description.version).ok()?;
        self.adaptor
            .contents()
            .map(|_| (description.name.as_str(), version))
    }
}

/// Every adaptor of a project: its own files first, then what the program carries.
#[derive(Clone, Debug, Default)]
pub struct Adaptors {
    /// In the order in which a name is looked up.
    pub all: Vec<LoadedAdaptor>,
    /// The project's directory, as whoever asked has named it.
    dir: PathBuf,
}

impl Adaptors {
    /// Loads `adaptors/*.wasm` and the built-in ones; a file that does not load is a problem, and its old version stays.
    pub async fn load(
        dir: &Path,
        sandbox: &Sandbox,
        old: Option<&Adaptors>,
        problems: &mut Vec<Problem>,
    ) -> Adaptors {
        Adaptors::load_on(&Workbench::alone(dir, sandbox), old, problems).await
    }

    /// The same of a project whose files and time may be a tenant's.
    pub(crate) async fn load_on(
        work: &Workbench<'_>,
        old: Option<&Adaptors>,
        problems: &mut Vec<Problem>,
    ) -> Adaptors {
        let trust = Trust::of(&work.files, problems);
        Adaptors::load_admitted_by(&trust, work, old, problems).await
    }

    /// As [`Adaptors::load`] with files that `trust` admits. An old version stays only if it is admitted, too.
    pub async fn load_trusted(
        dir: &Path,
        trust: &Trust,
        sandbox: &Sandbox,
        old: Option<&Adaptors>,
        problems: &mut Vec<Problem>,
    ) -> Adaptors {
        Adaptors::load_admitted_by(trust, &Workbench::alone(dir, sandbox), old, problems).await
    }

    async fn load_admitted_by(
        trust: &Trust,
        work: &Workbench<'_>,
        old: Option<&Adaptors>,
        problems: &mut Vec<Problem>,
    ) -> Adaptors {
        let files = &work.files;
        let mut loaded = Vec::new();
        for file in named(files, "wasm") {
            let before = old.and_then(|old| {
                old.all
                    .iter()
                    .find(|adaptor| adaptor.file.as_ref() == Some(&file))
            });
            match load_admitted(&file, trust, work, before).await {
                Ok(adaptor) => loaded.push(adaptor),
                Err(reason) => {
                    let before = before.filter(|before| trust.keeps(before));
                    problems.push(adaptor_problem(&file, &reason, before.is_some()));
                    loaded.extend(before.cloned());
                }
            }
        }
        for (name, wasm) in Sandbox::built_in_adaptors() {
            match load_bytes(
                wasm,
                None,
                work.sandbox,
                old.and_then(|old| old.all.iter().find(|a| a.file.is_none())),
            )
            .await
            {
                Ok(adaptor) => loaded.push(adaptor),
                Err(error) => {
                    tracing::error!(name, %error, "an adaptor inside the program does not load")
                }
            }
        }
        Adaptors {
            all: loaded,
            dir: files.dir().to_path_buf(),
        }
    }

    /// Loads the file `path` and puts it before all others, by the name that it would have as `adaptors/NAME.wasm`.
    ///
    /// # Errors
    /// When it cannot be read, or is not an adaptor.
    pub async fn put_first(
        &mut self,
        name: &str,
        path: &Path,
        sandbox: &Sandbox,
    ) -> Result<(), String> {
        let file = Path::new("adaptors").join(format!("{name}.wasm"));
        let wasm = wasm_file::read(path.to_path_buf()).await?;
        let loaded = load_bytes(&wasm, Some(file), sandbox, None)
            .await
            .map_err(|error| error.to_string())?;
        self.all.insert(0, loaded);
        Ok(())
    }

    /// Whether an adaptor is still here. One that was deleted must not run on in jobs made with it.
    pub(crate) fn have(&self, digest: Option<&String>) -> bool {
        digest.is_none_or(|digest| self.all.iter().any(|adaptor| adaptor.digest == *digest))
    }

    /// The adaptor that a job names; `None` in `Ok` for the common operations alone.
    ///
    /// # Errors
    /// When nothing here answers to the name: the sentence to show, and what would help.
    pub fn find(&self, name: &AdaptorName) -> Result<Option<&LoadedAdaptor>, (String, String)> {
        self.choose(name).map(|choice| choice.adaptor)
    }

    /// The adaptor that a job names, and why it is that one: an imported package of exactly that version; else, where the
    /// job leaves the version open, the newest imported one that fits; else a native adaptor that answers to the name;
    /// else, of common, the operations inside the program.
    ///
    /// # Errors
    /// As [`Adaptors::find`].
    pub fn choose(&self, name: &AdaptorName) -> Result<Choice<'_>, (String, String)> {
        let asked = Asked::of(name.version.as_deref());
        let imported = self.imported(name);
        let fitting = imported.filter(|(version, _)| asked.fits(version));
        if let Some((_, newest)) = fitting.max_by(|(a, _), (b, _)| a.cmp(b)) {
            return Ok(Choice {
                adaptor: Some(newest),
                why: asked.why_imported(),
                missing: None,
            });
        }
        let mut native = self
            .all
            .iter()
            .filter(|adaptor| adaptor.adaptor.contents().is_none());
        if let Some(found) = native.find(|adaptor| answers_to(adaptor, name, &asked)) {
            return Ok(Choice {
                adaptor: Some(found),
                why: "a native adaptor that answers to the name",
                missing: self.missing(name, &asked),
            });
        }
        if [COMMON, COLLECTIONS].contains(&name.name.as_str()) {
            return Ok(Choice {
                adaptor: None,
                why: "the common operations inside the program",
                missing: self.missing(name, &asked),
            });
        }
        Err(self.nothing(name))
    }

    /// The packages that the name means, whatever version it asks for.
    fn imported<'a>(
        &'a self,
        name: &AdaptorName,
    ) -> impl Iterator<Item = (Version, &'a LoadedAdaptor)> {
        self.all.iter().filter_map(move |adaptor| {
            let (package, version) = adaptor.package()?;
            means(name, package).then_some((version, adaptor))
        })
    }

    fn imported_versions(&self, name: &AdaptorName) -> String {
        let versions: BTreeSet<Version> = self.imported(name).map(|(version, _)| version).collect();
        let versions: Vec<String> = versions.iter().map(Version::to_string).collect();
        versions.join(" and ")
    }

    /// Whoever names one version has written for that one, and should know when it is another that runs.
    fn missing(&self, name: &AdaptorName, asked: &Asked) -> Option<String> {
        let Asked::Exactly(version) = asked else {
            return None;
        };
        let others = self.imported_versions(name);
        let others = match (others.is_empty(), others.contains(" and ")) {
            (true, _) => String::new(),
            (false, false) => format!(" ({others} is)"),
            (false, true) => format!(" ({others} are)"),
        };
        let command = import_command(name, &self.dir);
        Some(format!("{version} is not imported{others}: {command}"))
    }

    fn nothing(&self, name: &AdaptorName) -> (String, String) {
        let others = self.imported_versions(name);
        let here = if others.is_empty() {
            let said = self
                .all
                .iter()
                .map(|one| &one.adaptor.description().answers_to);
            let mut known: BTreeSet<&str> = said.flatten().map(String::as_str).collect();
            known.insert(COMMON);
            let known: Vec<&str> = known.into_iter().collect();
            format!("here now: {}", known.join(", "))
        } else {
            format!("imported is {others}")
        };
        let help = format!(
            "import it from npm: {}; or put a .wasm that answers to it into adaptors/ (for example {}); {here}",
            import_command(name, &self.dir),
            adaptor_file(name, &self.dir).display()
        );
        (format!("no adaptor here answers to {name}"), help)
    }
}

/// An adaptor, and why a name means it.
#[derive(Clone, Debug)]
pub struct Choice<'a> {
    /// None for the common operations inside the program.
    pub adaptor: Option<&'a LoadedAdaptor>,
    /// A part of a sentence.
    why: &'static str,
    /// The version that the job names stands for nothing here: which those are that do, and the command that brings it.
    pub missing: Option<String>,
}

impl Choice<'_> {
    /// Why it is that one, and not the version that was named.
    pub fn why(&self) -> String {
        match &self.missing {
            None => self.why.to_owned(),
            Some(missing) => format!("{}; {missing}", self.why),
        }
    }
}

/// Whether a job that says `name` means this package. One without a scope is named by the same rule: a job's `clinic` is
/// `@openfn/language-clinic`, and the package `clinic` that someone wrote with `fonio adaptor new`.
pub(crate) fn means(name: &AdaptorName, package: &str) -> bool {
    let known = package.parse::<AdaptorName>();
    known.is_ok_and(|known| known.name == name.name)
}

/// Whether a native adaptor stands for what is asked: by its file's name, or by what it says, which may be a range
/// (`@openfn/language-http@>=6`).
fn answers_to(adaptor: &LoadedAdaptor, name: &AdaptorName, asked: &Asked) -> bool {
    let said = adaptor.adaptor.description().answers_to.iter();
    let mut said = said.filter_map(|said| said.parse::<AdaptorName>().ok());
    adaptor.short_name() == name.short()
        || said.any(|said| said.name == name.name && asked.within(said.version.as_deref()))
}

/// Changes when a file in `adaptors/` does, or the lock. By size, time and inode, so that it costs no reading.
pub fn adaptor_files_stamp(dir: &Path) -> String {
    use std::os::unix::fs::MetadataExt;
    let stamp = |path: PathBuf| {
        let found = fs::metadata(&path).ok();
        let seen = found.map(|found| {
            (
                found.len(),
                found.mtime(),
                found.mtime_nsec(),
                found.ctime_nsec(),
                found.ino(),
            )
        });
        format!("{} {seen:?}\n", path.display())
    };
    let signatures = signatures::files(dir);
    let files = wasm_files(dir).into_iter().chain(signatures);
    files.chain([dir.join(LOCK_FILE)]).map(stamp).collect()
}

/// The files in `adaptors/` of a project, in order.
pub(crate) fn wasm_files(dir: &Path) -> Vec<PathBuf> {
    let files = named(&Files::of(dir), "wasm").into_iter();
    files.map(|file| dir.join(file)).collect()
}

/// What is in `adaptors/` and ends so, in order.
pub(crate) fn named(files: &Files, ending: &str) -> Vec<PathBuf> {
    let folder = Path::new("adaptors");
    let names = files.names(folder).unwrap_or_default().into_iter();
    let paths = names.map(|name| folder.join(name));
    paths
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .collect()
}

async fn load_admitted(
    file: &Path,
    trust: &Trust,
    work: &Workbench<'_>,
    before: Option<&LoadedAdaptor>,
) -> Result<LoadedAdaptor, String> {
    let wasm = wasm_file::read_of(work.files.clone(), file.to_path_buf()).await?;
    let signed_by = trust
        .admit(&work.files, file, &wasm, &digest(&wasm))
        .map_err(|refusal| refusal.to_string())?;
    let load = load_bytes(&wasm, Some(file.to_path_buf()), work.sandbox, before);
    let loaded = work
        .turn(load)
        .await
        .map_err(|over| over.to_string())?
        .map_err(|error| error.to_string())?;
    Ok(LoadedAdaptor {
        signed_by,
        ..loaded
    })
}

/// SHA-256, in hexadecimal.
pub(crate) fn digest(wasm: &[u8]) -> String {
    let digest = Sha256::digest(wasm);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn load_bytes(
    wasm: &[u8],
    file: Option<PathBuf>,
    sandbox: &Sandbox,
    before: Option<&LoadedAdaptor>,
) -> Result<LoadedAdaptor, AdaptorError> {
    let digest = digest(wasm);
    if let Some(same) = before.filter(|before| before.digest == digest) {
        return Ok(same.clone());
    }
    let adaptor = Arc::new(sandbox.load_adaptor(wasm).await?);
    Ok(LoadedAdaptor {
        file,
        digest,
        signed_by: None,
        adaptor,
    })
}

fn adaptor_problem(file: &Path, reason: &str, old_serves: bool) -> Problem {
    let message = format!("this adaptor does not load: {reason}");
    let help = old_serves.then(|| "the version loaded before goes on serving".to_owned());
    Problem {
        severity: Severity::Error,
        file: file.to_path_buf(),
        line: 1,
        column: 1,
        message,
        help,
        source_line: None,
    }
}
