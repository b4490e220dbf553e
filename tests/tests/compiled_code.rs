//! Native code: made by a limited child, kept in a private folder under the hash of what it was made from, found again.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fonio_tests::{Program, Project, code_cache, code_key, fonio};

/// The compiled files of a cache: name, and when it was written, in nanoseconds.
fn compiled(cache: &Path) -> BTreeMap<String, i128> {
    let entries = fs::read_dir(cache).expect("the cache is there");
    entries
        .map(|entry| {
            let entry = entry.expect("it can be listed");
            let name = entry.file_name().to_string_lossy().into_owned();
            let found = entry.metadata().expect("it is there");
            let written =
                i128::from(found.mtime()) * 1_000_000_000 + i128::from(found.mtime_nsec());
            (name, written)
        })
        .collect()
}

#[test]
fn code_is_compiled_once_into_a_private_folder_and_again_only_when_it_is_damaged() {
    let project = Project::new().file("job.js", "fn(state => ({ done: true }))");
    let cache = project.path("cache/code");
    let run = || {
        Program::new(["run", "job.js"])
            .env("FONIO_CACHE", &cache.to_string_lossy())
            .run(project.dir())
            .expect_code(0)
    };
    assert_eq!(run().json()["done"], true);
    let mode = fs::metadata(&cache)
        .expect("it was made")
        .permissions()
        .mode()
        & 0o777;
    assert_eq!(mode, 0o700);
    let first = compiled(&cache);
    let hashes = |name: &String| name.len() == 64 + ".cwasm".len() && name.ends_with(".cwasm");
    assert!(
        first.keys().all(hashes),
        "nothing temporary stays: {first:?}"
    );
    run();
    assert_eq!(compiled(&cache), first, "found again");

    let smallest = first
        .keys()
        .min_by_key(|name| fs::metadata(cache.join(name)).map_or(0, |found| found.len()))
        .expect("something was compiled");
    fs::write(cache.join(smallest), b"half a fi").expect("it can be damaged");
    assert_eq!(run().json()["done"], true);
    let after = compiled(&cache);
    assert_eq!(
        after.keys().collect::<Vec<_>>(),
        first.keys().collect::<Vec<_>>()
    );
    let renewed: Vec<_> = after
        .iter()
        .filter(|(name, written)| first[*name] != **written)
        .collect();
    assert_eq!(renewed.len(), 1, "only what was damaged is compiled again");
}

/// The smallest files of a cache, which are compiled soonest.
fn two_smallest(cache: &Path) -> [PathBuf; 2] {
    let mut files: Vec<PathBuf> = compiled(cache)
        .keys()
        .map(|name| cache.join(name))
        .collect();
    files.sort_by_key(|file| fs::metadata(file).map_or(0, |found| found.len()));
    [files[0].clone(), files[1].clone()]
}

#[test]
fn code_that_was_not_made_here_is_never_loaded() {
    let project = Project::new().file("job.js", "fn(state => ({ done: true }))");
    let (cache, key) = (project.path("cache/code"), project.path("state/code.key"));
    let run = || {
        let ended = Program::new(["run", "job.js"])
            .env("FONIO_CACHE", &cache.to_string_lossy())
            .env("FONIO_CACHE_KEY", &key.to_string_lossy())
            .run(project.dir())
            .expect_code(0);
        assert_eq!(ended.json()["done"], true);
        ended.stderr
    };
    let said = run();
    assert!(!said.contains("compiling it again"), "{said}");
    let mode = |path: &Path| {
        fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode(&key), 0o600);
    let [victim, other] = two_smallest(&cache);
    assert_eq!(mode(&victim), 0o600);
    let good = fs::read(&victim).expect("it is there");
    let elsewhere = project.path("elsewhere");
    fs::write(&elsewhere, &good).expect("it is written");
    fs::set_permissions(&elsewhere, Permissions::from_mode(0o600)).expect("it is ours");

    let changed = {
        let mut bytes = good.clone();
        // In the middle is machine code, which nothing but the tag protects.
        bytes[good.len() / 2] ^= 1;
        bytes
    };
    let truncated = good[..good.len() - 1].to_vec();
    let of_another_name = fs::read(&other).expect("it is there");
    for (what, forged) in [
        ("changed", changed),
        ("truncated", truncated),
        ("of another name", of_another_name),
        ("without anything", Vec::new()),
    ] {
        fs::write(&victim, forged).expect("it can be forged");
        let said = run();
        let told = said
            .matches("it was not made here, or was changed since")
            .count();
        assert_eq!(told, 1, "{what}: {said}");
        assert!(
            fs::read(&victim).expect("it is there") == good,
            "{what}: it is compiled again"
        );
    }

    fs::remove_file(&victim).expect("it is ours");
    std::os::unix::fs::symlink(&elsewhere, &victim).expect("a link");
    assert!(
        run().contains("compiling it again"),
        "a link is not followed"
    );
    let found = fs::symlink_metadata(&victim).expect("it is there");
    assert!(found.is_file(), "the link is replaced");
    fs::set_permissions(&victim, Permissions::from_mode(0o666)).expect("it is ours");
    assert!(
        run().contains("open to others"),
        "what others can write to is not loaded"
    );
    assert!(!run().contains("compiling it again"));
}

