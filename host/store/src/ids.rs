//! Names of rows. Each kind of row has its own type, so a run can never be looked up with a step's number.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::sql::{FromColumn, Row, SqlError, Value};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Grows with time within one store, is never used twice, and prints as a plain number.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map($name)
            }
        }

        impl From<$name> for Value<'_> {
            fn from(id: $name) -> Self {
                Value::Int(id.0)
            }
        }

        impl FromColumn for $name {
            fn from_column(row: &Row<'_>, column: usize) -> Result<Self, SqlError> {
                row.get(column).map($name)
            }
        }

        impl FromColumn for Option<$name> {
            fn from_column(row: &Row<'_>, column: usize) -> Result<Self, SqlError> {
                Ok(row.get::<Option<i64>>(column)?.map($name))
            }
        }
    };
}

id!(
    /// A message: what arrived at an inbox.
    MessageId
);
id!(
    /// A run: one attempt at a work order.
    RunId
);
id!(
    /// A step of a run: one job, once.
    StepId
);
id!(
    /// A dataclip: a stored input or output of a step.
    DataclipId
);
