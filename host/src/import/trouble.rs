//! What npm said when it could not install a package, as a sentence with what to do.

use std::ffi::OsStr;
use std::path::Path;

use fonio_project::AdaptorName;
use serde_json::Value;

use super::{ImportError, npm};

/// `folder` is the one in which npm ran.
pub(super) async fn explain(name: &AdaptorName, said: &str, folder: &Path) -> ImportError {
    match missing(said) {
        Some(missing) if package_of(missing) != name.name => {
            let needed_by = who_needs(missing, name, folder).await;
            ImportError::NotThere(dependency_missing(name, missing, needed_by))
        }
        Some(missing) if code(said) == "E404" => ImportError::NotThere(not_there(name, missing)),
        Some(missing) => ImportError::NotThere(format!(
            "the registry has no {missing}; those that it has: npm view {} versions",
            name.name
        )),
        None => otherwise(name, said),
    }
}

/// The lines that npm wrote about the error itself; before version 10 it began them otherwise.
fn lines<'s>(said: &'s str, start: &'s str) -> impl Iterator<Item = &'s str> {
    let lines = said.lines().filter_map(|line| {
        line.strip_prefix("npm error ")
            .or_else(|| line.strip_prefix("npm ERR! "))
    });
    lines.filter_map(move |line| line.trim().strip_prefix(start))
}

fn code(said: &str) -> &str {
    lines(said, "code ").next().unwrap_or_default()
}

/// The package that is not there, with the version that was asked for.
fn missing(said: &str) -> Option<&str> {
    match code(said) {
        "E404" => lines(said, "404 ").find_map(|line| line.split('\'').nth(1)),
        "ETARGET" => {
            let mut after = lines(said, "notarget No matching version found for ");
            let first = after.next()?.split_whitespace().next()?;
            Some(first.trim_end_matches('.'))
        }
        _ => None,
    }
}

/// `@scope/name` of `@scope/name@1.2.3`.
fn package_of(spec: &str) -> &str {
    let scope = usize::from(spec.starts_with('@'));
    let version = spec[scope..].find('@').map(|at| scope + at);
    version.map_or(spec, |at| &spec[..at])
}

/// The version of the package that asks for what is missing, if the package itself does. npm does not say.
async fn who_needs(missing: &str, name: &AdaptorName, folder: &Path) -> Option<String> {
    let asked = name.to_string();
    let what = ["view", &asked, "version", "dependencies", "--json"].map(OsStr::new);
    let output = npm::run(folder, &what).await.ok()?;
    let told: Value = serde_json::from_slice(&output.stdout).ok()?;
    // Of a range, one for each version in it.
    let newest = told.as_array().and_then(|all| all.last()).unwrap_or(&told);
    newest["dependencies"].get(package_of(missing))?;
    Some(format!("{}@{}", name.name, newest["version"].as_str()?))
}

fn dependency_missing(name: &AdaptorName, missing: &str, needed_by: Option<String>) -> String {
    let who = needed_by.unwrap_or_else(|| format!("something that {name} needs"));
    let package = package_of(missing);
    format!(
        "{who} asks for {missing}, which the registry does not have (or not for you).\n  = \
         with another version of {package} in its place, it can be installed by hand and imported from there; in an empty folder:\n      \
         echo '{{\"overrides\": {{\"{package}\": \"latest\"}}}}' > package.json\n      \
         npm install --ignore-scripts {name}\n      \
         fonio adaptor import {} --from node_modules/{}",
        name.name, name.name
    )
}

/// A name without a scope is one of OpenFn's, and who types it may have meant another package.
fn not_there(name: &AdaptorName, missing: &str) -> String {
    let short = name.short();
    if short == name.name {
        return format!("{missing} is not in the registry (or not for you)");
    }
    format!(
        "{short} stands for {}, which is not in the registry (or not for you).\n  = for a package called {short}, in an empty folder:\n      \
         npm install --ignore-scripts {short}\n      fonio adaptor import {short} --from node_modules/{short}",
        name.name
    )
}

/// What to type where packages can be had, and then here. Not `npm pack`, whose tarball has nothing of what the package needs.
pub(super) fn by_hand(name: &AdaptorName) -> String {
    format!(
        "\n  = on a machine that has npm and reaches its registry, in an empty folder:\n      \
         npm install --ignore-scripts {name}\n    and here, with that folder:\n      \
         fonio adaptor import {} --from FOLDER/node_modules/{}",
        name.name, name.name
    )
}

fn otherwise(name: &AdaptorName, said: &str) -> ImportError {
    match code(said) {
        code @ ("ENOTFOUND" | "ECONNREFUSED" | "ECONNRESET" | "ETIMEDOUT" | "EAI_AGAIN") => {
            ImportError::Tool(format!(
                "npm does not reach its registry ({code}){}",
                by_hand(name)
            ))
        }
        _ => ImportError::Tool(format!(
            "npm could not install {name}: {}",
            said.trim().chars().take(2000).collect::<String>()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_found_in_what_npm_says() {
        for (said, expected) in [
            (
                "npm error code ETARGET\nnpm error notarget No matching version found for @acme/x@9.9.9.\n",
                Some("@acme/x@9.9.9"),
            ),
            (
                "npm error code E404\nnpm error 404 Not Found - GET x\nnpm error 404\nnpm error 404  The requested resource '@acme/x@*' could not be found\n",
                Some("@acme/x@*"),
            ),
            (
                "npm ERR! code E404\nnpm ERR! 404  '@acme/x@*' is not in this registry.\n",
                Some("@acme/x@*"),
            ),
            ("npm error code ENOTFOUND\n", None),
        ] {
            assert_eq!(missing(said), expected, "{said}");
        }
    }

    #[test]
    fn what_is_not_about_a_package_is_told_as_npm_tells_it() {
        let name = "http@9.9.9".parse().expect("a name");
        let said = |text: &str| otherwise(&name, text).to_string();
        assert!(
            said("npm error code ENOTFOUND\n")
                .contains("--from FOLDER/node_modules/@openfn/language-http")
        );
        assert!(said("something else").contains("something else"));
    }

    #[test]
    fn a_package_is_told_from_its_version() {
        assert_eq!(package_of("@acme/x@^1"), "@acme/x");
        assert_eq!(package_of("@acme/x"), "@acme/x");
        assert_eq!(package_of("x@1.0.0"), "x");
    }
}
