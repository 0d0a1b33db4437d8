// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Mechanisms with the parameter structures and buffers they point to.

use cryptoki_sys::*;
use std::any::Any;
use std::ptr;

/// A mechanism and everything its parameter points to.
pub struct Mech {
    raw: CK_MECHANISM,
    _parameter: Option<Box<dyn Any>>,
    _buffers: Vec<Vec<u8>>,
    _inner: Option<Box<Mech>>,
}

impl Mech {
    /// A mechanism without a parameter.
    pub fn plain(kind: CK_MECHANISM_TYPE) -> Self {
        let raw = CK_MECHANISM { mechanism: kind, pParameter: ptr::null_mut(), ulParameterLen: 0 };
        Mech { raw, _parameter: None, _buffers: Vec::new(), _inner: None }
    }

    /// A mechanism whose parameter is bytes: an initialisation vector.
    pub fn iv(kind: CK_MECHANISM_TYPE, iv: &[u8]) -> Self {
        let buffer = iv.to_vec();
        let mut mech = Mech::plain(kind);
        mech.raw.pParameter = buffer.as_ptr().cast_mut().cast();
        mech.raw.ulParameterLen = buffer.len() as CK_ULONG;
        mech._buffers = vec![buffer];
        mech
    }

    /// A mechanism whose parameter is a structure, with the buffers the structure points to.
    pub fn with<T: 'static>(kind: CK_MECHANISM_TYPE, parameter: T, buffers: Vec<Vec<u8>>) -> Self {
        let mut parameter = Box::new(parameter);
        let mut mech = Mech::plain(kind);
        mech.raw.pParameter = ptr::from_mut(&mut *parameter).cast();
        mech.raw.ulParameterLen = size_of::<T>() as CK_ULONG;
        mech._parameter = Some(parameter);
        mech._buffers = buffers;
        mech
    }

    /// A MAC of the given length in bytes (`CK_MAC_GENERAL_PARAMS`).
    pub fn mac(kind: CK_MECHANISM_TYPE, length: CK_ULONG) -> Self {
        Mech::with(kind, length, Vec::new())
    }

    /// RSA-PSS.
    pub fn pss(
        kind: CK_MECHANISM_TYPE,
        hash: CK_MECHANISM_TYPE,
        mgf: CK_ULONG,
        salt: usize,
    ) -> Self {
        let s_len = salt as CK_ULONG;
        Mech::with(kind, CK_RSA_PKCS_PSS_PARAMS { hashAlg: hash, mgf, sLen: s_len }, Vec::new())
    }

    /// RSA-OAEP with a label, which may be empty.
    pub fn oaep(hash: CK_MECHANISM_TYPE, mgf: CK_ULONG, label: &[u8]) -> Self {
        let label = label.to_vec();
        let parameter = CK_RSA_PKCS_OAEP_PARAMS {
            hashAlg: hash,
            mgf,
            source: CKZ_DATA_SPECIFIED,
            pSourceData: or_null(&label).cast(),
            ulSourceDataLen: label.len() as CK_ULONG,
        };
        Mech::with(CKM_RSA_PKCS_OAEP, parameter, vec![label])
    }

    /// A key wrapped under a new AES key of so many bits, and that by RSA-OAEP.
    pub fn rsa_aes(bits: CK_ULONG, hash: CK_MECHANISM_TYPE, mgf: CK_ULONG, label: &[u8]) -> Self {
        let inner = Mech::oaep(hash, mgf, label);
        let oaep = inner.raw.pParameter.cast();
        let parameter = CK_RSA_AES_KEY_WRAP_PARAMS { ulAESKeyBits: bits, pOAEPParams: oaep };
        let mut mech = Mech::with(CKM_RSA_AES_KEY_WRAP, parameter, Vec::new());
        mech._inner = Some(Box::new(inner));
        mech
    }

    /// A key wrapped under an AES key of so many bits that is agreed on.
    pub fn ecdh_aes(
        kind: CK_MECHANISM_TYPE,
        bits: CK_ULONG,
        kdf: CK_EC_KDF_TYPE,
        shared: &[u8],
    ) -> Self {
        let shared = shared.to_vec();
        let parameter = CK_ECDH_AES_KEY_WRAP_PARAMS {
            ulAESKeyBits: bits,
            kdf,
            ulSharedDataLen: shared.len() as CK_ULONG,
            pSharedData: or_null(&shared),
        };
        Mech::with(kind, parameter, vec![shared])
    }

    /// AES-GCM.
    pub fn gcm(iv: &[u8], aad: &[u8], tag_bits: CK_ULONG) -> Self {
        let (iv, aad) = (iv.to_vec(), aad.to_vec());
        let parameter = CK_GCM_PARAMS {
            pIv: or_null(&iv),
            ulIvLen: iv.len() as CK_ULONG,
            ulIvBits: 8 * iv.len() as CK_ULONG,
            pAAD: or_null(&aad),
            ulAADLen: aad.len() as CK_ULONG,
            ulTagBits: tag_bits,
        };
        Mech::with(CKM_AES_GCM, parameter, vec![iv, aad])
    }

    /// AES-CCM of a message of so many bytes.
    pub fn ccm(length: usize, nonce: &[u8], aad: &[u8], tag: CK_ULONG) -> Self {
        let (nonce, aad) = (nonce.to_vec(), aad.to_vec());
        let parameter = CK_CCM_PARAMS {
            ulDataLen: length as CK_ULONG,
            pNonce: or_null(&nonce),
            ulNonceLen: nonce.len() as CK_ULONG,
            pAAD: or_null(&aad),
            ulAADLen: aad.len() as CK_ULONG,
            ulMACLen: tag,
        };
        Mech::with(CKM_AES_CCM, parameter, vec![nonce, aad])
    }

    /// ChaCha20; the counter as the bytes of a little-endian number.
    pub fn chacha20(counter: &[u8], nonce: &[u8]) -> Self {
        let (counter, nonce) = (counter.to_vec(), nonce.to_vec());
        let parameter = CK_CHACHA20_PARAMS {
            pBlockCounter: or_null(&counter),
            blockCounterBits: 8 * counter.len() as CK_ULONG,
            pNonce: or_null(&nonce),
            ulNonceBits: 8 * nonce.len() as CK_ULONG,
        };
        Mech::with(CKM_CHACHA20, parameter, vec![counter, nonce])
    }

    /// ChaCha20-Poly1305.
    pub fn chacha20_poly1305(nonce: &[u8], aad: &[u8]) -> Self {
        let (nonce, aad) = (nonce.to_vec(), aad.to_vec());
        let parameter = CK_SALSA20_CHACHA20_POLY1305_PARAMS {
            pNonce: or_null(&nonce),
            ulNonceLen: 8 * nonce.len() as CK_ULONG,
            pAAD: or_null(&aad),
            ulAADLen: aad.len() as CK_ULONG,
        };
        Mech::with(CKM_CHACHA20_POLY1305, parameter, vec![nonce, aad])
    }

    /// AES in counter mode.
    pub fn ctr(counter_bits: CK_ULONG, block: [u8; 16]) -> Self {
        let parameter = CK_AES_CTR_PARAMS { ulCounterBits: counter_bits, cb: block };
        Mech::with(CKM_AES_CTR, parameter, Vec::new())
    }

    /// Elliptic-curve Diffie-Hellman.
    pub fn ecdh(kdf: CK_EC_KDF_TYPE, shared: &[u8], public: &[u8]) -> Self {
        let (shared, public) = (shared.to_vec(), public.to_vec());
        let parameter = CK_ECDH1_DERIVE_PARAMS {
            kdf,
            ulSharedDataLen: shared.len() as CK_ULONG,
            pSharedData: or_null(&shared),
            ulPublicDataLen: public.len() as CK_ULONG,
            pPublicData: or_null(&public),
        };
        Mech::with(CKM_ECDH1_DERIVE, parameter, vec![shared, public])
    }

    /// Diffie-Hellman of PKCS #3 with the other party's public value.
    pub fn dh(public: &[u8]) -> Self {
        Mech::iv(CKM_DH_PKCS_DERIVE, public)
    }

    /// Diffie-Hellman of X9.42.
    pub fn x9_42(kdf: CK_X9_42_DH_KDF_TYPE, info: &[u8], public: &[u8]) -> Self {
        let (info, public) = (info.to_vec(), public.to_vec());
        let parameter = CK_X9_42_DH1_DERIVE_PARAMS {
            kdf,
            ulOtherInfoLen: info.len() as CK_ULONG,
            pOtherInfo: or_null(&info),
            ulPublicDataLen: public.len() as CK_ULONG,
            pPublicData: or_null(&public),
        };
        Mech::with(CKM_X9_42_DH_DERIVE, parameter, vec![info, public])
    }

    /// EdDSA with a context or prehash.
    pub fn eddsa(prehash: bool, context: &[u8]) -> Self {
        let context = context.to_vec();
        let parameter = CK_EDDSA_PARAMS {
            phFlag: if prehash { CK_TRUE } else { CK_FALSE },
            ulContextDataLen: context.len() as CK_ULONG,
            pContextData: or_null(&context),
        };
        Mech::with(CKM_EDDSA, parameter, vec![context])
    }

    /// ML-DSA or SLH-DSA with a context.
    pub fn context(kind: CK_MECHANISM_TYPE, hedge: CK_HEDGE_TYPE, context: &[u8]) -> Self {
        let context = context.to_vec();
        let parameter = CK_SIGN_ADDITIONAL_CONTEXT {
            hedgeVariant: hedge,
            pContext: or_null(&context),
            ulContextLen: context.len() as CK_ULONG,
        };
        Mech::with(kind, parameter, vec![context])
    }

    /// ML-DSA or SLH-DSA over a hash that was computed before.
    pub fn hash_context(
        kind: CK_MECHANISM_TYPE,
        hedge: CK_HEDGE_TYPE,
        context: &[u8],
        hash: CK_MECHANISM_TYPE,
    ) -> Self {
        let context = context.to_vec();
        let parameter = CK_HASH_SIGN_ADDITIONAL_CONTEXT {
            hedgeVariant: hedge,
            pContext: or_null(&context),
            ulContextLen: context.len() as CK_ULONG,
            hash,
        };
        Mech::with(kind, parameter, vec![context])
    }

    /// HKDF: what to do, over which hash, with which salt, for which purpose.
    pub fn hkdf(kind: CK_MECHANISM_TYPE, hash: CK_MECHANISM_TYPE, how: &Hkdf<'_>) -> Self {
        let (salt, info) = (how.salt.unwrap_or_default().to_vec(), how.info.to_vec());
        let salt_type = match (how.salt, how.salt_key) {
            (Some(_), _) => CKF_HKDF_SALT_DATA,
            (None, Some(_)) => CKF_HKDF_SALT_KEY,
            (None, None) => CKF_HKDF_SALT_NULL,
        };
        let parameter = CK_HKDF_PARAMS {
            bExtract: if how.extract { CK_TRUE } else { CK_FALSE },
            bExpand: if how.expand { CK_TRUE } else { CK_FALSE },
            prfHashMechanism: hash,
            ulSaltType: salt_type,
            pSalt: or_null(&salt),
            ulSaltLen: salt.len() as CK_ULONG,
            hSaltKey: how.salt_key.unwrap_or(CK_INVALID_HANDLE),
            pInfo: or_null(&info),
            ulInfoLen: info.len() as CK_ULONG,
        };
        Mech::with(kind, parameter, vec![salt, info])
    }

    /// A mechanism with a parameter as it is, for parameters that are wrong.
    pub fn raw_parameter(kind: CK_MECHANISM_TYPE, pointer: CK_VOID_PTR, length: CK_ULONG) -> Self {
        let mut mech = Mech::plain(kind);
        mech.raw.pParameter = pointer;
        mech.raw.ulParameterLen = length;
        mech
    }

    /// The same parameter for another mechanism.
    pub fn named(mut self, kind: CK_MECHANISM_TYPE) -> Self {
        self.raw.mechanism = kind;
        self
    }

    /// The type of the mechanism.
    pub fn kind(&self) -> CK_MECHANISM_TYPE {
        self.raw.mechanism
    }

    /// The C structure; it points into this mechanism.
    pub fn raw(&self) -> CK_MECHANISM {
        self.raw
    }
}

/// The choices of an HKDF call.
#[derive(Clone, Copy, Default)]
pub struct Hkdf<'a> {
    pub extract: bool,
    pub expand: bool,
    pub salt: Option<&'a [u8]>,
    pub salt_key: Option<CK_OBJECT_HANDLE>,
    pub info: &'a [u8],
}

fn or_null(data: &[u8]) -> *mut u8 {
    if data.is_empty() { ptr::null_mut() } else { data.as_ptr().cast_mut() }
}
