//! What `fonio check` has found in a project, for people and for programs.

use std::path::Path;

use fonio_project::{Problem, Severity};
use serde_json::{Value, json};

use super::{clocks, grants};
use crate::cli::output::tell;
use crate::cli::{Exit, paint, triggers};
use crate::trust::Trust;

/// All there is to tell of a project.
pub(super) struct Found {
    pub problems: Vec<Problem>,
    pub notes: Vec<String>,
    pub doors: Vec<triggers::Shown>,
    pub clocks: Vec<clocks::Shown>,
    pub grants: grants::Shown,
    pub summary: String,
    /// Where there is nothing to lock, nothing is said of it.
    pub trust: Option<Trust>,
}

impl Found {
    /// One JSON document.
    pub fn json(&self) -> Value {
        let Found {
            problems,
            doors,
            clocks,
            grants,
            ..
        } = self;
        let ok = Count::of(problems).errors == 0;
        let mut said = json!({ "ok": ok, "problems": problems, "doors": doors, "clocks": clocks, "grants": grants });
        if !self.notes.is_empty() {
            said["notes"] = json!(self.notes);
        }
        if let Some(trust) = &self.trust {
            said["locked"] = trust.is_locked().into();
        }
        said
    }

    /// The last line counts what stands above it: notes, too, which look like warnings to who reads fast.
    pub fn print(&self) {
        triggers::print(&self.doors);
        clocks::print(&self.clocks);
        grants::print(&self.grants);
        self.notes.iter().for_each(|note| paint::note(note));
        self.problems.iter().for_each(paint::problem);
        let mut counted = Count::of(&self.problems).in_words();
        if !self.notes.is_empty() {
            counted += &format!(", {}", paint::count(self.notes.len(), "note"));
        }
        tell!("{}: {counted}", self.summary);
        if let Some(trust) = &self.trust {
            tell!("{}", trust.in_words());
        }
    }

    /// The same project, seen from the folder that it is in.
    pub fn within(mut self, folder: &str) -> Found {
        for problem in &mut self.problems {
            problem.file = Path::new(folder).join(&problem.file);
        }
        self.summary = format!("{folder}: {}", self.summary);
        self
    }
}

/// How many problems there are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    pub errors: usize,
    warnings: usize,
}

impl Count {
    pub fn of(problems: &[Problem]) -> Count {
        let errors = problems.iter();
        let errors = errors.filter(|problem| problem.severity == Severity::Error);
        let errors = errors.count();
        Count {
            errors,
            warnings: problems.len() - errors,
        }
    }

    pub fn and(self, other: Count) -> Count {
        Count {
            errors: self.errors + other.errors,
            warnings: self.warnings + other.warnings,
        }
    }

    pub fn in_words(self) -> String {
        format!(
            "{}, {}",
            paint::count(self.errors, "error"),
            paint::count(self.warnings, "warning")
        )
    }

    pub fn exit(self) -> Exit {
        match self.errors {
            0 => Exit::Success,
            _ => Exit::Failed,
        }
    }
}
