//! Everything that a host wrote, and the ways in which a secret could stand in it.

use serde_json::Value;

use crate::authoring::contents;
use crate::{Host, base64};

/// Runs that are looked at one by one; older ones are in the files in any case.
const NEWEST: usize = 10;

impl Host {
    /// Every byte that it wrote, with where: its files, what it said and printed, its pages and its API as an admin sees
    /// them.
    pub fn sinks(&self) -> Vec<(String, Vec<u8>)> {
        let mut sinks = vec![
            ("standard error".to_owned(), self.said().into_bytes()),
            ("standard output".to_owned(), self.printed().into_bytes()),
        ];
        for file in contents(&self.project.path(".fonio")) {
            sinks.push(("its data".to_owned(), file));
        }
        let mut pages = [
            "/",
            "/metrics",
            "/health",
            "/api/v1/project",
            "/api/v1/messages",
            "/api/v1/audit",
        ]
        .map(str::to_owned)
        .to_vec();
        for run in self.runs().iter().take(NEWEST) {
            let page = format!("/api/v1/runs/{}", run["id"]);
            let run = self.get(&page).json();
            let clips = dataclips(&run).map(|id| format!("/api/v1/dataclips/{id}"));
            pages.extend(clips);
            sinks.push((page, run.to_string().into_bytes()));
        }
        for page in pages {
            let body = self.get(&page).body;
            sinks.push((page, body));
        }
        sinks
    }
}

/// The states that a run shows.
fn dataclips(run: &Value) -> impl Iterator<Item = i64> {
    let steps = run["steps"].as_array().into_iter().flatten();
    let shown = steps.chain([run]);
    let ids = shown.flat_map(|one| [one["input"].as_i64(), one["output"].as_i64()]);
    ids.flatten().collect::<Vec<_>>().into_iter()
}

/// Whether these bytes are among those.
pub fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// A secret as it is, in base64 wherever in a longer text it begins, in addresses, in JSON, and in hexadecimal.
pub fn forms(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let escaped = |keep: fn(u8) -> bool| -> String {
        let one = |byte: &u8| match byte {
            byte if keep(*byte) => char::from(*byte).to_string(),
            byte => format!("%{byte:02X}"),
        };
        bytes.iter().map(one).collect()
    };
    let json = Value::from(secret).to_string();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![
        secret.to_owned(),
        json[1..json.len() - 1].to_owned(),
        escaped(|byte| byte.is_ascii_alphanumeric()),
        escaped(|byte| byte.is_ascii_alphanumeric() || byte == b'/'),
        hex.to_uppercase(),
        hex,
    ];
    for before in 0..3 {
        let standard = base64(&[&vec![0; before], bytes].concat());
        // The letters that hold nothing but bits of the secret.
        let own = &standard[(before * 8).div_ceil(6)..(before + bytes.len()) * 8 / 6];
        forms.push(own.replace('+', "-").replace('/', "_"));
        forms.push(own.to_owned());
    }
    forms.dedup();
    forms
}
