// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The hash functions: one row each, from which digests, HMACs, signature mechanisms and
//! parameters are made.

use cryptoki_sys::*;

macro_rules! hashes {
    ($($hash:ident: $name:literal, $len:literal, $block:literal, $digest:ident, $mgf:ident;)*) => {
        /// A hash function (FIPS 180-4, FIPS 202, RFC 7693, RFC 1321).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "each variant is named after its function")]
        pub enum Hash { $($hash,)* }

        impl Hash {
            /// Every hash function there is.
            pub const ALL: &'static [Hash] = &[$(Hash::$hash,)*];

            /// OpenSSL's name of it, for an algorithm that is told its hash by name.
            pub fn name(self) -> &'static std::ffi::CStr {
                match self { $(Hash::$hash => $name,)* }
            }

            /// The length of its output, bytes.
            pub fn len(self) -> usize {
                match self { $(Hash::$hash => $len,)* }
            }

            /// The length of its input block, bytes.
            pub fn block(self) -> usize {
                match self { $(Hash::$hash => $block,)* }
            }

            /// The mechanism that computes it.
            pub fn digest_mechanism(self) -> CK_MECHANISM_TYPE {
                match self { $(Hash::$hash => $digest,)* }
            }

            /// The mask generation function over it.
            pub fn mgf(self) -> CK_RSA_PKCS_MGF_TYPE {
                match self { $(Hash::$hash => $mgf,)* }
            }
        }
    };
}

hashes! {
    Sha1: c"SHA1", 20, 64, CKM_SHA_1, CKG_MGF1_SHA1;
    Sha224: c"SHA2-224", 28, 64, CKM_SHA224, CKG_MGF1_SHA224;
    Sha256: c"SHA2-256", 32, 64, CKM_SHA256, CKG_MGF1_SHA256;
    Sha384: c"SHA2-384", 48, 128, CKM_SHA384, CKG_MGF1_SHA384;
    Sha512: c"SHA2-512", 64, 128, CKM_SHA512, CKG_MGF1_SHA512;
    Sha512_224: c"SHA2-512/224", 28, 128, CKM_SHA512_224, NONE;
    Sha512_256: c"SHA2-512/256", 32, 128, CKM_SHA512_256, NONE;
    Sha3_224: c"SHA3-224", 28, 144, CKM_SHA3_224, CKG_MGF1_SHA3_224;
    Sha3_256: c"SHA3-256", 32, 136, CKM_SHA3_256, CKG_MGF1_SHA3_256;
    Sha3_384: c"SHA3-384", 48, 104, CKM_SHA3_384, CKG_MGF1_SHA3_384;
    Sha3_512: c"SHA3-512", 64, 72, CKM_SHA3_512, CKG_MGF1_SHA3_512;
    // OpenSSL knows the longest by name and gives the shorter on request: their names are none of
    // its own, so that nothing takes the one for the other.
    Blake2b160: c"BLAKE2B-160", 20, 128, CKM_BLAKE2B_160, NONE;
    Blake2b256: c"BLAKE2B-256", 32, 128, CKM_BLAKE2B_256, NONE;
    Blake2b384: c"BLAKE2B-384", 48, 128, CKM_BLAKE2B_384, NONE;
    Blake2b512: c"BLAKE2B-512", 64, 128, CKM_BLAKE2B_512, NONE;
    Md5: c"MD5", 16, 64, CKM_MD5, NONE;
    // The output that FIPS 204 and 205 take of them as hash functions: twice the strength.
    Shake128: c"SHAKE-128", 32, 168, NONE, NONE;
    Shake256: c"SHAKE-256", 64, 136, NONE, NONE;
}

impl Hash {
    /// The hash that a digest mechanism computes, for a parameter that names one: of those that an
    /// algorithm can be told, and not MD5.
    pub fn of_mechanism(id: CK_MECHANISM_TYPE) -> Option<Hash> {
        let named = |hash: &Hash| hash.digest_mechanism() == id && id != NONE && hash.has_name();
        Hash::ALL.iter().copied().find(named).filter(|hash| *hash != Hash::Md5)
    }

    /// The hash inside a mask generation function.
    pub fn of_mgf(mgf: CK_RSA_PKCS_MGF_TYPE) -> Option<Hash> {
        Hash::ALL.iter().copied().find(|hash| hash.mgf() == mgf && mgf != NONE)
    }

    /// Whether OpenSSL knows it by its name alone.
    pub fn has_name(self) -> bool {
        self.family().is_none()
    }

    /// OpenSSL's name of the hash of which it is a shorter form.
    pub fn family(self) -> Option<&'static std::ffi::CStr> {
        match self {
            Hash::Blake2b160 | Hash::Blake2b256 | Hash::Blake2b384 => Some(Hash::Blake2b512.name()),
            _ => None,
        }
    }

    /// Whether RSA is used with it: the secure hash algorithms, of which all but the shortened
    /// SHA-512 have a mask generation function too.
    pub fn serves_rsa(self) -> bool {
        self.mgf() != NONE || matches!(self, Hash::Sha512_224 | Hash::Sha512_256)
    }

    /// Whether its output has any length (FIPS 202, section 6.2).
    pub fn is_extendable(self) -> bool {
        matches!(self, Hash::Shake128 | Hash::Shake256)
    }
}

/// No mechanism computes it by itself.
const NONE: CK_ULONG = CK_UNAVAILABLE_INFORMATION;
