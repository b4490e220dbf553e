//! Addresses that a job asks and that nothing grants: requests to them would be refused at run time.
//!
//! Only what is written out counts: where an operation is told to go in the job itself, and where its credential says that
//! its system is.

use std::collections::BTreeSet;

use fonio_project::{COMMON_OPERATIONS, Grants, Job, Problem, Severity};
use fonio_sandbox::{CompiledJob, JobProblem};
use http::Uri;

use crate::authored::Authored;
use crate::live::Live;

/// Fields of credentials in which adaptors look for the address to ask, in small letters and without `_` and `-`. Those
/// that the project grants by itself are among them.
const ADDRESS_FIELDS: &[&str] = &[
    "baseurl",
    "hosturl",
    "instanceurl",
    "apiurl",
    "serverurl",
    "loginurl",
    "url",
    "endpoint",
    "host",
];

pub(super) fn warnings(live: &Live) -> Vec<Problem> {
    let jobs = live.project.jobs();
    jobs.flat_map(|job| {
        let code = live.job(&job.key).and_then(|job| job.ready().ok());
        let in_the_job = code.map(|(code, _)| of_the_job(live, job, &code));
        let in_its_credential = of_its_credential(live, job);
        in_the_job.into_iter().flatten().chain(in_its_credential)
    })
    .collect()
}

/// Each origin once, where it is written first.
fn of_the_job(live: &Live, job: &Job, code: &CompiledJob) -> Vec<Problem> {
    let grants = live.project.grants_for(job);
    let authored = Authored::new(job, live.project.workflow_of(job));
    let mut said = BTreeSet::new();
    let asks = |operation: &str| {
        let name = operation.split('.').next().unwrap_or(operation);
        !COMMON_OPERATIONS.contains(&name)
    };
    let addresses = code
        .addresses
        .iter()
        .filter(|address| asks(&address.operation));
    let found = addresses.filter_map(|address| {
        let origin = Origin::of(&address.text)?;
        if origin.is_granted(&grants) || !said.insert(origin.clone()) {
            return None;
        }
        let found = JobProblem {
            message: format!(
                "`{}` goes to {}, which this project does not grant",
                address.operation,
                origin.shown()
            ),
            line: address.line,
            column: address.column,
            help: Some(origin.remedy(&grants)),
            unclosed: None,
        };
        Some(authored.problem(&job.key, &found, Severity::Warning))
    });
    found.collect()
}

fn of_its_credential(live: &Live, job: &Job) -> Vec<Problem> {
    let Some(credential) = live.project.credential_for(job) else {
        return Vec::new();
    };
    let grants = live.project.grants_for(job);
    let found = credential.body.iter().filter_map(|(field, value)| {
        let letters: String = field.chars().filter(|c| !"_-".contains(*c)).collect();
        let is_address = ADDRESS_FIELDS.contains(&letters.to_lowercase().as_str());
        let origin = Origin::of(value.as_str().filter(|_| is_address)?)?;
        if origin.is_granted(&grants) {
            return None;
        }
        Some(Problem {
            severity: Severity::Warning,
            file: job.file.clone(),
            line: job.line,
            column: 1,
            message: format!(
                "job {}: its credential `{}` has {} as `{field}`, which this project does not grant",
                job.key,
                credential.name,
                origin.shown()
            ),
            help: Some(origin.remedy(&grants)),
            source_line: None,
        })
    });
    found.collect()
}

/// What a URL leads to; of the rest of it, which may hold a secret, nothing is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Origin {
    scheme: String,
    host: String,
    port: u16,
    /// Whether it is the scheme's own port.
    usual_port: bool,
}

impl Origin {
    fn of(address: &str) -> Option<Origin> {
        let end = address.find(['?', '#']).unwrap_or(address.len());
        let uri: Uri = address[..end].trim().parse().ok()?;
        let usual = match uri.scheme_str()? {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        let port = uri.port_u16().unwrap_or(usual);
        Some(Origin {
            scheme: uri.scheme_str()?.to_owned(),
            host: uri.host()?.to_owned(),
            port,
            usual_port: port == usual,
        })
    }

    fn is_granted(&self, grants: &Grants) -> bool {
        grants.permits(&self.scheme, &self.host, self.port)
    }

    fn remedy(&self, grants: &Grants) -> String {
        let lines = grants.line_to_allow(&self.scheme, &self.host, self.port);
        format!("to allow it, write into fonio.toml:\n{lines}")
    }

    fn shown(&self) -> String {
        if self.usual_port {
            format!("{}://{}", self.scheme, self.host)
        } else {
            format!("{}://{}:{}", self.scheme, self.host, self.port)
        }
    }
}
