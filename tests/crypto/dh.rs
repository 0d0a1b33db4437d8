// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Diffie-Hellman in finite fields: PKCS #3 and X9.42.

use crate::common::group::{Group, dsa_record, modp2048, x9_42, x9_42_record};
use crate::common::*;
use crate::data;
use openssl::bn::{BigNum, BigNumContext};
use openssl::pkey::PKey;
use openssl::symm::Cipher;
use std::ptr;

#[test]
fn known_answers_from_both_sides() {
    let user = User::new();
    let s = user.session;
    for record in vectors::read("dh.txt") {
        let place = record.place();
        let secret = record.hex("secret");
        for key_type in [CKK_X9_42_DH, CKK_DH] {
            let group = Group::of(key_type, &record);
            for (private, public) in [("private", "peer_public"), ("peer_private", "public")] {
                let template = group.key(CKO_PRIVATE_KEY, &record.hex(private)).and(&keys::open());
                let base = s.create(&template).good_for(&place);
                let mech = derivation(key_type, &record.hex(public));
                assert_eq!(shared(s, &mech, base, secret.len()), secret, "{place}");
                let short = shared(s, &mech, base, 20);
                assert_eq!(short, secret[secret.len() - 20..], "the leading end is cut off");
                let zeros = [&[0, 0][..], &record.hex(public)].concat();
                let padded = derivation(key_type, &zeros);
                assert_eq!(shared(s, &padded, base, secret.len()), secret, "{place} with zeros");
            }
        }
    }
}

#[test]
fn fresh_pairs_agree_with_openssl() {
    let user = User::new();
    let s = user.session;
    for group in [modp2048(), x9_42()] {
        let (public, base) = group.pair(s);
        let (p, g) = (number(&group.prime), number(&group.base));
        let y = power(&g, &number(&s.get(base, CKA_VALUE).good()), &p);
        assert_eq!(s.get(public, CKA_VALUE).good(), y.to_vec());
        let (x, mut theirs) = (number(&data(31)), BigNum::new().unwrap());
        theirs.mod_exp(&g, &x, &p, &mut BigNumContext::new().unwrap()).unwrap();
        let want = power(&y, &x, &p).to_vec_padded(256).unwrap();
        let mech = derivation(group.key_type, &theirs.to_vec());
        assert_eq!(shared(s, &mech, base, 256), want);
        let info = s.get(public, CKA_PUBLIC_KEY_INFO).good();
        assert_eq!(s.get(base, CKA_PUBLIC_KEY_INFO).good(), info);
        let read = PKey::public_key_from_der(&info).unwrap();
        assert_eq!(read.public_key_to_der().unwrap(), info);
        for key in [public, base] {
            assert!(s.flag(key, CKA_LOCAL).good());
            assert_eq!(s.number(key, CKA_KEY_TYPE).good(), group.key_type);
            assert_eq!(s.number(key, CKA_KEY_GEN_MECHANISM).good(), group.generation());
            assert_eq!(s.get(key, CKA_PRIME).good(), group.prime);
            assert_eq!(s.get(key, CKA_BASE).good(), group.base);
        }
        assert!(s.flag(base, CKA_DERIVE).good());
        let hidden = s.generate_pair(
            &Mech::plain(group.generation()),
            &group.template(),
            &Template::default(),
        );
        s.get(hidden.good().1, CKA_VALUE).gives(CKR_ATTRIBUTE_SENSITIVE);
    }
}

#[test]
fn private_values_have_the_length_asked_for() {
    let user = User::new();
    let s = user.session;
    let group = modp2048();
    let mech = Mech::plain(CKM_DH_PKCS_KEY_PAIR_GEN);
    for bits in [160, 225, 256, 1000, 2047] {
        let private = keys::open().with(CKA_VALUE_BITS, bits as CK_ULONG);
        let (_, private) = s.generate_pair(&mech, &group.template(), &private).good();
        let value = number(&s.get(private, CKA_VALUE).good());
        assert_eq!(value.num_bits(), bits);
        assert_eq!(s.number(private, CKA_VALUE_BITS).good(), bits as CK_ULONG);
    }
    for bits in [0, 1, 159, 2048, HUGE] {
        let private = template! { CKA_VALUE_BITS => bits };
        let made = s.generate_pair(&mech, &group.template(), &private);
        made.gives_for(&format!("{bits} bits"), &[CKR_ATTRIBUTE_VALUE_INVALID]);
    }
    let (_, private) = group.pair(s);
    let value = number(&s.get(private, CKA_VALUE).good());
    assert_eq!(s.number(private, CKA_VALUE_BITS).good(), value.num_bits() as CK_ULONG);
    let imported = group.key(CKO_PRIVATE_KEY, &[0, 5]).and(&keys::open());
    let imported = s.create(&imported).good();
    assert_eq!(s.number(imported, CKA_VALUE_BITS).good(), 3);
    let said = group.key(CKO_PRIVATE_KEY, &[5]).with(CKA_VALUE_BITS, 3 as CK_ULONG);
    s.create(&said).gives_one_of(&[CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT]);
    let group = x9_42();
    let made = s.generate_pair(
        &Mech::plain(group.generation()),
        &group.template(),
        &template! { CKA_VALUE_BITS => 256 as CK_ULONG },
    );
    made.gives(CKR_TEMPLATE_INCONSISTENT);
}

