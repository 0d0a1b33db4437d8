// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Mechanism parameters as owned, typed values. The boundary (`abi/`) reads the C structure that a
//! row's [`ParamKind`] names and makes one of [`Params`]; no pointer of the application's comes
//! below it.

pub use super::derivation_params::*;

use super::Hash;
use cryptoki_sys::*;
use smallvec::SmallVec;

/// Which parameter a mechanism takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamKind {
    /// None: a NULL pointer and length 0.
    None,
    /// An initialisation vector of exactly so many bytes.
    Iv(usize),
    /// An initialisation vector of exactly so many bytes, or none for the standard's default.
    OptionalIv(usize),
    /// `CK_AES_CTR_PARAMS`.
    Counter,
    /// `CK_GCM_PARAMS`; for wrapping `CK_GCM_WRAP_PARAMS` as well.
    Gcm,
    /// `CK_CCM_PARAMS`; for wrapping `CK_CCM_WRAP_PARAMS` as well.
    Ccm,
    /// An initialisation vector of so many bytes, with data (`CK_AES_CBC_ENCRYPT_DATA_PARAMS`, 16,
    /// or `CK_DES_CBC_ENCRYPT_DATA_PARAMS`, 8).
    IvData(usize),
    /// `CK_CHACHA20_PARAMS`.
    ChaCha20,
    /// `CK_SALSA20_CHACHA20_POLY1305_PARAMS`.
    ChaCha20Poly1305,
    /// `CK_MAC_GENERAL_PARAMS`: the length of the MAC, bytes.
    MacLength,
    /// `CK_RSA_PKCS_PSS_PARAMS`.
    Pss,
    /// `CK_RSA_PKCS_OAEP_PARAMS`.
    Oaep,
    /// `CK_RSA_AES_KEY_WRAP_PARAMS`.
    RsaAesWrap,
    /// `CK_EDDSA_PARAMS`, or none.
    Eddsa,
    /// `CK_ECDH1_DERIVE_PARAMS`.
    Ecdh,
    /// `CK_ECDH_AES_KEY_WRAP_PARAMS`.
    EcdhAesWrap,
    /// The other party's public value, a big integer; to encapsulate none.
    PublicValue,
    /// `CK_X9_42_DH1_DERIVE_PARAMS`.
    X942,
    /// `CK_HKDF_PARAMS`.
    Hkdf,
    /// `CK_KEY_DERIVATION_STRING_DATA`.
    DerivationData,
    /// `CK_OBJECT_HANDLE`: another key.
    KeyHandle,
    /// `CK_EXTRACT_PARAMS`: the number of a bit.
    FirstBit,
    /// `CK_SP800_108_KDF_PARAMS`.
    Kbkdf,
    /// `CK_SP800_108_FEEDBACK_KDF_PARAMS`.
    KbkdfFeedback,
    /// `CK_PKCS5_PBKD2_PARAMS2`.
    Pbkdf2,
    /// `CK_VERSION`.
    Version,
    /// `CK_TLS12_MASTER_KEY_DERIVE_PARAMS`.
    TlsMaster,
    /// `CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS`.
    TlsExtendedMaster,
    /// `CK_TLS12_KEY_MAT_PARAMS`.
    TlsKeys,
    /// `CK_TLS12_KEY_MAT_PARAMS`, of which no initialisation vectors are made.
    TlsKeysAlone,
    /// `CK_TLS_KDF_PARAMS`.
    TlsKdf,
    /// `CK_TLS_MAC_PARAMS`.
    TlsMac,
    /// `CK_IKE_PRF_DERIVE_PARAMS`.
    IkePrf,
    /// `CK_IKE1_PRF_DERIVE_PARAMS`.
    Ike1Prf,
    /// `CK_IKE1_EXTENDED_DERIVE_PARAMS`.
    Ike1Extended,
    /// `CK_IKE2_PRF_PLUS_DERIVE_PARAMS`.
    Ike2PrfPlus,
    /// `CK_SIGN_ADDITIONAL_CONTEXT`, or none.
    SignContext,
    /// `CK_HASH_SIGN_ADDITIONAL_CONTEXT`.
    HashSignContext,
}

