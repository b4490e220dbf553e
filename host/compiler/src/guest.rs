//! The world `compiler`, over [`crate::compile`].

wit_bindgen::generate!({
    path: ["../../wit/compiler"],
    world: "fonio:compiler/compiler",
});

use exports::fonio::compiler::compile::{Address, Compiled, Guest, Options, Place, Problem, Shift};

struct Compiler;

impl Guest for Compiler {
    fn compile(source: String, options: Options) -> Result<Compiled, Vec<Problem>> {
        told(crate::compile(&source, &options.known))
    }

    fn compile_condition(source: String, hidden: Vec<String>) -> Result<Compiled, Vec<Problem>> {
        told(crate::compile_condition(&source, &hidden))
    }

    fn check_syntax(source: String) -> Vec<Problem> {
        let problems = crate::check_syntax(&source).into_iter();
        problems.map(problem).collect()
    }
}

fn told(result: Result<crate::Compiled, Vec<crate::Problem>>) -> Result<Compiled, Vec<Problem>> {
    match result {
        Ok(compiled) => Ok(Compiled {
            module: compiled.module,
            shifts: compiled.shifts.into_iter().map(shift).collect(),
            warnings: compiled.warnings.into_iter().map(problem).collect(),
            addresses: compiled.addresses.into_iter().map(address).collect(),
        }),
        Err(problems) => Err(problems.into_iter().map(problem).collect()),
    }
}

fn address(address: crate::Address) -> Address {
    Address {
        operation: address.operation,
        text: address.text,
        line: address.line,
        column: address.column,
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
