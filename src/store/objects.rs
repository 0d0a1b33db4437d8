// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Objects in their envelope: sealed, tagged, found, opened.

use super::change::altered;
use super::keys::{Keys, TokenKeys};
use super::ring::{self, Ring, StoreKeys};
use super::state::{MAC, State, VERSION};
use super::token::Token;
use super::vault::{STATE, Vault};
use super::{ObjectRow, Page, Tag};
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
    /// Which use key the material in it rests under, where it has any.
    pub material: Option<u32>,
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
        self.page((token, private), wanted, None, (0, i64::MAX, usize::MAX >> 1))
    }

    /// A page of what [`Vault::find`] finds, after one number and up to another, less what has the
    /// attribute value `without`.
    pub fn page(
        &self,
        (token, private): (&Token, bool),
        wanted: &[(u64, Vec<u8>)],
        without: Option<(u64, &[u8])>,
        (after, upto, most): (i64, i64, usize),
    ) -> Result<Vec<i64>> {
        let of = (token.id, private);
        let tags = |keys: &StoreKeys| {
            let tags = wanted.iter().map(|(id, value)| tag_of(keys, &token.uuid, *id, value));
            tags.collect::<Result<smallvec::SmallVec<[Tag; 4]>>>()
        };
        self.reading(|ring| {
            let without = |keys: &StoreKeys| {
                without.map(|(id, value)| tag_of(keys, &token.uuid, id, value)).transpose()
            };
            let previous = ring.previous.as_ref();
            let without = [
                without(&ring.current)?,
                previous.map(|keys| without(keys)).transpose()?.flatten(),
            ];
            let page = Page { after, upto, most: most as i64, without };
            let current = tags(&ring.current)?;
            let Some(previous) = previous.filter(|_| !wanted.is_empty()) else {
                return self.store.page(of, &current, &page);
            };
            // At one moment: an object that is brought over between two searches would be in neither.
            let previous = tags(previous)?;
            let mut rows = Vec::new();
            self.store.look(&mut |now| {
                rows = now.page(of, &current, &page)?;
                rows.extend(now.page(of, &previous, &page)?);
                Ok(())
            })?;
            // Each is the beginning of what is under its keys: so is, as far, what is under either.
            rows.sort_unstable();
            rows.truncate(most);
            Ok(rows)
        })
    }

    /// The highest number of an object, of any token.
    pub fn last_object(&self) -> Result<i64> {
        self.store.last_object()
    }

    /// Reads an object; none when it is gone. A private one needs the token key, which is read anew where
    /// it was renewed.
    pub fn load(&self, token: &Token, id: i64, keys: Option<&Keys>) -> Result<Option<Found>> {
        for _ in 0..ATTEMPTS {
            match (self.try_load(token, id, keys.map(Keys::current).as_deref()), keys) {
                (Err(Error::KeysRenewed), Some(keys)) => self.read_anew(keys, token.id)?,
                (found, _) => return found,
            }
        }
        Err(altered(&format!("object {id}")))
    }

    fn try_load(&self, token: &Token, id: i64, held: Option<&TokenKeys>) -> Result<Option<Found>> {
        self.reading(|ring| {
            let read = || Ok(self.latest(ring, id)?.filter(|row| row.token == token.id));
            let mut row: Option<ObjectRow> = read()?;
            if let Some(found) = &row {
                if !self.may_be_previous(ring, found)? {
                    // It was brought over between the two looks.
                    row = read()?;
                }
            }
            let Some(row) = row else { return Ok(None) };
            if !self.may_be_previous(ring, &row)? {
                return Err(self.altered_object(ring, row.id));
            }
            let record = self.unseal(ring, &token.uuid, &row, held)?;
            Ok(Some(Found { record, revision: row.revision }))
        })
    }

    /// Whether a row is under the keys in force, or under the previous ones and not reached yet: one
    /// that was is not taken as it was before. (The cursor only rises, so it may be asked after the row.)
    fn may_be_previous(&self, ring: &Ring, row: &ObjectRow) -> Result<bool> {
        let Some(previous) = &ring.previous else { return Ok(true) };
        if row.private || generation(row) != previous.generation {
            return Ok(true);
        }
        let sealed = self.store.value(STATE)?.ok_or(Error::TokenNotRecognized)?;
        let state = State::open(&sealed, &ring.current, &self.id);
        let state = state.map_err(|_| self.altered_object(ring, row.id))?;
        Ok(state.cursor.is_some_and(|cursor| row.id > cursor))
    }

    /// Reads keys anew: what the caller had made with them is to be made again.
    pub fn keys_renewed(&self, token: &Token, keys: Option<&Keys>) -> Result<()> {
        keys.map_or(Ok(()), |keys| self.read_anew(keys, token.id))
    }

    /// Stores new objects, all or none, and returns their numbers. `KeysRenewed` where the material in
    /// one rests under a use key that is no longer current.
    pub fn insert(
        &self,
        token: &Token,
        keys: Option<&Keys>,
        objects: &[Sealed<'_>],
    ) -> Result<Vec<i64>> {
        self.change(|change| {
            let held = self.maybe_token_keys_at(keys, &change.current(token)?)?;
            let ids = objects.iter().map(|object| {
                let id = change.next_object_id()?;
                change.put_object(self.seal(
                    change.keys_of(id),
                    token,
                    (id, 1),
                    held.as_deref(),
                    object,
                )?)?;
                Ok(id)
            });
            ids.collect()
        })
    }

    /// Stores a new state of an object that has changed `revision` times so far; `ObjectHandleInvalid`
    /// where it is gone or another process was faster, `KeysRenewed` as for [`Vault::insert`].
    pub fn replace(
        &self,
        token: &Token,
        keys: Option<&Keys>,
        (id, revision): (i64, u64),
        object: &Sealed<'_>,
    ) -> Result<u64> {
        self.change(|change| {
            let now = change.take_object(id)?.ok_or(Error::ObjectHandleInvalid)?;
            if now.revision != revision || now.token != token.id {
                return Err(Error::ObjectHandleInvalid);
            }
            let held = self.maybe_token_keys_at(keys, &change.current(token)?)?;
            change.tx.delete_object(id)?;
            let keys = change.keys_of(id);
            change.put_object(self.seal(
                keys,
                token,
                (id, revision + 1),
                held.as_deref(),
                object,
            )?)?;
            Ok(revision + 1)
        })
    }

    /// Deletes an object, and stores in the same transaction what is left of it; `ObjectHandleInvalid`
    /// where it is gone.
    pub fn delete(
        &self,
        token: &Token,
        keys: Option<&Keys>,
        id: i64,
        left: Option<&Sealed<'_>>,
    ) -> Result<()> {
        self.change(|change| {
            match change.take_object(id)? {
                Some(row) if row.token == token.id => change.tx.delete_object(id)?,
                _ => return Err(Error::ObjectHandleInvalid),
            }
            let Some(left) = left else { return Ok(()) };
            let held = self.maybe_token_keys_at(keys, &change.current(token)?)?;
            let new = change.next_object_id()?;
            change.put_object(self.seal(
                change.keys_of(new),
                token,
                (new, 1),
                held.as_deref(),
                left,
            )?)
        })
    }

    /// What a key of this identity (a digest of its value) is known by in a token.
    pub fn fingerprint(&self, token: &Token, identity: &[u8; 32]) -> Result<Tag> {
        self.any_keys().bare_tag(&[b"value of a key", &token.uuid, identity])
    }

    fn seal(
        &self,
        keys: &StoreKeys,
        token: &Token,
        (id, revision): (i64, u64),
        held: Option<&TokenKeys>,
        object: &Sealed<'_>,
    ) -> Result<ObjectRow> {
        let tags = object.tags.iter().map(|(id, value)| tag_of(keys, &token.uuid, *id, value));
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
            return authenticated(keys, row, &context, object.record.expose());
        }
        row.generation = match object.private {
            true => generation_for(held, object.material)?,
            false => keys.generation,
        };
        let wrapping = wrapping_key(keys, &row, held)?;
        seal_under(wrapping, &mut row, &context, object.record)?;
        Ok(row)
    }

    /// The record of a row; `KeysRenewed` where none of these keys is the one that it rests under.
    pub(super) fn unseal(
        &self,
        ring: &Ring,
        uuid: &[u8; 16],
        row: &ObjectRow,
        held: Option<&TokenKeys>,
    ) -> Result<Secret> {
        let keys = match row.private {
            true => Some(ring.current.as_ref()),
            false => ring.of_generation(generation(row)),
        };
        let Some(keys) = keys else { return Err(self.altered_object(ring, row.id)) };
        self.open_object(keys, uuid, row, held).map_err(|error| match error {
            Error::EncryptedDataInvalid => self.altered_object(ring, row.id),
            other => other,
        })
    }

    /// The record of an object; `EncryptedDataInvalid` where it is not under these keys.
    fn open_object(
        &self,
        keys: &StoreKeys,
        uuid: &[u8; 16],
        row: &ObjectRow,
        held: Option<&TokenKeys>,
    ) -> Result<Secret> {
        let invalid = Error::EncryptedDataInvalid;
        let context = body_context(&self.id, uuid, row);
        if row.wrap.is_empty() && !row.private {
            let (record, mac) = row.body.split_last_chunk::<MAC>().ok_or(invalid)?;
            if !primitive::equal(&keys.rows.tag(&[&context, record])?, mac) {
                return Err(invalid);
            }
            return Secret::copy_of(record);
        }
        let own = own_key(wrapping_key(keys, row, held)?, row, &context)?;
        primitive::open(&own, &context, &row.body)
    }

    /// Puts an object that is not private under other keys of the store; `Altered` where it is not
    /// under the old ones, and nothing was done.
    pub(super) fn reseal_object(
        &self,
        row: &mut ObjectRow,
        uuid: &[u8; 16],
        (old, new): (&StoreKeys, &StoreKeys),
    ) -> Result<()> {
        let invalid = |error| match error {
            Error::EncryptedDataInvalid => Error::Altered,
            other => other,
        };
        if generation(row) != old.generation {
            return Err(Error::Altered);
        }
        let record = self.open_object(old, uuid, row, None).map_err(invalid)?;
        let context = body_context(&self.id, uuid, row);
        if row.wrap.is_empty() {
            row.body = authenticated_body(new, &context, record.expose())?;
            row.generation = public_generation(new);
            return Ok(());
        }
        row.generation = new.generation;
        seal_under(&new.cover, row, &context, &record)
    }

    fn altered_object(&self, ring: &Ring, id: i64) -> Error {
        if self.is_altered(ring) { altered(&format!("object {id}")) } else { Error::Altered }
    }
}

