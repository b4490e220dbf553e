//! The world `compiler`, over [`crate::compile`].

wit_bindgen::generate!({
    path: ["../../wit/compiler"],
    world: "fonio:compiler/compiler",
});

use exports::fonio::compiler::compile::{Compiled, Guest, Options, Place, Problem, Shift};

struct Compiler;

impl Guest for Compiler {
    fn compile(source: String, options: Options) -> Result<Compiled, Vec<Problem>> {
        told(crate::compile(&source, &options.known))
    }

    fn compile_condition(source: String, hidden: Vec<String>) -> Result<Compiled, Vec<Problem>> {
        told(crate::compile_condition(&source, &hidden))
    }
}

fn told(result: Result<crate::Compiled, Vec<crate::Problem>>) -> Result<Compiled, Vec<Problem>> {
    match result {
        Ok(compiled) => Ok(Compiled {
            module: compiled.module,
            shifts: compiled.shifts.into_iter().map(shift).collect(),
            warnings: compiled.warnings.into_iter().map(problem).collect(),
        }),
        Err(problems) => Err(problems.into_iter().map(problem).collect()),
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
        at: place((problem.line, problem.column)),
        help: problem.help,
        unclosed: problem.unclosed.map(place),
    }
}

fn place((line, column): (u32, u32)) -> Place {
    Place { line, column }
}

export!(Compiler);
