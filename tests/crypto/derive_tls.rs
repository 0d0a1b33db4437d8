// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keys of TLS 1.2, its "finished" messages, and the key schedule of TLS 1.3 by HKDF.

use crate::common::mechanism::Hkdf;
use crate::common::operation::Kind;
use crate::common::*;
use crate::derivation::{UNTOUCHED, leaked, value, wanted};
use crate::hash_named;
use crate::tls::*;

const NOWHERE: *mut CK_VERSION = std::ptr::null_mut();
const MASTER: usize = 48;

fn prf_named(name: &str) -> CK_MECHANISM_TYPE {
    if name == "tls1" { CKM_TLS_PRF } else { hash_named(name) }
}

#[test]
fn known_answers() {
    let user = User::new();
    let s = user.session;
    for record in vectors::read("tls.txt") {
        let place = record.place();
        let prf = prf_named(record.text("hash"));
        let base = keys::secret(s, CKK_GENERIC_SECRET, &record.hex("secret"));
        let (client, server) = (record.hex("client"), record.hex("server"));
        let derived = record.hex("derived");
        match record.text("kind") {
            "master" => {
                let (kind, other) = (CKM_TLS12_MASTER_KEY_DERIVE, CKM_TLS12_MASTER_KEY_DERIVE_DH);
                let version: *mut CK_VERSION = leaked([0xeeu8; 2]).0.cast();
                let mech = master(kind, prf, &client, &server, version);
                assert_eq!(value(s, &mech, base, &keys::open(), &place), derived, "{place}");
                let first = &record.hex("secret")[..2];
                // SAFETY: leaked above.
                assert_eq!(unsafe { [(*version).major, (*version).minor] }, first);
                let mech = master(other, prf, &client, &server, NOWHERE);
                assert_eq!(value(s, &mech, base, &keys::open(), &place), derived, "{place}");
            }
            "extended" => {
                let kind = CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH;
                let mech = extended(kind, prf, &record.hex("session"), NOWHERE);
                assert_eq!(value(s, &mech, base, &keys::open(), &place), derived, "{place}");
            }
            "keys" => key_block(s, base, prf, &client, &server, &derived),
            "label" => {
                for kind in [CKM_TLS_KDF, CKM_TLS12_KDF] {
                    let mech = kdf(kind, prf, &record.hex("label"), &record.hex("seed"), None);
                    let length = wanted(None, Some(derived.len()));
                    assert_eq!(value(s, &mech, base, &length, &place), derived, "{place}");
                }
            }
            "finished" => {
                let who = if record.text("who") == "server" { 1 } else { 2 };
                let data = record.hex("data");
                for kind in [CKM_TLS_MAC, CKM_TLS12_MAC] {
                    let mech = finished(kind, prf, derived.len() as CK_ULONG, who);
                    assert_eq!(s.sign(&mech, base, &data).good_for(&place), derived, "{place}");
                    s.verify(&mech, base, &data, &derived).good_for(&place);
                    let mut wrong = derived.clone();
                    wrong[5] ^= 1;
                    s.verify(&mech, base, &data, &wrong).gives(CKR_SIGNATURE_INVALID);
                    let short = &derived[..derived.len() - 1];
                    s.verify(&mech, base, &data, short).gives(CKR_SIGNATURE_LEN_RANGE);
                }
            }
            other => panic!("{place}: {other}"),
        }
    }
}

