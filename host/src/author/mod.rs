//! Writing adaptors: `fonio adaptor new`, `build` and `test`, the same for every language.
//!
//! ```text
//!  new     template.rs    a small working adaptor, with the SDK or the contract beside it
//!  build   build.rs       which language a folder is in, and the .wasm of it
//!            rust.rs        cargo, then the module made a component
//!            javascript.rs  as `fonio adaptor import` makes it of a package
//!            python.rs      componentize-py, in a virtual environment of the adaptor's own
//!  test    case.rs        what a file in tests/ says
//!            far_side.rs    the scripted server that plays the other system
//!            trial.rs       a case in the real sandbox, with that server alone granted
//!            compare.rs     what came against what was expected
//! ```
//!
//! Compilers and package managers run on the author's machine with the author's rights, as they would without us. What they
//! made runs in the sandbox only.

mod build;
mod case;
mod compare;
mod far_side;
mod javascript;
mod python;
mod rust;
mod template;
mod trial;

use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

pub use build::Source;
pub use case::Case;
pub use compare::Difference;
pub use template::create;
pub use trial::{Trial, try_case};

/// Tells a person what is going on: a verb, and of what.
pub type Progress<'a> = &'a dyn Fn(&str, &str);

/// What an adaptor is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// With the SDK in `sdk/rust`.
    Rust,
    /// For the runtime for packages, in OpenFn's form.
    Js,
    /// With componentize-py.
    Python,
}

/// An adaptor's name, fit for a folder, a file, a crate and a package alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

/// Longer ones make tables and paths hard to read.
const NAME_MAX_CHARS: usize = 40;

impl Name {
    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = AuthorError;

    /// Lower-case letters, digits and single hyphens, a letter first.
    fn from_str(text: &str) -> Result<Name, AuthorError> {
        let words_are_plain = text.split('-').all(|word| {
            !word.is_empty()
                && word
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        });
        let starts_with_letter = text.starts_with(|c: char| c.is_ascii_lowercase());
        if words_are_plain && starts_with_letter && text.len() <= NAME_MAX_CHARS {
            Ok(Name(text.to_owned()))
        } else {
            Err(AuthorError::Name(text.to_owned()))
        }
    }
}

/// Why an adaptor was not made, built or tested.
#[derive(Debug, thiserror::Error)]
pub enum AuthorError {
    /// No name for an adaptor.
    #[error(
        "`{0}` is no name for an adaptor: it is made of lower-case letters, digits and hyphens, begins with a letter, and has at most {NAME_MAX_CHARS} characters, for example `clinic-register`"
    )]
    Name(String),
    /// The folder is taken.
    #[error("{} is there already; choose another name, or remove it first", .0.display())]
    Taken(PathBuf),
    /// The folder has no adaptor in it.
    #[error("{} holds no adaptor: there is neither Cargo.toml, package.json nor app.py in it. `fonio adaptor new NAME` makes one", .0.display())]
    NoAdaptor(PathBuf),
    /// A program that is needed is missing or refuses; the sentence names the remedy.
    #[error("{0}")]
    Tool(String),
    /// The author's source does not build; the compiler said why.
    #[error("{} did not build; the reasons are above", .0.display())]
    Source(PathBuf),
    /// There is nothing to run.
    #[error("{} has no cases: write one as a .json file in its folder `tests`", .0.display())]
    NoCases(PathBuf),
    /// A file in `tests/` that is no case.
    #[error("{} is no case: {reason}", path.display())]
    Case {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl AuthorError {
    fn file(path: &Path) -> impl FnOnce(io::Error) -> AuthorError {
        let path = path.to_owned();
        move |error| AuthorError::File { path, error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_folders_files_and_packages() {
        for good in ["clinic", "clinic-register", "dhis2", "a"] {
            assert_eq!(good.parse::<Name>().expect("a name").as_str(), good);
        }
        let long = "a".repeat(NAME_MAX_CHARS + 1);
        for bad in [
            "", "-", "Clinic", "2go", "a--b", "a-", "a_b", "a/b", "..", "a b", "ä", &long,
        ] {
            let error = bad.parse::<Name>().expect_err(bad).to_string();
            assert!(error.contains("is no name for an adaptor"), "{error}");
        }
    }
}
