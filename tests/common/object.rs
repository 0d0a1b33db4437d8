// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Objects: created, read, changed, found, and made by key management.

use super::{Mech, R, Session, Template, bytes, len, outcome, p11};
use cryptoki_sys::*;
use std::ptr;

/// An object handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Obj(pub CK_OBJECT_HANDLE);

/// One attribute's part of an answer of `C_GetAttributeValue`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Got {
    pub length: CK_ULONG,
    pub value: Vec<u8>,
}

impl Session {
    /// Creates an object.
    pub fn create(self, template: &Template) -> R<Obj> {
        let (mut raw, mut handle) = (template.raw(), CK_INVALID_HANDLE);
        let count = raw.len() as CK_ULONG;
        outcome(p11!(C_CreateObject(self.0, raw.as_mut_ptr(), count, &mut handle)))?;
        Ok(fresh(handle))
    }

    /// Copies an object with changes.
    pub fn copy(self, object: Obj, template: &Template) -> R<Obj> {
        let (mut raw, mut handle) = (template.raw(), CK_INVALID_HANDLE);
        let count = raw.len() as CK_ULONG;
        outcome(p11!(C_CopyObject(self.0, object.0, raw.as_mut_ptr(), count, &mut handle)))?;
        Ok(fresh(handle))
    }

    /// Destroys an object.
    pub fn destroy(self, object: Obj) -> R<()> {
        outcome(p11!(C_DestroyObject(self.0, object.0)))
    }

    /// The size of an object.
    pub fn size(self, object: Obj) -> R<CK_ULONG> {
        let mut size = 0;
        outcome(p11!(C_GetObjectSize(self.0, object.0, &mut size)))?;
        Ok(size)
    }

    /// The value of one attribute: its length first, then its bytes.
    pub fn get(self, object: Obj, kind: CK_ATTRIBUTE_TYPE) -> R<Vec<u8>> {
        let mut row = CK_ATTRIBUTE { type_: kind, pValue: ptr::null_mut(), ulValueLen: 0 };
        outcome(p11!(C_GetAttributeValue(self.0, object.0, &mut row, 1)))?;
        let mut value = vec![0_u8; row.ulValueLen as usize];
        row.pValue = value.as_mut_ptr().cast();
        outcome(p11!(C_GetAttributeValue(self.0, object.0, &mut row, 1)))?;
        assert_eq!(row.ulValueLen, len(&value), "both calls say the same length");
        Ok(value)
    }

    /// The value of a boolean attribute.
    pub fn flag(self, object: Obj, kind: CK_ATTRIBUTE_TYPE) -> R<bool> {
        let value = self.get(object, kind)?;
        assert!(value == [CK_TRUE] || value == [CK_FALSE], "{kind:#x} is a CK_BBOOL: {value:?}");
        Ok(value == [CK_TRUE])
    }

    /// The value of an attribute that is a number.
    pub fn number(self, object: Obj, kind: CK_ATTRIBUTE_TYPE) -> R<CK_ULONG> {
        let value = self.get(object, kind)?;
        let value = value.try_into().expect("a CK_ULONG has the width of one");
        Ok(CK_ULONG::from_ne_bytes(value))
    }

    /// Several attributes in one call, each with the given room (None for a NULL pointer): the
    /// return value, and what each attribute's row says afterwards.
    pub fn get_many(
        self,
        object: Obj,
        asked: &[(CK_ATTRIBUTE_TYPE, Option<usize>)],
    ) -> (R<()>, Vec<Got>) {
        let mut values: Vec<Vec<u8>> =
            asked.iter().map(|(_, room)| vec![0xA5; room.unwrap_or(0)]).collect();
        let mut rows: Vec<CK_ATTRIBUTE> = asked
            .iter()
            .zip(&mut values)
            .map(|((kind, room), value)| CK_ATTRIBUTE {
                type_: *kind,
                pValue: if room.is_some() { value.as_mut_ptr().cast() } else { ptr::null_mut() },
                ulValueLen: len(value),
            })
            .collect();
        let count = rows.len() as CK_ULONG;
        let rv = outcome(p11!(C_GetAttributeValue(self.0, object.0, rows.as_mut_ptr(), count)));
        let got = rows.iter().zip(values);
        (rv, got.map(|(row, value)| Got { length: row.ulValueLen, value }).collect())
    }

