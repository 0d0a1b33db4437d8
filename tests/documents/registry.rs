// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Which known answers each mechanism is run against.

use std::path::Path;

/// The sets of known answers of a mechanism: files of `tests/vectors`, files of Wycheproof (their names
/// end in `_test` there), or the note that there can be none.
pub fn sets(name: &str) -> Vec<&'static str> {
    let covers = |patterns: &&[&str]| patterns.iter().any(|pattern| matches(pattern, name));
    REGISTRY
        .iter()
        .filter(|(patterns, _)| covers(patterns))
        .flat_map(|(_, sets)| *sets)
        .copied()
        .collect()
}

/// A pattern has at most one `*`, which stands for a hash's name: letters, digits, underscores.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == name };
    let rest = name.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
    rest.is_some_and(|rest| {
        rest.starts_with("SHA") || rest.starts_with("MD5") || rest.starts_with("BLAKE")
    })
}

#[test]
fn every_file_of_known_answers_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listed = std::fs::read_to_string(root.join("tests/wycheproof/files.rs")).unwrap();
    for set in REGISTRY.iter().flat_map(|(_, sets)| *sets) {
        let vectors = root.join("tests/vectors").join(set).is_file();
        let stem = set.trim_end_matches('*');
        let wycheproof = listed.contains(&format!("\"{stem}"));
        assert!(
            vectors || wycheproof || [RANDOM, COMPUTED].contains(set),
            "{set} is no set of known answers"
        );
    }
}

/// Results that are random: keys are compared with OpenSSL's, and used both ways.
pub const RANDOM: &str = "checked against OpenSSL";

/// Answers that follow from those of another mechanism.
pub const COMPUTED: &str = "computed with OpenSSL from the block cipher";

