// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The rows of symmetric mechanisms beyond the first, and what holds for all of them.

use crate::common::operation::Kind;
use crate::common::*;
use crate::encrypt_data::{cbc_data, ecb_data};
use crate::table::{CIPHERS, Family, Row, SIGNS, WRAPS, row};

/// The mechanisms that the product must have.
pub fn rows() -> Vec<Row> {
    let chacha = Family::Secret(CKK_CHACHA20, 32);
    vec![
        row(CKM_AES_CCM, CIPHERS | WRAPS, Family::Aes, |_| Mech::ccm(32, &[7; 13], b"aad", 16), 32),
        row(CKM_AES_GMAC, SIGNS, Family::Aes, gmac, 33),
        row(CKM_AES_MAC, SIGNS, Family::Aes, Mech::plain, 33),
        row(CKM_AES_MAC_GENERAL, SIGNS, Family::Aes, |kind| Mech::mac(kind, 5), 33),
        row(CKM_AES_XCBC_MAC, SIGNS, Family::Secret(CKK_AES, 16), Mech::plain, 33),
        row(CKM_AES_XCBC_MAC_96, SIGNS, Family::Secret(CKK_AES, 16), Mech::plain, 33),
        row(CKM_CHACHA20_KEY_GEN, CKF_GENERATE, Family::None, Mech::plain, 0),
        row(CKM_CHACHA20, CIPHERS | WRAPS, chacha, |_| Mech::chacha20(&[1, 0, 0, 0], &[7; 12]), 33),
        row(CKM_CHACHA20_POLY1305, CIPHERS, chacha, sealed, 33),
        row(CKM_POLY1305_KEY_GEN, CKF_GENERATE, Family::None, Mech::plain, 0),
        row(CKM_POLY1305, SIGNS, Family::Secret(CKK_POLY1305, 32), Mech::plain, 33),
        row(CKM_AES_OFB, CIPHERS | WRAPS, Family::Aes, iv16, 33),
        row(CKM_AES_CFB1, CIPHERS | WRAPS, Family::Aes, iv16, 33),
        row(CKM_AES_CFB8, CIPHERS | WRAPS, Family::Aes, iv16, 33),
        row(CKM_AES_CFB64, CIPHERS | WRAPS, Family::Aes, iv16, 33),
        row(CKM_AES_CFB128, CIPHERS | WRAPS, Family::Aes, iv16, 33),
        row(CKM_AES_CTS, CIPHERS | WRAPS, Family::Aes, iv16, 33),
        row(CKM_AES_XTS_KEY_GEN, CKF_GENERATE, Family::None, Mech::plain, 0),
        row(CKM_AES_XTS, CIPHERS | WRAPS, Family::Secret(CKK_AES_XTS, 64), iv16, 33),
        row(CKM_AES_ECB_ENCRYPT_DATA, CKF_DERIVE, Family::Aes, |kind| ecb_data(kind, &[7; 32]), 0),
        row(CKM_AES_CBC_ENCRYPT_DATA, CKF_DERIVE, Family::Aes, |_| cbc_data(&[7; 32]), 0),
        // What is left of triple DES without the legacy algorithms.
        row(CKM_DES3_ECB, READS, DES3, Mech::plain, 32),
        row(CKM_DES3_CBC, READS, DES3, iv8, 32),
        row(CKM_DES3_CBC_PAD, READS, DES3, iv8, 33),
        row(CKM_DES3_MAC, CKF_VERIFY, DES3, Mech::plain, 33),
        row(CKM_DES3_MAC_GENERAL, CKF_VERIFY, DES3, |kind| Mech::mac(kind, 5), 33),
        row(CKM_DES3_CMAC, CKF_VERIFY, DES3, Mech::plain, 33),
        row(CKM_DES3_CMAC_GENERAL, CKF_VERIFY, DES3, |kind| Mech::mac(kind, 5), 33),
    ]
    .into_iter()
    .chain(DIGESTS.iter().flat_map(|(digest, length, hmac, general, generation, _)| {
        assert!(*length >= 10);
        [
            row(*digest, CKF_DIGEST, Family::None, Mech::plain, 100),
            row(*hmac, SIGNS, Family::Generic, Mech::plain, 100),
            row(*general, SIGNS, Family::Generic, |kind| Mech::mac(kind, 10), 100),
            row(*generation, CKF_GENERATE, Family::None, Mech::plain, 0),
        ]
    }))
    .collect()
}

