// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Objects in their envelope: sealed, tagged, found, opened.

use super::change::altered;
use super::keys::TokenKey;
use super::state::{MAC, VERSION};
use super::token::Token;
use super::vault::Vault;
use super::{ObjectRow, Tag};
use crate::codec::Writer;
use crate::error::{Error, Result};
use crate::mechanism::primitive;
use crate::secret::Secret;
use zeroize::Zeroize;

/// An object to be stored.
pub struct Sealed<'a> {
    /// Whether only the user may see it: sealed under the token key.
    pub private: bool,
    /// Whether it holds key material: sealed under a store key even if not private.
    pub secret: bool,
    /// Its record.
    pub record: &'a Secret,
    /// What it can be searched by.
    pub tags: Vec<(u64, Vec<u8>)>,
}

/// What a private object is searched by is as private as the object.
impl Drop for Sealed<'_> {
    fn drop(&mut self) {
        self.tags.iter_mut().for_each(|(_, value)| value.zeroize());
    }
}

/// An object read back.
pub struct Found {
    /// Its record.
    pub record: Secret,
    /// How often it has changed.
    pub revision: u64,
}

impl Vault {
    /// How often an object has changed; none when it is gone.
    pub fn revision(&self, id: i64) -> Result<Option<u64>> {
        self.store.revision(id)
    }

    /// The objects of a token that have all these attribute values, by number.
    pub fn find(
        &self,
        token: &Token,
        private: bool,
        wanted: &[(u64, Vec<u8>)],
    ) -> Result<Vec<i64>> {
        let tags = wanted.iter().map(|(id, value)| self.tag(token, *id, value));
        let tags: smallvec::SmallVec<[Tag; 4]> = tags.collect::<Result<_>>()?;
        self.store.find(token.id, private, &tags)
    }

    /// Reads an object; none when it is gone. A private one needs the token key.
    pub fn load(&self, token: &Token, id: i64, key: Option<&TokenKey>) -> Result<Option<Found>> {
        let Some(row) = self.latest(id)?.filter(|row| row.token == token.id) else {
            return Ok(None);
        };
        let record = self.unseal(&token.uuid, &row, key)?;
        Ok(Some(Found { record, revision: row.revision }))
    }