#[rustfmt::skip]
const REGISTRY: &[(&[&str], &[&str])] = &[
    (&["CKM_RSA_PKCS_KEY_PAIR_GEN", "CKM_RSA_X9_31_KEY_PAIR_GEN", "CKM_EC_KEY_PAIR_GEN",
       "CKM_EC_KEY_PAIR_GEN_W_EXTRA_BITS", "CKM_EC_EDWARDS_KEY_PAIR_GEN", "CKM_EC_MONTGOMERY_KEY_PAIR_GEN",
       "CKM_AES_KEY_GEN", "CKM_AES_XTS_KEY_GEN", "CKM_GENERIC_SECRET_KEY_GEN", "CKM_HKDF_KEY_GEN",
       "CKM_CHACHA20_KEY_GEN", "CKM_POLY1305_KEY_GEN", "CKM_DES2_KEY_GEN", "CKM_DES3_KEY_GEN",
       "CKM_*_KEY_GEN", "CKM_DH_PKCS_KEY_PAIR_GEN", "CKM_X9_42_DH_KEY_PAIR_GEN",
       "CKM_DH_PKCS_PARAMETER_GEN", "CKM_X9_42_DH_PARAMETER_GEN", "CKM_DSA_KEY_PAIR_GEN",
       "CKM_DSA_PARAMETER_GEN", "CKM_DSA_PROBABILISTIC_PARAMETER_GEN", "CKM_DSA_SHAWE_TAYLOR_PARAMETER_GEN",
       "CKM_TLS_PRE_MASTER_KEY_GEN", "CKM_SSL3_PRE_MASTER_KEY_GEN"], &[RANDOM]),
    (&["CKM_ML_KEM_KEY_PAIR_GEN"], &["ml_kem.txt", "mlkem_768_keygen_seed"]),
    (&["CKM_ML_DSA_KEY_PAIR_GEN"], &["ml_dsa.txt"]),
    (&["CKM_SLH_DSA_KEY_PAIR_GEN"], &["slh_dsa.txt"]),
    (&["CKM_HSS"], &["hss.txt"]),
    (&["CKM_ML_KEM"], &["ml_kem.txt", "mlkem_512*", "mlkem_768*", "mlkem_1024*"]),
    (&["CKM_ML_DSA"], &["ml_dsa.txt", "mldsa_44_verify", "mldsa_65_verify", "mldsa_87_verify"]),
    (&["CKM_HASH_ML_DSA", "CKM_HASH_ML_DSA_*"], &["ml_dsa.txt"]),
    (&["CKM_SLH_DSA", "CKM_HASH_SLH_DSA", "CKM_HASH_SLH_DSA_*"], &["slh_dsa.txt"]),
    (&["CKM_RSA_PKCS"], &["rsa_pkcs1_2048", "rsa_signature_2048_sha512_256"]),
    (&["CKM_RSA_X_509", "CKM_RSA_AES_KEY_WRAP", "CKM_ECDH_AES_KEY_WRAP", "CKM_ECDH_COF_AES_KEY_WRAP",
       "CKM_ECDH_X_AES_KEY_WRAP"], &[RANDOM]),
    (&["CKM_*_RSA_PKCS"], &["rsa_signature_*"]),
    (&["CKM_RSA_PKCS_PSS", "CKM_*_RSA_PKCS_PSS"], &["rsa_pss_*"]),
    (&["CKM_RSA_PKCS_OAEP"], &["rsa_oaep_*"]),
    (&["CKM_ECDSA", "CKM_ECDSA_*"], &["ecdsa.txt", "ecdsa_*"]),
    (&["CKM_EDDSA"], &["eddsa.txt", "ed25519", "ed448"]),
    (&["CKM_ECDH1_DERIVE", "CKM_ECDH1_COFACTOR_DERIVE"], &["agreement.txt", "agreement_kdf.txt", "ecdh_*"]),
    (&["CKM_ECDH1_DERIVE"], &["x25519", "x448"]),
    (&["CKM_AES_ECB", "CKM_AES_CTR"], &["aes.txt"]),
    (&["CKM_AES_CBC", "CKM_AES_CBC_PAD"], &["aes.txt", "aes_cbc_pkcs5"]),
    (&["CKM_AES_GCM"], &["aes_gcm.txt", "aes_gcm"]),
    (&["CKM_AES_CMAC", "CKM_AES_CMAC_GENERAL"], &["aes_cmac.txt", "aes_cmac"]),
    (&["CKM_AES_KEY_WRAP"], &["aes_wrap.txt", "aes_wrap"]),
    (&["CKM_AES_KEY_WRAP_KWP", "CKM_AES_KEY_WRAP_PAD"], &["aes_wrap.txt", "aes_kwp"]),
    (&["CKM_AES_KEY_WRAP_PKCS7"], &["aes_wrap.txt"]),
    (&["CKM_AES_CCM"], &["aes_ccm.txt", "aes_ccm"]),
    (&["CKM_AES_XTS"], &["aes_xts.txt", "aes_xts"]),
    (&["CKM_AES_GMAC"], &["aes_mac.txt", "aes_gmac"]),
    (&["CKM_AES_XCBC_MAC", "CKM_AES_XCBC_MAC_96"], &["aes_mac.txt"]),
    (&["CKM_AES_OFB", "CKM_AES_CFB1", "CKM_AES_CFB8", "CKM_AES_CFB128", "CKM_AES_CTS"], &["aes_modes.txt"]),
    // No publication has any: they are computed from the block cipher, by definition.
    (&["CKM_AES_CFB64", "CKM_AES_MAC", "CKM_AES_MAC_GENERAL", "CKM_DES3_MAC", "CKM_DES3_MAC_GENERAL",
       "CKM_DES3_CBC_PAD", "CKM_AES_ECB_ENCRYPT_DATA", "CKM_AES_CBC_ENCRYPT_DATA",
       "CKM_DES3_ECB_ENCRYPT_DATA", "CKM_DES3_CBC_ENCRYPT_DATA"], &[COMPUTED]),
    (&["CKM_CHACHA20_POLY1305"], &["chacha20.txt", "chacha20_poly1305"]),
    (&["CKM_CHACHA20", "CKM_POLY1305"], &["chacha20.txt"]),
    (&["CKM_DES3_ECB", "CKM_DES3_CBC", "CKM_DES3_CMAC", "CKM_DES3_CMAC_GENERAL"], &["des3.txt"]),
    (&["CKM_SHA512_224", "CKM_SHA512_256", "CKM_BLAKE2B_160", "CKM_BLAKE2B_256", "CKM_BLAKE2B_384",
       "CKM_BLAKE2B_512", "CKM_MD5"], &["digest_more.txt"]),
    (&["CKM_SHA512_224_HMAC", "CKM_SHA512_256_HMAC", "CKM_BLAKE2B_160_HMAC", "CKM_BLAKE2B_256_HMAC",
       "CKM_BLAKE2B_384_HMAC", "CKM_BLAKE2B_512_HMAC", "CKM_MD5_HMAC", "CKM_SHA512_224_HMAC_GENERAL",
       "CKM_SHA512_256_HMAC_GENERAL", "CKM_BLAKE2B_160_HMAC_GENERAL", "CKM_BLAKE2B_256_HMAC_GENERAL",
       "CKM_BLAKE2B_384_HMAC_GENERAL", "CKM_BLAKE2B_512_HMAC_GENERAL", "CKM_MD5_HMAC_GENERAL"],
     &["hmac_more.txt"]),
    (&["CKM_KMAC128"], &["kmac128_no_customization"]),
    (&["CKM_KMAC256"], &["kmac256_no_customization"]),
    (&["CKM_SHA_1_HMAC", "CKM_SHA224_HMAC", "CKM_SHA256_HMAC", "CKM_SHA384_HMAC", "CKM_SHA512_HMAC",
       "CKM_SHA3_224_HMAC", "CKM_SHA3_256_HMAC", "CKM_SHA3_384_HMAC", "CKM_SHA3_512_HMAC",
       "CKM_SHA_1_HMAC_GENERAL", "CKM_SHA224_HMAC_GENERAL", "CKM_SHA256_HMAC_GENERAL",
       "CKM_SHA384_HMAC_GENERAL", "CKM_SHA512_HMAC_GENERAL", "CKM_SHA3_224_HMAC_GENERAL",
       "CKM_SHA3_256_HMAC_GENERAL", "CKM_SHA3_384_HMAC_GENERAL", "CKM_SHA3_512_HMAC_GENERAL"],
     &["hmac.txt", "hmac_*"]),
    (&["CKM_SHA_1", "CKM_SHA224", "CKM_SHA256", "CKM_SHA384", "CKM_SHA512", "CKM_SHA3_224", "CKM_SHA3_256", "CKM_SHA3_384", "CKM_SHA3_512"], &["digest.txt"]),
    (&["CKM_HKDF_DERIVE", "CKM_HKDF_DATA"], &["hkdf.txt", "hkdf_sha*"]),
    (&["CKM_CONCATENATE_BASE_AND_KEY", "CKM_CONCATENATE_BASE_AND_DATA", "CKM_CONCATENATE_DATA_AND_BASE",
       "CKM_XOR_BASE_AND_DATA", "CKM_EXTRACT_KEY_FROM_KEY", "CKM_NULL"], &["derive_simple.txt"]),
    (&["CKM_PUB_KEY_FROM_PRIV_KEY"], &[RANDOM]),
    (&["CKM_*_KEY_DERIVATION", "CKM_*_KEY_DERIVE"], &["digest.txt"]),
    (&["CKM_SP800_108_COUNTER_KDF", "CKM_SP800_108_FEEDBACK_KDF", "CKM_SP800_108_DOUBLE_PIPELINE_KDF"],
     &["kbkdf.txt"]),
    (&["CKM_TLS12_MASTER_KEY_DERIVE", "CKM_TLS12_MASTER_KEY_DERIVE_DH", "CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE",
       "CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH", "CKM_TLS12_KEY_AND_MAC_DERIVE", "CKM_TLS12_KEY_SAFE_DERIVE",
       "CKM_TLS_KDF", "CKM_TLS12_KDF", "CKM_TLS_MAC", "CKM_TLS12_MAC"], &["tls.txt"]),
    (&["CKM_IKE_PRF_DERIVE", "CKM_IKE1_PRF_DERIVE", "CKM_IKE1_EXTENDED_DERIVE",
       "CKM_IKE2_PRF_PLUS_DERIVE"], &["ike.txt"]),
    (&["CKM_PKCS5_PBKD2"], &["pbkdf2.txt", "pbkdf2_hmac*"]),
    (&["CKM_DSA"], &["dsa.txt"]),
    (&["CKM_DSA_*"], &["dsa.txt", "dsa_2048_224_sha224", "dsa_2048_256_sha256", "dsa_3072_256_sha256"]),
    (&["CKM_DH_PKCS_DERIVE", "CKM_X9_42_DH_DERIVE"], &["dh.txt"]),
];
