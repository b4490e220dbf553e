//! The host's side of the contracts in `wit/`.
#![allow(
    missing_docs,
    reason = "generated from the WIT files, whose own comments are the documentation"
)]

/// Adaptors: any component that exports `fonio:operations/operations`.
pub mod adaptor {
    wasmtime::component::bindgen!({
        path: ["../../wit/log", "../../wit/collections", "../../wit/events", "../../wit/operations"],
        inline: "
            package fonio:host-adaptor;
            world adaptor {
                import fonio:collections/collections@1.0.0;
                import fonio:events/events@1.0.0;
                import fonio:log/log@1.0.0;
                export fonio:operations/operations@1.0.0;
            }
        ",
        world: "fonio:host-adaptor/adaptor",
        imports: {
            "fonio:collections/collections@1.0.0": async | trappable,
            default: trappable,
        },
        exports: { default: async },
    });
}

/// The expression runtime, after its snapshot was taken (so without `initialize`).
pub mod expression {
    wasmtime::component::bindgen!({
        path: ["../../wit/log", "../../wit/collections", "../../wit/events", "../../wit/expression"],
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

/// What the runtime for packages asks of the child that snapshots it.
pub mod package {
    wasmtime::component::bindgen!({
        path: ["../../wit/log", "../../wit/collections", "../../wit/events", "../../wit/expression"],
        inline: "
            package fonio:host-package;
            world child {
                import fonio:expression/loading@1.0.0;
            }
        ",
        world: "fonio:host-package/child",
        imports: { default: trappable },
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
