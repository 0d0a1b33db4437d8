// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Where objects rest: rows behind the [`Store`] trait, and the envelope around them in [`Vault`].
//! It may use `mechanism`, and layer 0.
//!
//! The split: a `Store` keeps rows and knows neither keys nor attributes; the `Vault` seals,
//! authenticates and tags them and knows no SQL. Another database is another `Store`.

mod auditor;
mod bound;
mod change;
mod check;
mod check_objects;
mod counter;
mod discard;
mod fault;
mod heads;
mod keys;
mod latest;
mod ledger;
mod material;
mod newer;
mod objects;
mod pin;
mod policy;
mod renewal;
mod ring;
mod roll;
mod rotating;
mod rotation;
mod rules;
mod seal_slots;
mod shares;
mod sqlite;
mod state;
mod token;
mod token_keys;
mod tokens;
mod user;
mod users;
mod uses;
mod vault;
mod witness;

pub use auditor::AuditSeed;
pub use bound::{Bound, Witness};
pub use check::{Checking, Verdict};
pub use counter::{Counter, Glance};
pub use discard::Condemned;
pub use fault::{Fault, Wrong};
pub use keys::Keys;
pub use ledger::{Account, Approval, Count, Ledger};
pub use material::material_generation;
pub use objects::{Found, Sealed};
pub use pin::PinRecord;
pub use renewal::{Progress, Reseal};
pub use ring::Master;
pub use rotating::{Plan, Rematerial};
pub use rules::RulesHead;
pub use sqlite::Sqlite;
pub use token::{Strikes, Token};
pub use tokens::Heading;
pub use user::{User, good_name};
pub use users::Auditing;
pub use vault::{Unseal, Vault};
pub use witness::Known as KnownAudit;

use crate::error::Result;
use state::State;

/// A keyed tag of one attribute of one object: what the store searches by.
pub type Tag = [u8; 16];

/// A row of an object.
pub struct ObjectRow {
    /// Its number in the store, never used again; 0 for one that is yet to be inserted.
    pub id: i64,
    /// The token that holds it.
    pub token: i64,
    /// Whether it is sealed under the token key.
    pub private: bool,
    /// Counts its changes.
    pub revision: u64,
    /// The generation of the key that wraps its key.
    pub generation: u32,
    /// Its own key, wrapped; empty for an object that rests in clear.
    pub wrap: Vec<u8>,
    /// Its record, sealed or authenticated.
    pub body: Vec<u8>,
    /// Its search tags, ascending.
    pub tags: Vec<Tag>,
}

/// A value as it rests, whatever its column is for.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// None.
    Null,
    /// A whole number.
    Integer(i64),
    /// Another number.
    Real(f64),
    /// Text, be it UTF-8 or not.
    Text(Vec<u8>),
    /// Bytes.
    Blob(Vec<u8>),
}

/// What rests of an object, whatever it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Remains {
    /// The columns of its row, by name; none where there is no row.
    pub row: Vec<(String, Cell)>,
    /// Its tags.
    pub tags: Vec<Cell>,
}

