// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The rows of one transaction in SQLite, read and written. It may use layer 0.

use super::base::{FORMAT, ROLL, schema};
use super::check;
use super::fault::fault;
use crate::error::{Error, Result};
use crate::store::fault::Fault;
use crate::store::{
    Cell, Named, ObjectRow, Page, Remains, Row, RowKind, Snapshot, Tag, Transaction, Visit,
};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, params};
use std::sync::OnceLock;

/// A transaction in progress.
pub(super) struct Open<'a>(pub(super) &'a Connection);

impl Open<'_> {
    fn run(&self, sql: &str, values: impl rusqlite::Params) -> Result<()> {
        let mut statement = self.0.prepare_cached(sql).map_err(fault)?;
        statement.execute(values).map(drop).map_err(fault)
    }

    /// Numbers grow for ever, so that an old one never names a new row.
    fn number(&self, name: &str) -> Result<i64> {
        self.run(
            "INSERT INTO number (name, last) VALUES (?1, 1) \
             ON CONFLICT (name) DO UPDATE SET last = last + 1",
            [name],
        )?;
        let mut query =
            self.0.prepare_cached("SELECT last FROM number WHERE name = ?1").map_err(fault)?;
        query.query_row([name], |row| row.get(0)).map_err(fault)
    }
}

impl Snapshot for Open<'_> {
    fn value(&self, name: &str) -> Result<Option<Vec<u8>>> {
        value(self.0, name).map_err(fault)
    }

    fn rows(&self, kind: RowKind) -> Result<Vec<Row>> {
        rows(self.0, kind).map_err(fault)
    }

    fn row(&self, kind: RowKind, id: i64) -> Result<Option<Row>> {
        let sql = match kind {
            RowKind::SealSlot => "SELECT body FROM seal_slot WHERE id = ?1",
            RowKind::Token => "SELECT body FROM token WHERE id = ?1",
            RowKind::Roll => "SELECT body FROM roll WHERE id = ?1",
        };
        let mut query = self.0.prepare_cached(sql).map_err(fault)?;
        query.query_row([id], |row| Ok(Row { id, body: row.get(0)? })).optional().map_err(fault)
    }

    fn ids(&self, kind: RowKind) -> Result<Vec<i64>> {
        let sql = format!("SELECT id FROM {} ORDER BY id", table(kind));
        let mut query = self.0.prepare_cached(&sql).map_err(fault)?;
        query.query_map([], |row| row.get(0)).and_then(Iterator::collect).map_err(fault)
    }

    fn number(&self, name: &str) -> Result<Option<i64>> {
        let sql = "SELECT last FROM number WHERE name = ?1";
        let mut query = self.0.prepare_cached(sql).map_err(fault)?;
        query.query_row([name], |row| row.get(0)).optional().map_err(fault)
    }

    fn names(&self, table: Named) -> Result<Vec<String>> {
        let sql = match table {
            Named::Value => "SELECT CAST(name AS TEXT) FROM value",
            Named::Number => "SELECT CAST(name AS TEXT) FROM number",
        };
        let mut query = self.0.prepare_cached(sql).map_err(fault)?;
        query.query_map([], |row| row.get(0)).and_then(Iterator::collect).map_err(fault)
    }

    fn faults(&self) -> Result<Vec<Fault>> {
        let schema = schema(self.format()?);
        check::faults(self.0, &schema).map_err(fault)
    }

    fn format(&self) -> Result<i64> {
        let mut query = self.0.prepare_cached("PRAGMA user_version").map_err(fault)?;
        query.query_row([], |row| row.get(0)).map_err(fault)
    }

    fn remains(&self, id: i64) -> Result<Remains> {
        remains(self.0, id).map_err(fault)
    }

    fn untagged(&self, id: i64) -> Result<Option<ObjectRow>> {
        object(self.0, id, false).map_err(fault)
    }

    fn page(&self, of: (i64, bool), tags: &[Tag], part: &Page) -> Result<Vec<i64>> {
        page(self.0, of, tags, part).map_err(fault)
    }

    fn count_above(&self, id: i64) -> Result<u64> {
        let mut query =
            self.0.prepare_cached("SELECT count(*) FROM object WHERE id > ?1").map_err(fault)?;
        query.query_row([id], |row| row.get::<_, i64>(0)).map(|count| count as u64).map_err(fault)
    }

    fn behind(&self, token: i64, generation: u32, after: i64, most: usize) -> Result<Vec<i64>> {
        let sql = "SELECT id FROM object WHERE token = ?1 AND private = 1 AND id > ?3 \
                   AND generation <> ?2 ORDER BY id LIMIT ?4";
        let mut query = self.0.prepare_cached(sql).map_err(fault)?;
        let values = params![token, generation, after, most as i64];
        query.query_map(values, |row| row.get(0)).and_then(Iterator::collect).map_err(fault)
    }

    fn each_object(&self, visit: Visit<'_>) -> Result<()> {
        let mut query = self.0.prepare("SELECT id FROM object ORDER BY id").map_err(fault)?;
        let ids = query.query_map([], |row| row.get(0)).map_err(fault)?;
        for id in ids {
            let id = id.map_err(fault)?;
            let row = object(self.0, id, true).map_err(fault);
            visit(id, row.and_then(|row| row.ok_or(Error::DeviceError)))?;
        }
        Ok(())
    }
}

