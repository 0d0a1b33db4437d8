// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Groups in finite fields, and keys in them.

use super::{Answer, Mech, Obj, Session, Template, keys, template, vectors};
use cryptoki_sys::*;
use openssl::bn::BigNum;

/// Domain parameters.
#[derive(Clone, Debug)]
pub struct Group {
    pub key_type: CK_KEY_TYPE,
    pub prime: Vec<u8>,
    pub subprime: Option<Vec<u8>>,
    pub base: Vec<u8>,
}

impl Group {
    /// The parameters of a known answer.
    pub fn of(key_type: CK_KEY_TYPE, record: &vectors::Record) -> Group {
        Group {
            key_type,
            prime: record.hex("prime"),
            subprime: (key_type != CKK_DH).then(|| record.hex("subprime")),
            base: record.hex("base"),
        }
    }

    /// What a template says of the parameters.
    pub fn template(&self) -> Template {
        let template = template! { CKA_PRIME => &self.prime, CKA_BASE => &self.base };
        match &self.subprime {
            Some(subprime) => template.with(CKA_SUBPRIME, subprime),
            None => template,
        }
    }

    /// The template of a key.
    pub fn key(&self, class: CK_OBJECT_CLASS, value: &[u8]) -> Template {
        let head = template! { CKA_CLASS => class, CKA_KEY_TYPE => self.key_type };
        head.and(&self.template()).with(CKA_VALUE, value)
    }

    /// Keys from outside: public, private.
    pub fn import(&self, session: Session, public: &[u8], private: &[u8]) -> (Obj, Obj) {
        let public = session.create(&self.key(CKO_PUBLIC_KEY, public)).good_for("public key");
        let private = self.key(CKO_PRIVATE_KEY, private).and(&keys::open());
        (public, session.create(&private).good_for("private key"))
    }

    /// The mechanism that makes keys in the group.
    pub fn generation(&self) -> CK_MECHANISM_TYPE {
        match self.key_type {
            CKK_DSA => CKM_DSA_KEY_PAIR_GEN,
            CKK_DH => CKM_DH_PKCS_KEY_PAIR_GEN,
            _ => CKM_X9_42_DH_KEY_PAIR_GEN,
        }
    }

    /// A new pair: public, private, the private key readable.
    pub fn pair(&self, session: Session) -> (Obj, Obj) {
        let mech = Mech::plain(self.generation());
        session.generate_pair(&mech, &self.template(), &keys::open()).good_for("key pair")
    }
}

/// The group of RFC 3526 of 2048 bits.
pub fn modp2048() -> Group {
    let prime = BigNum::get_rfc3526_prime_2048().expect("prime").to_vec();
    Group { key_type: CKK_DH, prime, subprime: None, base: vec![2] }
}

/// A group of 2048 bits with an order of 256.
pub fn x9_42() -> Group {
    Group::of(CKK_X9_42_DH, &x9_42_record())
}

/// A known answer in [`x9_42`].
pub fn x9_42_record() -> vectors::Record {
    let mut all = vectors::read("dh.txt").into_iter();
    all.find(|record| record.hex("subprime").len() == 32).expect("a group")
}

/// A known answer of DSA with 2048 bits.
pub fn dsa_record() -> vectors::Record {
    let mut all = vectors::read("dsa.txt").into_iter();
    all.find(|record| record.number("bits") == 2048).expect("a group")
}