fn key_block(
    s: Session,
    base: Obj,
    prf: CK_MECHANISM_TYPE,
    client: &[u8],
    server: &[u8],
    block: &[u8],
) {
    let template = keys::open().with(CKA_KEY_TYPE, CKK_AES).with(CKA_LABEL, "connection");
    let made = Keys::new(prf, client, server, [160, 128, 128]);
    derive_all(s, &made.mech(CKM_TLS12_KEY_AND_MAC_DERIVE), base, &template).good();
    let mut at = 0;
    let mut next = |length: usize| {
        at += length;
        block[at - length..at].to_vec()
    };
    for (index, handle) in made.handles().map(Obj).into_iter().enumerate() {
        let length = if index < 2 { 20 } else { 16 };
        assert_eq!(s.get(handle, CKA_VALUE).good(), next(length));
        let (kind, used) = match index {
            0 | 1 => (CKK_GENERIC_SECRET, &[CKA_SIGN, CKA_VERIFY][..]),
            _ => (CKK_AES, &[CKA_ENCRYPT, CKA_DECRYPT, CKA_DERIVE][..]),
        };
        assert_eq!(s.number(handle, CKA_KEY_TYPE).good(), kind);
        assert_eq!(s.get(handle, CKA_LABEL).good(), b"connection");
        for usage in
            [CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY, CKA_WRAP, CKA_UNWRAP, CKA_DERIVE]
        {
            assert_eq!(s.flag(handle, usage).good(), used.contains(&usage), "{usage:#x}");
        }
    }
    assert_eq!(made.iv(0, 16), next(16));
    assert_eq!(made.iv(1, 17)[..16], next(16));
    assert_eq!(made.iv(1, 17)[16], 0xee, "nothing is written behind the vector");
    // Without MAC keys and vectors.
    let made = Keys::new(prf, client, server, [0, 256, 128]);
    derive_all(s, &made.mech(CKM_TLS12_KEY_SAFE_DERIVE), base, &template).good();
    let [none, also_none, first, second] = made.handles();
    assert_eq!([none, also_none], [CK_INVALID_HANDLE; 2]);
    assert_eq!(s.get(Obj(first), CKA_VALUE).good(), block[..32]);
    assert_eq!(s.get(Obj(second), CKA_VALUE).good(), block[32..64]);
    assert_eq!(made.iv(0, 16), [0xee; 16], "no vector is made");
    // And a suite that encrypts nothing.
    let made = Keys::new(prf, client, server, [256, 0, 0]);
    derive_all(s, &made.mech(CKM_TLS12_KEY_AND_MAC_DERIVE), base, &keys::open()).good();
    let [first, second, ..] = made.handles();
    assert_eq!(s.get(Obj(first), CKA_VALUE).good(), block[..32]);
    assert_eq!(s.get(Obj(second), CKA_VALUE).good(), block[32..64]);
    assert_eq!(made.handles()[2..], [CK_INVALID_HANDLE; 2]);
}

#[test]
fn premaster_secrets_begin_with_their_version() {
    let user = User::new();
    let s = user.session;
    for kind in [CKM_SSL3_PRE_MASTER_KEY_GEN, CKM_TLS_PRE_MASTER_KEY_GEN] {
        let mech = Mech::with(kind, CK_VERSION { major: 3, minor: 3 }, Vec::new());
        let make = |template: &Template| s.generate(&mech, &template.clone().and(&keys::open()));
        let first = s.get(make(&Template::default()).good(), CKA_VALUE).good();
        let same = wanted(Some(CKK_GENERIC_SECRET), Some(MASTER)).without(CKA_SENSITIVE);
        let same = same.without(CKA_EXTRACTABLE).with(CKA_CLASS, CKO_SECRET_KEY);
        let second = s.get(make(&same).good(), CKA_VALUE).good();
        assert_eq!((first.len(), second.len()), (MASTER, MASTER));
        assert_eq!((&first[..2], &second[..2]), (&[3, 3][..], &[3, 3][..]));
        assert_ne!(first, second);
        make(&template! { CKA_VALUE_LEN => 32 as CK_ULONG }).gives(CKR_TEMPLATE_INCONSISTENT);
        make(&template! { CKA_KEY_TYPE => CKK_AES }).gives(CKR_TEMPLATE_INCONSISTENT);
        s.generate(&Mech::plain(kind), &same).gives(CKR_MECHANISM_PARAM_INVALID);
        let info = session::mechanism_info(user.token.slot, kind).good();
        assert_eq!((info.ulMinKeySize, info.ulMaxKeySize), (48, 48));
    }
}

