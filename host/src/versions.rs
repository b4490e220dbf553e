//! Versions as jobs ask for them: one, a range as npm writes it, or none at all.

use semver::{Comparator, Op, Version, VersionReq};

/// What a job asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Exactly this one.
    Exactly(Version),
    /// Any that one of these admits.
    Range(Vec<VersionReq>),
    /// None, or a tag such as `latest`: the newest.
    Newest,
}

impl Asked {
    /// From what stands after the `@`.
    pub fn of(text: Option<&str>) -> Asked {
        let Some(text) = text.map(str::trim) else {
            return Asked::Newest;
        };
        if let Ok(version) = Version::parse(text.trim_start_matches(['=', 'v'])) {
            return Asked::Exactly(version);
        }
        let parts: Option<Vec<VersionReq>> = text.split("||").map(requirement).collect();
        parts.map_or(Asked::Newest, Asked::Range)
    }

    pub fn fits(&self, version: &Version) -> bool {
        match self {
            Asked::Exactly(exactly) => exactly == version,
            Asked::Range(parts) => parts.iter().any(|part| part.matches(version)),
            Asked::Newest => true,
        }
    }

    /// Whether an adaptor that stands for versions in `range` (all, if it names none) may stand for this. Of a range that
    /// was asked for, only the versions that begin its parts are looked at.
    pub fn within(&self, range: Option<&str>) -> bool {
        let range = Asked::of(range);
        match self {
            Asked::Exactly(version) => range.fits(version),
            Asked::Newest => true,
            Asked::Range(parts) => {
                let mut starts = parts.iter().filter_map(|part| part.comparators.first());
                starts.any(|comparator| range.fits(&first(comparator)))
            }
        }
    }

    /// Why an imported package that fits is the one.
    pub fn why_imported(&self) -> &'static str {
        match self {
            Asked::Exactly(_) => "imported, exactly this version",
            Asked::Range(_) => "imported, the newest in this range",
            Asked::Newest => "imported, the newest",
        }
    }
}

/// npm puts spaces where semver has commas, and a version alone after an operator may stand apart from it.
fn requirement(text: &str) -> Option<VersionReq> {
    let text = text.trim();
    if let Some((from, to)) = text.split_once(" - ") {
        return VersionReq::parse(&format!(">={}, <={}", from.trim(), to.trim())).ok();
    }
    let mut joined = String::new();
    for word in text.split_whitespace() {
        let after_operator = joined.ends_with(['<', '>', '=', '~', '^']);
        if !joined.is_empty() && !after_operator {
            joined.push_str(", ");
        }
        joined.push_str(word);
    }
    // To npm a version with parts left out is a range; to semver that is written with a caret or a star.
    let plain =
        joined.starts_with(|c: char| c.is_ascii_digit()) && !joined.contains(['*', 'x', 'X', ',']);
    let joined = if plain {
        format!("={joined}")
    } else {
        joined.replace(['x', 'X'], "*")
    };
    VersionReq::parse(if joined.is_empty() { "*" } else { &joined }).ok()
}

fn first(comparator: &Comparator) -> Version {
    let (minor, patch) = (comparator.minor.unwrap_or(0), comparator.patch.unwrap_or(0));
    let patch = if comparator.op == Op::Greater {
        patch + 1
    } else {
        patch
    };
    Version::new(comparator.major, minor, patch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(asked: &str, version: &str) -> bool {
        let version = Version::parse(version).expect("a version");
        Asked::of(Some(asked)).fits(&version)
    }

    #[test]
    fn ranges_are_read_as_npm_reads_them() {
        for (asked, version, expected) in [
            ("7.2.10", "7.2.10", true),
            ("7.2.10", "7.2.11", false),
            ("^7.2.0", "7.9.0", true),
            ("^7", "8.0.0", false),
            ("~7.2", "7.2.9", true),
            ("~7.2", "7.3.0", false),
            ("7", "7.9.9", true),
            ("7", "8.0.0", false),
            ("7.x", "7.1.0", true),
            (">=6 <8", "7.1.0", true),
            (">= 6 <8", "8.0.0", false),
            ("6 || 7", "7.4.0", true),
            ("6 || 7", "5.4.0", false),
            ("6.1.0 - 7.0.0", "6.5.0", true),
            ("*", "1.0.0", true),
            ("latest", "1.0.0", true),
        ] {
            assert_eq!(fits(asked, version), expected, "{asked} and {version}");
        }
    }

    #[test]
    fn a_range_that_an_adaptor_stands_for_holds_for_versions_and_ranges_within_it() {
        for (asked, range, expected) in [
            (Some("7.2.10"), None, true),
            (Some("7.2.10"), Some(">=6"), true),
            (Some("3.1.11"), Some(">=6"), false),
            (Some("^7"), Some(">=6"), true),
            (Some("^3"), Some(">=6"), false),
            (None, Some(">=6"), true),
        ] {
            assert_eq!(
                Asked::of(asked).within(range),
                expected,
                "{asked:?} within {range:?}"
            );
        }
    }
}
