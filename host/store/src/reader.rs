//! A connection that reads beside the writer, on the threads that may block.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use crate::error::StoreError;
use crate::schema;

/// One reading connection; whoever comes second waits. `None` once the store is closed.
#[derive(Clone)]
pub(crate) struct Reader {
    conn: Arc<Mutex<Option<Connection>>>,
    file: PathBuf,
}

impl Reader {
    pub(crate) fn open(file: &Path) -> Result<Reader, StoreError> {
        let conn = schema::open_reader(file)?;
        Ok(Reader {
            conn: Arc::new(Mutex::new(Some(conn))),
            file: file.to_owned(),
        })
    }

    /// Runs `read` on the connection. If the caller goes away, what `read` returned is dropped.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let Reader { conn, file } = self.clone();
        let read = move || {
            let guard = conn.lock().unwrap_or_else(PoisonError::into_inner);
            let conn = guard.as_ref().ok_or(StoreError::Closed)?;
            read(conn).map_err(|error| StoreError::from_sqlite(&file, "be read", &error))
        };
        // It can only fail to finish when the process is ending or `read` panicked.
        tokio::task::spawn_blocking(read)
            .await
            .unwrap_or(Err(StoreError::Closed))
    }

    /// Lets go of the file.
    pub(crate) fn close(&self) {
        self.conn
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }
}
