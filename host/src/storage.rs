//! Where what is accepted is kept: in a file in the data folder, or in a PostgreSQL database that hosts share.

use std::path::Path;

use fonio_store::{Store, StoreError, StoreOptions};

/// The variable that stands for `--store`: a password on a command line is read by everybody on the machine.
pub const VARIABLE: &str = "FONIO_STORE";

/// What `--store`, `--queue` and `--disk-reserve` say, for each store that a host opens.
#[derive(Clone)]
pub struct Storage {
    database: Option<String>,
    queue_max: u64,
    disk_reserve: u64,
}

impl std::fmt::Debug for Storage {
    /// Without the address: it may have a password in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Storage")
            .field("shared", &self.is_shared())
            .field("queue_max", &self.queue_max)
            .finish()
    }
}

impl Storage {
    /// `given` with `--store`, or in [`VARIABLE`].
    ///
    /// # Errors
    /// A sentence, when it is no address of a database.
    pub fn new(
        given: Option<String>,
        queue_max: u64,
        disk_reserve: u64,
    ) -> Result<Storage, String> {
        let known = |url: &String| {
            ["postgres://", "postgresql://"]
                .iter()
                .any(|it| url.starts_with(it))
        };
        match given.filter(|url| !url.is_empty()) {
            Some(url) if !known(&url) => Err(format!(
                "--store takes postgres://USER:PASSWORD@HOST/DATABASE (or the variable {VARIABLE}, where nobody sees the \
                 password); without it everything is kept in a file in the data folder"
            )),
            database => Ok(Storage {
                database,
                queue_max,
                disk_reserve,
            }),
        }
    }

    /// Whether hosts on other machines may have the same store open.
    pub fn is_shared(&self) -> bool {
        self.database.is_some()
    }

    /// The store of one project: `project` is its id, `data` the folder of this host.
    ///
    /// # Errors
    /// Those of [`Store::open`] and [`Store::open_shared`].
    pub fn open(
        &self,
        project: &str,
        data: &Path,
        stored_max: Option<u64>,
    ) -> Result<Store, StoreError> {
        let options = StoreOptions {
            queue_max: self.queue_max,
            stored_max,
            disk_reserve: self.disk_reserve,
            ..StoreOptions::default()
        };
        match &self.database {
            None => Store::open(data, options),
            Some(url) => Store::open_shared(url, project, data, options),
        }
    }
}
