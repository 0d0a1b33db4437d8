// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What is sealed to a holder's pair, from `docs/store-format.md` alone: with ML-KEM from the test's own
//! OpenSSL.

use super::{Bytes, Files, Pin, Token, counted, mac, open};
use foreign_types::ForeignType;
use openssl::pkey::{PKey, Private};
use openssl_sys as ffi;
use std::ptr;

/// The encapsulation key of a holder, and the keys sealed to it: the token key, the use key.
#[derive(Clone, Debug)]
pub struct Shares {
    pub public: Vec<u8>,
    pub keys: Vec<Share>,
}

/// One key, sealed: ciphertext, seal, proof.
#[derive(Clone, Debug)]
pub struct Share {
    ciphertext: Vec<u8>,
    pub sealed: Vec<u8>,
    proof: Vec<u8>,
}

/// The shares of a record of a PIN that holds so much.
pub fn shares(record: &mut Bytes, holds: u8) -> Shares {
    let public = record.bytes();
    let share = |record: &mut Bytes| Share {
        ciphertext: record.bytes(),
        sealed: record.bytes(),
        proof: record.bytes(),
    };
    Shares { public, keys: (0..holds).map(|_| share(record)).collect() }
}

impl Files {
    /// What a holder's pair is bound to.
    pub fn pair_context(&self, token: &Token, (role, name): (u8, &str), holds: u8) -> Vec<u8> {
        let parts = [&[3][..], b"strongroom holder", &self.id, &token.uuid, &[role, holds]];
        [&parts.concat()[..], &counted(name.as_bytes())].concat()
    }

    /// The seed of a holder's pair, by their PIN.
    pub fn seed(&self, token: &Token, who: (u8, &str), pin: &Pin, text: &str) -> Option<Vec<u8>> {
        let context = self.pair_context(token, who, pin.holds);
        let inner = open(&self.key("key pin"), &context, &pin.wrap).expect("the outer layer");
        open(&pin.stretched(text), &context, &inner)
    }

    /// The keys sealed to a holder in a token's record, one after the other; none where the seed is not
    /// that of their pair.
    pub fn shared(
        &self,
        token: &Token,
        who: (u8, &str),
        pin: &Pin,
        seed: &[u8],
    ) -> Option<Vec<u8>> {
        let shares = pin.shares.as_ref().expect("a holder with a pair");
        let context = self.pair_context(token, who, pin.holds);
        let pair = decapsulation_key(seed);
        let names = [("token key", token.generation), ("use key", token.use_generation)];
        let keys = shares.keys.iter().zip(names).map(|(share, (name, generation))| {
            let place = |what: &str| {
                let head = format!("{what} of {name}");
                let generation = generation.to_be_bytes();
                [&context[..], head.as_bytes(), &generation, &counted(&shares.public)].concat()
            };
            let proof = hkdf(seed, &[], &[&context[..], b"proof of ", name.as_bytes()].concat());
            let bound = [place("share"), counted(&share.ciphertext)].concat();
            let secret = decapsulate(&pair, &share.ciphertext);
            let key = open(&hkdf(&secret, &proof, &bound), &bound, &share.sealed)?;
            assert_eq!(
                open(&key, &place("proof"), &share.proof),
                Some(proof),
                "who sealed it knew"
            );
            Some(key)
        });
        keys.collect::<Option<Vec<_>>>().map(|keys| keys.concat())
    }
}

/// HKDF-SHA-256 (RFC 5869), 32 bytes.
fn hkdf(key: &[u8], salt: &[u8], info: &[u8]) -> Vec<u8> {
    let salt = if salt.is_empty() { &[0; 32] } else { salt };
    mac(&mac(salt, &[key]), &[info, &[1]])
}

/// The private key of a seed: PKCS #8 with the seed alone.
fn decapsulation_key(seed: &[u8]) -> PKey<Private> {
    let mut der = hex::decode("3054020100300b060960864801650304040304428040").unwrap();
    der.extend(seed);
    PKey::private_key_from_der(&der).expect("an ML-KEM-1024 key")
}

/// What was shared with whoever has this seed.
pub fn decapsulated(seed: &[u8], ciphertext: &[u8]) -> Vec<u8> {
    decapsulate(&decapsulation_key(seed), ciphertext)
}

fn decapsulate(key: &PKey<Private>, ciphertext: &[u8]) -> Vec<u8> {
    let mut shared = vec![0; 32];
    let mut len = shared.len();
    // SAFETY: `key` lives throughout; the context is made, used and freed here; the buffers are as long
    // as is said.
    unsafe {
        let context = ffi::EVP_PKEY_CTX_new(key.as_ptr(), ptr::null_mut());
        assert_eq!(ffi::EVP_PKEY_decapsulate_init(context, ptr::null()), 1);
        let (out, input) = (shared.as_mut_ptr(), ciphertext.as_ptr());
        assert_eq!(ffi::EVP_PKEY_decapsulate(context, out, &mut len, input, ciphertext.len()), 1);
        ffi::EVP_PKEY_CTX_free(context);
    }
    assert_eq!(len, 32);
    shared
}
