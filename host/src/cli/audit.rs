//! `fonio audit`: who did what.

use clap::Args;

use super::access::{Data, table, time};
use super::output::println;
use super::{Exit, Failure};

/// Shows who did what: sign-ins, users and tokens, what was refused, grants, reveals. The oldest first.
#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    /// How many of the newest are shown.
    #[arg(long, value_name = "ROWS", default_value_t = 1000)]
    limit: usize,
    /// Only those in this project.
    #[arg(long, value_name = "PROJECT")]
    tenant: Option<String>,
    #[command(flatten)]
    data: Data,
}

impl Audit {
    pub(crate) fn execute(self) -> Result<Exit, Failure> {
        if let Some(tenant) = &self.tenant {
            self.data.warn_of_unknown(tenant);
        }
        let access = self.data.open_existing()?;
        let mut entries = access
            .audit(self.limit, None, self.tenant.as_deref())
            .map_err(Failure::failed)?;
        entries.reverse();
        if self.json {
            for entry in &entries {
                println!("{}", serde_json::json!(entry));
            }
            return Ok(Exit::Success);
        }
        let rows = entries.into_iter().map(|entry| {
            [
                time(entry.at_ms),
                entry.who,
                entry.what,
                entry.tenant,
                entry.subject,
                entry.detail,
            ]
        });
        table(&rows.collect::<Vec<_>>());
        Ok(Exit::Success)
    }
}