impl Transaction for Open<'_> {
    fn set_value(&self, name: &str, value: &[u8]) -> Result<()> {
        self.run("INSERT OR REPLACE INTO value (name, value) VALUES (?1, ?2)", params![name, value])
    }

    fn remove_value(&self, name: &str) -> Result<()> {
        self.run("DELETE FROM value WHERE name = ?1", [name])
    }

    fn next_id(&self, kind: RowKind) -> Result<i64> {
        self.number(table(kind))
    }

    fn put_row(&self, kind: RowKind, row: &Row) -> Result<()> {
        let sql = match kind {
            RowKind::SealSlot => "INSERT OR REPLACE INTO seal_slot (id, body) VALUES (?1, ?2)",
            RowKind::Token => "INSERT OR REPLACE INTO token (id, body) VALUES (?1, ?2)",
            RowKind::Roll => "INSERT OR REPLACE INTO roll (id, body) VALUES (?1, ?2)",
        };
        self.run(sql, params![row.id, row.body])
    }

    fn delete_row(&self, kind: RowKind, id: i64) -> Result<()> {
        match kind {
            RowKind::SealSlot => self.run("DELETE FROM seal_slot WHERE id = ?1", [id]),
            RowKind::Token => self.run("DELETE FROM token WHERE id = ?1", [id]),
            RowKind::Roll => self.run("DELETE FROM roll WHERE id = ?1", [id]),
        }
    }

    fn object(&self, id: i64) -> Result<Option<ObjectRow>> {
        object(self.0, id, true).map_err(fault)
    }

    fn objects_above(&self, id: i64, limit: usize) -> Result<Vec<i64>> {
        let sql = "SELECT id FROM object WHERE id > ?1 ORDER BY id LIMIT ?2";
        let mut query = self.0.prepare_cached(sql).map_err(fault)?;
        let ids = query.query_map(params![id, limit as i64], |row| row.get(0));
        ids.and_then(Iterator::collect).map_err(fault)
    }

    fn objects_of(&self, token: i64) -> Result<Vec<i64>> {
        let mut query =
            self.0.prepare_cached("SELECT id FROM object WHERE token = ?1").map_err(fault)?;
        let ids = query.query_map([token], |row| row.get(0));
        ids.and_then(Iterator::collect).map_err(fault)
    }

    fn last_object(&self) -> Result<i64> {
        let mut query = self.0.prepare_cached(LAST_OBJECT).map_err(fault)?;
        query.query_row([], |row| row.get(0)).map_err(fault)
    }

    fn put_object(&self, row: &ObjectRow) -> Result<()> {
        self.run(
            "INSERT INTO object (id, token, private, revision, generation, wrap, body) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                row.id,
                row.token,
                row.private,
                row.revision as i64,
                row.generation,
                row.wrap,
                row.body
            ],
        )?;
        for tag in &row.tags {
            self.run(
                "INSERT OR IGNORE INTO tag (tag, object) VALUES (?1, ?2)",
                params![tag, row.id],
            )?;
        }
        Ok(())
    }

    fn reseal_object(&self, row: &ObjectRow) -> Result<()> {
        self.run(
            "UPDATE object SET generation = ?2, wrap = ?3, body = ?4 WHERE id = ?1",
            params![row.id, row.generation, row.wrap, row.body],
        )
    }

    fn delete_object(&self, id: i64) -> Result<()> {
        self.run("DELETE FROM tag WHERE object = ?1", [id])?;
        self.run("DELETE FROM object WHERE id = ?1", [id])
    }

    fn put_tags(&self, id: i64, tags: &[Tag]) -> Result<()> {
        self.run("DELETE FROM tag WHERE object = ?1", [id])?;
        tags.iter().try_for_each(|tag| {
            self.run("INSERT INTO tag (tag, object) VALUES (?1, ?2)", params![tag, id])
        })
    }

    fn set_number(&self, name: &str, last: i64) -> Result<()> {
        self.run("INSERT OR REPLACE INTO number (name, last) VALUES (?1, ?2)", params![name, last])
    }

    fn upgrade(&self) -> Result<()> {
        self.0.execute_batch(ROLL).map_err(fault)?;
        self.0.pragma_update(None, "user_version", FORMAT).map_err(fault)
    }

    fn mend(&self) -> Result<()> {
        check::mend(self.0, &schema(self.format()?)).map_err(fault)
    }

    fn clear_roll(&self) -> Result<()> {
        self.run("DELETE FROM roll", [])
    }
}

