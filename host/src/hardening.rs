//! What `serve` gives up before it starts: every right, system call and file that serving does not take.
//!
//! The sandbox keeps guests in. This keeps a host in whose sandbox a guest has found a hole: it reads the project, writes
//! its data, starts itself again to compile, and can do nothing else on the machine. How is in `fonio_sandbox::confine`;
//! here is what stays within reach.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use fonio_project::{AGE_KEY_FILE, CredentialSource, Problem, Settings};
use fonio_sandbox::confine::{self, Part, Reach, Work};

/// What names are resolved by, certificates and time zones found by, and libraries loaded from. Folders, because these
/// files are replaced while a host runs (`/etc/resolv.conf` at each change of network). Of `/proc`, the rest of the wall
/// leaves what every user may read.
const SYSTEM: &[&str] = &[
    "/etc",
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/nix/store",
    "/gnu/store",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
    "/run/connman",
    "/run/nscd",
    "/proc",
    "/sys/fs/cgroup",
    "/sys/devices/system/cpu",
    "/dev/urandom",
    "/dev/random",
];

/// Folders of a project in which links are followed at the start.
const FOLDERS: &[&str] = &["", "jobs", "adaptors", "credentials"];
/// Links that lead to links; the kernel's own limit.
const HOPS_MAX: usize = 40;

/// What one host needs.
#[derive(Debug)]
pub struct Needs<'a> {
    /// The projects' directories, as they were named.
    pub projects: Vec<PathBuf>,
    /// Messages, runs, logs.
    pub data: &'a Path,
    /// Compiled code.
    pub code_cache: &'a Path,
    /// Other files, and folders, to read.
    pub read: Vec<PathBuf>,
}

impl Needs<'_> {
    /// The files and folders of it all. Those outside the project that its files name, and that its links lead to, are
    /// within reach with their folder, so that they can be replaced there.
    #[must_use]
    pub fn reach(&self, home: Option<&Path>) -> Reach {
        let mut read: Vec<PathBuf> = SYSTEM.iter().map(PathBuf::from).collect();
        for project in &self.projects {
            read.extend(reach_of(project, home));
        }
        read.extend(self.read.iter().cloned());
        Reach {
            read,
            write: vec![self.data.to_owned(), self.code_cache.to_owned()],
            execute: confine::own_program(),
        }
    }
}

/// A project's own folder, and what it has elsewhere.
fn reach_of(project: &Path, home: Option<&Path>) -> Vec<PathBuf> {
    let mut outside = Outside {
        project: real(project),
        home: home.map(real),
        found: Vec::new(),
    };
    // Without a slash at its end, behind which a link is not seen.
    outside.follow(&project.components().collect::<PathBuf>());
    for folder in FOLDERS {
        let entries = std::fs::read_dir(project.join(folder));
        for entry in entries.into_iter().flatten().flatten() {
            outside.follow(&entry.path());
        }
    }
    let (settings, _) = fonio_project::load_settings(project);
    let files = settings.iter();
    for file in files.flat_map(|settings| credential_files(project, settings)) {
        outside.follow(&project.join(&file));
        outside.add(&project.join(file));
    }
    let mut reach = vec![outside.project];
    reach.extend(outside.found);
    reach
}

/// What credentials are read from besides `credentials/`, and the key of those that are encrypted.
fn credential_files(project: &Path, settings: &Settings) -> Vec<PathBuf> {
    let mut encrypted = false;
    let sources = settings.credentials.values();
    let mut files: Vec<PathBuf> = sources
        .filter_map(|credential| match &credential.from {
            Some(CredentialSource::File(path)) => Some(path.clone()),
            Some(CredentialSource::Age(path)) => {
                encrypted = true;
                Some(path.clone())
            }
            Some(CredentialSource::Environment(_) | CredentialSource::Systemd(_)) | None => None,
        })
        .collect();
    if encrypted {
        let variables = [project, Path::new(".")].map(fonio_project::load_variables);
        let own = std::env::var(AGE_KEY_FILE).ok();
        let set = variables
            .iter()
            .filter_map(|set| set.get(AGE_KEY_FILE).cloned());
        files.extend(own.into_iter().chain(set).map(PathBuf::from));
    }
    files
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// What a project has outside its folder.
struct Outside {
    project: PathBuf,
    home: Option<PathBuf>,
    found: Vec<PathBuf>,
}

impl Outside {
    /// Every hop of a link: a mounted secret is a link to a link, and the second changes when the secret does.
    fn follow(&mut self, link: &Path) {
        let mut at = link.to_owned();
        for _ in 0..HOPS_MAX {
            let Ok(target) = std::fs::read_link(&at) else {
                return;
            };
            at = at.parent().unwrap_or(Path::new(".")).join(target);
            self.add(&at);
        }
    }

    /// The folder that something is in; the thing alone where that folder holds what is none of the project's business:
    /// a home, other projects, everything. A folder that holds versions of this project, one of which a link names, is
    /// its business.
    fn add(&mut self, path: &Path) {
        let whole = real(path);
        let folder = path.parent().map(real);
        let folder = folder.filter(|folder| {
            let versions = whole == self.project;
            folder != Path::new("/")
                && Some(folder) != self.home.as_ref()
                && (versions || !self.project.starts_with(folder))
        });
        let within = folder.unwrap_or(whole);
        if !within.starts_with(&self.project) && !self.found.contains(&within) {
            self.found.push(within);
        }
    }
}

/// Set once there is a wall around files.
static WALL: OnceLock<()> = OnceLock::new();

/// Builds the wall, and gives its parts in words. For good, and to be called while there is one thread.
#[must_use]
pub fn harden(reach: &Reach) -> Vec<Part> {
    let mut parts = confine::privileges(Work::Serving);
    let files = confine::files(reach, Work::Serving);
    if matches!(files, Part::InForce(_)) {
        let _ = WALL.set(());
    }
    parts.push(files);
    parts
}

/// What helps when a file of the project is out of reach of a hardened host, if that is what one of these is about.
#[must_use]
pub fn hint(problems: &[Problem]) -> Option<&'static str> {
    let denied = problems
        .iter()
        .any(|problem| problem.message.contains("Permission denied"));
    (denied && WALL.get().is_some()).then_some(
        "this host reads what the project had when it started; to take in a file or folder elsewhere, restart it",
    )
}