#[test]
fn values_outside_the_group_are_refused() {
    let user = User::new();
    let s = user.session;
    for group in [modp2048(), x9_42()] {
        let (_, base) = group.pair(s);
        let prime = number(&group.prime);
        let near = |add: i32| {
            let mut value = BigNum::new().unwrap();
            value.checked_add(&prime, &BigNum::from_u32(8).unwrap()).unwrap();
            value.sub_word((8 - add) as u32).unwrap();
            value.to_vec()
        };
        let mut peers =
            vec![vec![0], vec![1], near(-1), near(0), near(1), near(7), vec![0xFF; 256]];
        peers.push([&group.prime[..], &[1]].concat());
        if group.subprime.is_some() {
            peers.push(vec![2]);
        }
        for peer in peers {
            let mech = derivation(group.key_type, &peer);
            let what = format!("{:#x} with a peer of {} bytes", group.key_type, peer.len());
            let derived = s.derive(&mech, base, &generic(32));
            derived.gives_for(&what, &[CKR_PUBLIC_KEY_INVALID]);
            let public = s.create(&group.key(CKO_PUBLIC_KEY, &peer));
            public.gives_for(&what, &[CKR_PUBLIC_KEY_INVALID]);
        }
        for value in [vec![0], group.subprime.clone().unwrap_or(group.prime.clone())] {
            let private = s.create(&group.key(CKO_PRIVATE_KEY, &value));
            private.gives_for("private value", &[CKR_ATTRIBUTE_VALUE_INVALID]);
        }
        let long = s.create(&group.key(CKO_PRIVATE_KEY, &[0xFF; 300]));
        long.gives(CKR_ATTRIBUTE_VALUE_INVALID);
    }
}

#[test]
fn parameters_that_make_no_group_are_refused() {
    let user = User::new();
    let s = user.session;
    let dsa = Group::of(CKK_DSA, &dsa_record());
    for good in [modp2048(), x9_42(), dsa] {
        let mut even = good.clone();
        *even.prime.last_mut().unwrap() ^= 1;
        let mut composite = good.clone();
        composite.prime[100] ^= 1;
        let mut short = good.clone();
        short.prime = vec![0xFF; 64];
        let mut long = good.clone();
        long.prime = vec![0xFF; 1025];
        let mut one = good.clone();
        one.base = vec![1];
        let mut large = good.clone();
        large.base = good.prime.clone();
        let mut cases = vec![even, composite, short, long, one, large];
        if let Some(order) = &good.subprime {
            let mut other = good.clone();
            let mut changed = order.clone();
            changed[5] ^= 2;
            other.subprime = Some(changed);
            let mut tiny = good.clone();
            tiny.subprime = Some(vec![3]);
            let mut outside = good.clone();
            outside.base = vec![2];
            cases.extend([other, tiny, outside]);
        }
        let mech = Mech::plain(good.generation());
        for (index, group) in cases.iter().enumerate() {
            let what = format!("case {index} of {:#x}", good.key_type);
            let made = s.generate_pair(&mech, &group.template(), &Template::default());
            made.gives_for(&what, &[CKR_DOMAIN_PARAMS_INVALID]);
            let public = s.create(&group.key(CKO_PUBLIC_KEY, &[4]));
            public.gives_for(&what, &[CKR_DOMAIN_PARAMS_INVALID, CKR_PUBLIC_KEY_INVALID]);
            let private = s.create(&group.key(CKO_PRIVATE_KEY, &[2]));
            private.gives_for(&what, &[CKR_DOMAIN_PARAMS_INVALID]);
        }
        let none = Template::default();
        for missing in [CKA_PRIME, CKA_BASE] {
            let template = good.template().without(missing);
            s.generate_pair(&mech, &template, &none).gives(CKR_TEMPLATE_INCOMPLETE);
        }
        let subprime = match &good.subprime {
            Some(_) => (good.template().without(CKA_SUBPRIME), CKR_TEMPLATE_INCOMPLETE),
            None => (good.template().with(CKA_SUBPRIME, &[7; 32]), CKR_TEMPLATE_INCONSISTENT),
        };
        s.generate_pair(&mech, &subprime.0, &none).gives(subprime.1);
        let value = good.template().with(CKA_VALUE, &[4]);
        let made = s.generate_pair(&mech, &value, &none);
        made.gives_one_of(&[CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT]);
    }
    let small = vectors::read("dh.txt").into_iter().next().unwrap();
    for key_type in [CKK_DH, CKK_X9_42_DH] {
        Group::of(key_type, &small).pair(s);
    }
}

