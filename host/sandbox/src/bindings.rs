//! The host's side of the contracts in `wit/`.
#![allow(
    missing_docs,
    reason = "generated from the WIT files, whose own comments are the documentation"
)]

/// Adaptors: any component that exports `fonio:operations/operations`.
pub mod adaptor {
    wasmtime::component::bindgen!({
        path: ["../../wit/log", "../../wit/operations"],
        inline: "
            package fonio:host-adaptor;
            world adaptor {
                import fonio:log/log@1.0.0;
                export fonio:operations/operations@1.0.0;
            }
        ",
        world: "fonio:host-adaptor/adaptor",
        imports: { default: trappable },
        exports: { default: async },
    });
}

/// The expression runtime, after its snapshot was taken (so without `initialize`).
pub mod expression {
    wasmtime::component::bindgen!({
        path: ["../../wit/log", "../../wit/expression"],
        inline: "
            package fonio:host-expression;
            world expression {
                import fonio:log/log@1.0.0;
                import fonio:expression/step@1.0.0;
                export fonio:expression/engine@1.0.0;
            }
        ",
        world: "fonio:host-expression/expression",
        imports: {
            "fonio:expression/step@1.0.0.invoke": async | trappable,
            "fonio:expression/step@1.0.0.sleep": async | trappable,
            default: trappable,
        },
        exports: { default: async },
        with: { "fonio:log/log": super::adaptor::fonio::log::log },
    });
}

/// The job compiler.
pub mod compiler {
    wasmtime::component::bindgen!({
        path: ["../../wit/compiler"],
        world: "fonio:compiler/compiler",
        exports: { default: async },
    });
}
