// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keys wrapped under an AES key that RSA or key agreement carries: put together and taken apart
//! here with OpenSSL alone.

use crate::common::ec::{
    BRAINPOOL320, Curve, P224, P256, P384, P521, X448, X25519, octet_string, octets,
};
use crate::common::*;
use crate::data;
use openssl::encrypt::{Decrypter, Encrypter};
use openssl::pkey::{PKey, Private};
use openssl::rsa::Padding;
use openssl::symm::Mode;
use std::ptr;

#[test]
fn openssl_opens_what_rsa_aes_wrapped() {
    let user = User::new();
    let s = user.session;
    let (public, private) = keys::rsa(s);
    let target = keys::pair(s, &P256).1;
    let rsa = PKey::from_rsa(reference::rsa()).unwrap();
    for bits in [128, 192, 256] {
        for (hash, mgf) in [
            (CKM_SHA_1, CKG_MGF1_SHA1),
            (CKM_SHA256, CKG_MGF1_SHA256),
            (CKM_SHA3_384, CKG_MGF1_SHA3_384),
        ] {
            for label in [&b""[..], b"label"] {
                let mech = Mech::rsa_aes(bits, hash, mgf, label);
                let wrapped = s.wrap(&mech, public, target).good();
                let (head, rest) = wrapped.split_at(256);
                let aes = oaep_opens(&rsa, hash, label, head);
                assert_eq!(aes.len() as CK_ULONG * 8, bits);
                let der = reference::kwp(&aes, Mode::Decrypt, rest).unwrap();
                let key = PKey::private_key_from_pkcs8(&der).unwrap();
                let info = s.get(target, CKA_PUBLIC_KEY_INFO).good();
                assert_eq!(key.public_key_to_der().unwrap(), info);
                let back = s.unwrap(&mech, private, &wrapped, &ec_private()).good();
                assert_eq!(s.get(back, CKA_VALUE).good(), s.get(target, CKA_VALUE).good());
            }
        }
    }
}

#[test]
fn rsa_aes_unwraps_what_openssl_put_together() {
    let user = User::new();
    let s = user.session;
    let (_, private) = keys::rsa(s);
    let rsa = PKey::from_rsa(reference::rsa()).unwrap();
    let mech = Mech::rsa_aes(256, CKM_SHA256, CKG_MGF1_SHA256, b"");
    let own = reference::generate(&P384);
    let der = own.private_key_to_pkcs8().unwrap();
    let put = |aes: &[u8], content: &[u8]| {
        let rest = reference::kwp(aes, Mode::Encrypt, content).unwrap();
        [oaep_seals(&rsa, aes), rest].concat()
    };
    let good = put(&data(32), &der);
    let back = s.unwrap(&mech, private, &good, &ec_private()).good();
    assert_eq!(s.get(back, CKA_VALUE).good(), reference::private_value(&P384, &own));
    let mut head = good.clone();
    head[7] ^= 1;
    let mut tail = good.clone();
    *tail.last_mut().unwrap() ^= 1;
    for (what, wrapped, want) in [
        ("another size of AES key", put(&data(16), &der), CKR_WRAPPED_KEY_INVALID),
        ("head changed", head, CKR_WRAPPED_KEY_INVALID),
        ("tail changed", tail, CKR_WRAPPED_KEY_INVALID),
        ("no key inside", put(&data(32), b"no DER"), CKR_WRAPPED_KEY_INVALID),
        ("cut", good[..good.len() - 1].to_vec(), CKR_WRAPPED_KEY_LEN_RANGE),
        ("head alone", good[..256].to_vec(), CKR_WRAPPED_KEY_LEN_RANGE),
        ("short", good[..255].to_vec(), CKR_WRAPPED_KEY_LEN_RANGE),
    ] {
        s.unwrap(&mech, private, &wrapped, &ec_private()).gives_for(what, &[want]);
    }
    let other = Mech::rsa_aes(256, CKM_SHA256, CKG_MGF1_SHA256, b"other");
    s.unwrap(&other, private, &good, &ec_private()).gives(CKR_WRAPPED_KEY_INVALID);
}