/// A parameter, read.
pub enum Params {
    /// None given.
    None,
    /// An initialisation vector.
    Iv(Iv),
    /// A counter block, of which the low `bits` bits count.
    Counter {
        /// Bits of the block that are the counter, 1 to 128.
        bits: usize,
        /// The first block.
        block: [u8; 16],
    },
    /// GCM.
    Gcm {
        /// The initialisation vector.
        iv: Iv,
        /// Additional authenticated data.
        aad: Vec<u8>,
        /// The length of the tag, bits.
        tag_bits: usize,
    },
    /// CCM.
    Ccm {
        /// The nonce.
        nonce: Iv,
        /// Additional authenticated data.
        aad: Vec<u8>,
        /// The length of the tag, bytes.
        tag: usize,
        /// The length of the plaintext, bytes; not meant where a key is wrapped.
        len: usize,
    },
    /// Data with an initialisation vector.
    IvData {
        /// The vector.
        iv: Iv,
        /// The data.
        data: Vec<u8>,
    },
    /// ChaCha20.
    ChaCha20(ChaCha20),
    /// ChaCha20-Poly1305.
    Sealed {
        /// The nonce: 8, 12 or 24 bytes.
        nonce: Iv,
        /// Additional authenticated data.
        aad: Vec<u8>,
    },
    /// The length of a MAC, bytes.
    MacLength(usize),
    /// RSA-PSS.
    Pss {
        /// The hash of the message.
        hash: Hash,
        /// The hash in the mask generation function.
        mgf: Hash,
        /// The length of the salt, bytes.
        salt: usize,
    },
    /// RSA-OAEP.
    Oaep {
        /// The hash of the label.
        hash: Hash,
        /// The hash in the mask generation function.
        mgf: Hash,
        /// The label; empty for none.
        label: Vec<u8>,
    },
    /// A key wrapped under a new AES key, and that under RSA-OAEP.
    RsaAesWrap {
        /// The length of the AES key, bytes: 16, 24 or 32.
        aes: usize,
        /// The hash of the label.
        hash: Hash,
        /// The hash in the mask generation function.
        mgf: Hash,
        /// The label; empty for none.
        label: Vec<u8>,
    },
    /// EdDSA with a `CK_EDDSA_PARAMS`.
    Eddsa {
        /// Sign the hash of the message (Ed25519ph, Ed448ph).
        prehash: bool,
        /// The context, at most 255 bytes.
        context: Vec<u8>,
    },
    /// Elliptic curve Diffie-Hellman.
    Ecdh {
        /// `CKD_*`.
        kdf: CK_EC_KDF_TYPE,
        /// Data shared between the parties, for the key derivation function.
        shared: Vec<u8>,
        /// The other party's point: raw, or in a DER OCTET STRING.
        public: Vec<u8>,
    },
    /// A key wrapped under an AES key that is agreed on.
    EcdhAesWrap {
        /// The length of the AES key, bytes: 16, 24 or 32.
        aes: usize,
        /// `CKD_*`.
        kdf: CK_EC_KDF_TYPE,
        /// Data shared between the parties, for the key derivation function.
        shared: Vec<u8>,
    },
    /// The other party's public value.
    PublicValue(Vec<u8>),
    /// X9.42 Diffie-Hellman.
    X942 {
        /// `CKD_*`.
        kdf: CK_X9_42_DH_KDF_TYPE,
        /// Data shared between the parties, for the key derivation function.
        info: Vec<u8>,
        /// The other party's public value.
        public: Vec<u8>,
    },
    /// HKDF.
    Hkdf(Hkdf),
    /// Data that go into a key.
    DerivationData(Vec<u8>),
    /// Another key, by its handle.
    KeyHandle(CK_OBJECT_HANDLE),
    /// The bit of the base key that is the first of the derived key; 0 is the highest of its first
    /// byte.
    FirstBit(usize),
    /// SP 800-108.
    Kbkdf(Kbkdf),
    /// PBKDF2.
    Pbkdf2(Pbkdf2),
    /// A version of SSL or TLS: major, minor.
    Version([u8; 2]),
    /// The master secret of TLS.
    TlsMaster {
        /// The hash in the pseudo-random function.
        prf: CK_MECHANISM_TYPE,
        /// Both random values, the client's first, or the hash of the session.
        seed: Vec<u8>,
        /// Whether there is a place for the version in the premaster secret.
        versioned: bool,
    },
    /// The keys of a TLS connection.
    TlsKeys(TlsKeys),
    /// Keying material exported from TLS.
    TlsKdf {
        /// The hash in the pseudo-random function.
        prf: CK_MECHANISM_TYPE,
        /// The label.
        label: Vec<u8>,
        /// Both random values, the client's first, and the context with its length if there is one.
        seed: Vec<u8>,
    },
    /// The MAC of a "finished" message.
    TlsMac {
        /// The hash in the pseudo-random function.
        prf: CK_MECHANISM_TYPE,
        /// The length of the MAC, bytes.
        len: usize,
        /// Whether it is the server's message.
        server: bool,
    },
    /// The initial key of IKE.
    IkePrf(IkePrf),
    /// A numbered key of IKE version 1.
    Ike1Prf(Ike1Prf),
    /// A longer key of IKE version 1.
    Ike1Extended(Ike1Extended),
    /// Keys of IKE version 2.
    Ike2PrfPlus(Ike2PrfPlus),
    /// ML-DSA and SLH-DSA.
    SignContext {
        /// How the signature is to be randomised.
        hedge: Hedge,
        /// The context, at most 255 bytes.
        context: Vec<u8>,
        /// The hash that was applied to the message before, where the parameter names one.
        hash: Option<Hash>,
    },
}

