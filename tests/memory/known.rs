// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keys of every kind whose values the searching process knows, written to files for the process that is
//! searched: it reads them into memory that it can give back.

use crate::common::*;
use crate::scan::Needle;
use std::fs;
use std::path::Path;

/// A key of the token that is searched.
pub struct Kind {
    pub name: &'static str,
    pub work: Work,
}

/// What is done with it over and over.
#[derive(Clone, Copy)]
pub enum Work {
    Sign(CK_MECHANISM_TYPE),
    Decrypt(CK_MECHANISM_TYPE),
    Gcm,
    Decapsulate,
    Derive,
    /// The public key of a private one: its number times the generator.
    Public,
    Unwrap(CK_MECHANISM_TYPE),
}

pub const KINDS: &[Kind] = &[
    Kind { name: "rsa", work: Work::Sign(CKM_SHA256_RSA_PKCS) },
    Kind { name: "rsa-decrypt", work: Work::Decrypt(CKM_RSA_PKCS) },
    Kind { name: "p256", work: Work::Sign(CKM_ECDSA_SHA256) },
    Kind { name: "p384", work: Work::Sign(CKM_ECDSA_SHA384) },
    Kind { name: "p384-public", work: Work::Public },
    Kind { name: "p521-public", work: Work::Public },
    Kind { name: "p521", work: Work::Sign(CKM_ECDSA_SHA512) },
    Kind { name: "ecdh", work: Work::Derive },
    Kind { name: "ed25519", work: Work::Sign(CKM_EDDSA) },
    Kind { name: "aes-gcm", work: Work::Gcm },
    Kind { name: "aes-unwrap", work: Work::Unwrap(CKM_AES_KEY_WRAP) },
    Kind { name: "rsa-unwrap", work: Work::Unwrap(CKM_RSA_PKCS) },
    Kind { name: "aes-cmac", work: Work::Sign(CKM_AES_CMAC) },
    Kind { name: "hmac", work: Work::Sign(CKM_SHA256_HMAC) },
    Kind { name: "ml-dsa", work: Work::Sign(CKM_ML_DSA) },
    Kind { name: "slh-dsa", work: Work::Sign(CKM_SLH_DSA) },
    Kind { name: "ml-kem", work: Work::Decapsulate },
];

/// Makes the keys, writes their templates and inputs to `job`, and returns what to look for: also PINs
/// and the label of a private object.
pub fn make(job: &Path) -> Vec<Needle> {
    let user = User::new();
    let s = user.session;
    let mut needles = Vec::new();
    for kind in KINDS {
        let (key, input) = fresh(s, kind);
        if let Some(made) = made(s, kind, key, &input) {
            let value = s.get(made, CKA_VALUE).good();
            needles.push(Needle::new(&format!("{} result", kind.name), &value));
        }
        let mut template = Vec::new();
        for (attribute, secret) in attributes(kind) {
            let Ok(value) = s.get(key, *attribute) else { continue };
            if *secret && !value.is_empty() {
                let own = secret_part(kind, *attribute, &value);
                needles.push(Needle::new(&format!("{} {attribute:#x}", kind.name), &own));
            }
            if *secret && kind.name.starts_with("aes") {
                let round = &aes::schedule(&value)[value.len()..];
                needles.push(Needle::new(&format!("{} round keys", kind.name), round));
            }
            template.extend_from_slice(&(*attribute as u64).to_ne_bytes());
            template.extend_from_slice(&(value.len() as u64).to_ne_bytes());
            template.extend_from_slice(&value);
        }
        fs::write(job.join(kind.name), template).unwrap();
        fs::write(job.join(format!("{}.input", kind.name)), input).unwrap();
    }
    for name in ["so", "pin", "label"] {
        let text = hex::encode(s.random(16).good());
        needles.push(Needle::new(name, text.as_bytes()));
        fs::write(job.join(name), text).unwrap();
    }
    needles
}

/// The key that the work with another one gives.
fn made(s: Session, kind: &Kind, key: Obj, input: &[u8]) -> Option<Obj> {
    let readable = shared().and(&keys::open());
    match kind.work {
        Work::Derive => Some(s.derive(&Mech::ecdh(CKD_NULL, b"", input), key, &readable).good()),
        Work::Unwrap(how) => Some(s.unwrap(&Mech::plain(how), key, input, &readable).good()),
        _ => None,
    }
}

/// What of a secret attribute is not in the public key as well.
fn secret_part(kind: &Kind, attribute: CK_ATTRIBUTE_TYPE, value: &[u8]) -> Vec<u8> {
    match (kind.name, attribute) {
        // FIPS 205, figure 15: two secret seeds, then the public key.
        ("slh-dsa", _) => value[..value.len() / 2].to_vec(),
        // FIPS 204, algorithm 24: the public seed, K, the public key's hash, then vectors.
        ("ml-dsa", CKA_VALUE) => [&value[32..64], &value[128..]].concat(),
        // FIPS 203, algorithm 16: the vector, the public key and its hash, z.
        ("ml-kem", CKA_VALUE) => [&value[..768], &value[value.len() - 32..]].concat(),
        _ => value.to_vec(),
    }
}

use aes_schedule as aes;

