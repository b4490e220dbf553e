//! What `deny.toml` states about dependencies, checked by cargo-deny wherever it is installed.

use std::path::Path;
use std::time::Duration;

use crate::machine::Machine;

/// Reads the lock file and the crates' licences; seconds, or a minute on a busy machine.
const STATED_LIMIT: Duration = Duration::from_secs(300);
/// The advisory database is 20 MB; where it cannot be reached, two minutes are enough to know.
const ADVISORIES_LIMIT: Duration = Duration::from_secs(120);

/// Fails when a licence, a ban or a source is not as stated. Advisories come from a database that not every network
/// reaches, so they only warn.
pub fn check(machine: &dyn Machine, manifest: &Path, say: &dyn Fn(String)) -> anyhow::Result<()> {
    let cargo = machine.cargo();
    let cargo = &*cargo.to_string_lossy();
    let manifest = &*manifest.to_string_lossy();
    if machine.ask(&[cargo, "deny", "--version"]).is_none() {
        say(
            "NOT CHECKED: cargo-deny is not installed (`cargo install --locked cargo-deny`)"
                .to_owned(),
        );
        return Ok(());
    }
    let of = |what: &[&'static str]| {
        let mut command = vec![
            cargo,
            "deny",
            "--manifest-path",
            manifest,
            "--workspace",
            "check",
        ];
        command.extend(what);
        command
    };
    machine.tell(&of(&["licenses", "bans", "sources"]), STATED_LIMIT)?;
    if let Err(error) = machine.tell(&of(&["advisories"]), ADVISORIES_LIMIT) {
        say(format!("warning: advisories: {error:#}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;
    use std::cell::RefCell;
    use std::path::PathBuf;

    /// A machine with or without cargo-deny, on which some of its checks fail.
    struct Fake {
        installed: bool,
        failing: &'static str,
        told: RefCell<Vec<String>>,
    }

    impl Machine for Fake {
        fn has(&self, _: &Path) -> bool {
            false
        }
        fn ask(&self, command: &[&str]) -> Option<String> {
            (self.installed && command == ["cargo", "deny", "--version"])
                .then(|| "cargo-deny 0.20.2".to_owned())
        }
        fn tell(&self, command: &[&str], _: Duration) -> anyhow::Result<()> {
            self.told.borrow_mut().push(command.join(" "));
            if command.contains(&self.failing) {
                bail!("{} failed", self.failing);
            }
            Ok(())
        }
        fn as_root(&self) -> Option<Vec<&'static str>> {
            None
        }
        fn variable(&self, _: &str) -> Option<String> {
            None
        }
        fn cargo(&self) -> PathBuf {
            "cargo".into()
        }
    }

    /// Whether the check passed, what was said, and how many commands ran.
    fn checked(installed: bool, failing: &'static str) -> (bool, String, usize) {
        let fake = Fake {
            installed,
            failing,
            told: RefCell::default(),
        };
        let said = RefCell::new(String::new());
        let passed = check(&fake, Path::new("Cargo.toml"), &|line| {
            said.borrow_mut().push_str(&line)
        })
        .is_ok();
        (passed, said.into_inner(), fake.told.into_inner().len())
    }

    #[test]
    fn without_cargo_deny_nothing_is_checked_and_that_is_said() {
        let (passed, said, told) = checked(false, "");
        assert!(passed && said.starts_with("NOT CHECKED"), "{said}");
        assert_eq!(told, 0);
    }

    #[test]
    fn a_licence_ban_or_source_that_is_not_as_stated_fails() {
        assert_eq!(checked(true, "licenses"), (false, String::new(), 1));
        assert_eq!(checked(true, "sources"), (false, String::new(), 1));
    }

    #[test]
    fn advisories_warn_and_do_not_fail() {
        let (passed, said, told) = checked(true, "advisories");
        assert!(passed && said.starts_with("warning: advisories"), "{said}");
        assert_eq!(told, 2);
        assert_eq!(checked(true, "nothing"), (true, String::new(), 2));
    }
}
