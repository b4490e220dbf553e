//! `fonio run` of one expression.

use serde_json::Value;

use crate::{Ended, Program, Project};

/// An expression and what it runs with, in a folder of its own.
#[derive(Debug)]
pub struct Job {
    project: Project,
    program: Program,
}

/// How it ended.
#[derive(Debug)]
pub struct Finished {
    /// The program's own end.
    pub ended: Ended,
}

impl Job {
    /// The expression is in `job.js`.
    pub fn new(expression: &str) -> Job {
        Job {
            project: Project::new().file("job.js", expression),
            program: Program::new(["run", "job.js"]),
        }
    }

    /// With an adaptor by name.
    #[must_use]
    pub fn adaptor(mut self, name: &str) -> Job {
        self.program.arg("-a");
        self.program.arg(name);
        self
    }

    /// With a test guest as its adaptor, or any bytes that claim to be one.
    #[must_use]
    pub fn adaptor_file(self, wasm: &[u8]) -> Job {
        self.project.write("guest.wasm", wasm);
        self.adaptor("guest.wasm")
    }

    /// With a state to start with.
    #[must_use]
    pub fn state(mut self, state: &Value) -> Job {
        self.program.arg("-S");
        self.program.arg(state.to_string());
        self
    }

    /// With a credential.
    #[must_use]
    pub fn credential(mut self, credential: &Value) -> Job {
        self.project
            .write("credential.json", credential.to_string());
        self.program.arg("-c");
        self.program.arg("credential.json");
        self
    }

    /// With a `fonio.toml`.
    #[must_use]
    pub fn settings(self, toml: &str) -> Job {
        self.project.write("fonio.toml", toml);
        self
    }

    /// With a variable in the program's environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Job {
        self.program = self.program.env(name, value);
        self
    }

    /// With one more origin it may reach.
    #[must_use]
    pub fn allow(mut self, origin: &str) -> Job {
        self.program.arg("--allow");
        self.program.arg(origin);
        self
    }

    /// Runs it.
    pub fn run(&self) -> Finished {
        Finished {
            ended: self.program.run(self.project.dir()),
        }
    }
}

impl Finished {
    /// The final state, after checking that it passed.
    #[track_caller]
    pub fn state(self) -> Value {
        assert_eq!(self.ended.code, Some(0), "{}", self.ended.stderr);
        self.ended.json()
    }

    /// Checks that it failed with this exit code and that the person reads `words`; gives all they read.
    #[track_caller]
    pub fn expect_failure(self, code: i32, words: &str) -> String {
        self.ended.expect_code(code).expect_said(words).stderr
    }
}
