//! `fonio adaptor import`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::npm::path;
use crate::{Ended, Npm, Program, Project};

/// A package of the test's own, in a folder.
#[derive(Debug)]
pub struct Package {
    project: Project,
    name: String,
}

impl Package {
    /// `@acme/thing` 1.2.3, an ES module with this source.
    pub fn new(source: &str) -> Package {
        Package::with_manifest(
            r#"{"name": "@acme/thing", "version": "1.2.3", "type": "module", "license": "MIT",
                "exports": {".": {"import": "./index.js"}}}"#,
        )
        .file("index.js", source)
    }

    /// A package with this package.json, whose name is `@acme/thing` unless the test says another to [`Package::named`].
    pub fn with_manifest(manifest: &str) -> Package {
        Package {
            project: Project::new().file("package/package.json", manifest),
            name: "@acme/thing".to_owned(),
        }
    }

    /// With another name to ask for.
    #[must_use]
    pub fn named(mut self, name: &str) -> Package {
        self.name = name.to_owned();
        self
    }

    /// With a file.
    #[must_use]
    pub fn file(self, name: &str, contents: impl AsRef<[u8]>) -> Package {
        self.project.write(&format!("package/{name}"), contents);
        self
    }

    /// Imports it from its folder.
    pub fn import(&self, npm: &Npm) -> Ended {
        self.import_with(npm, &[])
    }

    /// The same with variables in the program's environment.
    pub fn import_with(&self, npm: &Npm, environment: &[(&str, &str)]) -> Ended {
        let program = import(
            &self.name,
            &self.project.path("package"),
            &self.output(),
            npm,
        );
        environment
            .iter()
            .fold(program, |program, (name, value)| program.env(name, value))
            .run(self.project.dir())
    }

    /// Imports it into a project.
    pub fn import_into(&self, project: &Project, npm: &Npm) -> Ended {
        let from = self.project.path("package").display().to_string();
        npm.program(["adaptor", "import", &self.name, "--from", &from])
            .run(project.dir())
    }

    /// The file, after checking that it was made.
    #[track_caller]
    pub fn imported(&self, npm: &Npm) -> Vec<u8> {
        self.import(npm).expect_code(0);
        read(&self.output())
    }

    fn output(&self) -> PathBuf {
        self.project.path("imported.wasm")
    }
}

impl Npm {
    /// `fonio ARGUMENTS…` with this bundler.
    pub fn program<const N: usize>(&self, arguments: [&str; N]) -> Program {
        Program::new(arguments)
            .env("FONIO_ESBUILD", &self.esbuild().to_string_lossy())
            .env("PATH", &path())
    }

    /// OpenFn's adaptor of this short name as a file.
    #[track_caller]
    pub fn imported(&self, short: &str) -> Vec<u8> {
        let project = Project::new();
        let output = project.path("imported.wasm");
        import(short, &self.adaptor(short), &output, self)
            .run(project.dir())
            .expect_code(0);
        read(&output)
    }
}

fn import(name: &str, from: &Path, output: &Path, npm: &Npm) -> Program {
    let shown = |path: &Path| path.display().to_string();
    npm.program([
        "adaptor",
        "import",
        name,
        "--from",
        &shown(from),
        "-o",
        &shown(output),
    ])
}

fn read(file: &Path) -> Vec<u8> {
    fs::read(file).unwrap_or_else(|error| panic!("{} cannot be read: {error}", file.display()))
}
