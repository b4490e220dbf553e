use super::*;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

const RUSTUP: &str = "/home/u/.rustup/toolchains/stable";
const WANTED: (u32, u32) = (1, 95);

/// Files, and what commands then answer.
type Brought = (Vec<String>, Vec<(String, String)>);

/// A computer made of what it has, what it answers, and what its commands bring.
#[derive(Default)]
struct Fake {
    files: RefCell<BTreeSet<String>>,
    answers: RefCell<BTreeMap<String, String>>,
    /// What a command that changes the machine leaves on it. A command that is not here fails.
    brings: BTreeMap<String, Brought>,
    told: RefCell<Vec<String>>,
}

impl Fake {
    /// Rust by rustup for the host alone, and nothing else.
    fn with_rust_only() -> Fake {
        let fake = Fake::default();
        fake.answers(&format!("{RUSTUP}/bin/rustc --print sysroot"), RUSTUP);
        fake.answers("rustup --version", "rustup 1.29.0");
        fake
    }

    fn answers(&self, command: &str, answer: &str) {
        self.answers
            .borrow_mut()
            .insert(command.to_owned(), answer.to_owned());
    }

    fn with_target(self) -> Fake {
        self.files
            .borrow_mut()
            .insert(format!("{RUSTUP}/lib/rustlib/{TARGET}/lib"));
        self
    }

    fn with_clang(self, name: &str, version: &str, archiver: &str) -> Fake {
        for (command, answer) in clang(name, version, archiver) {
            self.answers(&command, &answer);
        }
        self
    }

    fn with_debian(mut self) -> Fake {
        self.answers("apt-get --version", "apt 2.6");
        for (package, version) in [
            ("rustc-web", "1.96.0+dfsg1-1~deb12u2"),
            ("cargo-web", "1.96.0"),
            ("rust-web-src", "1.96.0"),
            ("lld-22", "1:22.1.8-1"),
            ("clang-22", "1:22.1.8-1"),
            ("llvm-22", "1:22.1.8-1"),
        ] {
            self.answers(
                &format!("apt-cache policy {package}"),
                &format!("{package}:\n  Installed: (none)\n  Candidate: {version}\n"),
            );
        }
        self.brings
            .insert("apt-get update -q".to_owned(), (vec![], vec![]));
        let install = "apt-get install -y -q --no-install-recommends";
        let rust = [
            "/usr/bin/rustc",
            "/usr/bin/cargo",
            "/usr/lib/rustlib/src/rust/library/Cargo.lock",
        ]
        .map(str::to_owned);
        let rust_answers = [
            ("/usr/bin/rustc --version", "rustc 1.96.0 (built)"),
            ("/usr/bin/rustc --print sysroot", "/usr\n"),
            ("wasm-ld-22 --version", "LLD 22.1.8"),
        ];
        let rust_answers =
            rust_answers.map(|(command, answer)| (command.to_owned(), answer.to_owned()));
        self.brings.insert(
            format!("{install} rustc-web cargo-web rust-web-src lld-22"),
            (rust.to_vec(), rust_answers.to_vec()),
        );
        self.brings.insert(
            format!("{install} clang-22 llvm-22"),
            (vec![], clang("clang-22", "22.1.8", "llvm-ar-22")),
        );
        self
    }

    fn provide(&self) -> anyhow::Result<Toolchain> {
        Toolchain::provide(self, WANTED, &|_| ())
    }

    fn told(&self) -> Vec<String> {
        self.told.borrow().clone()
    }
}

fn clang(name: &str, version: &str, archiver: &str) -> Vec<(String, String)> {
    vec![
        (format!("{name} -dumpversion"), format!("{version}\n")),
        (
            format!("{name} --target=wasm32 -c -x c /dev/null -o /dev/null"),
            String::new(),
        ),
        (format!("{archiver} --version"), "LLVM".to_owned()),
    ]
}

fn active() -> Rust {
    Rust::Active {
        cargo: PathBuf::from(format!("{RUSTUP}/bin/cargo")),
    }
}

fn debians() -> Rust {
    Rust::Packaged {
        cargo: PathBuf::from("/usr/bin/cargo"),
        rustc: PathBuf::from("/usr/bin/rustc"),
        linker: "wasm-ld-22".to_owned(),
    }
}

impl Machine for Fake {
    fn has(&self, path: &Path) -> bool {
        self.files.borrow().contains(&path.display().to_string())
    }

    fn ask(&self, command: &[&str]) -> Option<String> {
        self.answers.borrow().get(&command.join(" ")).cloned()
    }

    fn tell(&self, command: &[&str], _: Duration) -> anyhow::Result<()> {
        let command = command.join(" ");
        self.told.borrow_mut().push(command.clone());
        let (files, answers) = self
            .brings
            .get(&command)
            .with_context(|| format!("`{command}` failed: no network"))?;
        self.files.borrow_mut().extend(files.iter().cloned());
        self.answers.borrow_mut().extend(answers.iter().cloned());
        Ok(())
    }

    fn as_root(&self) -> Option<Vec<&'static str>> {
        Some(vec![])
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn cargo(&self) -> PathBuf {
        PathBuf::from(format!("{RUSTUP}/bin/cargo"))
    }
}