#[test]
fn master_secrets_are_what_the_section_says() {
    let user = User::new();
    let s = user.session;
    let base = keys::secret(s, CKK_GENERIC_SECRET, &[3; MASTER]);
    let short = keys::secret(s, CKK_GENERIC_SECRET, &[3; 32]);
    let aes = keys::secret(s, CKK_AES, &[3; 32]);
    let place: *mut CK_VERSION = leaked([0u8; 2]).0.cast();
    let any = keys::open();
    for (with_version, without) in [
        (CKM_TLS12_MASTER_KEY_DERIVE, CKM_TLS12_MASTER_KEY_DERIVE_DH),
        (CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE, CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH),
    ] {
        let mech = |kind, version| match with_version {
            CKM_TLS12_MASTER_KEY_DERIVE => master(kind, CKM_SHA256, &[1; 32], &[2; 32], version),
            _ => extended(kind, CKM_SHA256, &[1; 32], version),
        };
        let key = s.derive(&mech(with_version, place), base, &any).good();
        assert_eq!(s.number(key, CKA_VALUE_LEN).good(), 48);
        let allowed = s.get(key, CKA_ALLOWED_MECHANISMS).good();
        let allowed: Vec<_> = allowed
            .chunks_exact(8)
            .map(|id| CK_ULONG::from_ne_bytes(id.try_into().unwrap()))
            .collect();
        for id in [
            CKM_TLS12_KEY_AND_MAC_DERIVE,
            CKM_TLS12_KEY_SAFE_DERIVE,
            CKM_TLS_KDF,
            CKM_TLS_MAC,
            CKM_TLS12_KDF,
            CKM_TLS12_MAC,
        ] {
            assert!(allowed.contains(&id), "{id:#x}");
        }
        assert_eq!(allowed.len(), 6);
        s.derive(&Mech::plain(CKM_SHA256_KEY_DERIVATION), key, &any).gives(CKR_MECHANISM_INVALID);
        s.derive(&mech(with_version, NOWHERE), base, &any).gives(CKR_MECHANISM_PARAM_INVALID);
        s.derive(&mech(without, place), base, &any).gives(CKR_MECHANISM_PARAM_INVALID);
        s.derive(&mech(without, NOWHERE), short, &any).good();
        s.derive(&mech(with_version, place), short, &any).gives(CKR_KEY_SIZE_RANGE);
        s.derive(&mech(without, NOWHERE), aes, &any).gives(CKR_KEY_TYPE_INCONSISTENT);
        for wrong in [wanted(Some(CKK_AES), None), wanted(None, Some(32))] {
            s.derive(&mech(without, NOWHERE), base, &wrong).gives(CKR_TEMPLATE_INCONSISTENT);
        }
        s.derive(&mech(without, NOWHERE), base, &wanted(Some(CKK_GENERIC_SECRET), Some(48))).good();
    }
}

#[test]
fn keys_of_a_connection_inherit_everything() {
    let user = User::new();
    let s = user.session;
    for (sensitive, extractable) in [(false, false), (false, true), (true, false), (true, true)] {
        let guards = template! { CKA_SENSITIVE => sensitive, CKA_EXTRACTABLE => extractable };
        let length = template! { CKA_VALUE_LEN => 48 as CK_ULONG };
        let generation = Mech::plain(CKM_GENERIC_SECRET_KEY_GEN);
        let base = s.generate(&generation, &length.and(&guards)).good();
        let made = Keys::new(CKM_SHA256, &[1; 32], &[2; 32], [256, 128, 0]);
        let mech = made.mech(CKM_TLS12_KEY_AND_MAC_DERIVE);
        let aes = template! { CKA_KEY_TYPE => CKK_AES };
        derive_all(s, &mech, base, &aes).good();
        for key in made.handles().map(Obj) {
            let flag = |kind| s.flag(key, kind).good();
            assert_eq!(flag(CKA_SENSITIVE), sensitive);
            assert_eq!(flag(CKA_EXTRACTABLE), extractable);
            assert_eq!(flag(CKA_ALWAYS_SENSITIVE), sensitive);
            assert_eq!(flag(CKA_NEVER_EXTRACTABLE), !extractable);
        }
        derive_all(s, &mech, base, &aes.clone().and(&guards)).good();
        let before = s.find(&Template::default()).good().len();
        for wrong in [
            template! { CKA_SENSITIVE => !sensitive },
            template! { CKA_EXTRACTABLE => !extractable },
            template! { CKA_VALUE_LEN => 24 as CK_ULONG },
        ] {
            let refused = derive_all(s, &mech, base, &aes.clone().and(&wrong));
            refused.gives(CKR_TEMPLATE_INCONSISTENT);
        }
        // A key that cannot be made: nor are the MAC keys.
        let odd = Keys::new(CKM_SHA256, &[1; 32], &[2; 32], [256, 136, 0]);
        derive_all(s, &odd.mech(CKM_TLS12_KEY_AND_MAC_DERIVE), base, &aes)
            .gives(CKR_TEMPLATE_INCONSISTENT);
        assert_eq!(s.find(&Template::default()).good().len(), before);
    }
}

