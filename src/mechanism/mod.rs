// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a key can do: one table of mechanisms, one small file a family, over OpenSSL.
//!
//! A mechanism knows no policy, template, handle or flag: it sees a key and parameters and returns
//! bytes. It imports layer 0 alone. Adding a mechanism costs one row in its family's `ROWS` and,
//! where it is of a new kind, one function in the family's file; flags, key-type checks, parameter
//! parsing and the list an application sees are derived from the row.

#![allow(clippy::len_without_is_empty, reason = "outputs have a length and are never empty")]

pub mod aead;
pub mod aes;
mod aes_cts;
mod aes_feedback;
pub mod aes_wrap;
mod aes_xts;
mod block;
mod cbc_mac;
mod ccm;
mod ccm_message;
mod chacha;
mod checkout;
pub mod curve;
mod derivation_params;
mod derive;
mod des3;
mod dh;
pub mod digest;
mod dsa;
pub mod ec;
mod ec_key;
pub mod ecdh;
pub mod ecdh_aes;
pub mod ed25519;
pub mod edwards;
mod encrypt_data;
pub mod envelope;
mod field;
mod field_key;
mod gcm;
pub mod generic;
mod halves;
pub mod hash;
mod hash_derive;
pub mod hkdf;
mod hmac;
mod hss;
mod hss_key;
mod ike;
mod kbkdf;
pub mod kem;
pub mod key;
mod mac;
mod message;
pub mod ml_kem;
pub mod nonce;
pub mod ossl;
pub mod parameter_set;
pub mod params;
pub mod parts;
mod pbkdf2;
pub mod pkcs8;
pub mod pq_signature;
mod prf;
pub mod primitive;
mod ready;
pub mod rsa;
mod rsa_aes;
mod rsa_cipher;
mod rsa_kem;
mod rsa_key;
mod rsa_recover;
pub mod rsa_weak;
pub mod secret_key;
mod set_key;
mod signature;
mod simple;
mod spki;
mod stream;
mod tls;
mod tls_prf;
mod transport;

pub use derive::{Base, Derive, Derived, Inherit, Made, Product, Purpose, Start};
pub use hash::Hash;
pub use key::Key;
pub use params::{ParamKind, Params};
pub use parts::Parts;

use crate::error::{Error, Result};
use crate::secret::Secret;
use cryptoki_sys::*;
use std::sync::{Arc, LazyLock};

/// One mechanism: what it is called, which keys it takes, and what it does.
pub struct Row {
    /// Its `CKM_*` value.
    pub id: CK_MECHANISM_TYPE,
    /// The name of that value.
    pub name: &'static str,
    /// The key types it works with or makes; empty for digests.
    pub keys: &'static [CK_KEY_TYPE],
    /// Smallest and largest key, in the unit the specification gives for the mechanism.
    pub sizes: (CK_ULONG, CK_ULONG),
    /// The parameter structure it takes.
    pub params: ParamKind,
    /// The hash inside it, where it has a fixed one.
    pub hash: Option<Hash>,
    /// The functions (`CKF_*`) that wait for the configuration to allow legacy algorithms.
    pub legacy: CK_FLAGS,
    /// How a key is filled up before it is wrapped, where the cipher takes no length of its own.
    pub filling: Filling,
    /// What it may derive from.
    pub start: Start,
    /// What keys inherit that it derives.
    pub inherit: Inherit,
    /// Its functions.
    pub does: Does,
}

/// How a key is filled up to a length that a wrapping cipher takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filling {
    /// Not at all.
    None,
    /// With zeros behind it, to a multiple of so many bytes.
    Behind(usize),
    /// With zeros before it, to the length of the modulus.
    Before,
}

/// The functions of a mechanism. A flag of `C_GetMechanismInfo` is set where a function is there.
#[derive(Clone, Copy)]
pub struct Does {
    /// Encrypts and decrypts.
    pub cipher: Option<BeginCipher>,
    /// Encrypts and decrypts messages one by one, each with a nonce of its own.
    pub message: Option<aead::BeginMessage>,
    /// Wraps and unwraps keys, as a cipher over their encodings.
    pub wrap: Option<BeginCipher>,
    /// Signs or MACs.
    pub sign: Option<BeginSign>,
    /// Verifies a signature or MAC.
    pub verify: Option<BeginVerify>,
    /// Signs so that the data can be recovered from the signature.
    pub sign_recover: Option<BeginSign>,
    /// Recovers the data from a signature.
    pub verify_recover: Option<BeginRecover>,
    /// Digests.
    pub digest: Option<BeginDigest>,
    /// Makes a secret key.
    pub generate: Option<Generate>,
    /// Makes a key pair: public half, private half.
    pub generate_pair: Option<GeneratePair>,
    /// Derives keys, data or public values from a key.
    pub derive: Option<Derive>,
    /// Shares a secret with the holder of a key.
    pub kem: Option<Kem>,
}

