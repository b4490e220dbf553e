//! What is sent and what runs: the messages, the three jobs, and the project directories that hold them.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context;
use serde_json::{Value, json};

/// A job and how to tell that it did its work: a figure for something else would be worth nothing.
pub struct Job {
    pub name: &'static str,
    pub source: &'static str,
    /// The short name of its adaptor, if it has one beside the common operations.
    pub adaptor: Option<&'static str>,
    /// A part of its final state as JSON.
    pub proof: &'static str,
}

/// Hands the state on as it is.
pub const TRIVIAL: Job = Job {
    name: "trivial",
    source: include_str!("../jobs/trivial.js"),
    adaptor: None,
    proof: r#""data":{"#,
};
/// Maps, sorts and counts 100 records.
pub const MAP100: Job = Job {
    name: "map100",
    source: include_str!("../jobs/map100.js"),
    adaptor: None,
    proof: r#""byFacility":{"f-"#,
};
/// One small HTTP POST to the hello server (see `servers`).
pub const POST: Job = Job {
    name: "post",
    source: include_str!("../jobs/post.js"),
    adaptor: Some("http"),
    proof: r#""hello":"world""#,
};

/// The same with a token of its credential in a header.
pub const POST_TOKEN: Job = Job {
    name: "post-token",
    source: include_str!("../jobs/post-token.js"),
    adaptor: Some("http"),
    proof: r#""hello":"world""#,
};

impl Job {
    /// The state it starts with; `far_side` is where the hello server listens.
    pub fn state(&self, far_side: SocketAddr) -> Value {
        match self.name {
            "map100" => json!({ "data": hundred_visits(), "configuration": null }),
            "post" => {
                json!({ "data": {}, "configuration": { "baseUrl": format!("http://{far_side}") } })
            }
            _ => json!({ "data": {}, "configuration": null }),
        }
    }
}

/// A message of some 300 bytes; `kind` decides which trigger it meets.
pub fn small_message(kind: &str) -> String {
    json!({
        "kind": kind,
        "form": "antenatal-visit",
        "submitted": "2026-05-14T08:31:07+03:00",
        "patient": { "id": "p-4711", "given": "Amina", "family": "Okello", "born": "1994-03-12" },
        "vitals": { "weight": 61.5, "systolic": 128, "diastolic": 82, "temperature": 36.9 },
        "danger_signs": ["headache", "blurred vision"],
        "next_visit": "2026-06-11",
    })
    .to_string()
}

/// 100 records, together some 13 KB.
pub fn hundred_visits() -> Value {
    visits(100)
}

/// So many records, some 150 bytes each.
pub fn visits(count: usize) -> Value {
    const GIVEN: [&str; 7] = [
        "Amina", "Josefa", "Grace", "Lindiwe", "Mariam", "Ruth", "Zuhura",
    ];
    const FAMILY: [&str; 9] = [
        "Okello", "Banda", "Mwangi", "Phiri", "Diallo", "Tembo", "Achieng", "Chirwa", "Kamau",
    ];
    let visit = |n: usize| {
        json!({
            "patient": {
                "id": format!("p-{}", 4700 + n),
                "given": GIVEN[n % GIVEN.len()],
                "family": FAMILY[n * 5 % FAMILY.len()],
                "born": format!("{}-{:02}-{:02}", 1980 + n % 27, 1 + n % 12, 1 + n % 28),
            },
            "facility": format!("f-{:02}", n % 13),
            "date": format!("2026-05-{:02}", 1 + n % 31),
            "weight": 38.5 + (n * 7 % 40) as f64,
            "systolic": 95 + n * 11 % 60,
        })
    };
    json!({ "kind": "visits", "visits": (0..count).map(visit).collect::<Vec<_>>() })
}

/// A project whose triggers tell by `kind` what a message meets: `noop` a trivial job, `visits` the mapping job.
pub fn write_inbox_project(dir: &Path) -> anyhow::Result<()> {
    let job = |trigger: &str| json!({ "adaptor": "@openfn/language-common", "trigger": trigger });
    let criteria = |kind: &str| json!({ "criteria": json!({ "kind": kind }).to_string() });
    let project = json!({
        "jobs": { "noop": job("any-noop"), "map": job("any-visits") },
        "triggers": { "any-noop": criteria("noop"), "any-visits": criteria("visits") },
        "credentials": {},
    });
    write(
        dir,
        &project,
        &[("noop", TRIVIAL.source), ("map", MAP100.source)],
        "",
    )
}

/// The id of the project that [`write_stuck_project`] writes.
pub const STUCK_PROJECT: &str = "stuck";

/// A project whose only job asks `far_side` and waits, for every message of the kind `stuck`.
pub fn write_stuck_project(dir: &Path, far_side: SocketAddr) -> anyhow::Result<()> {
    let criteria = json!({ "kind": "stuck" }).to_string();
    let project = json!({
        "jobs": { "stuck": { "adaptor": "@openfn/language-http", "trigger": "any-stuck" } },
        "triggers": { "any-stuck": { "criteria": criteria } },
        "credentials": {},
    });
    let ask = format!("post('http://{far_side}/', {{}});\n");
    write(dir, &project, &[("stuck", &ask)], "")?;
    let settings = format!(
        "[project]\nid = \"{STUCK_PROJECT}\"\n[network]\nallow = [\"http://{far_side}\"]\n[limits]\nwall_time = \"1h\"\n"
    );
    fs::write(dir.join("fonio.toml"), settings)?;
    Ok(())
}

/// A project with one job, `edited`, that answers while the client waits.
pub fn write_sync_project(dir: &Path, expression: &str) -> anyhow::Result<()> {
    let project = json!({
        "jobs": { "edited": { "adaptor": "@openfn/language-common", "trigger": "any" } },
        "triggers": { "any": { "criteria": "{}" } },
        "credentials": {},
    });
    write(
        dir,
        &project,
        &[("edited", expression)],
        "ENDPOINT_STYLE=sync\n",
    )
}

/// Writes beside the file and renames over it, as editors do.
pub fn save_job(dir: &Path, name: &str, expression: &str) -> anyhow::Result<()> {
    let file = dir.join("jobs").join(format!("{name}.js"));
    let beside = file.with_extension("js~");
    fs::write(&beside, expression)?;
    fs::rename(&beside, &file).with_context(|| format!("{} cannot be replaced", file.display()))
}

/// JSON is YAML.
fn write(
    dir: &Path,
    project: &Value,
    jobs: &[(&str, &str)],
    environment: &str,
) -> anyhow::Result<()> {
    fs::create_dir_all(dir.join("jobs"))?;
    fs::write(
        dir.join("project.yaml"),
        serde_json::to_string_pretty(project)?,
    )?;
    fs::write(dir.join(".env"), environment)?;
    jobs.iter()
        .try_for_each(|(name, expression)| save_job(dir, name, expression))
}
