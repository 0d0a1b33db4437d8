// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the sessions of a slot have of their own, found by what it is searched by. It may import
//! `object` and layer 0.

use super::searching::wanted;
use crate::object::{self, Object, Template};
use crate::store::Tag;
use cryptoki_sys::CK_ATTRIBUTE_TYPE;
use std::collections::{BTreeSet, HashSet};
use std::hash::{BuildHasher, RandomState};
use zeroize::Zeroize;

/// The open sessions of a slot.
#[derive(Default)]
pub(super) struct Sessions {
    pub(super) open: HashSet<u64>,
    /// Their objects: session, handle.
    pub(super) objects: BTreeSet<(u64, u64)>,
    /// Their keys, by fingerprint: fingerprint, handle.
    pub(super) keys: BTreeSet<(Tag, u64)>,
    /// What they can be searched by: a digest of the attribute and its value, handle.
    tags: BTreeSet<(u64, u64)>,
    keyed: RandomState,
}

impl Sessions {
    fn digests(&self, object: &Object) -> Vec<u64> {
        let tagged = object::tagged(object.attributes());
        let digest = |(id, mut value): (CK_ATTRIBUTE_TYPE, Vec<u8>)| {
            let digest = self.keyed.hash_one((id as u64, &value));
            value.zeroize();
            digest
        };
        tagged.map(digest).collect()
    }

    pub(super) fn index(&mut self, handle: u64, object: &Object) {
        self.keys.extend(object.fingerprint().map(|fingerprint| (fingerprint, handle)));
        let digests = self.digests(object);
        self.tags.extend(digests.into_iter().map(|digest| (digest, handle)));
    }

    pub(super) fn unindex(&mut self, handle: u64, object: &Object) {
        if let Some(fingerprint) = object.fingerprint() {
            self.keys.remove(&(fingerprint, handle));
        }
        for digest in self.digests(object) {
            self.tags.remove(&(digest, handle));
        }
    }

    /// The objects that may match.
    pub(super) fn candidates(&self, template: &Template) -> Vec<u64> {
        let mut wanted = wanted(template);
        let digest = wanted.first().map(|(id, value)| self.keyed.hash_one((*id, value)));
        wanted.iter_mut().for_each(|(_, value)| value.zeroize());
        match digest {
            Some(digest) => {
                let range = (digest, 0)..=(digest, u64::MAX);
                self.tags.range(range).map(|(_, handle)| *handle).collect()
            }
            None => self.objects.iter().map(|(_, handle)| *handle).collect(),
        }
    }
}