/// One sentence for the start: what stands, and what does not.
#[must_use]
pub fn in_words(parts: &[Part]) -> String {
    let stands: Vec<&str> = parts.iter().filter_map(in_force).collect();
    let absent: Vec<&str> = parts.iter().filter_map(absent).collect();
    let mut words = stands.join(", ");
    if !absent.is_empty() {
        words += &format!("; NOT in force: {}", absent.join(", "));
    }
    words
}

fn in_force(part: &Part) -> Option<&str> {
    match part {
        Part::InForce(what) => Some(what),
        Part::Absent(_) => None,
    }
}

fn absent(part: &Part) -> Option<&str> {
    match part {
        Part::InForce(_) => None,
        Part::Absent(what) => Some(what),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn outside(project: &Path, home: Option<&Path>) -> Vec<PathBuf> {
        let needs = Needs {
            projects: vec![project.to_owned()],
            data: &project.join(".fonio"),
            code_cache: Path::new("/nowhere"),
            read: Vec::new(),
        };
        let mut read = needs.reach(home).read;
        read.retain(|path| !SYSTEM.iter().any(|system| path == Path::new(system)));
        read
    }

    /// Folders, each with its real path.
    fn folders(root: &Path, names: &[&str]) -> Vec<PathBuf> {
        let make = |name: &&str| {
            fs::create_dir_all(root.join(name)).expect("a folder");
            root.join(name)
        };
        names.iter().map(make).collect()
    }

    #[test]
    fn a_project_reaches_itself_and_the_folders_that_its_links_and_credentials_lead_to() {
        let root = tempfile::tempdir().expect("a folder");
        let root = real(root.path());
        let made = folders(
            &root,
            &[
                "srv/clinic/credentials",
                "run/secrets/..1",
                "etc/fonio",
                "srv/other",
            ],
        );
        let clinic = root.join("srv/clinic");
        fs::write(made[1].join("dhis2.json"), "{}").expect("a file");
        symlink("..1", root.join("run/secrets/..data")).expect("a link");
        symlink("..data/dhis2.json", root.join("run/secrets/dhis2.json")).expect("a link");
        symlink(
            root.join("run/secrets/dhis2.json"),
            clinic.join("credentials/dhis2.json"),
        )
        .expect("a link");
        let toml = format!(
            "[credentials.far]\nfrom = \"file:{}\"\n",
            made[2].join("far.json").display()
        );
        fs::write(clinic.join("fonio.toml"), toml).expect("a file");
        let reached = outside(&clinic, None);
        assert_eq!(reached[0], clinic);
        assert!(reached.contains(&root.join("run/secrets")), "{reached:?}");
        assert!(reached.contains(&root.join("etc/fonio")), "{reached:?}");
        assert!(
            !reached.iter().any(|path| made[3].starts_with(path)),
            "{reached:?}"
        );
    }

    #[test]
    fn a_credential_in_a_home_or_beside_the_project_is_reached_alone() {
        let root = tempfile::tempdir().expect("a folder");
        let root = real(root.path());
        folders(&root, &["srv/clinic", "home"]);
        let clinic = root.join("srv/clinic");
        let files = [root.join("home/a.json"), root.join("srv/b.json")];
        let mut toml = String::new();
        for (name, file) in ["a", "b"].iter().zip(&files) {
            fs::write(file, "{}").expect("a file");
            toml += &format!("[credentials.{name}]\nfrom = \"file:{}\"\n", file.display());
        }
        fs::write(clinic.join("fonio.toml"), toml).expect("a file");
        let reached = outside(&clinic, Some(&root.join("home")));
        assert_eq!(reached, [clinic, files[0].clone(), files[1].clone()]);
    }

    #[test]
    fn a_project_named_by_a_link_reaches_its_other_versions() {
        let root = tempfile::tempdir().expect("a folder");
        let root = real(root.path());
        folders(&root, &["srv/releases/1"]);
        symlink("releases/1", root.join("srv/current")).expect("a link");
        let reached = outside(&root.join("srv/current"), None);
        assert_eq!(
            reached,
            [root.join("srv/releases/1"), root.join("srv/releases")]
        );
    }

    #[test]
    fn what_stands_and_what_does_not_is_one_sentence() {
        let parts = [
            Part::InForce("umask 077".to_owned()),
            Part::Absent("landlock (the kernel has none)".to_owned()),
            Part::InForce("no core dumps".to_owned()),
        ];
        assert_eq!(
            in_words(&parts),
            "umask 077, no core dumps; NOT in force: landlock (the kernel has none)"
        );
        assert_eq!(in_words(&parts[..1]), "umask 077");
    }
}