#[test]
fn functions_of_x9_42() {
    let user = User::new();
    let s = user.session;
    let record = x9_42_record();
    let group = Group::of(CKK_X9_42_DH, &record);
    let (_, base) = group.import(s, &record.hex("public"), &record.hex("private"));
    let (z, peer) = (record.hex("secret"), record.hex("peer_public"));
    for info in [&b""[..], b"shared"] {
        let mech = Mech::x9_42(CKD_SHA1_KDF_CONCATENATE, info, &peer);
        let block =
            |n: u32| reference::digest(CKM_SHA_1, &[&z, &n.to_be_bytes()[..], info].concat());
        let want: Vec<u8> = (1..=3).flat_map(block).take(50).collect();
        assert_eq!(shared(s, &mech, base, 50), want);
    }
    // RFC 2631, section 2.1.2: KeySpecificInfo, and suppPubInfo with the length of a key.
    let other = |n: u8| {
        unhex(&format!("301d 3013 060b2a864886f70d0109100306 0404000000{n:02x} a206 0404 000000c0"))
    };
    let mech = Mech::x9_42(CKD_SHA1_KDF_ASN1, &other(1), &peer);
    let block = |n: u8| reference::digest(CKM_SHA_1, &[&z[..], &other(n)].concat());
    let want: Vec<u8> = (1..=3).flat_map(block).take(50).collect();
    assert_eq!(shared(s, &mech, base, 50), want);
    for (kdf, info) in [
        (CKD_NULL, b"info".to_vec()),
        (CKD_SHA1_KDF_ASN1, Vec::new()),
        (CKD_SHA1_KDF_ASN1, b"no DER".to_vec()),
        (CKD_SHA1_KDF_ASN1, other(1)[..20].to_vec()),
        (CKD_SHA1_KDF_ASN1, vec![0x30, 0]),
        (CKD_SHA1_KDF, Vec::new()),
        (0, Vec::new()),
        (HUGE, Vec::new()),
    ] {
        let derived = s.derive(&Mech::x9_42(kdf, &info, &peer), base, &generic(20));
        derived.gives_for(&format!("function {kdf}"), &[CKR_MECHANISM_PARAM_INVALID]);
    }
}

#[test]
fn parameters_must_point_somewhere() {
    let user = User::new();
    let s = user.session;
    let (dh, x9_42) = (modp2048().pair(s).1, x9_42().pair(s).1);
    let bad = [CKR_MECHANISM_PARAM_INVALID];
    for (info, public) in [(1, 0), (HUGE, 0), (0, 1), (0, 256), (0, HUGE)] {
        let parameter = CK_X9_42_DH1_DERIVE_PARAMS {
            kdf: CKD_SHA1_KDF_CONCATENATE,
            ulOtherInfoLen: info,
            pOtherInfo: ptr::null_mut(),
            ulPublicDataLen: public,
            pPublicData: ptr::null_mut(),
        };
        let mech = Mech::with(CKM_X9_42_DH_DERIVE, parameter, Vec::new());
        s.derive(&mech, x9_42, &generic(20)).gives_for(&format!("{info} {public}"), &bad);
    }
    for (pointer, length) in [(ptr::null_mut(), 0), (ptr::null_mut(), 256), (ptr::null_mut(), HUGE)]
    {
        let mech = Mech::raw_parameter(CKM_DH_PKCS_DERIVE, pointer, length);
        s.derive(&mech, dh, &generic(20)).gives_one_of(&bad);
    }
    let mut byte = 2_u8;
    let mech = Mech::raw_parameter(CKM_DH_PKCS_DERIVE, ptr::from_mut(&mut byte).cast(), HUGE);
    s.derive(&mech, dh, &generic(20)).gives_one_of(&bad);
    s.derive(&Mech::dh(&[8]), dh, &generic(257)).gives(CKR_KEY_SIZE_RANGE);
    let whole = generic(0).without(CKA_VALUE_LEN);
    let whole = s.derive(&Mech::dh(&[8]), dh, &whole).good();
    assert_eq!(s.get(whole, CKA_VALUE).good().len(), 256, "all of it, where nothing else is said");
    let aes = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES };
    s.derive(&Mech::dh(&[8]), dh, &aes).gives(CKR_TEMPLATE_INCOMPLETE);
    let generic_alone = aes.clone().set(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    s.derive(&Mech::dh(&[8]), dh, &generic_alone).good_for("all of the secret");
    let aes = aes.with(CKA_VALUE_LEN, 17 as CK_ULONG);
    s.derive(&Mech::dh(&[8]), dh, &aes).gives(CKR_TEMPLATE_INCONSISTENT);
    s.derive(&Mech::dh(&[8]), x9_42, &generic(20)).gives(CKR_KEY_TYPE_INCONSISTENT);
}