#[test]
fn a_key_that_others_can_read_is_refused_and_one_that_cannot_be_kept_is_told() {
    let project = Project::new()
        .file("job.js", "fn(state => state)")
        .file("key", [7; 32]);
    fs::set_permissions(project.path("key"), Permissions::from_mode(0o644)).expect("it is ours");
    let run = |key: &str| {
        Program::new(["run", "job.js"])
            .env("FONIO_CACHE", &project.path("cache").to_string_lossy())
            .env("FONIO_CACHE_KEY", key)
            .run(project.dir())
    };
    run("key")
        .expect_code(1)
        .expect_said("open to others")
        .expect_said("0600");
    // /proc takes no new file of anybody, root included.
    run("/proc/code.key")
        .expect_code(0)
        .expect_said("code is compiled at each start")
        .expect_said("FONIO_CACHE_KEY");
}

#[test]
fn a_cache_that_is_a_link_is_refused() {
    let project = Project::new().file("job.js", "fn(state => state)");
    fs::create_dir(project.path("real")).expect("it can be made");
    std::os::unix::fs::symlink(project.path("real"), project.path("cache")).expect("a link");
    Program::new(["run", "job.js"])
        .env("FONIO_CACHE", &project.path("cache").to_string_lossy())
        .run(project.dir())
        .expect_code(1)
        .expect_said("it is a symbolic link");
}

#[test]
fn a_cache_that_others_can_write_to_is_refused() {
    let project = Project::new().file("job.js", "fn(state => state)");
    let cache = project.path("cache");
    fs::create_dir(&cache).expect("it can be made");
    fs::set_permissions(&cache, Permissions::from_mode(0o777)).expect("it is ours");
    Program::new(["run", "job.js"])
        .env("FONIO_CACHE", &cache.to_string_lossy())
        .run(project.dir())
        .expect_code(1)
        .expect_said("others can write to it")
        .expect_said("FONIO_CACHE");
}

#[test]
fn the_compiling_child_is_under_its_limits_before_it_reads_a_byte() {
    let project = Project::new();
    let source = project.path("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &source,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .expect("a pipe can be made");
    let mut child = Command::new(fonio())
        .args(["compile-guest", "plain"])
        .args([&source, &project.path("out")])
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    // Opening it for writing waits until the child reads.
    let mut pipe = fs::OpenOptions::new()
        .write(true)
        .open(&source)
        .expect("the child reads");
    let limits = fs::read_to_string(format!("/proc/{}/limits", child.id())).expect("it runs");
    let rights = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it runs");
    pipe.write_all(b"no component").expect("it still reads");
    drop(pipe);
    let status = child.wait().expect("it ends");
    let limit = |name: &str| {
        let line = limits
            .lines()
            .find(|line| line.starts_with(name))
            .expect("the kernel lists it");
        line[name.len()..]
            .split_whitespace()
            .next()
            .map(str::to_owned)
    };
    assert_eq!(limit("Max address space"), Some((4_u64 << 30).to_string()));
    assert_eq!(limit("Max cpu time"), Some("300".to_owned()));
    assert_eq!(limit("Max core file size"), Some("0".to_owned()));
    for right in ["NoNewPrivs:\t1", "Seccomp:\t2"] {
        assert!(rights.contains(right), "{right}: {rights}");
    }
    assert_eq!(status.code(), Some(10), "what it read is no component");
}

#[test]
fn a_guest_that_does_not_fit_the_childs_memory_is_refused() {
    let project = Project::new();
    let source = project.path("huge.wasm");
    // Sparse: five gibibytes that take no room.
    fs::File::create(&source)
        .and_then(|file| file.set_len(5 << 30))
        .expect("it can be made");
    let ended = Program::new(["compile-guest", "plain", "huge.wasm", "out"]).run(project.dir());
    ended.expect_code(10).expect_said("memory");
}

#[test]
fn without_address_space_for_a_pool_instances_are_mapped_one_by_one() {
    let project = Project::new().file("job.js", "fn(state => ({ done: true }))");
    let run = |gibibytes: u64| {
        Program::new(["run", "job.js"])
            .within_address_space(gibibytes << 30)
            .run(project.dir())
            .expect_code(0)
    };
    let ended = run(64).expect_said("no address space for a pool");
    assert_eq!(ended.json()["done"], true);
    let plenty = run(64 << 10);
    assert!(
        !plenty.stderr.contains("address space"),
        "{}",
        plenty.stderr
    );
}

#[test]
fn a_run_whose_result_cannot_be_written_says_so() {
    let project = Project::new().file("job.js", "fn(state => state)");
    let run = |into: &Path| {
        let out = fs::OpenOptions::new()
            .write(true)
            .open(into)
            .expect("it is there");
        let cache = code_cache();
        let output = Command::new(fonio())
            .args(["run", "job.js"])
            .current_dir(project.dir())
            .env("FONIO_CACHE", cache)
            .env("FONIO_CACHE_KEY", code_key())
            .stdout(out)
            .stderr(Stdio::piped())
            .output()
            .expect("the program starts");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let (code, said) = run(Path::new("/dev/full"));
    assert_eq!(code, Some(1));
    assert!(said.contains("standard output cannot be written"), "{said}");
}
