// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Oracles: calls that answer differently to one wrong ciphertext and another. Codes and outputs are
//! compared exactly; times are measured and shown (`--nocapture`), and nothing is asserted of them: a
//! machine that is busy is no fault of the library, and a figure that a person reads is evidence.

use crate::common::operation::{Kind, Room};
use crate::common::*;
use crate::{SECRET, compatible, lifting, ordinary, safe};
use std::collections::BTreeSet;
use std::time::Instant;

/// A class of ciphertexts: what is wrong with them, and how to make one.
type Class = (&'static str, fn(&mut [u8]));

/// Bleichenbacher 1998; Böck, Somorovsky and Young 2018 (ROBOT): what can be wrong with the padding of
/// PKCS #1 v1.5. Each is written into the number before it is encrypted.
const PADDING: &[Class] = &[
    ("nothing", |_| ()),
    ("first byte", |block| block[0] = 1),
    ("second byte", |block| block[1] = 1),
    ("zero among the first eight", |block| block[5] = 0),
    ("no zero", |block| block[2..].iter_mut().for_each(|byte| *byte |= 1)),
    ("zero at the end", |block| {
        block[2..].iter_mut().for_each(|byte| *byte |= 1);
        *block.last_mut().unwrap() = 0;
    }),
];

#[test]
fn bleichenbacher_on_decrypt() {
    for user in [safe as fn() -> User, compatible] {
        let user = user();
        let s = user.session;
        let (_, private) = keys::rsa(s);
        for (what, spoil) in PADDING {
            let sealed = raw(&block(*spoil));
            let answer = || {
                s.start(Kind::Decrypt, &Mech::plain(CKM_RSA_PKCS), Some(private)).good();
                let asked = s.once(Kind::Decrypt, &sealed, Room::Null);
                let told = asked.length;
                asked.rv.good_for(what);
                (told, s.once(Kind::Decrypt, &sealed, Room::Bytes(245)).taken().good_for(what))
            };
            let (told, plain) = answer();
            assert_eq!(told, 245, "{what}: the length that is told is the longest there could be");
            assert!(plain.len() <= 245);
            // The same ciphertext gets the same answer, or who asks twice learns that it is made up.
            assert_eq!(answer().1, plain, "{what}");
            assert_eq!(plain == SECRET, *what == "nothing", "{what}");
        }
    }
}

#[test]
fn bleichenbacher_on_unwrap() {
    let pkcs = || Mech::plain(CKM_RSA_PKCS);
    let secret = template! {
        CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_GENERIC_SECRET, CKA_VALUE_LEN => 32,
    };
    let secret = secret.and(&keys::open());
    let user = safe();
    let s = user.session;
    let (_, private) = keys::rsa(s);
    for (what, spoil) in PADDING {
        let sealed = raw(&block(*spoil));
        // A key of the length asked for, whatever was inside, and the same when it is asked for again.
        let value = || {
            let back = s.unwrap(&pkcs(), private, &sealed, &secret).good_for(what);
            s.get(back, CKA_VALUE).good()
        };
        let first = value();
        assert_eq!(value(), first, "{what}");
        assert_eq!(first == SECRET, *what == "nothing", "{what}");
        // What is said of a key that is not as the template has it is the same too.
        let checked = secret.clone().set(CKA_KEY_TYPE, CKK_AES).with(CKA_CHECK_VALUE, &[1, 2, 3]);
        s.unwrap(&pkcs(), private, &sealed, &checked).gives_for(what, &[CKR_WRAPPED_KEY_INVALID]);
    }
    drop(user);

    // Where the safeguard is lifted, a length that fits tells of a right padding.
    let user = lifting(&["authenticated-wrapping"]);
    let s = user.session;
    let (_, private) = keys::rsa(s);
    let answers = PADDING
        .iter()
        .map(|(_, spoil)| s.unwrap(&pkcs(), private, &raw(&block(*spoil)), &secret).code());
    let answers: Vec<_> = answers.collect();
    assert_eq!(answers[0], CKR_OK);
    assert!(answers.contains(&CKR_WRAPPED_KEY_INVALID), "a wrong padding is told by its length");
}

/// Manger 2001: whether the first byte of the decoded number is zero, told apart from any other
/// fault, decrypts in about a thousand questions.
#[test]
fn manger_on_decrypt_and_unwrap() {
    let oaep = || Mech::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"label");
    for user in [safe as fn() -> User, compatible] {
        let user = user();
        let s = user.session;
        let (public, private) = keys::rsa(s);
        // One key is for data or for keys.
        let (_, unwrapping) = keys::rsa(s);
        let good = s.encrypt(&oaep(), public, SECRET).good();
        assert_eq!(s.decrypt(&oaep(), private, &good).good(), SECRET);
        let secret = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_GENERIC_SECRET };
        for (what, sealed) in oaep_faults(s, public) {
            s.decrypt(&oaep(), private, &sealed).gives_for(what, &[CKR_ENCRYPTED_DATA_INVALID]);
            let unwrapped = s.unwrap(&oaep(), unwrapping, &sealed, &secret);
            unwrapped.gives_for(what, &[CKR_WRAPPED_KEY_INVALID]);
            let shared = s.decapsulate(&oaep(), private, &sealed, &secret);
            shared.gives_for(what, &[CKR_WRAPPED_KEY_INVALID]);
        }
    }
}