/// The attributes of a key from outside, and whether each is a secret.
fn attributes(kind: &Kind) -> &'static [(CK_ATTRIBUTE_TYPE, bool)] {
    match kind.name {
        "rsa" | "rsa-decrypt" | "rsa-unwrap" => &[
            (CKA_CLASS, false),
            (CKA_KEY_TYPE, false),
            (CKA_MODULUS, false),
            (CKA_PUBLIC_EXPONENT, false),
            (CKA_PRIVATE_EXPONENT, true),
            (CKA_PRIME_1, true),
            (CKA_PRIME_2, true),
            (CKA_EXPONENT_1, true),
            (CKA_EXPONENT_2, true),
            (CKA_COEFFICIENT, true),
        ],
        "p256" | "p384" | "p521" | "p384-public" | "p521-public" | "ecdh" | "ed25519" => {
            &[(CKA_CLASS, false), (CKA_KEY_TYPE, false), (CKA_EC_PARAMS, false), (CKA_VALUE, true)]
        }
        "ml-dsa" | "ml-kem" | "slh-dsa" => &[
            (CKA_CLASS, false),
            (CKA_KEY_TYPE, false),
            (CKA_PARAMETER_SET, false),
            (CKA_SEED, true),
            (CKA_VALUE, true),
        ],
        _ => &[(CKA_CLASS, false), (CKA_KEY_TYPE, false), (CKA_VALUE, true)],
    }
}

/// A new readable key, and what is to be worked on with it.
fn fresh(s: Session, kind: &Kind) -> (Obj, Vec<u8>) {
    let text = b"what is worked on".to_vec();
    let rsa = || {
        let public = template! { CKA_MODULUS_BITS => 2048 as CK_ULONG };
        let mech = Mech::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
        s.generate_pair(&mech, &public, &keys::open()).good_for("RSA key pair")
    };
    match kind.name {
        "rsa" => (rsa().1, text),
        "rsa-decrypt" => {
            let (public, private) = rsa();
            (private, s.encrypt(&Mech::plain(CKM_RSA_PKCS), public, b"a message").good())
        }
        "rsa-unwrap" => {
            let (public, private) = rsa();
            let wrapped = s.wrap(&Mech::plain(CKM_RSA_PKCS), public, keys::generic(s, 48)).good();
            (private, wrapped)
        }
        "aes-unwrap" => {
            let key = keys::aes(s, 32);
            let wrapped = s.wrap(&Mech::plain(CKM_AES_KEY_WRAP), key, keys::generic(s, 48)).good();
            (key, wrapped)
        }
        "ecdh" => {
            let point = s.get(keys::pair(s, &ec::P256).0, CKA_EC_POINT).good();
            (keys::pair(s, &ec::P256).1, ec::octets(&point))
        }
        "p384-public" => (keys::pair(s, &ec::P384).1, text),
        "p521-public" => (keys::pair(s, &ec::P521).1, text),
        "p521" => (keys::pair(s, &ec::P521).1, text),
        "p256" => (keys::pair(s, &ec::P256).1, text),
        "p384" => (keys::pair(s, &ec::P384).1, text),
        "ed25519" => (keys::pair(s, &ec::ED25519).1, text),
        "hmac" => (keys::generic(s, 48), text),
        "ml-dsa" => (sets::quick(CKK_ML_DSA).pair(s).1, text),
        "slh-dsa" => (sets::quick(CKK_SLH_DSA).pair(s).1, text),
        "ml-kem" => {
            let (public, private) = sets::quick(CKK_ML_KEM).pair(s);
            let mech = Mech::plain(CKM_ML_KEM);
            (private, s.encapsulate(&mech, public, &shared()).good().0)
        }
        _ => (keys::aes(s, 32), text),
    }
}

/// The template of a key that is agreed on.
pub fn shared() -> Template {
    template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_GENERIC_SECRET }
}

mod aes_schedule {
    //! The key schedule of AES (FIPS 197, section 5.2), to know what to look for.

    /// The words of AES-256's schedule, as bytes in order.
    pub fn schedule(key: &[u8]) -> Vec<u8> {
        assert_eq!(key.len(), 32);
        let mut words: Vec<[u8; 4]> = key.chunks(4).map(|word| word.try_into().unwrap()).collect();
        let mut constant = 1_u8;
        for at in 8..60 {
            let mut word: [u8; 4] = words[at - 1];
            if at % 8 == 0 {
                word.rotate_left(1);
                word = word.map(substitute);
                word[0] ^= constant;
                constant = double(constant);
            } else if at % 8 == 4 {
                word = word.map(substitute);
            }
            let before = words[at - 8];
            words.push(std::array::from_fn(|byte| word[byte] ^ before[byte]));
        }
        words.concat()
    }

    /// The S-box, computed: the inverse in GF(2^8), then the affine map.
    fn substitute(byte: u8) -> u8 {
        let inverse = (1..=255).find(|other| times(byte, *other) == 1).unwrap_or(0);
        (1..5).fold(0x63 ^ inverse, |sum, by| sum ^ inverse.rotate_left(by))
    }

    fn times(a: u8, b: u8) -> u8 {
        let (mut a, mut product) = (a, 0);
        for bit in 0..8 {
            if (b >> bit) & 1 == 1 {
                product ^= a;
            }
            a = double(a);
        }
        product
    }

    fn double(byte: u8) -> u8 {
        (byte << 1) ^ if byte & 0x80 == 0 { 0 } else { 0x1b }
    }

    /// FIPS 197, appendix A.3: the last word.
    #[test]
    fn the_standards_example() {
        let key = crate::common::unhex(
            "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
        );
        assert_eq!(schedule(&key)[236..], crate::common::unhex("706c631e"));
    }
}