/// A page of the objects of a token that have all these tags.
pub(super) fn page(
    connection: &Connection,
    (token, private): (i64, bool),
    tags: &[Tag],
    page: &Page,
) -> rusqlite::Result<Vec<i64>> {
    let made = SQL_OF_PAGES.get(tags.len()).map(|sql| sql.get_or_init(|| page_sql(tags.len())));
    let mut query = match made {
        Some(sql) => connection.prepare_cached(sql)?,
        None => connection.prepare_cached(&page_sql(tags.len()))?,
    };
    let private = i64::from(private);
    let [without, before] = &page.without;
    let fixed: [&dyn rusqlite::ToSql; FIXED] =
        [&token, &private, &page.after, &page.upto, &page.most, without, before];
    let given = tags.iter().map(|tag| tag as &dyn rusqlite::ToSql);
    let all: smallvec::SmallVec<[&dyn rusqlite::ToSql; 12]> =
        fixed.into_iter().chain(given).collect();
    query.query_map(all.as_slice(), |row| row.get(0))?.collect()
}

/// What is made once for so many tags, of which most searches have few.
static SQL_OF_PAGES: [OnceLock<String>; 8] = [const { OnceLock::new() }; 8];

/// A page of the objects with so many tags; the parameters are `of`, the page, the tags.
fn page_sql(tags: usize) -> String {
    if tags == 0 {
        // Each of the two is in the order of the index, so that nothing before the page is read.
        let part = |private: &str| {
            format!(
                "SELECT id FROM (SELECT id FROM object o WHERE token = ?1 AND private = {private} \
                 AND id > ?3 AND id <= ?4 AND NOT EXISTS \
                 (SELECT 1 FROM tag WHERE tag.tag IN (?6, ?7) AND tag.object = o.id) \
                 ORDER BY id LIMIT ?5)"
            )
        };
        return format!("{} UNION ALL {} ORDER BY id LIMIT ?5", part("0"), part("nullif(?2, 0)"));
    }
    // The tags come most selective first: the first finds candidates, the others sift them.
    let join = |n: usize| {
        let value = n + 1 + FIXED;
        format!(" CROSS JOIN tag t{n} ON t{n}.tag = ?{value} AND t{n}.object = t0.object")
    };
    let joins = (1..tags).map(join).collect::<Vec<_>>().concat();
    format!(
        "SELECT t0.object FROM tag t0{joins} CROSS JOIN object o ON o.id = t0.object \
         WHERE t0.tag = ?8 AND t0.object > ?3 AND t0.object <= ?4 AND o.token = ?1 \
         AND o.private <= ?2 AND (?6 IS NULL OR NOT EXISTS \
         (SELECT 1 FROM tag t WHERE t.tag IN (?6, ?7) AND t.object = o.id)) \
         ORDER BY t0.object LIMIT ?5"
    )
}