    /// Changes attributes.
    pub fn set(self, object: Obj, template: &Template) -> R<()> {
        let mut raw = template.raw();
        let count = raw.len() as CK_ULONG;
        outcome(p11!(C_SetAttributeValue(self.0, object.0, raw.as_mut_ptr(), count)))
    }

    /// All objects that match, in handle order.
    pub fn find(self, template: &Template) -> R<Vec<Obj>> {
        let mut raw = template.raw();
        let count = raw.len() as CK_ULONG;
        outcome(p11!(C_FindObjectsInit(self.0, raw.as_mut_ptr(), count)))?;
        let mut all = Vec::new();
        loop {
            let (mut batch, mut got) = ([CK_INVALID_HANDLE; 7], 0);
            outcome(p11!(C_FindObjects(self.0, batch.as_mut_ptr(), 7, &mut got)))?;
            all.extend(batch[..got as usize].iter().map(|handle| fresh(*handle)));
            if got == 0 {
                break;
            }
        }
        outcome(p11!(C_FindObjectsFinal(self.0)))?;
        all.sort();
        Ok(all)
    }

    /// Generates a secret key or domain parameters.
    pub fn generate(self, mech: &Mech, template: &Template) -> R<Obj> {
        let (mut raw, mut handle, mut mech) = (template.raw(), CK_INVALID_HANDLE, mech.raw());
        let count = raw.len() as CK_ULONG;
        outcome(p11!(C_GenerateKey(self.0, &mut mech, raw.as_mut_ptr(), count, &mut handle)))?;
        Ok(fresh(handle))
    }

    /// Generates a key pair: public, private.
    pub fn generate_pair(
        self,
        mech: &Mech,
        public: &Template,
        private: &Template,
    ) -> R<(Obj, Obj)> {
        let (mut raw_public, mut raw_private, mut mech) = (public.raw(), private.raw(), mech.raw());
        let (mut one, mut two) = (CK_INVALID_HANDLE, CK_INVALID_HANDLE);
        outcome(p11!(C_GenerateKeyPair(
            self.0,
            &mut mech,
            raw_public.as_mut_ptr(),
            raw_public.len() as CK_ULONG,
            raw_private.as_mut_ptr(),
            raw_private.len() as CK_ULONG,
            &mut one,
            &mut two
        )))?;
        Ok((fresh(one), fresh(two)))
    }

    /// Wraps a key: the length first, then the bytes.
    pub fn wrap(self, mech: &Mech, by: Obj, key: Obj) -> R<Vec<u8>> {
        let (mut mech, mut room) = (mech.raw(), 0);
        outcome(p11!(C_WrapKey(self.0, &mut mech, by.0, key.0, ptr::null_mut(), &mut room)))?;
        let mut output = vec![0; room as usize];
        outcome(p11!(C_WrapKey(self.0, &mut mech, by.0, key.0, output.as_mut_ptr(), &mut room)))?;
        output.truncate(room as usize);
        Ok(output)
    }

    /// Signs so that the data can be recovered: the length first, then the bytes.
    pub fn sign_recover(self, mech: &Mech, key: Obj, data: &[u8]) -> R<Vec<u8>> {
        let (mut mech, mut room) = (mech.raw(), 0);
        outcome(p11!(C_SignRecoverInit(self.0, &mut mech, key.0)))?;
        let null = ptr::null_mut();
        outcome(p11!(C_SignRecover(self.0, bytes(data), len(data), null, &mut room)))?;
        let mut output = vec![0; room as usize];
        let out = output.as_mut_ptr();
        outcome(p11!(C_SignRecover(self.0, bytes(data), len(data), out, &mut room)))?;
        output.truncate(room as usize);
        Ok(output)
    }

