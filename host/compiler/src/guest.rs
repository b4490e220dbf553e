//! The world `compiler`, over [`crate::compile`].

wit_bindgen::generate!({
    path: ["../../wit/compiler"],
    world: "fonio:compiler/compiler",
});

use exports::fonio::compiler::compile::{Compiled, Guest, Options, Problem, Shift};

struct Compiler;

impl Guest for Compiler {
    fn compile(source: String, options: Options) -> Result<Compiled, Vec<Problem>> {
        match crate::compile(&source, &options.known) {
            Ok(compiled) => Ok(Compiled {
                module: compiled.module,
                shifts: compiled.shifts.into_iter().map(shift).collect(),
                warnings: compiled.warnings.into_iter().map(problem).collect(),
            }),
            Err(problems) => Err(problems.into_iter().map(problem).collect()),
        }
    }
}

fn shift(shift: crate::Shift) -> Shift {
    Shift {
        line: shift.line,
        column: shift.column,
        length: shift.length,
    }
}

fn problem(problem: crate::Problem) -> Problem {
    Problem {
        message: problem.message,
        line: problem.line,
        column: problem.column,
        help: problem.help,
    }
}

export!(Compiler);