/// Ciphertexts that are wrong in each place where OAEP looks.
fn oaep_faults(s: Session, public: Obj) -> Vec<(&'static str, Vec<u8>)> {
    let label = Mech::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"another");
    let hash = Mech::oaep(CKM_SHA384, CKG_MGF1_SHA384, b"label");
    let first = |byte: u8| {
        let mut block = [0x5A; 256];
        block[0] = byte;
        raw(&block)
    };
    vec![
        ("first byte is zero", first(0)),
        ("first byte is one", first(1)),
        ("first byte is large", first(0x70)),
        ("another label", s.encrypt(&label, public, SECRET).good()),
        ("another hash", s.encrypt(&hash, public, SECRET).good()),
        ("zero", vec![0; 256]),
        ("one", [&[0; 255][..], &[1]].concat()),
        ("as large as the modulus", reference::rsa().n().to_vec()),
        ("too large", vec![0xFF; 256]),
    ]
}

/// Vaudenay 2002: right padding told from wrong padding. A safe token does not unwrap so; a compatible
/// one has one code for whatever is wrong inside, and what is wrong with a template is said before.
#[test]
fn vaudenay_on_unwrap() {
    let cbc = || Mech::iv(CKM_AES_CBC_PAD, &[1; 16]);
    let aes = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES };
    let user = safe();
    let s = user.session;
    s.unwrap(&cbc(), ordinary(s), &[0; 48], &aes).gives(CKR_MECHANISM_INVALID);
    drop(user);

    let user = compatible();
    let s = user.session;
    let key = keys::secret(s, CKK_AES, &[2; 32]);
    let sealed = |data: &[u8]| cbc_whole(data);
    let mut wrong = vec![
        ("the length of no AES key", sealed(&padded(&[9; 17]))),
        ("no bytes", sealed(&[16; 16])),
        ("padding of zero", sealed(&[&[9; 15][..], &[0]].concat())),
        ("padding too long", sealed(&[&[9; 15][..], &[17]].concat())),
        ("padding not alike", sealed(&[&[9; 13][..], &[1, 2, 3]].concat())),
    ];
    wrong.push(("another key", s.random(48).good()));
    for (what, sealed) in &wrong {
        let back = s.unwrap(&cbc(), key, sealed, &aes);
        // One in 256 random blocks ends like a padding, and then only a length is wrong.
        back.gives_for(what, &[CKR_WRAPPED_KEY_INVALID]);
    }
    // A private key that is none.
    let private = template! { CKA_CLASS => CKO_PRIVATE_KEY, CKA_KEY_TYPE => CKK_EC };
    for (what, data) in [("no DER", padded(&[9; 32])), ("no padding", vec![9; 32])] {
        let back = s.unwrap(&cbc(), key, &sealed(&data), &private);
        back.gives_for(what, &[CKR_WRAPPED_KEY_INVALID]);
    }
    s.unwrap(&cbc(), key, &sealed(&padded(SECRET)), &aes).good();
}