#[test]
fn openssl_opens_what_key_agreement_wrapped() {
    let user = User::new();
    let s = user.session;
    let target = keys::pair(s, &P521).1;
    for (kind, curve) in cases() {
        let own = reference::generate(&curve);
        let point = reference::point(&curve, &own);
        let public = s.create(&keys::curve_public(&curve, &point)).good_for(curve.name);
        let value = reference::private_value(&curve, &own);
        let private = s.create(&keys::curve_private(&curve, &value)).good_for(curve.name);
        for (bits, kdf, shared) in KDFS {
            let mech = Mech::ecdh_aes(kind, *bits, *kdf, shared);
            if *kdf == CKD_NULL && curve.size * 8 < *bits as usize {
                s.wrap(&mech, public, target).gives(CKR_MECHANISM_PARAM_INVALID);
                continue;
            }
            let what = format!("{kind:#x} on {} with {bits} bits and {kdf}", curve.name);
            let wrapped = s.wrap(&mech, public, target).good_for(&what);
            let length = match kind {
                CKM_ECDH_COF_AES_KEY_WRAP => octet_string(&point).len(),
                _ => point.len(),
            };
            let (material, rest) = wrapped.split_at(length);
            let peer = match kind {
                CKM_ECDH_COF_AES_KEY_WRAP => octets(material),
                _ => material.to_vec(),
            };
            let peer = reference::public_from_point(&curve, &peer);
            let aes = aes_of(&reference::agree(&own, &peer), *bits, *kdf, shared);
            let der = reference::kwp(&aes, Mode::Decrypt, rest).expect(&what);
            let key = PKey::private_key_from_pkcs8(&der).unwrap();
            let info = s.get(target, CKA_PUBLIC_KEY_INFO).good();
            assert_eq!(key.public_key_to_der().unwrap(), info, "{what}");
            let back = s.unwrap(&mech, private, &wrapped, &ec_private()).good_for(&what);
            assert_eq!(s.get(back, CKA_VALUE).good(), s.get(target, CKA_VALUE).good(), "{what}");
        }
    }
}

#[test]
fn key_agreement_unwraps_what_openssl_put_together() {
    let user = User::new();
    let s = user.session;
    let content = reference::generate(&P384);
    let der = content.private_key_to_pkcs8().unwrap();
    for (kind, curve) in cases() {
        let (public, private) = keys::pair(s, &curve);
        let own = reference::generate(&curve);
        let secret = reference::agree(&own, &reference::public_key(s, public, &curve));
        let aes = aes_of(&secret, 192, CKD_SHA256_KDF_SP800, b"info");
        let rest = reference::kwp(&aes, Mode::Encrypt, &der).unwrap();
        let point = reference::point(&curve, &own);
        let raw = [&point[..], &rest].concat();
        let wrapped = [&octet_string(&point)[..], &rest].concat();
        let mech = Mech::ecdh_aes(kind, 192, CKD_SHA256_KDF_SP800, b"info");
        let good = if kind == CKM_ECDH_COF_AES_KEY_WRAP { &wrapped } else { &raw };
        let back = s.unwrap(&mech, private, good, &ec_private()).good_for(curve.name);
        assert_eq!(s.get(back, CKA_VALUE).good(), reference::private_value(&P384, &content));
        if curve.key_type == CKK_EC {
            for either in [&raw, &wrapped] {
                s.unwrap(&mech, private, either, &ec_private()).good_for(curve.name);
            }
        }
        let mut point = good.clone();
        point[6] ^= 1;
        let mut tail = good.clone();
        *tail.last_mut().unwrap() ^= 1;
        let bad = [CKR_WRAPPED_KEY_INVALID];
        s.unwrap(&mech, private, &point, &ec_private()).gives_for(curve.name, &bad);
        s.unwrap(&mech, private, &tail, &ec_private()).gives_for(curve.name, &bad);
        let size = [CKR_WRAPPED_KEY_LEN_RANGE];
        for cut in [0, 1, 40, good.len() - 1] {
            let cut = s.unwrap(&mech, private, &good[..cut], &ec_private());
            cut.gives_for(curve.name, if good.is_empty() { &bad } else { &size });
        }
        let other = Mech::ecdh_aes(kind, 192, CKD_SHA256_KDF_SP800, b"other");
        s.unwrap(&other, private, good, &ec_private()).gives_for(curve.name, &bad);
    }
}