#[test]
fn what_is_installed_is_used_and_nothing_is_fetched() {
    let machine = Fake::with_rust_only()
        .with_target()
        .with_clang("clang", "16.0.6", "llvm-ar")
        .with_debian();
    let found = machine.provide().expect("everything is there");
    assert_eq!(found.rust, active());
    assert_eq!(
        found.clang,
        Clang {
            compiler: "clang".to_owned(),
            archiver: "llvm-ar".to_owned()
        }
    );
    assert_eq!(machine.told(), [""; 0]);
}

#[test]
fn a_missing_target_is_added_by_rustup() {
    let mut machine = Fake::with_rust_only()
        .with_clang("clang", "16.0.6", "llvm-ar")
        .with_debian();
    let library = format!("{RUSTUP}/lib/rustlib/{TARGET}/lib");
    machine.brings.insert(
        format!("rustup target add {TARGET}"),
        (vec![library], vec![]),
    );
    assert_eq!(machine.provide().expect("rustup can add it").rust, active());
    assert_eq!(machine.told(), [format!("rustup target add {TARGET}")]);
}

#[test]
fn where_rustup_cannot_add_the_target_the_distribution_brings_a_compiler_and_a_clang() {
    let machine = Fake::with_rust_only().with_debian();
    let found = machine.provide().expect("the packages are there");
    assert_eq!(found.rust, debians());
    assert_eq!(
        found.clang,
        Clang {
            compiler: "clang-22".to_owned(),
            archiver: "llvm-ar-22".to_owned()
        }
    );

    let machine = Fake {
        told: RefCell::default(),
        ..machine
    };
    assert_eq!(
        machine.provide().expect("it is installed now").rust,
        debians()
    );
    assert_eq!(
        machine.told(),
        [""; 0],
        "the second time nothing is fetched"
    );
}

#[test]
fn a_distribution_whose_rust_is_too_old_is_passed_over() {
    let machine = Fake::with_rust_only()
        .with_clang("clang", "16.0.6", "llvm-ar")
        .with_debian();
    machine.answers(
        "apt-cache policy rustc-web",
        "  Candidate: 1.85.0+dfsg3-1\n",
    );
    let error = machine
        .provide()
        .expect_err("1.85 cannot build the workspace")
        .to_string();
    assert!(error.contains("no Rust 1.95 or later"), "{error}");
    assert!(
        error.contains(&format!("run `rustup target add {TARGET}`")),
        "the remedy is missing: {error}"
    );
    assert!(
        !machine
            .told()
            .iter()
            .any(|command| command.contains("install")),
        "{:?}",
        machine.told()
    );
}

#[test]
fn a_clang_that_is_old_or_has_no_wasm_back_end_is_passed_over() {
    let machine = Fake::with_rust_only()
        .with_target()
        .with_clang("clang", "13.0.1", "llvm-ar")
        .with_clang("clang-15", "15.0.6", "llvm-ar-15");
    machine.answers("clang-19 -dumpversion", "19.1.0");
    assert_eq!(
        machine.provide().expect("clang-15 will do").clang.compiler,
        "clang-15"
    );
}

#[test]
fn a_clang_without_an_archiver_is_passed_over() {
    let machine = Fake::with_rust_only()
        .with_target()
        .with_clang("clang", "16.0.6", "llvm-ar")
        .with_clang("clang-15", "15.0.6", "llvm-ar-15");
    machine.answers.borrow_mut().remove("llvm-ar --version");
    assert_eq!(
        machine.provide().expect("clang-15 has one").clang.archiver,
        "llvm-ar-15"
    );
}

#[test]
fn without_apt_the_remedy_names_the_package_manager_that_is_here() {
    let machine = Fake::with_rust_only().with_target();
    machine.answers("dnf --version", "4.14");
    let error = machine.provide().expect_err("no clang").to_string();
    assert!(error.contains("sudo dnf install clang llvm"), "{error}");
}

#[test]
fn a_distributions_compiler_without_a_linker_is_not_complete() {
    let machine = Fake::with_rust_only().with_debian();
    machine.provide().expect("the packages are there");
    machine.answers.borrow_mut().remove("wasm-ld-22 --version");
    assert_eq!(Rust::find(&machine, WANTED), None);
}

#[test]
fn an_authors_machine_gets_a_target_but_no_packages() {
    let mut machine = Fake::with_rust_only().with_debian();
    let error = Rust::find_or_add(&machine, WANTED, &|_| ()).expect_err("rustup has no network");
    for part in [
        "no network",
        "`rustup target add wasm32-unknown-unknown`",
        "`apt-get install rustc-web cargo-web rust-web-src lld-22`",
    ] {
        assert!(error.to_string().contains(part), "{part} in: {error}");
    }
    let add = format!("rustup target add {TARGET}");
    assert_eq!(machine.told(), [add.as_str()]);

    let library = format!("{RUSTUP}/lib/rustlib/{TARGET}/lib");
    machine.brings.insert(add, (vec![library], vec![]));
    let found = Rust::find_or_add(&machine, WANTED, &|_| ()).expect("rustup can add it");
    assert_eq!(found, active());
}

#[test]
fn an_author_needs_no_clang() {
    let machine = Fake::with_rust_only().with_target();
    let found = Rust::find_or_add(&machine, WANTED, &|_| ()).expect("there is a Rust");
    assert_eq!(found, active());
    assert_eq!(machine.told(), [""; 0]);
}
