//! A connection that reads beside the writer, on the threads that may block.

use std::sync::{Arc, Mutex, PoisonError};

use crate::error::StoreError;
use crate::link::Link;
use crate::sql::{Db, SqlError};

/// One reading connection; whoever comes second waits. `None` once the store is closed.
#[derive(Clone)]
pub(crate) struct Reader {
    link: Arc<Mutex<Option<Link>>>,
}

impl Reader {
    pub(crate) fn new(link: Link) -> Reader {
        Reader {
            link: Arc::new(Mutex::new(Some(link))),
        }
    }

    /// Runs `read` on the connection. If the caller goes away, what `read` returned is dropped. When the server went away
    /// in the meantime, it is asked once more on a new connection.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl Fn(&mut Db) -> Result<T, SqlError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let link = Arc::clone(&self.link);
        let read = move || {
            let mut guard = link.lock().unwrap_or_else(PoisonError::into_inner);
            let link = guard.as_mut().ok_or(StoreError::Closed)?;
            link.ask("be read", read)
        };
        // It can only fail to finish when the process is ending or `read` panicked.
        tokio::task::spawn_blocking(read)
            .await
            .unwrap_or(Err(StoreError::Closed))
    }

    /// Lets go of the connection.
    pub(crate) fn close(&self) {
        let link = self
            .link
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(link) = link {
            link.close();
        }
    }
}