/// The mechanisms that are there with the legacy algorithms alone.
pub fn legacy() -> Vec<Row> {
    let des_data = |kind| ecb_data(kind, &[7; 24]);
    vec![
        row(CKM_DES2_KEY_GEN, CKF_GENERATE, Family::None, Mech::plain, 0),
        row(CKM_DES3_KEY_GEN, CKF_GENERATE, Family::None, Mech::plain, 0),
        row(CKM_DES3_ECB_ENCRYPT_DATA, CKF_DERIVE, DES3, des_data, 0),
        row(CKM_DES3_CBC_ENCRYPT_DATA, CKF_DERIVE, DES3, des_cbc_data, 0),
        row(CKM_MD5, CKF_DIGEST, Family::None, Mech::plain, 100),
        row(CKM_MD5_HMAC, SIGNS, Family::Generic, Mech::plain, 100),
        row(CKM_MD5_HMAC_GENERAL, SIGNS, Family::Generic, |kind| Mech::mac(kind, 10), 100),
    ]
}

fn des_cbc_data(kind: CK_MECHANISM_TYPE) -> Mech {
    let mut given = vec![7; 24];
    let parameter =
        CK_DES_CBC_ENCRYPT_DATA_PARAMS { iv: [7; 8], pData: given.as_mut_ptr(), length: 24 };
    Mech::with(kind, parameter, vec![given])
}

fn iv16(kind: CK_MECHANISM_TYPE) -> Mech {
    Mech::iv(kind, &[7; 16])
}

fn iv8(kind: CK_MECHANISM_TYPE) -> Mech {
    Mech::iv(kind, &[7; 8])
}

fn gmac(kind: CK_MECHANISM_TYPE) -> Mech {
    Mech::gcm(&[7; 12], b"", 128).named(kind)
}

fn sealed(_: CK_MECHANISM_TYPE) -> Mech {
    Mech::chacha20_poly1305(&[7; 12], b"aad")
}

#[test]
fn key_sizes_and_functions_are_those_of_the_specification() {
    let user = User::new();
    for (kind, sizes, flags) in [
        (CKM_AES_CCM, (16, 32), CIPHERS | WRAPS),
        (CKM_AES_GMAC, (16, 32), SIGNS),
        (CKM_AES_MAC, (16, 32), SIGNS),
        (CKM_AES_XCBC_MAC, (16, 16), SIGNS),
        (CKM_CHACHA20_KEY_GEN, (32, 32), CKF_GENERATE),
        (CKM_AES_XTS_KEY_GEN, (32, 64), CKF_GENERATE),
        (CKM_AES_XTS, (32, 64), CIPHERS | WRAPS),
        (CKM_AES_OFB, (16, 32), CIPHERS | WRAPS),
        (CKM_AES_CTS, (16, 32), CIPHERS | WRAPS),
        (CKM_AES_KEY_WRAP_PKCS7, (16, 32), CIPHERS | WRAPS),
        (CKM_AES_CBC_ENCRYPT_DATA, (16, 32), CKF_DERIVE),
        (CKM_CHACHA20, (256, 256), CIPHERS | WRAPS),
    ] {
        let info = session::mechanism_info(user.token.slot, kind).good();
        assert_eq!((info.ulMinKeySize, info.ulMaxKeySize), sizes, "{kind:#x}");
        assert_eq!(info.flags & flags, flags, "{kind:#x} serves {:#x}", info.flags);
    }
}

#[test]
fn keys_have_the_lengths_of_their_type() {
    let user = User::new();
    let s = user.session;
    for (kind, good) in [(CKK_CHACHA20, &[32][..]), (CKK_POLY1305, &[32])] {
        for length in [1, 8, 16, 24, 31, 32, 33, 64] {
            let made = keys::try_secret(s, kind, &crate::data(length), &keys::open());
            let want = if good.contains(&length) { CKR_OK } else { CKR_ATTRIBUTE_VALUE_INVALID };
            assert_eq!(made.code(), want, "type {kind:#x} of {length} bytes");
        }
    }
    for kind in [CKM_CHACHA20_KEY_GEN, CKM_POLY1305_KEY_GEN] {
        for length in [0, 16, 31, 33, HUGE] {
            let template = template! { CKA_VALUE_LEN => length };
            s.generate(&Mech::plain(kind), &template).gives(CKR_ATTRIBUTE_VALUE_INVALID);
        }
        let key = s.generate(&Mech::plain(kind), &keys::open()).good();
        assert_eq!(s.get(key, CKA_VALUE).good().len(), 32);
    }
}

