// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What is found to be wrong with a store, row by row.

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The table, as `docs/store-format.md` has it; `database` for the file as a whole.
    pub table: String,
    /// The row: its number, or its name.
    pub row: String,
    /// What kind of fault it is.
    pub kind: Wrong,
    /// What is wrong, in words.
    pub what: String,
    /// Whether it can be put right from what is authentic.
    pub repairable: bool,
}

/// Kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It is not what was written.
    Altered,
    /// It is not there any more.
    Gone,
    /// It was written once, and written anew since.
    Older,
    /// Nobody wrote it.
    Foreign,
    /// It cannot be read.
    Unreadable,
    /// The database contradicts itself.
    Damaged,
    /// It could not be read, because the disk failed or something else around it: what it is is not known.
    Unread,
}

impl Wrong {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Wrong::Altered => "altered",
            Wrong::Gone => "gone",
            Wrong::Older => "older",
            Wrong::Foreign => "foreign",
            Wrong::Unreadable => "unreadable",
            Wrong::Damaged => "damaged",
            Wrong::Unread => "unread",
        }
    }
}

impl Fault {
    /// One that nothing can be done about here.
    pub(super) fn new(
        table: &str,
        row: impl ToString,
        kind: Wrong,
        what: impl Into<String>,
    ) -> Fault {
        let (table, row, what) = (table.to_string(), row.to_string(), what.into());
        Fault { table, row, kind, what, repairable: false }
    }

    /// What could not be read, by no fault of what it is.
    pub(super) fn unread(table: &str, row: impl ToString) -> Fault {
        Fault::new(table, row, Wrong::Unread, "it could not be read: the disk failed")
    }

    /// The same, where it can be put right.
    pub(super) fn repairable(self, repairable: bool) -> Fault {
        Fault { repairable, ..self }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let row = match self.table.as_str() {
            "value" => format!("named value '{}'", self.row.escape_debug()),
            "number" => format!("counter '{}'", self.row.escape_debug()),
            "seal_slot" => format!("seal slot {}", self.row),
            "tag" => format!("tags of object {}", self.row),
            "roll" => format!("row {} of the roll", self.row),
            "database" => "the database".to_string(),
            table => format!("{table} {}", self.row.escape_debug()),
        };
        write!(f, "{row}: {}", self.what)
    }
}