/// A key encapsulation mechanism.
#[derive(Clone, Copy)]
pub struct Kem {
    /// The length of a ciphertext for this key, bytes.
    pub len: KemLength,
    /// A new secret, for a key as the caller wants it, and its ciphertext.
    pub encapsulate: Encapsulate,
    /// The secret of a ciphertext.
    pub decapsulate: Decapsulate,
}

/// Begins to encrypt or decrypt.
pub type BeginCipher = fn(&'static Row, &Arc<Key>, &Params, Direction) -> Result<Box<dyn Cipher>>;
/// Begins to sign.
pub type BeginSign = fn(&'static Row, &Arc<Key>, &Params) -> Result<Box<dyn Signer>>;
/// Begins to verify.
pub type BeginVerify = fn(&'static Row, &Arc<Key>, &Params) -> Result<Box<dyn Verifier>>;
/// Begins to recover data from a signature.
pub type BeginRecover = fn(&'static Row, &Arc<Key>, &Params) -> Result<Box<dyn Recoverer>>;
/// Begins to digest.
pub type BeginDigest = fn(&'static Row, &Params) -> Result<Box<dyn Digester>>;
/// Makes a secret key, or domain parameters.
pub type Generate = fn(&'static Row, &Params, &Spec) -> Result<Parts>;
/// Makes a key pair.
pub type GeneratePair = fn(&'static Row, &Params, &Spec) -> Result<(Parts, Parts)>;
/// Tells the length of a ciphertext.
pub type KemLength = fn(&'static Row, &Key, &Params) -> Result<usize>;
/// Makes a secret and its ciphertext.
pub type Encapsulate = fn(&'static Row, &Arc<Key>, &Params, &Spec) -> Result<(Vec<u8>, Secret)>;
/// Finds the secret of a ciphertext.
pub type Decapsulate = fn(&'static Row, &Arc<Key>, &Params, &[u8], &Spec) -> Result<Secret>;

impl Does {
    /// No function at all: rows name what they have and take the rest from here.
    pub const NOTHING: Does = Does {
        cipher: None,
        message: None,
        wrap: None,
        sign: None,
        verify: None,
        sign_recover: None,
        verify_recover: None,
        digest: None,
        generate: None,
        generate_pair: None,
        derive: None,
        kem: None,
    };
}

/// What the caller wants made: taken from the template, checked by the mechanism.
#[derive(Clone, Default)]
pub struct Spec {
    /// The key type of the new key (`CKA_KEY_TYPE`, or what the mechanism makes).
    pub key_type: CK_KEY_TYPE,
    /// `CKA_KEY_TYPE`, where the template names one.
    pub named_type: Option<CK_KEY_TYPE>,
    /// `CKA_VALUE_LEN`, bytes.
    pub value_len: Option<usize>,
    /// `CKA_MODULUS_BITS`.
    pub modulus_bits: Option<usize>,
    /// `CKA_PUBLIC_EXPONENT`, big-endian.
    pub public_exponent: Option<Vec<u8>>,
    /// `CKA_EC_PARAMS`, DER.
    pub ec_params: Option<Vec<u8>>,
    /// `CKA_PRIME`, big-endian.
    pub prime: Option<Vec<u8>>,
    /// `CKA_SUBPRIME`, big-endian.
    pub subprime: Option<Vec<u8>>,
    /// `CKA_BASE`, big-endian.
    pub base: Option<Vec<u8>>,
    /// `CKA_PRIME_BITS`.
    pub prime_bits: Option<usize>,
    /// `CKA_SUBPRIME_BITS`.
    pub subprime_bits: Option<usize>,
    /// `CKA_VALUE_BITS`.
    pub value_bits: Option<usize>,
    /// `CKA_PARAMETER_SET`.
    pub parameter_set: Option<u64>,
    /// The same of further keys that the parameter of a derivation asks for.
    pub further: Vec<Spec>,
}

/// Encrypt or decrypt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Plaintext to ciphertext.
    Encrypt,
    /// Ciphertext to plaintext.
    Decrypt,
}

impl Direction {
    /// What input of a length that the mechanism does not take is called.
    pub fn length_error(self) -> Error {
        match self {
            Direction::Encrypt => Error::DataLenRange,
            Direction::Decrypt => Error::EncryptedDataLenRange,
        }
    }
}

/// An encryption or decryption in progress.
pub trait Cipher: Send {
    /// Whether the mechanism can be fed in parts.
    fn multi_part(&self) -> bool {
        true
    }
    /// Whether the `*_len` bounds are the exact lengths. Where they are not (padding on decryption)
    /// the caller gives a buffer of the bound and learns the length from the result.
    fn exact(&self) -> bool {
        true
    }
    /// Bytes that suffice for `whole` of `input` bytes.
    fn whole_len(&self, input: usize) -> usize;
    /// The whole operation at once; `output` has at least `whole_len` bytes. Returns the length.
    fn whole(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize>;
    /// Bytes that `update` of `input` bytes gives (exact).
    fn update_len(&self, _input: usize) -> usize {
        0
    }
    /// One part; `output` has at least `update_len` bytes.
    fn update(&mut self, _input: &[u8], _output: &mut [u8]) -> Result<usize> {
        Err(Error::FunctionNotSupported)
    }
    /// Bytes that suffice for `finish`.
    fn finish_len(&self) -> usize {
        0
    }
    /// The end; `output` has at least `finish_len` bytes.
    fn finish(&mut self, _output: &mut [u8]) -> Result<usize> {
        Err(Error::FunctionNotSupported)
    }
}

/// A signature or MAC being made.
pub trait Signer: Send {
    /// Whether the mechanism can be fed in parts.
    fn multi_part(&self) -> bool {
        true
    }
    /// The length of the signature, bytes (exact: PKCS #11 signatures have a fixed length).
    fn len(&self) -> usize;
    /// Signs `data` at once; `signature` has at least `len` bytes. Returns the length.
    fn whole(&mut self, data: &[u8], signature: &mut [u8]) -> Result<usize>;
    /// One part of the data.
    fn update(&mut self, data: &[u8]) -> Result<()>;
    /// The signature over all parts; `signature` has at least `len` bytes.
    fn finish(&mut self, signature: &mut [u8]) -> Result<usize>;
}

/// A verification in progress. It says yes, or `SignatureInvalid` / `SignatureLenRange`, and never why.
pub trait Verifier: Send {
    /// Whether the mechanism can be fed in parts.
    fn multi_part(&self) -> bool {
        true
    }
    /// Verifies at once.
    fn whole(&mut self, data: &[u8], signature: &[u8]) -> Result<()>;
    /// One part of the data.
    fn update(&mut self, data: &[u8]) -> Result<()>;
    /// Verifies over all parts.
    fn finish(&mut self, signature: &[u8]) -> Result<()>;
}

/// A verification that recovers the data, all at once.
pub trait Recoverer: Send {
    /// The data that a good signature holds; `SignatureInvalid` or `SignatureLenRange` for others.
    fn recover(&mut self, signature: &[u8]) -> Result<Vec<u8>>;
}

/// A digest in progress.
pub trait Digester: Send {
    /// The length of the digest, bytes.
    fn len(&self) -> usize;
    /// One part of the data.
    fn update(&mut self, data: &[u8]) -> Result<()>;
    /// The digest over all parts; `digest` has at least `len` bytes.
    fn finish(&mut self, digest: &mut [u8]) -> Result<usize>;
    /// A second digest that goes on from where this one is.
    fn duplicate(&self) -> Result<Box<dyn Digester>>;
}

/// Every mechanism, family by family.
pub fn all() -> impl Iterator<Item = &'static Row> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// The row of a mechanism.
pub fn find(id: CK_MECHANISM_TYPE) -> Result<&'static Row> {
    let index = usize::try_from(id).map_err(|_| Error::MechanismInvalid)?;
    BY_ID.get(index).copied().flatten().ok_or(Error::MechanismInvalid)
}

impl Row {
    /// A row that does nothing yet; the families fill it in.
    const fn new(
        id: CK_MECHANISM_TYPE,
        name: &'static str,
        keys: &'static [CK_KEY_TYPE],
        sizes: (CK_ULONG, CK_ULONG),
    ) -> Row {
        let (params, does) = (ParamKind::None, Does::NOTHING);
        let (start, inherit) = (Start::Key, Inherit::History);
        let (hash, legacy, filling) = (None, 0, Filling::None);
        Row { id, name, keys, sizes, params, hash, legacy, filling, start, inherit, does }
    }

    /// Whether one set-up signs or verifies many messages: not where the parameter or the key is good
    /// for one message alone.
    pub fn many_messages(&self) -> bool {
        self.params != ParamKind::Gcm && !self.keys.contains(&CKK_POLY1305)
    }

    /// Whether what it signs or verifies can come in parts: not where it takes a digest, or a block,
    /// as it is.
    fn in_parts(&self) -> bool {
        self.hash.is_some()
            || !self.keys.iter().any(|key| matches!(*key, CKK_RSA | CKK_EC | CKK_DSA))
    }

    /// The flags of `C_GetMechanismInfo`, derived from what the row does.
    pub fn flags(&self) -> CK_FLAGS {
        let does = &self.does;
        let messages = does.message.is_some();
        let signs = does.sign.is_some() && self.many_messages();
        let verifies = does.verify.is_some() && self.many_messages();
        let elliptic =
            self.start != Start::PrivateKey && self.keys.iter().any(|key| CURVE_KEYS.contains(key));
        [
            (does.cipher.is_some(), CKF_ENCRYPT | CKF_DECRYPT),
            (does.sign.is_some(), CKF_SIGN),
            (does.verify.is_some(), CKF_VERIFY),
            (signs, CKF_MESSAGE_SIGN),
            (verifies, CKF_MESSAGE_VERIFY),
            (messages, CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT),
            (messages || ((signs || verifies) && self.in_parts()), CKF_MULTI_MESSAGE),
            ((signs || verifies) && self.in_parts(), CKF_MULTI_MESSAGE),
            (does.sign_recover.is_some(), CKF_SIGN_RECOVER),
            (does.verify_recover.is_some(), CKF_VERIFY_RECOVER),
            (does.digest.is_some(), CKF_DIGEST),
            (does.generate.is_some(), CKF_GENERATE),
            (does.generate_pair.is_some(), CKF_GENERATE_KEY_PAIR),
            (does.derive.is_some(), CKF_DERIVE),
            (does.wrap.is_some(), CKF_WRAP | CKF_UNWRAP),
            (does.kem.is_some(), CKF_ENCAPSULATE | CKF_DECAPSULATE),
            (elliptic, CKF_EC_F_P | CKF_EC_OID | CKF_EC_CURVENAME | CKF_EC_UNCOMPRESS),
            // Points of the other forms have no compression.
            (self.keys.contains(&CKK_EC), CKF_EC_COMPRESS),
        ]
        .iter()
        .filter(|(on, _)| *on)
        .fold(0, |flags, (_, bits)| flags | bits)
    }
}

const CURVE_KEYS: &[CK_KEY_TYPE] = &[CKK_EC, CKK_EC_EDWARDS, CKK_EC_MONTGOMERY];

/// The rows by number, of which the standard's are small: every `*Init` call looks one up.
static BY_ID: LazyLock<Vec<Option<&'static Row>>> = LazyLock::new(|| {
    let mut rows = Vec::new();
    for row in all() {
        let index = row.id as usize;
        rows.resize(rows.len().max(index + 1), None);
        if let Some(place) = rows.get_mut(index) {
            *place = Some(row);
        }
    }
    rows
});

static FAMILIES: &[&[Row]] = &[
    rsa::ROWS,
    ec::ROWS,
    ecdh::ROWS,
    ecdh_aes::ROWS,
    edwards::ROWS,
    dh::ROWS,
    dsa::ROWS,
    aes::ROWS,
    aes_wrap::ROWS,
    aes_feedback::ROWS,
    aes_cts::ROWS,
    aes_xts::ROWS,
    gcm::ROWS,
    ccm::ROWS,
    cbc_mac::ROWS,
    chacha::ROWS,
    des3::ROWS,
    encrypt_data::ROWS,
    generic::ROWS,
    digest::ROWS,
    hkdf::ROWS,
    hash_derive::ROWS,
    simple::ROWS,
    kbkdf::ROWS,
    pbkdf2::ROWS,
    tls::ROWS,
    tls_prf::ROWS,
    ike::ROWS,
    pq_signature::ML_DSA,
    pq_signature::SLH_DSA,
    ml_kem::ROWS,
    hss::ROWS,
];