/// Parameters of a page before the tags.
const FIXED: usize = 7;
/// SQLite finds it at the end of the table.
pub(super) const LAST_OBJECT: &str = "SELECT coalesce(max(id), 0) FROM object";

pub(super) fn value(connection: &Connection, name: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    let mut query = connection.prepare_cached("SELECT value FROM value WHERE name = ?1")?;
    query.query_row([name], |row| row.get(0)).optional()
}

fn table(kind: RowKind) -> &'static str {
    match kind {
        RowKind::SealSlot => "seal_slot",
        RowKind::Token => "token",
        RowKind::Roll => "roll",
    }
}

pub(super) fn rows(connection: &Connection, kind: RowKind) -> rusqlite::Result<Vec<Row>> {
    let sql = format!("SELECT id, body FROM {} ORDER BY id", table(kind));
    let mut query = connection.prepare_cached(&sql)?;
    query.query_map([], |row| Ok(Row { id: row.get(0)?, body: row.get(1)? }))?.collect()
}

/// What rests of an object, as it is.
fn remains(connection: &Connection, id: i64) -> rusqlite::Result<Remains> {
    let mut query = connection.prepare_cached("SELECT * FROM object WHERE id = ?1")?;
    let names: Vec<String> = query.column_names().into_iter().map(str::to_string).collect();
    let row = query.query_row([id], |row| {
        let cells = names.into_iter().enumerate();
        cells.map(|(at, name)| Ok((name, cell(row.get_ref(at)?)))).collect()
    });
    let mut query =
        connection.prepare_cached("SELECT tag FROM tag WHERE object = ?1 ORDER BY tag")?;
    let tags = query.query_map([id], |row| Ok(cell(row.get_ref(0)?)))?;
    Ok(Remains {
        row: row.optional()?.unwrap_or_default(),
        tags: tags.collect::<rusqlite::Result<_>>()?,
    })
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Integer(number),
        ValueRef::Real(number) => Cell::Real(number),
        ValueRef::Text(bytes) => Cell::Text(bytes.to_vec()),
        ValueRef::Blob(bytes) => Cell::Blob(bytes.to_vec()),
    }
}

/// One object; its tags are read only where a caller needs them (they are not on the hot path).
pub(super) fn object(
    connection: &Connection,
    id: i64,
    tags: bool,
) -> rusqlite::Result<Option<ObjectRow>> {
    let mut query = connection.prepare_cached(
        "SELECT token, private, revision, generation, wrap, body FROM object WHERE id = ?1",
    )?;
    let found = query
        .query_row([id], |row| {
            Ok(ObjectRow {
                id,
                token: row.get(0)?,
                private: match row.get::<_, i64>(1)? {
                    0 => false,
                    1 => true,
                    other => return Err(rusqlite::Error::IntegralValueOutOfRange(1, other)),
                },
                revision: row.get::<_, i64>(2)? as u64,
                generation: row.get(3)?,
                wrap: row.get(4)?,
                body: row.get(5)?,
                tags: Vec::new(),
            })
        })
        .optional()?;
    let Some(mut row) = found else { return Ok(None) };
    if !tags {
        return Ok(Some(row));
    }
    let mut query =
        connection.prepare_cached("SELECT tag FROM tag WHERE object = ?1 ORDER BY tag")?;
    row.tags = query.query_map([id], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(Some(row))
}
