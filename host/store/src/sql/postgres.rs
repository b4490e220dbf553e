//! Statements on PostgreSQL.

use std::collections::HashMap;
use std::time::Duration;

use postgres::fallible_iterator::FallibleIterator;
use postgres::types::ToSql;
use postgres::{Client, Error, Statement};

use crate::sql::{Row, SqlError, Value};

/// A session with a server, in the schema of one project.
pub(crate) struct Session {
    client: Client,
    /// By where the statement's literal is: a statement has up to a kilobyte, this is two numbers.
    prepared: HashMap<(usize, usize), Statement>,
}

impl Session {
    pub(crate) fn new(client: Client) -> Session {
        Session {
            client,
            prepared: HashMap::new(),
        }
    }

    pub(crate) fn execute(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<u64, SqlError> {
        let statement = self.prepare(sql)?;
        Ok(self.client.execute(&statement, &as_parameters(values))?)
    }

    pub(crate) fn query<T>(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<T, SqlError>,
    ) -> Result<Vec<T>, SqlError> {
        let statement = self.prepare(sql)?;
        let rows = self.client.query(&statement, &as_parameters(values))?;
        rows.iter().map(|row| read(&Row::Postgres(row))).collect()
    }

    /// Statements without values, one after another.
    pub(crate) fn batch(&mut self, sql: &str) -> Result<(), SqlError> {
        Ok(self.client.batch_execute(sql)?)
    }

    /// The texts in the first column. For what is asked once, and not prepared.
    pub(crate) fn texts(&mut self, sql: &str) -> Result<Vec<String>, SqlError> {
        let rows = self.client.query(sql, &[])?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Takes rows in PostgreSQL's text format.
    pub(crate) fn copy_in(&mut self, sql: &str) -> Result<postgres::CopyInWriter<'_>, SqlError> {
        Ok(self.client.copy_in(sql)?)
    }

    /// Whether the server or the way to it is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Says something on a channel, when the transaction is committed.
    pub(crate) fn notify(&mut self, channel: &str, payload: &str) -> Result<(), SqlError> {
        self.client
            .execute("SELECT pg_notify($1, $2)", &[&channel, &payload])?;
        Ok(())
    }

    /// What is said on the channels that this session listens to; waits at most so long for the first of it.
    pub(crate) fn heard(&mut self, wait: Duration) -> Result<Vec<String>, SqlError> {
        let mut notifications = self.client.notifications();
        let first = notifications.timeout_iter(wait).next()?;
        let mut heard: Vec<String> = first
            .iter()
            .map(|first| first.payload().to_owned())
            .collect();
        let mut others = notifications.iter();
        while let Some(notification) = others.next()? {
            heard.push(notification.payload().to_owned());
        }
        Ok(heard)
    }

    fn prepare(&mut self, sql: &'static str) -> Result<Statement, SqlError> {
        let place = (sql.as_ptr().addr(), sql.len());
        if let Some(statement) = self.prepared.get(&place) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql)?;
        self.prepared.insert(place, statement.clone());
        Ok(statement)
    }
}

fn as_parameters<'v>(values: &'v [Value<'v>]) -> Vec<&'v (dyn ToSql + Sync)> {
    values
        .iter()
        .map(|value| value as &(dyn ToSql + Sync))
        .collect()
}

/// In one sentence: what the server says is in the source of the error, not in the error.
pub(crate) fn said(error: &Error) -> String {
    match error.as_db_error() {
        Some(said) => format!("{} ({})", said.message(), said.code().code()),
        None => {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
        }
    }
}