/// The tag of an attribute, in the token with this identity.
pub(super) fn tag_of(keys: &StoreKeys, uuid: &[u8; 16], id: u64, value: &[u8]) -> Result<Tag> {
    keys.tag(&[uuid, &id.to_be_bytes(), value])
}

/// The generation of the store's keys that an object that is not private is under.
fn generation(row: &ObjectRow) -> u32 {
    row.generation.max(ring::FIRST)
}

/// How the row of an object in clear says it: those of the first generation have 0.
fn public_generation(keys: &StoreKeys) -> u32 {
    if keys.generation == ring::FIRST { 0 } else { keys.generation }
}

fn authenticated(
    keys: &StoreKeys,
    mut row: ObjectRow,
    context: &[u8],
    record: &[u8],
) -> Result<ObjectRow> {
    row.generation = public_generation(keys);
    row.body = authenticated_body(keys, context, record)?;
    Ok(row)
}

fn authenticated_body(keys: &StoreKeys, context: &[u8], record: &[u8]) -> Result<Vec<u8>> {
    let mac = keys.rows.tag(&[context, record])?;
    Ok([record, &mac].concat())
}

/// Seals a record under a key of its own, and that under the wrapping key, as the row's generation says.
pub(super) fn seal_under(
    wrapping: &Secret,
    row: &mut ObjectRow,
    context: &[u8],
    record: &Secret,
) -> Result<()> {
    let own = primitive::random_secret(KEY)?;
    row.body = primitive::seal(&own, context, record.expose())?;
    wrap_own(wrapping, row, context, &own)
}