#[test]
fn digests_and_their_hmacs_known_answers() {
    let user = User::compatible();
    let s = user.session;
    for record in vectors::read("digest_more.txt") {
        if record.text("hash") == "md5" {
            continue;
        }
        let (input, want) = (record.hex("data"), record.hex("digest"));
        let mech = Mech::plain(crate::hash_named(record.text("hash")));
        assert_eq!(s.digest(&mech, &input).good(), want, "{}", record.place());
        let parts = s.parts(Kind::Digest, &mech, None, &crate::cut(&input));
        assert_eq!(parts.good(), want, "{} in parts", record.place());
    }
    for record in vectors::read("hmac_more.txt") {
        let kind = crate::hash_named(record.text("hash"));
        let Some((_, length, hmac, general, _, key_type)) =
            DIGESTS.iter().find(|(digest, ..)| *digest == kind)
        else {
            continue;
        };
        let (input, code) = (record.hex("data"), record.hex("mac"));
        assert_eq!(code.len(), *length);
        for key_type in [CKK_GENERIC_SECRET, *key_type] {
            let key = keys::secret(s, key_type, &record.hex("key"));
            crate::mac::check(s, &Mech::plain(*hmac), key, &input, &code);
            for cut in [1, 10, *length] {
                let mech = Mech::mac(*general, cut as CK_ULONG);
                crate::mac::check(s, &mech, key, &input, &code[..cut]);
            }
            for wrong in [0, *length as CK_ULONG + 1, HUGE] {
                let started = s.start(Kind::Sign, &Mech::mac(*general, wrong), Some(key));
                started.gives(CKR_MECHANISM_PARAM_INVALID);
            }
        }
        let other = keys::secret(s, CKK_SHA256_HMAC, &record.hex("key"));
        s.start(Kind::Sign, &Mech::plain(*hmac), Some(other)).gives(CKR_KEY_TYPE_INCONSISTENT);
    }
}

#[test]
fn no_parameter_names_a_shorter_form() {
    let user = User::new();
    let s = user.session;
    let base = keys::generic(s, 32);
    let how = mechanism::Hkdf { extract: true, expand: true, ..Default::default() };
    let template = template! {
        CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_VALUE_LEN => 16 as CK_ULONG,
    };
    for kind in [CKM_BLAKE2B_160, CKM_BLAKE2B_256, CKM_BLAKE2B_384] {
        s.derive(&Mech::hkdf(CKM_HKDF_DERIVE, kind, &how), base, &template)
            .gives(CKR_MECHANISM_PARAM_INVALID);
    }
    for kind in [CKM_SHA512_224, CKM_SHA512_256, CKM_BLAKE2B_512] {
        s.derive(&Mech::hkdf(CKM_HKDF_DERIVE, kind, &how), base, &template).good();
    }
    let (public, _) = keys::rsa(s);
    let mech = Mech::oaep(CKM_BLAKE2B_512, CKG_MGF1_SHA512, b"");
    s.start(Kind::Encrypt, &mech, Some(public)).gives(CKR_MECHANISM_PARAM_INVALID);
}

type Digest = (
    CK_MECHANISM_TYPE,
    usize,
    CK_MECHANISM_TYPE,
    CK_MECHANISM_TYPE,
    CK_MECHANISM_TYPE,
    CK_KEY_TYPE,
);

/// Hashes that sign nothing by themselves: digest, length, HMAC, general HMAC, generation, key.
#[rustfmt::skip]
const DIGESTS: &[Digest] = &[
    (CKM_SHA512_224, 28, CKM_SHA512_224_HMAC, CKM_SHA512_224_HMAC_GENERAL, CKM_SHA512_224_KEY_GEN, CKK_SHA512_224_HMAC),
    (CKM_SHA512_256, 32, CKM_SHA512_256_HMAC, CKM_SHA512_256_HMAC_GENERAL, CKM_SHA512_256_KEY_GEN, CKK_SHA512_256_HMAC),
    (CKM_BLAKE2B_160, 20, CKM_BLAKE2B_160_HMAC, CKM_BLAKE2B_160_HMAC_GENERAL, CKM_BLAKE2B_160_KEY_GEN, CKK_BLAKE2B_160_HMAC),
    (CKM_BLAKE2B_256, 32, CKM_BLAKE2B_256_HMAC, CKM_BLAKE2B_256_HMAC_GENERAL, CKM_BLAKE2B_256_KEY_GEN, CKK_BLAKE2B_256_HMAC),
    (CKM_BLAKE2B_384, 48, CKM_BLAKE2B_384_HMAC, CKM_BLAKE2B_384_HMAC_GENERAL, CKM_BLAKE2B_384_KEY_GEN, CKK_BLAKE2B_384_HMAC),
    (CKM_BLAKE2B_512, 64, CKM_BLAKE2B_512_HMAC, CKM_BLAKE2B_512_HMAC_GENERAL, CKM_BLAKE2B_512_KEY_GEN, CKK_BLAKE2B_512_HMAC),
];
const DES3: Family = Family::Secret(CKK_DES3, 24);
const READS: CK_FLAGS = CKF_DECRYPT | CKF_UNWRAP;
