//! `fonio messages export` and `delete`, where no host runs.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, IsTerminal, Write, stdin};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use fonio_access::{Access, Event, What};
use fonio_store::{MessageId, Store, StoreOptions};

use super::access::{Data, by};
use super::output::println;
use super::{Exit, Failure, paint, store};
use crate::forget::{self, Seen, Selected, Selection};
use crate::storage::{self, Storage};

/// Gives out messages with everything that came of them, one JSON object a line: the message, its runs with steps and logs,
/// and their states. In the audit log.
///
/// While a host runs, ask it: POST /api/v1/messages/export.
#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    which: Which,
    /// Where to write, a new file that only you can read [default: standard output].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Forgets messages with everything that came of them: runs, states, logs. Runs that have not ended are cancelled. In the
/// audit log, which keeps which field was asked for, but not its value.
///
/// While a host runs, ask it: POST /api/v1/messages/delete. Backups keep what they have.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    #[command(flatten)]
    which: Which,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

/// Which messages, and where they are.
#[derive(Debug, Args)]
struct Which {
    /// Those with this text in a field of the message, `patient.id=p-1` for instance; several must all fit.
    #[arg(long = "where", value_name = "FIELD=VALUE", value_parser = field)]
    fields: Vec<(String, String)>,
    /// Those that arrived there: inbox, or a webhook.
    #[arg(long)]
    source: Option<String>,
    /// Those that started a run of this workflow.
    #[arg(long, value_name = "ID")]
    workflow: Option<String>,
    /// Those accepted at this time or later: 2026-11-21T08:00:00Z, or a date.
    #[arg(long, value_name = "TIME")]
    after: Option<String>,
    /// Those accepted before this time.
    #[arg(long, value_name = "TIME")]
    before: Option<String>,
    /// Every message there is.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    data: Data,
    /// The PostgreSQL database that has them instead; better in the variable FONIO_STORE.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// The project, for the id that it has in the database [default: $PROJECT_DIR, else the current directory].
    #[arg(long, value_name = "DIR")]
    project: Option<PathBuf>,
}

fn field(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((field, value)) => Ok((field.to_owned(), value.to_owned())),
        None => Err("a field and its text are told apart by `=`".to_owned()),
    }
}

/// Which messages, checked, in an open store.
struct Chosen {
    selection: Selection,
    selected: Selected,
    store: Store,
    access: Access,
    project: String,
}

impl Which {
    async fn choose(self) -> Result<Chosen, Failure> {
        let selection = Selection {
            fields: self.fields.into_iter().collect(),
            source: self.source,
            workflow: self.workflow,
            after: self.after,
            before: self.before,
            all: self.all,
        };
        let selected = selection
            .check()
            .map_err(|error| Failure::usage(error.to_string()))?;
        let folder = self.data.folder()?;
        let variable = || std::env::var(storage::VARIABLE).ok();
        let options = StoreOptions::default();
        let storage = Storage::new(
            self.store.or_else(variable),
            options.queue_max,
            options.disk_reserve,
        )
        .map_err(Failure::usage)?;
        let project = match storage.is_shared() {
            true => store::project_id(self.project).await?,
            false => String::new(),
        };
        if !storage.is_shared() && !folder.join("fonio.db").exists() {
            return Err(Failure::failed(format!(
                "no host has kept messages in {}; name its folder with --data DIR",
                folder.display()
            )));
        }
        let store = storage.open(&project, &folder, None);
        Ok(Chosen {
            selection,
            selected,
            store: store.map_err(Failure::failed)?,
            access: Access::open(&folder).map_err(Failure::failed)?,
            project,
        })
    }
}

impl Chosen {
    async fn look(&self, after: MessageId) -> Result<Option<Seen>, Failure> {
        let seen = self.selected.look(&self.store, after).await;
        seen.map_err(Failure::failed)
    }

    async fn count(&self) -> Result<u64, Failure> {
        let (mut after, mut count) = (MessageId(0), 0_u64);
        while let Some(seen) = self.look(after).await? {
            (after, count) = (seen.last, count + seen.fitting.len() as u64);
        }
        Ok(count)
    }

    fn note(&self, what: What, detail: &str) -> Result<(), Failure> {
        let (who, subject) = (by(), format!("messages, {}", self.selection.in_words()));
        let event = Event::new(&who, what).in_tenant(&self.project);
        let noted = self.access.record(&event.of(&subject, detail));
        noted.map_err(Failure::failed)
    }
}

impl Export {
    pub(super) async fn execute(self) -> Result<Exit, Failure> {
        let chosen = self.which.choose().await?;
        let mut to = Output::new(self.output)?;
        // Before the first is given out: what must not happen unrecorded does not happen.
        chosen.note(What::Export, "begun")?;
        let (mut after, mut count) = (MessageId(0), 0_u64);
        while let Some(seen) = chosen.look(after).await? {
            after = seen.last;
            for id in seen.fitting {
                let line = forget::export(&chosen.store, id).await;
                if let Some(line) = line.map_err(Failure::failed)? {
                    to.write(&line)?;
                    count += 1;
                }
            }
        }
        to.finish()?;
        chosen.store.close().await;
        paint::event("exported", &forget::many(count, "message"));
        Ok(Exit::Success)
    }
}

/// Where lines go.
enum Output {
    Standard,
    File(PathBuf, File),
}

impl Output {
    fn new(path: Option<PathBuf>) -> Result<Output, Failure> {
        let Some(path) = path else {
            return Ok(Output::Standard);
        };
        let file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&path);
        match file {
            Ok(file) => Ok(Output::File(path, file)),
            Err(error) => Err(unwritten(&path, &error)),
        }
    }

    fn write(&mut self, line: &str) -> Result<(), Failure> {
        match self {
            Output::Standard => println!("{line}"),
            Output::File(path, file) => {
                writeln!(file, "{line}").map_err(|error| unwritten(path, &error))?;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Failure> {
        match self {
            Output::Standard => Ok(()),
            Output::File(path, file) => file.sync_all().map_err(|error| unwritten(&path, &error)),
        }
    }
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!("{} cannot be written: {error}", path.display()))
}

impl Delete {
    pub(super) async fn execute(self) -> Result<Exit, Failure> {
        let chosen = self.which.choose().await?;
        if !self.yes {
            let count = chosen.count().await?;
            if count > 0 && !is_meant(count)? {
                return Err(Failure::failed("nothing is deleted"));
            }
        }
        let erased = forget::forget(&chosen.store, &chosen.selected, |_| {}).await;
        let erased = forget::in_words(&erased.map_err(Failure::failed)?);
        chosen.note(What::Erase, &erased)?;
        chosen.store.close().await;
        paint::event("deleted", &erased);
        Ok(Exit::Success)
    }
}

/// Asks at the terminal. Where there is none nobody can answer.
fn is_meant(count: u64) -> Result<bool, Failure> {
    let messages = forget::many(count, "message");
    if !stdin().is_terminal() {
        return Err(Failure::usage(format!(
            "{messages} would be deleted with everything that came of them; say --yes if that is meant"
        )));
    }
    let mut err = anstream::stderr();
    // Who has no standard error can still type.
    let _ = write!(
        err,
        "delete {messages} with everything that came of them? [y/N] "
    )
    .and_then(|()| err.flush());
    let mut answer = String::new();
    let read = stdin().lock().read_line(&mut answer);
    read.map_err(Failure::failed)?;
    Ok(matches!(answer.trim(), "y" | "yes"))
}
