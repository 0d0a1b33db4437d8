// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keys from the hash of a key.

use crate::common::*;
use crate::derivation::{HASHES, value, wanted};

/// The hash of a key of 01 02 03 ... 20, computed with `hashlib`.
#[rustfmt::skip]
const ANSWERS: &[(CK_MECHANISM_TYPE, &str)] = &[
    (CKM_SHA1_KEY_DERIVATION, "4c9b68754cc4c6a52c2871b90740059372385833"),
    (CKM_SHA224_KEY_DERIVATION, "835fed2dbe56c7d6adab737be5e45506b0fa9e5e6ff4e99cbcc814c5"),
    (CKM_SHA256_KEY_DERIVATION, "ae216c2ef5247a3782c135efa279a3e4cdc61094270f5d2be58c6204b7a612c9"),
    (CKM_SHA384_KEY_DERIVATION, "79a017feef31127390e00e7bb6cb0e5be29e71fc6e079b2f28004b53068fa336d922a4404d8065339eebd0eefba39b7f"),
    (CKM_SHA512_KEY_DERIVATION, "77788f1a0cea001a2631dae5d05dbd062008d5b30f50b9e29beb2a7822289004573dfc9b6ffeb1c786a16349e70f9836876a743c31c0a7a2a70727a852eec372"),
    (CKM_SHA512_224_KEY_DERIVATION, "5c9a24b3f0d34ec1945f2af0a51d2388c7ac8214302b5820ad8f0bf0"),
    (CKM_SHA512_256_KEY_DERIVATION, "86d447c968b3c8ee2c5eb0174c236d7d38b15f14fa4dc3415d5f311739e15b08"),
    (CKM_SHA3_224_KEY_DERIVATION, "7201e5c8a92380577c3d537c9d291e6977d252d20cb9f6d2f17ca595"),
    (CKM_SHA3_256_KEY_DERIVATION, "08d76bb3d477d6f3a5f26cb66c691486547acf9bbac6cfabfba30784c815ae45"),
    (CKM_SHA3_384_KEY_DERIVATION, "8240296acdd8bd0fd8df7dc60e10cb8bdd9c8c5689c4ec68173d997857ee312ff83932e34a6558144179a2973d3e6362"),
    (CKM_SHA3_512_KEY_DERIVATION, "340e03d7eb46e5568ba4ec3e48c3805d96015ba4108b3118707b9f314b0aa6deb7757d0d158acfc6490f853b251965bee120158a4b0fe7080164e9925beef09c"),
    (CKM_SHAKE_128_KEY_DERIVATION, "5d52e8465ab88e1779801a3af13071dddbbc5fd194bb6b4e29d2fe452e584ba8"),
    (CKM_SHAKE_256_KEY_DERIVATION, "f6a704e0fa1de28f681dd2fb0835391aadd2f114b6521c7bf69fc4f9e5de4ffebf4c82fc872d7c6f64b8547035f9d37b7a6041eec4059df97f5e7d0a3a9e6017"),
    (CKM_BLAKE2B_160_KEY_DERIVE, "4977286fd61324afe93f9141f75731da720de545"),
    (CKM_BLAKE2B_256_KEY_DERIVE, "441edc56cebc8e285d02267aa650819f15add7b06ef9b41b2690128dce655924"),
    (CKM_BLAKE2B_384_KEY_DERIVE, "a6d57f362de1764e9aac9e0283e1f74c0889f421082ae42b142a9702585620ddd599c7de778845bde72fcb0de6866263"),
    (CKM_BLAKE2B_512_KEY_DERIVE, "45ba7364fa0071c91802cff284861e52b656972d77002f29e4807fdb21b909134ac8ac110c6d15c5a1c6e0950fa2fbb29933fced1b924d1b1fe7aeee29d426cb"),
];

#[test]
fn known_answers_whole_and_cut() {
    let user = User::new();
    let s = user.session;
    let base: Vec<u8> = (1..=32).collect();
    let base = keys::secret(s, CKK_GENERIC_SECRET, &base);
    for ((kind, length), (same, answer)) in HASHES.iter().zip(ANSWERS) {
        assert_eq!(kind, same);
        let what = format!("{kind:#x}");
        let (mech, answer) = (Mech::plain(*kind), unhex(answer));
        assert_eq!(answer.len(), *length, "{what}");
        assert_eq!(value(s, &mech, base, &wanted(None, None), &what), answer, "{what}");
        for cut in [1, 16, *length] {
            let got = value(s, &mech, base, &wanted(None, Some(cut)), &what);
            assert_eq!(got, answer[..cut], "{what}");
        }
        let long = wanted(None, Some(length + 1));
        s.derive(&mech, base, &long).gives_for(&what, &[CKR_KEY_SIZE_RANGE]);
    }
}

#[test]
fn any_secret_key_is_hashed_and_no_other() {
    let user = User::new();
    let s = user.session;
    let aes = keys::secret(s, CKK_AES, &[7; 16]);
    let mech = Mech::plain(CKM_SHA256_KEY_DERIVATION);
    let got = value(s, &mech, aes, &wanted(Some(CKK_AES), Some(32)), "an AES key");
    assert_eq!(got, reference::digest(CKM_SHA256, &[7; 16]));
    let (public, private) = keys::rsa(s);
    for key in [public, private] {
        s.derive(&mech, key, &wanted(None, None)).gives(CKR_KEY_TYPE_INCONSISTENT);
    }
    let parameter = Mech::with(CKM_SHA256_KEY_DERIVATION, 1 as CK_ULONG, Vec::new());
    s.derive(&parameter, aes, &wanted(None, None)).gives(CKR_MECHANISM_PARAM_INVALID);
}

#[test]
fn the_published_digests_are_the_keys() {
    let user = User::new();
    let s = user.session;
    for record in vectors::read("digest.txt").iter().filter(|record| record.has("data")) {
        let place = record.place();
        let hash = crate::hash_named(record.text("hash"));
        let mut known = HASHES.iter().filter(|(kind, _)| digest_of(*kind) == Some(hash));
        let Some((kind, _)) = known.next() else { continue };
        let base = keys::secret(s, CKK_GENERIC_SECRET, &record.hex("data"));
        let got = value(s, &Mech::plain(*kind), base, &wanted(None, None), &place);
        assert_eq!(got, record.hex("digest"), "{place}");
    }
}

fn digest_of(derivation: CK_MECHANISM_TYPE) -> Option<CK_MECHANISM_TYPE> {
    Some(match derivation {
        CKM_SHA1_KEY_DERIVATION => CKM_SHA_1,
        CKM_SHA224_KEY_DERIVATION => CKM_SHA224,
        CKM_SHA256_KEY_DERIVATION => CKM_SHA256,
        CKM_SHA384_KEY_DERIVATION => CKM_SHA384,
        CKM_SHA512_KEY_DERIVATION => CKM_SHA512,
        CKM_SHA512_224_KEY_DERIVATION => CKM_SHA512_224,
        CKM_SHA512_256_KEY_DERIVATION => CKM_SHA512_256,
        CKM_SHA3_224_KEY_DERIVATION => CKM_SHA3_224,
        CKM_SHA3_256_KEY_DERIVATION => CKM_SHA3_256,
        CKM_SHA3_384_KEY_DERIVATION => CKM_SHA3_384,
        CKM_SHA3_512_KEY_DERIVATION => CKM_SHA3_512,
        _ => return None,
    })
}