/// What is wrong with a template is said of every ciphertext alike: it is judged first.
#[test]
fn the_template_is_judged_first() {
    let user = compatible();
    let s = user.session;
    let key = keys::secret(s, CKK_AES, &[2; 32]);
    let aes = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES };
    let faults = [
        (aes.clone().with(CKA_LOCAL, true), CKR_ATTRIBUTE_READ_ONLY),
        (aes.clone().with(CKA_TRUSTED, true), CKR_ATTRIBUTE_READ_ONLY),
        (aes.clone().with(CKA_VALUE, SECRET), CKR_ATTRIBUTE_READ_ONLY),
        (aes.clone().with(CKA_MODULUS_BITS, 2048), CKR_TEMPLATE_INCONSISTENT),
        (aes.clone().without(CKA_CLASS), CKR_TEMPLATE_INCOMPLETE),
        (aes.clone().without(CKA_KEY_TYPE), CKR_TEMPLATE_INCOMPLETE),
        (aes.clone().set(CKA_KEY_TYPE, CKK_RSA), CKR_ATTRIBUTE_VALUE_INVALID),
        (
            template! { CKA_CLASS => CKO_PUBLIC_KEY, CKA_KEY_TYPE => CKK_RSA },
            CKR_TEMPLATE_INCONSISTENT,
        ),
        (
            aes.with(CKA_START_DATE, "20300101").with(CKA_END_DATE, "20200101"),
            CKR_TEMPLATE_INCONSISTENT,
        ),
    ];
    let good = cbc_whole(&padded(SECRET));
    let bad = cbc_whole(&[0; 48]);
    for (template, code) in faults {
        for sealed in [&good, &bad] {
            let cbc = Mech::iv(CKM_AES_CBC_PAD, &[1; 16]);
            let back = s.unwrap(&cbc, key, sealed, &template);
            back.gives_for(&format!("{template:?}"), &[code]);
        }
    }
}

/// Tags and MACs: a wrong one is a wrong one, wherever it differs.
#[test]
fn every_wrong_tag_is_alike() {
    let user = safe();
    let s = user.session;
    let key = ordinary(s);
    let gcm = || Mech::gcm(&[5; 12], b"", 128);
    let sealed = s.encrypt(&gcm(), key, SECRET).good();
    let mac = s.sign(&Mech::plain(CKM_AES_CMAC), key, SECRET).good();
    let answers: BTreeSet<CK_RV> =
        (0..sealed.len()).map(|at| s.decrypt(&gcm(), key, &changed(&sealed, at)).code()).collect();
    assert_eq!(answers, [CKR_ENCRYPTED_DATA_INVALID].into());
    let answers: BTreeSet<CK_RV> = (0..mac.len())
        .map(|at| s.verify(&Mech::plain(CKM_AES_CMAC), key, SECRET, &changed(&mac, at)).code())
        .collect();
    assert_eq!(answers, [CKR_SIGNATURE_INVALID].into());
}

/// How long the classes of malformed input take, interleaved so that what disturbs one disturbs all,
/// against the first class: Welch's t of the times below the 90th percentile (Coron, Naccache and Kocher
/// 2004; Reparaz, Balasch and Verbauwhede 2017, "Dude, is my code constant time?").
#[test]
fn times_of_malformed_inputs() {
    let user = safe();
    let s = user.session;
    let (public, private) = keys::rsa(s);
    let (_, unwrapping) = keys::rsa(s);
    let pkcs: Vec<_> = PADDING.iter().map(|(what, spoil)| (*what, raw(&block(*spoil)))).collect();
    let oaep = || Mech::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"label");
    let mut faults = oaep_faults(s, public);
    // That a number is not below the modulus everybody sees.
    faults.retain(|(_, sealed)| sealed.as_slice() < reference::rsa().n().to_vec().as_slice());
    let secret = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_GENERIC_SECRET };
    report("C_Decrypt, PKCS #1 v1.5", &pkcs, |sealed| {
        s.decrypt(&Mech::plain(CKM_RSA_PKCS), private, sealed).code()
    });
    report("C_Decrypt, OAEP", &faults, |sealed| s.decrypt(&oaep(), private, sealed).code());
    report("C_UnwrapKey, OAEP", &faults, |sealed| {
        s.unwrap(&oaep(), unwrapping, sealed, &secret).code()
    });
    let key = ordinary(s);
    let mac = s.sign(&Mech::plain(CKM_AES_CMAC), key, SECRET).good();
    let macs = [("first byte", changed(&mac, 0)), ("last byte", changed(&mac, 15))];
    report("C_Verify, AES-CMAC", &macs, |mac| {
        s.verify(&Mech::plain(CKM_AES_CMAC), key, SECRET, mac).code()
    });
}

