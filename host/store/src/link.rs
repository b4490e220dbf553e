//! Where a store is, and a connection to it that comes back when the server does.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::StoreError;
use crate::server::Server;
use crate::sql::{Db, SqlError};

/// A connection of one of the store's threads.
pub(crate) struct Link {
    db: Option<Db>,
    at: At,
}

enum At {
    /// A file is opened once: there is nobody who could go away.
    File(PathBuf),
    Server(Arc<Server>),
}

impl Link {
    pub(crate) fn to_file(db: rusqlite::Connection, file: &Path) -> Link {
        Link {
            db: Some(Db::Sqlite(db)),
            at: At::File(file.to_owned()),
        }
    }

    /// A new session.
    pub(crate) fn to_server(server: &Arc<Server>) -> Result<Link, StoreError> {
        let db = server.connect()?;
        Ok(Link {
            db: Some(db),
            at: At::Server(Arc::clone(server)),
        })
    }

    /// What errors call it.
    pub(crate) fn place(&self) -> &Path {
        match &self.at {
            At::File(file) => file,
            At::Server(server) => server.name(),
        }
    }

    /// The connection; a new one if the server has gone away since.
    pub(crate) fn db(&mut self) -> Result<&mut Db, StoreError> {
        if self.is_gone()
            && let At::Server(server) = &self.at
        {
            self.db = None;
            self.db = Some(server.connect()?);
        }
        self.db.as_mut().ok_or(StoreError::Closed)
    }

    /// Lets go of the connection. Taking leave of a server is a wait, which asynchronous code must not do.
    pub(crate) fn close(self) {
        match self.at {
            At::File(_) => {}
            At::Server(_) => {
                std::thread::spawn(move || drop(self));
            }
        }
    }

    /// Whether the server is known to have gone away.
    pub(crate) fn is_gone(&self) -> bool {
        match &self.db {
            Some(Db::Sqlite(_)) => false,
            Some(Db::Postgres(session)) => session.is_closed(),
            None => true,
        }
    }

    /// Reads; once more on a new connection if the server turns out to have gone away.
    pub(crate) fn ask<T>(
        &mut self,
        doing: &'static str,
        read: impl Fn(&mut Db) -> Result<T, SqlError>,
    ) -> Result<T, StoreError> {
        let first = read(self.db()?);
        let answer = match first {
            Err(_) if self.is_gone() => read(self.db()?),
            answer => answer,
        };
        answer.map_err(|error| StoreError::of(self.place(), doing, &error))
    }
}