#[test]
fn parameters_of_keys_are_checked() {
    let user = User::new();
    let s = user.session;
    let base = keys::secret(s, CKK_GENERIC_SECRET, &[3; MASTER]);
    let short = keys::secret(s, CKK_GENERIC_SECRET, &[3; 47]);
    let refused = |change: &dyn Fn(&mut CK_TLS12_KEY_MAT_PARAMS)| {
        for kind in [CKM_TLS12_KEY_AND_MAC_DERIVE, CKM_TLS12_KEY_SAFE_DERIVE] {
            let mut keys = Keys::new(CKM_SHA256, &[1; 32], &[2; 32], [256, 128, 128]);
            change(&mut keys.parameter);
            let derived = derive_all(s, &keys.mech(kind), base, &keys::open());
            derived.gives(CKR_MECHANISM_PARAM_INVALID);
            assert_eq!(keys.handles(), [UNTOUCHED; 4]);
        }
    };
    refused(&|given| given.bIsExport = CK_TRUE);
    refused(&|given| given.bIsExport = 7);
    refused(&|given| given.pReturnedKeyMaterial = std::ptr::null_mut());
    for hash in [CKM_TLS_PRF, CKM_SHA256_HMAC, CKM_AES_ECB, 0, HUGE] {
        refused(&|given| given.prfHashMechanism = hash);
    }
    for bits in [1, 7, 1 << 30, 1 << 45, HUGE - 7, HUGE] {
        refused(&|given| given.ulMacSizeInBits = bits);
        refused(&|given| given.ulKeySizeInBits = bits);
    }
    for length in [1, 1 << 45, HUGE] {
        refused(&|given| {
            given.RandomInfo.pClientRandom = std::ptr::null_mut();
            given.RandomInfo.ulClientRandomLen = length;
        });
        refused(&|given| {
            given.RandomInfo.pServerRandom = std::ptr::null_mut();
            given.RandomInfo.ulServerRandomLen = length;
        });
    }
    let keys = Keys::new(CKM_SHA256, &[1; 32], &[2; 32], [256, 128, 128]);
    let mech = keys.mech(CKM_TLS12_KEY_AND_MAC_DERIVE);
    derive_all(s, &mech, short, &keys::open()).gives(CKR_KEY_SIZE_RANGE);
    // SAFETY: leaked by `Keys`.
    unsafe { (*keys.out).pIVServer = std::ptr::null_mut() };
    derive_all(s, &mech, base, &keys::open()).gives(CKR_MECHANISM_PARAM_INVALID);
    assert_eq!(keys.handles(), [UNTOUCHED; 4]);
    let safe = keys.mech(CKM_TLS12_KEY_SAFE_DERIVE);
    derive_all(s, &safe, base, &keys::open()).good();
}

#[test]
fn exported_material_knows_its_context() {
    let user = User::new();
    let s = user.session;
    let base = keys::secret(s, CKK_GENERIC_SECRET, &[3; MASTER]);
    let length = wanted(None, Some(40));
    let derive = |client: &[u8], context: Option<&[u8]>| {
        let mech = kdf(CKM_TLS_KDF, CKM_SHA256, b"EXPORTER-test", client, context);
        value(s, &mech, base, &length, "exported")
    };
    assert_eq!(
        derive(&[1; 64], Some(b"abc")),
        derive(&[&[1; 64][..], b"\0\x03abc"].concat(), None)
    );
    assert_eq!(derive(&[1; 64], Some(b"")), derive(&[&[1; 64][..], b"\0\0"].concat(), None));
    let long = vec![0; 65536];
    let mech = kdf(CKM_TLS_KDF, CKM_SHA256, b"EXPORTER-test", &[1; 64], Some(&long));
    s.derive(&mech, base, &length).gives(CKR_MECHANISM_PARAM_INVALID);
    for prf in [CKM_AES_ECB, CKM_SHA256_HMAC, 0, HUGE] {
        let mech = kdf(CKM_TLS_KDF, prf, b"EXPORTER-test", &[1; 64], None);
        s.derive(&mech, base, &length).gives(CKR_MECHANISM_PARAM_INVALID);
    }
    let mech = kdf(CKM_TLS_KDF, CKM_SHA256, b"EXPORTER-test", &[1; 64], None);
    s.derive(&mech, base, &wanted(None, None)).gives(CKR_TEMPLATE_INCOMPLETE);
    s.derive(&mech, base, &wanted(None, Some(1 << 40))).gives(CKR_KEY_SIZE_RANGE);
    // Guarded as the original is, where the template does not say.
    let open = s.derive(&mech, base, &template! { CKA_VALUE_LEN => 16 as CK_ULONG }).good();
    assert!(!s.flag(open, CKA_SENSITIVE).good() && s.flag(open, CKA_EXTRACTABLE).good());
    let hidden = template! { CKA_SENSITIVE => true, CKA_EXTRACTABLE => false };
    let hidden = keys::try_secret(s, CKK_GENERIC_SECRET, &[3; MASTER], &hidden).good();
    s.derive(&mech, hidden, &length).gives(CKR_TEMPLATE_INCONSISTENT);
}