/// Wraps an object's own key.
pub(super) fn wrap_own(
    wrapping: &Secret,
    row: &mut ObjectRow,
    context: &[u8],
    own: &Secret,
) -> Result<()> {
    row.wrap = primitive::seal(wrapping, &wrap_context(context, row.generation), own.expose())?;
    Ok(())
}

/// An object's own key; `EncryptedDataInvalid` where it is not under this one.
pub(super) fn own_key(wrapping: &Secret, row: &ObjectRow, context: &[u8]) -> Result<Secret> {
    primitive::open(wrapping, &wrap_context(context, row.generation), &row.wrap)
}

/// What wraps the key of an object; `KeysRenewed` where none of a token's keys that are held does.
fn wrapping_key<'a>(
    keys: &'a StoreKeys,
    row: &ObjectRow,
    held: Option<&'a TokenKeys>,
) -> Result<&'a Secret> {
    if !row.private {
        let same = row.generation == keys.generation;
        return if same { Ok(&keys.cover) } else { Err(Error::EncryptedDataInvalid) };
    }
    let held = held.filter(|held| held.token.is_some()).ok_or(Error::UserNotLoggedIn)?;
    held.token_key(row.generation).ok_or(Error::KeysRenewed)
}

/// Which token key a private object is to rest under: the one of now. Who manages keys and does not use
/// them cannot bring material that they carry over under a new use key: while everything is being
/// renewed, what has it stays among what is yet to be renewed.
fn generation_for(held: Option<&TokenKeys>, material: Option<u32>) -> Result<u32> {
    let held = held.ok_or(Error::UserNotLoggedIn)?;
    let behind = material.map(|generation| held.uses.generation.checked_sub(generation));
    match behind {
        None | Some(Some(0)) => Ok(held.generation),
        Some(Some(1)) if held.previous_uses.is_some() && held.uses.key.is_none() => {
            Ok(held.generation.saturating_sub(1))
        }
        Some(_) => Err(Error::KeysRenewed),
    }
}

/// What an object's record is bound to: a body moved to another row does not open.
pub(super) fn body_context(store: &[u8], token: &[u8], row: &ObjectRow) -> Vec<u8> {
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
/// How often an object is read while its token's keys are being renewed again and again.
const ATTEMPTS: usize = 8;
