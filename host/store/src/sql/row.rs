//! What comes out of a statement.

use crate::sql::SqlError;

/// A row of either database.
pub(crate) enum Row<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r postgres::Row),
}

impl Row<'_> {
    /// The value of a column, counted from 0.
    pub(crate) fn get<T: FromColumn>(&self, column: usize) -> Result<T, SqlError> {
        T::from_column(self, column)
    }
}

/// What a column can be read as.
pub(crate) trait FromColumn: Sized {
    fn from_column(row: &Row<'_>, column: usize) -> Result<Self, SqlError>;
}

macro_rules! as_both_have_it {
    ($($kind:ty),+) => {$(
        impl FromColumn for $kind {
            fn from_column(row: &Row<'_>, column: usize) -> Result<Self, SqlError> {
                match row {
                    Row::Sqlite(row) => Ok(row.get(column)?),
                    Row::Postgres(row) => Ok(row.try_get(column)?),
                }
            }
        }
        impl FromColumn for Option<$kind> {
            fn from_column(row: &Row<'_>, column: usize) -> Result<Self, SqlError> {
                match row {
                    Row::Sqlite(row) => Ok(row.get(column)?),
                    Row::Postgres(row) => Ok(row.try_get(column)?),
                }
            }
        }
    )+};
}
as_both_have_it!(i64, String, Vec<u8>);

macro_rules! whole_numbers {
    ($($kind:ty),+) => {$(
        impl FromColumn for $kind {
            fn from_column(row: &Row<'_>, column: usize) -> Result<Self, SqlError> {
                let number: i64 = row.get(column)?;
                <$kind>::try_from(number).map_err(|_| SqlError::Unreadable { column, found: number.to_string() })
            }
        }
    )+};
}
whole_numbers!(i32, u32, u64);

impl FromColumn for bool {
    fn from_column(row: &Row<'_>, column: usize) -> Result<Self, SqlError> {
        match row {
            Row::Sqlite(row) => Ok(row.get::<_, i64>(column)? != 0),
            // What is compared there is of a kind of its own; what is stored is a number in both.
            Row::Postgres(found) => match found.try_get(column) {
                Ok(truth) => Ok(truth),
                Err(_) => Ok(row.get::<i64>(column)? != 0),
            },
        }
    }
}