#[test]
fn finished_messages_are_of_a_length_and_a_side() {
    let user = User::new();
    let s = user.session;
    let base = keys::secret(s, CKK_GENERIC_SECRET, &[3; MASTER]);
    let start = |mech: &Mech| s.start(Kind::Sign, mech, Some(base));
    for (prf, length, who, good) in [
        (CKM_SHA256, 12, 1, true),
        (CKM_SHA256, 11, 1, false),
        (CKM_SHA256, 0, 1, false),
        (CKM_SHA256, HUGE, 1, false),
        (CKM_SHA256, 64, 2, true),
        (CKM_SHA256, 12, 0, false),
        (CKM_SHA256, 12, 3, false),
        (CKM_TLS_PRF, 12, 2, true),
        (CKM_TLS_PRF, 13, 2, false),
        (CKM_SHA256_HMAC, 12, 1, false),
        (CKM_AES_CMAC, 12, 1, false),
    ] {
        let code = if good { CKR_OK } else { CKR_MECHANISM_PARAM_INVALID };
        start(&finished(CKM_TLS_MAC, prf, length, who)).gives(code);
        if good {
            s.start_null(Kind::Sign).good();
        }
    }
}

/// RFC 8448, section 3: the simple handshake with one round trip.
#[test]
fn the_key_schedule_of_tls_1_3() {
    let user = User::new();
    let s = user.session;
    let zeros = [0; 32];
    let extract = |salt: Obj, input: &[u8]| {
        let how = Hkdf { extract: true, salt_key: Some(salt.0), ..Hkdf::default() };
        let base = keys::secret(s, CKK_GENERIC_SECRET, input);
        let mech = Mech::hkdf(CKM_HKDF_DERIVE, CKM_SHA256, &how);
        s.derive(&mech, base, &wanted(Some(CKK_HKDF), None)).good()
    };
    let expand = |base: Obj, label: &str, context: &[u8], length: usize| {
        let label = format!("tls13 {label}");
        let mut info = (length as u16).to_be_bytes().to_vec();
        info.push(label.len() as u8);
        info.extend(label.as_bytes());
        info.push(context.len() as u8);
        info.extend(context);
        let how = Hkdf { expand: true, info: &info, ..Hkdf::default() };
        let mech = Mech::hkdf(CKM_HKDF_DERIVE, CKM_SHA256, &how);
        s.derive(&mech, base, &wanted(Some(CKK_HKDF), Some(length))).good()
    };
    let shows = |key: Obj, want: &str| assert_eq!(s.get(key, CKA_VALUE).good(), unhex(want));
    let nothing = reference::digest(CKM_SHA256, b"");
    let early = extract(keys::secret(s, CKK_GENERIC_SECRET, &zeros), &zeros);
    shows(early, "33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a");
    let derived = expand(early, "derived", &nothing, 32);
    shows(derived, "6f2615a108c702c5678f54fc9dbab69716c076189c48250cebeac3576c3611ba");
    let shared = unhex("8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d");
    let handshake = extract(derived, &shared);
    shows(handshake, "1dc826e93606aa6fdc0aadc12f741b01046aa6b99f691ed221a9f0ca043fbeac");
    let hello = unhex("860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8");
    let client = expand(handshake, "c hs traffic", &hello, 32);
    shows(client, "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21");
    let server = expand(handshake, "s hs traffic", &hello, 32);
    shows(server, "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38");
    shows(expand(server, "key", b"", 16), "3fce516009c21727d0f2e4e86ee403bc");
    shows(expand(server, "iv", b"", 12), "5d313eb2671276ee13000b30");
    let master = extract(expand(handshake, "derived", &nothing, 32), &zeros);
    shows(master, "18df06843d13a08bf2a449844c5f8a478001bc4d4c627984d5a41da8d0402919");
}
