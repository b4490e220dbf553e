//! `tenants.toml`, beside the folders that `serve --projects` serves: what each tenant may use of the host, and by which
//! names it is reached. It is the operator's file: nothing in a tenant's own folder can change it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::inputs::{Inputs, Read};
use crate::problem::Problem;
use crate::quota::{QUOTAS, Quota};
use crate::reading::Reading;
use crate::report::Secrecy;
use crate::suggest::did_you_mean;
use crate::tree::{Node, parse_toml};

/// The file's name.
pub const TENANTS_FILE: &str = "tenants.toml";
/// The longest name of a tenant; as long as a part of a host name may be.
const NAME_MAX: usize = 63;
/// First parts of paths that are the host's own.
const RESERVED: &[&str] = &["api", "health", "i", "inbox", "metrics", "ready", "tenants"];

/// Everything that `tenants.toml` says, with defaults where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tenants {
    /// `[quota]`: of every tenant that has none of its own.
    quota: Quota,
    /// `[tenants.NAME]`.
    named: BTreeMap<String, TenantSettings>,
}

/// What the file says of one tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantSettings {
    /// Names in the `Host` of requests that are for this tenant, in lower case, without a port.
    pub hostnames: Vec<String>,
    /// What it may use.
    pub quota: Quota,
}

impl Tenants {
    /// What holds for the tenant of this name.
    pub fn of(&self, name: &str) -> TenantSettings {
        let unnamed = || TenantSettings {
            hostnames: Vec::new(),
            quota: self.quota,
        };
        self.named.get(name).cloned().unwrap_or_else(unnamed)
    }
}

/// The folders in `dir` that would be tenants if their names allow it: all but those that begin with a dot.
pub fn tenant_folders(dir: &Path) -> std::io::Result<Vec<String>> {
    let entries = std::fs::read_dir(dir)?;
    let folders = entries.flatten().filter(|entry| entry.path().is_dir());
    let mut names: Vec<String> = folders
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    Ok(names)
}

/// Reads `tenants.toml` in `dir`; without the file, the defaults. `None` when it cannot be understood, or has errors. That
/// it names a tenant that has no folder yet is a warning.
pub fn load_tenants(dir: &Path) -> (Option<Tenants>, Vec<Problem>) {
    let mut inputs = Inputs::new(dir);
    let file = Path::new(TENANTS_FILE);
    let text = match inputs.read(file, Secrecy::Open) {
        Read::Text(text) => text,
        Read::Missing => return (Some(Tenants::default()), Vec::new()),
        Read::Refused => return (None, inputs.report.into_problems()),
    };
    let mut folders = tenant_folders(dir).unwrap_or_default();
    folders.retain(|name| check_tenant_name(name).is_ok());
    let read = match parse_toml(&text) {
        Ok(root) => Reading {
            report: &mut inputs.report,
            file,
            text: &text,
        }
        .tenants(&root, &folders),
        Err(errors) => {
            for error in errors {
                inputs.report.error(file, error.at, error.message).help = error.help;
            }
            None
        }
    };
    let problems = inputs.report.into_problems();
    let right = !problems.iter().any(Problem::is_error);
    (read.filter(|_| right), problems)
}

/// Whether a folder of this name can be a tenant.
///
/// # Errors
/// Why not, as a sentence.
pub fn check_tenant_name(name: &str) -> Result<(), String> {
    let well_formed = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.len() <= NAME_MAX
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'));
    if !well_formed {
        return Err(format!(
            "`{name}` cannot be the name of a tenant, which is a part of addresses: small letters, digits, `-` and `_`, at most {NAME_MAX}, \
             starting with a letter or digit"
        ));
    }
    if RESERVED.contains(&name) {
        return Err(format!(
            "`{name}` cannot be the name of a tenant: /{name} is an address of the host's own"
        ));
    }
    Ok(())
}

impl Reading<'_> {
    fn tenants(&mut self, root: &Node, folders: &[String]) -> Option<Tenants> {
        let entries = self.map(root, TENANTS_FILE)?;
        let mut tenants = Tenants::default();
        // First, also where it is written last: what it says holds for all.
        for (key, value) in entries {
            match key.text.as_str() {
                "quota" => drop(self.amounts(value, "[quota]", QUOTAS, &mut tenants.quota)),
                "tenants" => {}
                _ => self.unknown(key, TENANTS_FILE, &["quota", "tenants"]),
            }
        }
        let mut taken = BTreeSet::new();
        for (_, value) in entries.iter().filter(|(key, _)| key.text == "tenants") {
            for (key, value) in self.map(value, "[tenants]").unwrap_or_default() {
                if let Err(why) = check_tenant_name(&key.text) {
                    self.error(key.at, why);
                } else if !folders.contains(&key.text) {
                    let message = format!("there is no folder `{}` here", key.text);
                    let known = folders.iter().map(String::as_str);
                    let (file, at) = (self.file, key.at);
                    self.report.warning(file, at, message).help =
                        did_you_mean(&key.text, "the folders are", known);
                }
                let read = self.tenant(&key.text, value, tenants.quota, &mut taken);
                tenants.named.insert(key.text.clone(), read);
            }
        }
        Some(tenants)
    }

    fn tenant(
        &mut self,
        name: &str,
        node: &Node,
        quota: Quota,
        taken: &mut BTreeSet<String>,
    ) -> TenantSettings {
        let place = format!("[tenants.{name}]");
        let mut settings = TenantSettings {
            hostnames: Vec::new(),
            quota,
        };
        let known: Vec<&str> = ["hostnames", "quota"].to_vec();
        for (key, value) in self.map(node, &place).unwrap_or_default() {
            match key.text.as_str() {
                "hostnames" => settings.hostnames = self.hostnames(value, taken),
                "quota" => {
                    let place = format!("[tenants.{name}.quota]");
                    self.amounts(value, &place, QUOTAS, &mut settings.quota);
                }
                _ => self.unknown(key, &place, &known),
            }
        }
        settings
    }

    fn hostnames(&mut self, node: &Node, taken: &mut BTreeSet<String>) -> Vec<String> {
        let mut names = Vec::new();
        for item in self.list(node, "`hostnames`").unwrap_or_default() {
            let Some(text) = self.text(item, "a name in `hostnames`") else {
                continue;
            };
            let name = text.to_ascii_lowercase();
            let well_formed = !name.is_empty()
                && name.split('.').all(|part| {
                    !part.is_empty()
                        && part
                            .chars()
                            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
                });
            if !well_formed {
                self.error(item.at, format!("`{text}` is not a host's name"))
                    .help("such as clinic.example.org, without scheme, port or path");
            } else if taken.insert(name.clone()) {
                names.push(name);
            } else {
                self.error(item.at, format!("`{text}` leads to two tenants"))
                    .help("a name leads to one tenant");
            }
        }
        names
    }
}
