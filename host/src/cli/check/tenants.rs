//! A folder as `serve --projects` takes it: each folder in it a project, and `tenants.toml`.

use std::path::{Path, PathBuf};

use fonio_project::{
    Problem, Severity, TENANTS_FILE, check_tenant_name, load_tenants, tenant_folders,
};
use serde_json::{Map, json};

use super::found::Count;
use super::{Format, Looking};
use crate::bring::holds_project;
use crate::cli::output::{println, tell};
use crate::cli::{Exit, Failure, paint};
use crate::host::load_tenant;

/// Whether that is what is in the folder, which is no project itself.
pub(super) fn are_in(dir: &Path) -> bool {
    let folders = || tenant_folders(dir).unwrap_or_default();
    let any = || folders().iter().any(|name| holds_project(&dir.join(name)));
    !holds_project(dir) && (dir.join(TENANTS_FILE).is_file() || any())
}

/// Everything about each tenant, as `check` shows it of one project, and what is wrong with what is beside them.
pub(super) async fn check(dir: &Path, format: Format, looking: &Looking) -> Result<Exit, Failure> {
    let names = tenant_folders(dir).map_err(Failure::failed)?;
    let (tenants, unfit): (Vec<String>, Vec<String>) = names
        .into_iter()
        .partition(|name| check_tenant_name(name).is_ok());
    let (_, mut beside) = load_tenants(dir);
    beside.extend(unfit.iter().filter_map(|name| not_served(name)));
    let mut count = Count::of(&beside);
    let mut shown = Map::new();
    for name in &tenants {
        let at = dir.join(name);
        let found = looking.through(&at, load_tenant(&at).await).await?;
        let found = found.within(name);
        count = count.and(Count::of(&found.problems));
        match format {
            Format::Json => drop(shown.insert(name.clone(), found.json())),
            Format::Text => {
                tell!("tenant {name}");
                found.print();
                tell!("");
            }
        }
    }
    match format {
        Format::Json => {
            println!(
                "{}",
                json!({ "ok": count.errors == 0, "problems": beside, "tenants": shown })
            );
        }
        Format::Text => {
            beside.iter().for_each(paint::problem);
            let tenants = paint::count(tenants.len(), "tenant");
            tell!("{tenants}: {}", count.in_words());
        }
    }
    Ok(count.exit())
}

/// A folder that no tenant can be called like.
fn not_served(name: &str) -> Option<Problem> {
    let message = check_tenant_name(name).err()?;
    Some(Problem {
        severity: Severity::Error,
        file: PathBuf::from(name),
        line: 0,
        column: 0,
        message,
        help: Some("give the folder another name, or one that begins with a dot".to_owned()),
        source_line: None,
    })
}