fn report(call: &str, classes: &[(&'static str, Vec<u8>)], ask: impl Fn(&[u8]) -> CK_RV) {
    let mut times = vec![Vec::new(); classes.len()];
    let mut codes = BTreeSet::new();
    for _ in 0..ROUNDS {
        for ((_, input), times) in classes.iter().zip(&mut times) {
            let start = Instant::now();
            codes.insert(ask(input));
            times.push(start.elapsed().as_nanos() as f64);
        }
    }
    assert_eq!(codes.len(), 1, "{call}: one code for all classes");
    for times in &mut times {
        times.sort_by(f64::total_cmp);
        times.truncate(times.len() * 9 / 10);
    }
    for ((what, _), sample) in classes.iter().zip(&times).skip(1) {
        let t = welch(&times[0], sample);
        let mean = moments(sample).0 / 1000.0;
        println!("{call:26} {what:28} {mean:9.1} us   t {t:+6.2}");
    }
}

/// Welch's t of two samples.
fn welch(a: &[f64], b: &[f64]) -> f64 {
    let ((mean_a, variance_a), (mean_b, variance_b)) = (moments(a), moments(b));
    let error = (variance_a / a.len() as f64 + variance_b / b.len() as f64).sqrt();
    if error == 0.0 { 0.0 } else { (mean_a - mean_b) / error }
}

/// Mean and variance.
fn moments(sample: &[f64]) -> (f64, f64) {
    let count = sample.len() as f64;
    let mean = sample.iter().sum::<f64>() / count;
    let squares = sample.iter().map(|time| (time - mean).powi(2)).sum::<f64>();
    (mean, squares / (count - 1.0))
}

/// A block of PKCS #1 v1.5 around the secret, spoilt.
fn block(spoil: fn(&mut [u8])) -> [u8; 256] {
    let mut block = [0xA5; 256];
    (block[0], block[1]) = (0, 2);
    block[223] = 0;
    block[224..].copy_from_slice(SECRET);
    spoil(&mut block);
    block
}

/// A number, raised to the public exponent.
fn raw(number: &[u8]) -> Vec<u8> {
    let key = reference::rsa();
    let mut out = vec![0; 256];
    let public = openssl::rsa::Rsa::from_public_components(
        key.n().to_owned().unwrap(),
        key.e().to_owned().unwrap(),
    );
    let none = openssl::rsa::Padding::NONE;
    public.unwrap().public_encrypt(number, &mut out, none).expect("a number below the modulus");
    out
}

/// Whole blocks under the key and the initialisation vector of the tests of CBC.
fn cbc_whole(data: &[u8]) -> Vec<u8> {
    let cipher = openssl::symm::Cipher::aes_256_cbc();
    let mode = openssl::symm::Mode::Encrypt;
    let mut crypter = openssl::symm::Crypter::new(cipher, mode, &[2; 32], Some(&[1; 16])).unwrap();
    crypter.pad(false);
    let mut out = vec![0; data.len() + 16];
    let len = crypter.update(data, &mut out).unwrap();
    out.truncate(len);
    out
}

fn padded(data: &[u8]) -> Vec<u8> {
    let count = 16 - data.len() % 16;
    [data, &vec![count as u8; count]].concat()
}

fn changed(data: &[u8], at: usize) -> Vec<u8> {
    let mut data = data.to_vec();
    data[at] ^= 1;
    data
}

/// How often each class is tried: enough to show a difference of a few percent.
const ROUNDS: usize = 200;
