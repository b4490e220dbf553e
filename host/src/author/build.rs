//! From an adaptor's folder to its `.wasm`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{AuthorError, Language, Progress, javascript, python, rust};

/// Folders that hold what was built or fetched, and cases, which are no source.
const NOT_SOURCE: [&str; 4] = ["target", "node_modules", "__pycache__", "tests"];

/// An adaptor's folder.
#[derive(Debug)]
pub struct Source {
    /// Absolute.
    pub dir: PathBuf,
    /// What it is written in.
    pub language: Language,
}

impl Source {
    /// Looks at what is in the folder.
    ///
    /// # Errors
    /// When it is not there, or is no adaptor.
    pub fn find(dir: &Path) -> Result<Source, AuthorError> {
        let dir = fs::canonicalize(dir).map_err(AuthorError::file(dir))?;
        let has = |file: &str| dir.join(file).is_file();
        let language = if has("Cargo.toml") {
            Language::Rust
        } else if has("package.json") {
            Language::Js
        } else if has("app.py") {
            Language::Python
        } else {
            return Err(AuthorError::NoAdaptor(dir));
        };
        Ok(Source { dir, language })
    }

    /// Where it is built to when nobody says otherwise: a file of the folder's name, in it.
    pub fn output(&self) -> PathBuf {
        let mut name = self.dir.file_name().unwrap_or_default().to_owned();
        name.push(".wasm");
        self.dir.join(name)
    }

    /// Builds it into `output`, which is written whole or not at all, and gives its size in bytes. What compilers say goes to
    /// standard error; what is fetched for every adaptor alike is kept in `tools`.
    ///
    /// # Errors
    /// When a tool is missing, or the source does not build.
    pub async fn build(
        &self,
        output: &Path,
        tools: &Path,
        progress: Progress<'_>,
    ) -> Result<u64, AuthorError> {
        if let Some(folder) = output.parent() {
            fs::create_dir_all(folder).map_err(AuthorError::file(folder))?;
        }
        match self.language {
            Language::Rust => rust::build(&self.dir, output, progress),
            Language::Js => javascript::build(&self.dir, output, tools, progress).await,
            Language::Python => python::build(&self.dir, output, progress).await,
        }
    }

    /// Whether `output` is there and newer than everything it is made of.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn is_built(&self, output: &Path) -> Result<bool, AuthorError> {
        let built = fs::metadata(output).and_then(|file| file.modified());
        match built {
            Ok(built) => Ok(newest(&self.dir)? < built),
            Err(_) => Ok(false),
        }
    }
}

/// When something of the source last changed.
fn newest(folder: &Path) -> Result<SystemTime, AuthorError> {
    let mut newest = SystemTime::UNIX_EPOCH;
    for entry in fs::read_dir(folder).map_err(AuthorError::file(folder))? {
        let entry = entry.map_err(AuthorError::file(folder))?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        // Of a link itself: it may lead back here.
        let found = entry.metadata().map_err(AuthorError::file(&path))?;
        if found.is_dir() {
            if !name.starts_with('.') && !NOT_SOURCE.contains(&&*name) {
                newest = newest.max(self::newest(&path)?);
            }
        } else if !name.ends_with(".wasm") {
            let changed = found.modified().map_err(AuthorError::file(&path))?;
            newest = newest.max(changed);
        }
    }
    Ok(newest)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Writes a file as of this many seconds after the epoch.
    fn write(dir: &Path, name: &str, seconds: u64) {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a folder");
        let file = fs::File::create(&path).expect("a file");
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
            .expect("a time");
    }

    #[test]
    fn an_adaptor_is_built_again_when_its_source_has_changed() {
        let dir = tempfile::tempdir().expect("a folder");
        let dir = dir.path();
        write(dir, "app.py", 10);
        write(dir, "fonio/http.py", 10);
        let source = Source::find(dir).expect("an adaptor");
        assert_eq!(source.language, Language::Python);
        let output = source.output();
        let is_built = || source.is_built(&output).expect("it can be read");
        assert!(!is_built());
        write(
            dir,
            output
                .file_name()
                .and_then(|name| name.to_str())
                .expect("text"),
            20,
        );
        assert!(is_built());
        for no_source in [
            "tests/case.json",
            ".venv/bin/python",
            "fonio/__pycache__/http.pyc",
        ] {
            write(dir, no_source, 30);
            assert!(is_built(), "{no_source}");
        }
        write(dir, "fonio/http.py", 30);
        assert!(!is_built());
    }
}