/// The right to test a PIN: attempts come one after the other, so that many right ones at once do not
/// look like many wrong ones.
pub struct Turn(#[allow(dead_code, reason = "held, not read")] pub std::fs::File);

/// A numbered row with a record: a token, a seal slot, or a part of the roll.
pub struct Row {
    /// Its number, never used again.
    pub id: i64,
    /// Its record.
    pub body: Vec<u8>,
}

/// Some of what is found.
pub struct Page {
    /// What comes behind this number.
    pub after: i64,
    /// And up to this one.
    pub upto: i64,
    /// How many at most.
    pub most: i64,
    /// Less what has one of these tags: of one attribute, under the keys of now and those before.
    pub without: [Option<Tag>; 2],
}

/// Rows at rest, shared by many processes.
pub trait Store: Send + Sync {
    /// A named value.
    fn value(&self, name: &str) -> Result<Option<Vec<u8>>>;
    /// All rows of a kind, by number.
    fn rows(&self, kind: RowKind) -> Result<Vec<Row>>;
    /// One token.
    fn token(&self, id: i64) -> Result<Option<Row>>;
    /// One object.
    fn object(&self, id: i64) -> Result<Option<ObjectRow>>;
    /// How often an object has changed; none when it is gone.
    fn revision(&self, id: i64) -> Result<Option<u64>>;
    /// A page of the objects of a token that have all these tags, by number; private ones only if
    /// asked.
    fn page(&self, of: (i64, bool), tags: &[Tag], page: &Page) -> Result<Vec<i64>>;
    /// The highest number of an object; 0 where there is none.
    fn last_object(&self) -> Result<i64>;
    /// A number that is another after each change; none where the store cannot tell.
    fn version(&self) -> Result<Option<u64>>;
    /// Looks at the store as it is at one moment, whatever is written meanwhile.
    fn look(&self, look: &mut dyn FnMut(&dyn Snapshot) -> Result<()>) -> Result<()>;
    /// Lets go of what must not be shared with a forked child; it is taken again when it is needed.
    fn rest(&self);
    /// Waits until nobody else is testing a PIN, in this process or another, and holds the others
    /// off until the turn is dropped.
    fn turn(&self) -> Result<Turn>;
    /// Runs changes as one durable transaction: all of them or, where `change` fails, none.
    fn write(&self, change: &mut dyn FnMut(&dyn Transaction) -> Result<()>) -> Result<()>;
    /// Puts what was committed into its place for good, and empties the log in which it still stands
    /// beside what it replaced; whether that was possible while others read.
    fn fold_log(&self) -> Result<bool>;
}

/// The store at one moment.
pub trait Snapshot {
    /// A named value.
    fn value(&self, name: &str) -> Result<Option<Vec<u8>>>;
    /// All rows of a kind, by number.
    fn rows(&self, kind: RowKind) -> Result<Vec<Row>>;
    /// One row of a kind.
    fn row(&self, kind: RowKind, id: i64) -> Result<Option<Row>>;
    /// The numbers of all rows of a kind, also of those that cannot be read.
    fn ids(&self, kind: RowKind) -> Result<Vec<i64>>;
    /// The last number given to an object or a seal slot.
    fn number(&self, name: &str) -> Result<Option<i64>>;
    /// The names of all named values, or of all counters.
    fn names(&self, table: Named) -> Result<Vec<String>>;
    /// The format of the database.
    fn format(&self) -> Result<i64>;
    /// What is wrong with the database as such.
    fn faults(&self) -> Result<Vec<Fault>>;
    /// What rests of an object, also of one that cannot be read as one.
    fn remains(&self, id: i64) -> Result<Remains>;
    /// One object, without its tags.
    fn untagged(&self, id: i64) -> Result<Option<ObjectRow>>;
    /// A page of the objects of a token that have all these tags, as [`Store::page`] has it.
    fn page(&self, of: (i64, bool), tags: &[Tag], page: &Page) -> Result<Vec<i64>>;
    /// How many objects have numbers above this one.
    fn count_above(&self, id: i64) -> Result<u64>;
    /// The private objects of a token that rest under another generation of its key, by number: at most
    /// `most` of those above `after`.
    fn behind(&self, token: i64, generation: u32, after: i64, most: usize) -> Result<Vec<i64>>;
    /// Every object, one by one, or why it cannot be read.
    fn each_object(&self, visit: Visit<'_>) -> Result<()>;
}

/// What looks at objects one by one: by number, with the row or why it cannot be read.
pub type Visit<'a> = &'a mut dyn FnMut(i64, Result<ObjectRow>) -> Result<()>;

/// The changes of one transaction, and what they must read to be made.
pub trait Transaction: Snapshot {
    /// Sets a named value.
    fn set_value(&self, name: &str, value: &[u8]) -> Result<()>;
    /// Removes a named value, if it is there.
    fn remove_value(&self, name: &str) -> Result<()>;
    /// A new number for a row of this kind.
    fn next_id(&self, kind: RowKind) -> Result<i64>;
    /// Inserts or replaces a row.
    fn put_row(&self, kind: RowKind, row: &Row) -> Result<()>;
    /// Deletes a row.
    fn delete_row(&self, kind: RowKind, id: i64) -> Result<()>;
    /// One object.
    fn object(&self, id: i64) -> Result<Option<ObjectRow>>;
    /// The numbers of the first objects above this one.
    fn objects_above(&self, id: i64, limit: usize) -> Result<Vec<i64>>;
    /// The numbers of the objects of a token.
    fn objects_of(&self, token: i64) -> Result<Vec<i64>>;
    /// The highest number of an object that is there; 0 where there is none.
    fn last_object(&self) -> Result<i64>;
    /// Inserts an object and its tags.
    fn put_object(&self, row: &ObjectRow) -> Result<()>;
    /// Puts another wrap and body into the row of an object, whose tags stay.
    fn reseal_object(&self, row: &ObjectRow) -> Result<()>;
    /// Deletes an object and its tags.
    fn delete_object(&self, id: i64) -> Result<()>;
    /// Replaces the tags of an object.
    fn put_tags(&self, id: i64, tags: &[Tag]) -> Result<()>;
    /// Sets the last number given.
    fn set_number(&self, name: &str, last: i64) -> Result<()>;
    /// Brings a database of an earlier format to the newest, with an empty roll.
    fn upgrade(&self) -> Result<()>;
    /// Puts right what is wrong with the database as such and needs no key.
    fn mend(&self) -> Result<()>;
    /// Deletes all rows of the roll.
    fn clear_roll(&self) -> Result<()>;
}

/// The readers of records, without the keys that the records rest under: what fuzzing enters.
#[doc(hidden)]
pub mod reading {
    use super::{Ledger, State, Token};
    use crate::error::Result;

    /// A token's record, and what it is written as again.
    pub fn token(record: &[u8]) -> Result<Vec<u8>> {
        Token::decode(1, record).map(|token| token.encode())
    }

    /// The ledger of a token, and what it is written as again.
    pub fn ledger(record: &[u8]) -> Result<Vec<u8>> {
        Ledger::decode(record).map(|ledger| ledger.encode())
    }

    /// The record of a store's state.
    pub fn state(record: &[u8]) -> Result<()> {
        State::decode(record).map(drop)
    }
}

/// What has rows with names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// Named values.
    Value,
    /// The last numbers given.
    Number,
}

/// What a numbered row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// A way to the master key.
    SealSlot,
    /// A token.
    Token,
    /// A part of the roll of objects.
    Roll,
}