#[test]
fn an_agreed_secret_of_zero_opens_nothing() {
    let user = User::new();
    let s = user.session;
    for curve in [X25519, X448] {
        let (_, private) = keys::pair(s, &curve);
        let mech = Mech::ecdh_aes(CKM_ECDH_X_AES_KEY_WRAP, 128, CKD_SHA256_KDF, b"");
        let wrapped = vec![0; curve.size + 48];
        s.unwrap(&mech, private, &wrapped, &ec_private()).gives(CKR_WRAPPED_KEY_INVALID);
    }
}

#[test]
fn bad_parameters_are_refused() {
    let user = User::new();
    let s = user.session;
    let target = keys::aes(s, 16);
    let (public, private) = keys::rsa(s);
    let bad = [CKR_MECHANISM_PARAM_INVALID];
    let refused = |mech: &Mech, (public, private): (Obj, Obj)| {
        s.wrap(mech, public, target).gives_one_of(&bad);
        s.unwrap(mech, private, &data(400), &ec_private()).gives_one_of(&bad);
    };
    for bits in [0, 64, 127, 129, 255, 512, HUGE] {
        refused(&Mech::rsa_aes(bits, CKM_SHA256, CKG_MGF1_SHA256, b""), (public, private));
    }
    refused(&Mech::rsa_aes(256, CKM_AES_ECB, CKG_MGF1_SHA256, b""), (public, private));
    refused(&Mech::rsa_aes(256, CKM_SHA256, 99, b""), (public, private));
    let parameter = CK_RSA_AES_KEY_WRAP_PARAMS { ulAESKeyBits: 256, pOAEPParams: ptr::null_mut() };
    refused(&Mech::with(CKM_RSA_AES_KEY_WRAP, parameter, Vec::new()), (public, private));
    for length in [1, HUGE] {
        let mut oaep = CK_RSA_PKCS_OAEP_PARAMS {
            hashAlg: CKM_SHA256,
            mgf: CKG_MGF1_SHA256,
            source: CKZ_DATA_SPECIFIED,
            pSourceData: ptr::null_mut(),
            ulSourceDataLen: length,
        };
        let parameter = CK_RSA_AES_KEY_WRAP_PARAMS { ulAESKeyBits: 256, pOAEPParams: &mut oaep };
        refused(&Mech::with(CKM_RSA_AES_KEY_WRAP, parameter, Vec::new()), (public, private));
    }
    for (kind, curve) in cases() {
        let pair = keys::pair(s, &curve);
        for bits in [0, 64, 127, 512, HUGE] {
            refused(&Mech::ecdh_aes(kind, bits, CKD_SHA256_KDF, b""), pair);
        }
        for kdf in [0, 999, CKD_SHA1_KDF_ASN1, CKD_CPDIVERSIFY_KDF] {
            refused(&Mech::ecdh_aes(kind, 128, kdf, b""), pair);
        }
        refused(&Mech::ecdh_aes(kind, 128, CKD_NULL, b"shared"), pair);
        for length in [1, HUGE] {
            let parameter = CK_ECDH_AES_KEY_WRAP_PARAMS {
                ulAESKeyBits: 128,
                kdf: CKD_SHA256_KDF,
                ulSharedDataLen: length,
                pSharedData: ptr::null_mut(),
            };
            refused(&Mech::with(kind, parameter, Vec::new()), pair);
        }
    }
}