    /// Stores new objects, all or none, and returns their numbers.
    pub fn insert(
        &self,
        token: &Token,
        key: Option<&TokenKey>,
        objects: &[Sealed<'_>],
    ) -> Result<Vec<i64>> {
        self.change(|change| {
            change.same_token(token)?;
            let ids = objects.iter().map(|object| {
                let id = change.next_object_id()?;
                change.put_object(self.seal(token, id, 1, key, object)?)?;
                Ok(id)
            });
            ids.collect()
        })
    }

    /// Stores a new state of an object that has changed `revision` times so far; `ObjectHandleInvalid`
    /// where it is gone or another process was faster.
    pub fn replace(
        &self,
        token: &Token,
        key: Option<&TokenKey>,
        (id, revision): (i64, u64),
        object: &Sealed<'_>,
    ) -> Result<u64> {
        self.change(|change| {
            let now = change.take_object(id)?.ok_or(Error::ObjectHandleInvalid)?;
            if now.revision != revision || now.token != token.id {
                return Err(Error::ObjectHandleInvalid);
            }
            change.tx.delete_object(id)?;
            change.put_object(self.seal(token, id, revision + 1, key, object)?)?;
            Ok(revision + 1)
        })
    }

    /// Deletes an object, and stores in the same transaction what is left of it; `ObjectHandleInvalid`
    /// where it is gone.
    pub fn delete(
        &self,
        token: &Token,
        key: Option<&TokenKey>,
        id: i64,
        left: Option<&Sealed<'_>>,
    ) -> Result<()> {
        self.change(|change| {
            match change.take_object(id)? {
                Some(row) if row.token == token.id => change.tx.delete_object(id)?,
                _ => return Err(Error::ObjectHandleInvalid),
            }
            let Some(left) = left else { return Ok(()) };
            let new = change.next_object_id()?;
            change.put_object(self.seal(token, new, 1, key, left)?)
        })
    }

    /// What a key of this identity (a digest of its value) is known by in a token.
    pub fn fingerprint(&self, token: &Token, identity: &[u8; 32]) -> Result<Tag> {
        let tag = self.tags.tag(&[b"value of a key", &token.uuid, identity])?;
        tag.first_chunk().copied().ok_or(Error::GeneralError)
    }

    fn tag(&self, token: &Token, id: u64, value: &[u8]) -> Result<Tag> {
        self.tag_of(&token.uuid, id, value)
    }

    /// The tag of an attribute, in the token with this identity.
    pub(super) fn tag_of(&self, uuid: &[u8; 16], id: u64, value: &[u8]) -> Result<Tag> {
        let tag = self.tags.tag(&[uuid, &id.to_be_bytes(), value])?;
        tag.first_chunk().copied().ok_or(Error::GeneralError)
    }

    fn seal(
        &self,
        token: &Token,
        id: i64,
        revision: u64,
        key: Option<&TokenKey>,
        object: &Sealed<'_>,
    ) -> Result<ObjectRow> {
        let tags = object.tags.iter().map(|(id, value)| self.tag(token, *id, value));
        let mut row = ObjectRow {
            id,
            token: token.id,
            private: object.private,
            revision,
            generation: 0,
            wrap: Vec::new(),
            body: Vec::new(),
            tags: tags.collect::<Result<_>>()?,
        };
        row.tags.sort_unstable();
        row.tags.dedup();
        let context = body_context(&self.id, &token.uuid, &row);
        if !object.private && !object.secret {
            row.body = object.record.expose().to_vec();
            let mac = self.rows.tag(&[&context, &row.body])?;
            row.body.extend_from_slice(&mac);
            return Ok(row);
        }
        let (wrapping, generation) = self.wrapping_key(object.private, key)?;
        row.generation = generation;
        let own = primitive::random_secret(KEY)?;
        row.wrap = primitive::seal(wrapping, &wrap_context(&context, generation), own.expose())?;
        row.body = primitive::seal(&own, &context, object.record.expose())?;
        Ok(row)
    }

    pub(super) fn unseal(
        &self,
        uuid: &[u8; 16],
        row: &ObjectRow,
        key: Option<&TokenKey>,
    ) -> Result<Secret> {
        let altered = |_| altered(&format!("object {}", row.id));
        let context = body_context(&self.id, uuid, row);
        if row.wrap.is_empty() && !row.private {
            let (record, mac) = row.body.split_last_chunk::<MAC>().ok_or(Error::Altered)?;
            if !primitive::equal(&self.rows.tag(&[&context, record])?, mac) {
                return Err(altered(Error::Altered));
            }
            return Secret::copy_of(record);
        }
        let (wrapping, generation) = self.wrapping_key(row.private, key)?;
        if generation != row.generation {
            return Err(altered(Error::Altered));
        }
        let wrap_context = wrap_context(&context, generation);
        let own = primitive::open(wrapping, &wrap_context, &row.wrap).map_err(altered)?;
        primitive::open(&own, &context, &row.body).map_err(altered)
    }

    fn wrapping_key<'a>(
        &'a self,
        private: bool,
        key: Option<&'a TokenKey>,
    ) -> Result<(&'a Secret, u32)> {
        match key {
            _ if !private => Ok((&self.cover_key, 1)),
            Some(key) => Ok((&key.key, key.generation)),
            None => Err(Error::UserNotLoggedIn),
        }
    }
}

/// What an object's record is bound to: a body moved to another row does not open.
fn body_context(store: &[u8], token: &[u8], row: &ObjectRow) -> Vec<u8> {
    Writer::versioned(VERSION)
        .raw(b"strongroom object")
        .raw(store)
        .raw(token)
        .u64(row.id as u64)
        .u8(u8::from(row.private))
        .u64(row.revision)
        .finish()
}

/// The wrap is bound to the generation of the wrapping key as well: re-wrapping leaves the body be.
fn wrap_context(body: &[u8], generation: u32) -> Vec<u8> {
    Writer::default().raw(b"key of ").raw(body).u32(generation).finish()
}

const KEY: usize = 32;
