//! Where what is accepted is kept: in a file in the data folder, or in a PostgreSQL database that hosts share.

use std::io;
use std::path::Path;

use fonio_store::{Store, StoreError, StoreOptions};

/// The variable that stands for `--store`: a password on a command line is read by everybody on the machine.
pub const VARIABLE: &str = "FONIO_STORE";

/// In the data folder of a host that keeps messages in a database: the word of which. A file of a store that is in the
/// folder, too, is from before that.
const WORD: &str = "elsewhere.txt";
/// A database has a shorter name.
const WORD_BYTES_MAX: usize = 1_000;

/// Which database has the messages of the host whose data folder this is, if one has; never with a password.
pub fn elsewhere(data: &Path) -> Option<String> {
    let mut word = std::fs::read_to_string(data.join(WORD)).ok()?;
    word.truncate(word.floor_char_boundary(WORD_BYTES_MAX));
    Some(word.trim().to_owned())
}

/// Host and database of an address: neither who signs in, nor with what. Where a password might be in the midst of them,
/// nothing of them.
fn place(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (place, query) = rest.split_once(['?', '#']).unwrap_or((rest, ""));
    match place.rsplit_once('@') {
        Some((_, place)) => place,
        None if query.contains('@') => "PostgreSQL",
        None => place,
    }
}

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

    /// Leaves word in the data folder of a host that begins to serve, or takes away what one before it has left.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn leave_word(&self, data: &Path) -> io::Result<()> {
        let file = data.join(WORD);
        match &self.database {
            Some(url) => std::fs::write(file, format!("{}\n", place(url))),
            None => match std::fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_database_has_no_password() {
        for (url, shown) in [
            (
                "postgres://fonio:se@cret@db.example.org/fonio",
                "db.example.org/fonio",
            ),
            (
                "postgresql://db.example.org:5433/fonio?user=fonio&password=secret",
                "db.example.org:5433/fonio",
            ),
            ("postgres://fonio:secret@/fonio?host=/run/a@b", "/fonio"),
            (
                "postgres://fonio:se?cret@db.example.org/fonio",
                "PostgreSQL",
            ),
            ("postgres:///fonio?password=se@cret", "PostgreSQL"),
        ] {
            assert_eq!(place(url), shown, "{url}");
        }
    }
}