#[test]
fn what_a_group_encapsulates_is_what_it_derives() {
    let user = User::new();
    let s = user.session;
    for (group, kdf, info) in [
        (modp2048(), CKD_NULL, &b""[..]),
        (x9_42(), CKD_NULL, b""),
        (x9_42(), CKD_SHA1_KDF_CONCATENATE, b"shared"),
    ] {
        let (public, private) = group.pair(s);
        let with = |peer: &[u8]| match group.key_type {
            CKK_DH if peer.is_empty() => Mech::plain(CKM_DH_PKCS_DERIVE),
            CKK_DH => Mech::dh(peer),
            _ => Mech::x9_42(kdf, info, peer),
        };
        let template = generic(40).without(CKA_CLASS);
        let (ciphertext, one) = s.encapsulate(&with(b""), public, &template).good();
        assert_eq!(ciphertext.len(), 256);
        let two = s.decapsulate(&with(b""), private, &ciphertext, &template).good();
        let value = shared(s, &with(&ciphertext), private, 40);
        assert_eq!(s.get(one, CKA_VALUE).good(), value);
        assert_eq!(s.get(two, CKA_VALUE).good(), value);
        let peer = s.encapsulate(&with(&ciphertext), public, &template);
        peer.gives(CKR_MECHANISM_PARAM_INVALID);
        for bad in [&[1][..], &group.prime] {
            let refused = s.decapsulate(&with(b""), private, bad, &template);
            refused.gives(CKR_WRAPPED_KEY_INVALID);
        }
        let derived = s.derive(&with(b""), private, &generic(40));
        derived.gives(CKR_MECHANISM_PARAM_INVALID);
    }
}

#[test]
fn parameters_are_made() {
    let user = User::new();
    let s = user.session;
    let mech = Mech::plain(CKM_DH_PKCS_PARAMETER_GEN);
    for bits in [2048, 3072, 4096] {
        let made = s.generate(&mech, &template! { CKA_PRIME_BITS => bits as CK_ULONG }).good();
        assert_eq!(s.number(made, CKA_PRIME_BITS).good(), bits as CK_ULONG);
        let group = Group {
            key_type: CKK_DH,
            prime: s.get(made, CKA_PRIME).good(),
            subprime: None,
            base: s.get(made, CKA_BASE).good(),
        };
        assert_eq!(group.prime.len() * 8, bits);
        // RFC 7919: the prime begins and ends with 64 ones.
        assert!(group.prime.starts_with(&[0xFF; 8]) && group.prime.ends_with(&[0xFF; 8]));
        group.pair(s);
    }
    for bits in [0, 512, 1024, 2047, 2049, HUGE] {
        let made = s.generate(&mech, &template! { CKA_PRIME_BITS => bits });
        made.gives_for(&format!("{bits} bits"), &[CKR_ATTRIBUTE_VALUE_INVALID]);
    }
    s.generate(&mech, &Template::default()).gives(CKR_TEMPLATE_INCOMPLETE);
    let mech = Mech::plain(CKM_X9_42_DH_PARAMETER_GEN);
    let template = template! {
        CKA_PRIME_BITS => 2048 as CK_ULONG, CKA_SUBPRIME_BITS => 224 as CK_ULONG,
    };
    let made = s.generate(&mech, &template).good();
    assert_eq!(s.number(made, CKA_SUBPRIME_BITS).good(), 224);
    let group = Group {
        key_type: CKK_X9_42_DH,
        prime: s.get(made, CKA_PRIME).good(),
        subprime: Some(s.get(made, CKA_SUBPRIME).good()),
        base: s.get(made, CKA_BASE).good(),
    };
    group.pair(s);
    s.generate(&mech, &template.without(CKA_SUBPRIME_BITS)).gives(CKR_TEMPLATE_INCOMPLETE);
}