    /// Recovers the data of a signature: the length first, then the bytes.
    pub fn verify_recover(self, mech: &Mech, key: Obj, signature: &[u8]) -> R<Vec<u8>> {
        let (mut mech, mut room) = (mech.raw(), 0);
        outcome(p11!(C_VerifyRecoverInit(self.0, &mut mech, key.0)))?;
        let (data, count, null) = (bytes(signature), len(signature), ptr::null_mut());
        outcome(p11!(C_VerifyRecover(self.0, data, count, null, &mut room)))?;
        let mut output = vec![0; room as usize + 1];
        let out = output.as_mut_ptr();
        outcome(p11!(C_VerifyRecover(self.0, data, count, out, &mut room)))?;
        output.truncate(room as usize);
        Ok(output)
    }

    /// Unwraps a key.
    pub fn unwrap(self, mech: &Mech, by: Obj, wrapped: &[u8], template: &Template) -> R<Obj> {
        let (mut raw, mut handle, mut mech) = (template.raw(), CK_INVALID_HANDLE, mech.raw());
        outcome(p11!(C_UnwrapKey(
            self.0,
            &mut mech,
            by.0,
            bytes(wrapped),
            len(wrapped),
            raw.as_mut_ptr(),
            raw.len() as CK_ULONG,
            &mut handle
        )))?;
        Ok(fresh(handle))
    }

    /// Shares a key with the holder of a public one: the length first, then ciphertext and key.
    pub fn encapsulate(self, mech: &Mech, public: Obj, template: &Template) -> R<(Vec<u8>, Obj)> {
        let (mut room, mut none) = (0, CK_INVALID_HANDLE);
        self.encapsulate_raw(mech, public, template, (ptr::null_mut(), &mut room), &mut none)?;
        assert_eq!(none, CK_INVALID_HANDLE, "who asks for the length gets no key");
        let (mut ciphertext, mut handle) = (vec![0; room as usize], CK_INVALID_HANDLE);
        let out = (ciphertext.as_mut_ptr(), &raw mut room);
        self.encapsulate_raw(mech, public, template, out, &mut handle)?;
        ciphertext.truncate(room as usize);
        Ok((ciphertext, fresh(handle)))
    }

    /// `C_EncapsulateKey` as it is: output buffer and place of its length, place of the handle.
    pub fn encapsulate_raw(
        self,
        mech: &Mech,
        public: Obj,
        template: &Template,
        (out, room): (*mut u8, *mut CK_ULONG),
        handle: *mut CK_OBJECT_HANDLE,
    ) -> R<()> {
        let (mut raw, mut mech) = (template.raw(), mech.raw());
        let (first, count) = (raw.as_mut_ptr(), raw.len() as CK_ULONG);
        outcome(p11!(C_EncapsulateKey(
            self.0, &mut mech, public.0, first, count, out, room, handle
        )))
    }

    /// The key that a ciphertext shares.
    pub fn decapsulate(
        self,
        mech: &Mech,
        private: Obj,
        ciphertext: &[u8],
        template: &Template,
    ) -> R<Obj> {
        let (mut raw, mut handle, mut mech) = (template.raw(), CK_INVALID_HANDLE, mech.raw());
        outcome(p11!(C_DecapsulateKey(
            self.0,
            &mut mech,
            private.0,
            raw.as_mut_ptr(),
            raw.len() as CK_ULONG,
            bytes(ciphertext),
            len(ciphertext),
            &mut handle
        )))?;
        Ok(fresh(handle))
    }

    /// Derives a key.
    pub fn derive(self, mech: &Mech, base: Obj, template: &Template) -> R<Obj> {
        let (mut raw, mut handle, mut mech) = (template.raw(), CK_INVALID_HANDLE, mech.raw());
        let count = raw.len() as CK_ULONG;
        let out = &mut handle;
        outcome(p11!(C_DeriveKey(self.0, &mut mech, base.0, raw.as_mut_ptr(), count, out)))?;
        Ok(fresh(handle))
    }
}

fn fresh(handle: CK_OBJECT_HANDLE) -> Obj {
    assert_ne!(handle, CK_INVALID_HANDLE, "0 is never an object handle");
    Obj(handle)
}
