//! What jobs and packages cost when they are loaded: compiling a job of 3 KB; importing a package from npm; and a step on
//! the imported package beside the same step on the native adaptor.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, anyhow, ensure};
use fonio_sandbox::Sandbox;
use serde::Serialize;

use crate::inputs;
use crate::process::Server;
use crate::report::{self, Spread, rounded};
use crate::steps::{self, Steps, micros};

/// The package whose step is compared; the native adaptor answers to its name.
const PACKAGE: &str = "@openfn/language-http@7.2.10";
const COMPILATIONS: usize = 200;
const VISIT: &str = include_str!("../jobs/visit3k.js");

#[derive(Serialize)]
struct Compiled {
    compile_job_us: Spread,
    compile_job_bytes: usize,
}

#[derive(Serialize)]
struct Imported {
    import_ms: f64,
    package_wasm_mib: f64,
    step_post_package_us: Spread,
    step_post_native_us: Spread,
    /// Of the medians.
    package_vs_native: f64,
}

/// Measures them. Without npm, or where it does not reach the package, the import is left out and said to be.
pub fn measure(program: &Path, work: &Path) -> anyhow::Result<report::Figures> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let sandbox = Sandbox::start(steps::options(program, work)?).await?;
        eprintln!("compiling a job of {} bytes", VISIT.len());
        let mut figures = report::figures(compile(&sandbox).await?)?;
        match import(program, work) {
            Ok((import_ms, wasm)) => {
                figures.extend(report::figures(run(&sandbox, import_ms, &wasm).await?)?);
            }
            Err(error) => eprintln!("NOT MEASURED: the import of {PACKAGE}: {error:#}"),
        }
        Ok(figures)
    })
}

async fn compile(sandbox: &Sandbox) -> anyhow::Result<Compiled> {
    let mut times = Vec::with_capacity(COMPILATIONS);
    for n in 0..COMPILATIONS {
        // Another text each time, so that nothing could be remembered.
        let source = format!("{VISIT}// {n}\n");
        let started = Instant::now();
        let compiled = sandbox.load_job("visit", &source, None).await;
        compiled.map_err(|problems| anyhow!("it does not compile: {problems:?}"))?;
        times.push(micros(started.elapsed()));
    }
    Ok(Compiled {
        compile_job_us: Spread::of(&times)?,
        compile_job_bytes: VISIT.len(),
    })
}

/// The second import is timed: what npm brings is there by then, so that the network is not measured.
fn import(program: &Path, work: &Path) -> anyhow::Result<(f64, Vec<u8>)> {
    let file = work.join("package.wasm");
    let mut import_ms = 0.0;
    for _ in 0..2 {
        eprintln!("importing {PACKAGE}");
        let started = Instant::now();
        let output = Command::new(program)
            .args(["adaptor", "import", PACKAGE, "-o"])
            .arg(&file)
            .env("FONIO_CACHE", work.join("code"))
            .output()?;
        import_ms = micros(started.elapsed()) / 1000.0;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}", said.trim());
        // An import overwrites nothing.
        std::fs::rename(&file, file.with_extension("imported"))?;
    }
    let wasm = std::fs::read(file.with_extension("imported")).context("nothing was written")?;
    Ok((rounded(import_ms), wasm))
}

async fn run(sandbox: &Sandbox, import_ms: f64, wasm: &[u8]) -> anyhow::Result<Imported> {
    let far_side = Server::own(&["hello"])?;
    let package = Arc::new(sandbox.load_adaptor(wasm).await?);
    let native = Arc::new(steps::load_http(sandbox).await?);
    eprintln!("steps: one POST by the imported package and by the native adaptor");
    let time = async |adaptor| {
        let steps = Steps::new(sandbox, inputs::POST, adaptor, far_side.address).await?;
        Spread::of(&steps.time(sandbox).await?.wall_us)
    };
    let (of_package, of_native) = (time(&package).await?, time(&native).await?);
    Ok(Imported {
        import_ms,
        package_wasm_mib: rounded(wasm.len() as f64 / f64::from(1 << 20)),
        step_post_package_us: of_package,
        step_post_native_us: of_native,
        package_vs_native: rounded(of_package.p50 / of_native.p50),
    })
}