/// How a signature is randomised: `CK_HEDGE_TYPE`, which a verification ignores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hedge {
    /// With fresh random bytes, if it may.
    Preferred,
    /// With fresh random bytes.
    Required,
    /// Not at all.
    Deterministic,
    /// A value that the specification does not know.
    Unknown,
}

impl Params {
    /// The initialisation vector under which authenticated encryption may happen once.
    pub fn nonce(&self) -> Option<&Iv> {
        match self {
            Params::Gcm { iv, .. } => Some(iv),
            Params::Ccm { nonce, .. } | Params::Sealed { nonce, .. } => Some(nonce),
            _ => None,
        }
    }

    /// Whether the caller chose an initialisation vector.
    pub fn chosen_iv(&self) -> bool {
        let other = matches!(self, Params::Iv(_) | Params::Counter { .. } | Params::ChaCha20(_));
        other || self.nonce().is_some()
    }

    /// The keys that the parameter names by handle. The mechanism gets them, as keys and in this
    /// order, in [`super::Base`].
    pub fn named_keys(&self) -> SmallVec<[CK_OBJECT_HANDLE; 2]> {
        match self {
            Params::Hkdf(Hkdf { extract: true, salt: Salt::Key(handle), .. }) => {
                SmallVec::from_slice(&[*handle])
            }
            Params::KeyHandle(handle) => SmallVec::from_slice(&[*handle]),
            Params::IkePrf(ike) => ike.new_key.into_iter().collect(),
            Params::Ike1Prf(ike) => {
                [Some(ike.agreed), ike.previous].into_iter().flatten().collect()
            }
            Params::Ike1Extended(ike) => ike.agreed.into_iter().collect(),
            Params::Ike2PrfPlus(ike) => ike.seed_key.into_iter().collect(),
            Params::Kbkdf(kbkdf) => {
                let keys = kbkdf.data.iter().filter_map(|data| match data {
                    PrfData::Key(handle) => Some(*handle),
                    _ => None,
                });
                keys.collect()
            }
            _ => SmallVec::new(),
        }
    }
}

/// The parameter of ChaCha20.
pub struct ChaCha20 {
    /// The number of the first block.
    pub counter: u64,
    /// Whether the counter has 64 bits, not 32.
    pub wide: bool,
    /// The nonce: 8, 12 or 24 bytes.
    pub nonce: Iv,
}

/// An initialisation vector; the usual lengths need no allocation.
pub type Iv = SmallVec<[u8; 16]>;
