// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Records that are older than an attribute.

use crate::common::*;
use strongroom::object::{self, Object, Reading};

/// A record as docs/store-format.md has it: numbers behind their types.
fn record(numbers: &[(CK_ATTRIBUTE_TYPE, CK_ULONG)]) -> Vec<u8> {
    let mut bytes = vec![1];
    bytes.extend((numbers.len() as u32).to_be_bytes());
    for (kind, value) in numbers {
        bytes.extend((*kind as u64).to_be_bytes());
        bytes.push(2);
        bytes.extend((*value as u64).to_be_bytes());
    }
    bytes
}

#[test]
fn what_a_record_does_not_know_has_its_default() {
    let key = record(&[(CKA_CLASS, CKO_PUBLIC_KEY), (CKA_KEY_TYPE, CKK_RSA)]);
    let trust = record(&[(CKA_CLASS, CKO_TRUST)]);
    for (record, kind, want) in [
        (&key, CKA_OBJECT_VALIDATION_FLAGS, Some(&[0; 8][..])),
        (&key, CKA_MODIFIABLE, Some(&[1])),
        (&key, CKA_LOCAL, Some(&[0])),
        (&key, CKA_LABEL, Some(b"")),
        (&key, CKA_CHECK_VALUE, None),
        (&key, CKA_MODULUS, None),
        (&key, CKA_TRUST_SERVER_AUTH, None),
        (&trust, CKA_TRUST_SERVER_AUTH, Some(&[0; 8])),
    ] {
        let object = Object::new(object::decode(record).unwrap());
        match object.read(kind) {
            Reading::Value(value) => assert_eq!(Some(&value.canonical()[..]), want, "{kind:#x}"),
            Reading::Absent => assert_eq!(None, want, "{kind:#x}"),
            Reading::Sensitive => panic!("{kind:#x} is hidden"),
        }
    }
}