#[test]
fn private_keys_are_wrapped_as_openssl_writes_them() {
    let user = User::compatible();
    let s = user.session;
    let value = data(32);
    let by = keys::secret(s, CKK_AES, &value);
    let mech = Mech::iv(CKM_AES_CBC_PAD, &[3; 16]);
    let record = dsa_record();
    let dsa = Group::of(CKK_DSA, &record);
    let mut pairs = vec![
        (CKK_DSA, dsa.import(s, &record.hex("public"), &record.hex("private"))),
        (CKK_DH, modp2048().pair(s)),
        (CKK_X9_42_DH, x9_42().pair(s)),
    ];
    // A group that OpenSSL knows no name of.
    let small = vectors::read("dh.txt").into_iter().next().unwrap();
    let small = (Group::of(CKK_DH, &small), small);
    let (public, private) = (small.1.hex("public"), small.1.hex("private"));
    pairs.push((CKK_DH, small.0.import(s, &public, &private)));
    for (key_type, (public, private)) in pairs {
        let wrapped = s.wrap(&mech, by, private).good();
        let der = openssl::symm::decrypt(Cipher::aes_256_cbc(), &value, Some(&[3; 16]), &wrapped)
            .unwrap();
        let read = PKey::private_key_from_pkcs8(&der).unwrap();
        let info = s.get(public, CKA_PUBLIC_KEY_INFO).good();
        assert_eq!(read.public_key_to_der().unwrap(), info, "{key_type:#x}");
        let theirs = read.private_key_to_pkcs8().unwrap();
        for der in [der, theirs] {
            let sealed =
                openssl::symm::encrypt(Cipher::aes_256_cbc(), &value, Some(&[3; 16]), &der);
            let template = template! { CKA_CLASS => CKO_PRIVATE_KEY, CKA_KEY_TYPE => key_type };
            let back = s.unwrap(&mech, by, &sealed.unwrap(), &template.and(&keys::open())).good();
            for kind in [CKA_VALUE, CKA_PRIME, CKA_BASE, CKA_PUBLIC_KEY_INFO] {
                assert_eq!(s.get(back, kind).good(), s.get(private, kind).good(), "{key_type:#x}");
            }
        }
        let template = template! { CKA_CLASS => CKO_PRIVATE_KEY, CKA_KEY_TYPE => CKK_EC };
        s.unwrap(&mech, by, &wrapped, &template).gives(CKR_WRAPPED_KEY_INVALID);
    }
}

#[test]
fn keys_rest_in_the_token() {
    let mut user = User::new();
    let record = x9_42_record();
    let group = Group::of(CKK_X9_42_DH, &record);
    let token = template! { CKA_TOKEN => true, CKA_ID => b"kept" };
    let s = user.session;
    s.create(&group.key(CKO_PUBLIC_KEY, &record.hex("public")).and(&token)).good();
    let private = group.key(CKO_PRIVATE_KEY, &record.hex("private")).and(&keys::open());
    s.create(&private.and(&token)).good();
    user.restart();
    let s = user.session;
    let find = |class| s.find(&template! { CKA_CLASS => class, CKA_ID => b"kept" }).good()[0];
    let (public, private) = (find(CKO_PUBLIC_KEY), find(CKO_PRIVATE_KEY));
    assert_eq!(number(&s.get(public, CKA_VALUE).good()), number(&record.hex("public")));
    let mech = derivation(CKK_X9_42_DH, &record.hex("peer_public"));
    assert_eq!(shared(s, &mech, private, 256), record.hex("secret"));
}

fn derivation(key_type: CK_KEY_TYPE, public: &[u8]) -> Mech {
    match key_type {
        CKK_DH => Mech::dh(public),
        _ => Mech::x9_42(CKD_NULL, b"", public),
    }
}

fn number(bytes: &[u8]) -> BigNum {
    BigNum::from_slice(bytes).unwrap()
}

fn power(base: &BigNum, exponent: &BigNum, prime: &BigNum) -> BigNum {
    let mut result = BigNum::new().unwrap();
    result.mod_exp(base, exponent, prime, &mut BigNumContext::new().unwrap()).unwrap();
    result
}

fn generic(length: CK_ULONG) -> Template {
    let head = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_GENERIC_SECRET };
    head.with(CKA_VALUE_LEN, length).and(&keys::open())
}

fn shared(s: Session, mech: &Mech, base: Obj, length: usize) -> Vec<u8> {
    let key = s.derive(mech, base, &generic(length as CK_ULONG)).good();
    s.get(key, CKA_VALUE).good()
}