#[test]
fn keys_of_another_kind_neither_wrap_nor_unwrap() {
    let user = User::new();
    let s = user.session;
    let target = keys::aes(s, 16);
    let (rsa, ec, x) = (keys::rsa(s), keys::pair(s, &P256), keys::pair(s, &X25519));
    let ecdh = |kind| Mech::ecdh_aes(kind, 128, CKD_SHA256_KDF, b"");
    for (mech, (public, private)) in [
        (Mech::rsa_aes(128, CKM_SHA256, CKG_MGF1_SHA256, b""), ec),
        (ecdh(CKM_ECDH_AES_KEY_WRAP), rsa),
        (ecdh(CKM_ECDH_COF_AES_KEY_WRAP), x),
        (ecdh(CKM_ECDH_X_AES_KEY_WRAP), ec),
    ] {
        s.wrap(&mech, public, target).gives(CKR_WRAPPING_KEY_TYPE_INCONSISTENT);
        let back = s.unwrap(&mech, private, &data(400), &ec_private());
        back.gives(CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT);
    }
    let small = openssl::rsa::Rsa::generate(512).unwrap();
    let public = s.create(&keys::rsa_public(&small)).good();
    let mech = Mech::rsa_aes(128, CKM_SHA256, CKG_MGF1_SHA256, b"");
    s.wrap(&mech, public, target).gives(CKR_WRAPPING_KEY_SIZE_RANGE);
}

fn cases() -> Vec<(CK_MECHANISM_TYPE, Curve)> {
    vec![
        (CKM_ECDH_AES_KEY_WRAP, P224),
        (CKM_ECDH_AES_KEY_WRAP, P256),
        (CKM_ECDH_AES_KEY_WRAP, X25519),
        (CKM_ECDH_COF_AES_KEY_WRAP, P256),
        (CKM_ECDH_COF_AES_KEY_WRAP, BRAINPOOL320),
        (CKM_ECDH_COF_AES_KEY_WRAP, P521),
        (CKM_ECDH_X_AES_KEY_WRAP, X25519),
        (CKM_ECDH_X_AES_KEY_WRAP, X448),
    ]
}

/// What the two sides make of the secret.
fn aes_of(secret: &[u8], bits: CK_ULONG, kdf: CK_EC_KDF_TYPE, shared: &[u8]) -> Vec<u8> {
    let one = 1_u32.to_be_bytes();
    let made = match kdf {
        CKD_NULL => secret.to_vec(),
        CKD_SHA256_KDF => reference::digest(CKM_SHA256, &[secret, &one, shared].concat()),
        CKD_SHA512_KDF => reference::digest(CKM_SHA512, &[secret, &one, shared].concat()),
        CKD_SHA256_KDF_SP800 => reference::digest(CKM_SHA256, &[&one[..], secret, shared].concat()),
        other => panic!("no test knows function {other}"),
    };
    made[..bits as usize / 8].to_vec()
}

fn oaep_opens(key: &PKey<Private>, hash: CK_MECHANISM_TYPE, label: &[u8], data: &[u8]) -> Vec<u8> {
    let mut decrypter = Decrypter::new(key).unwrap();
    decrypter.set_rsa_padding(Padding::PKCS1_OAEP).unwrap();
    decrypter.set_rsa_oaep_md(reference::hash(hash)).unwrap();
    decrypter.set_rsa_mgf1_md(reference::hash(hash)).unwrap();
    if !label.is_empty() {
        decrypter.set_rsa_oaep_label(label).unwrap();
    }
    let mut output = vec![0; decrypter.decrypt_len(data).unwrap()];
    let count = decrypter.decrypt(data, &mut output).unwrap();
    output.truncate(count);
    output
}

fn oaep_seals(key: &PKey<Private>, data: &[u8]) -> Vec<u8> {
    let mut encrypter = Encrypter::new(key).unwrap();
    encrypter.set_rsa_padding(Padding::PKCS1_OAEP).unwrap();
    encrypter.set_rsa_oaep_md(reference::hash(CKM_SHA256)).unwrap();
    encrypter.set_rsa_mgf1_md(reference::hash(CKM_SHA256)).unwrap();
    let mut output = vec![0; encrypter.encrypt_len(data).unwrap()];
    let count = encrypter.encrypt(data, &mut output).unwrap();
    output.truncate(count);
    output
}

fn ec_private() -> Template {
    template! { CKA_CLASS => CKO_PRIVATE_KEY, CKA_KEY_TYPE => CKK_EC }.and(&keys::open())
}

const KDFS: &[(CK_ULONG, CK_EC_KDF_TYPE, &[u8])] = &[
    (128, CKD_NULL, b""),
    (256, CKD_NULL, b""),
    (192, CKD_SHA256_KDF, b"shared"),
    (256, CKD_SHA512_KDF, b""),
    (256, CKD_SHA256_KDF_SP800, b"info"),
];
