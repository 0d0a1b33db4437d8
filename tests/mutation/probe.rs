// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What an application sees of a store: the tokens, every attribute of every object, and what its keys
//! make, held against what was known of them before.

use crate::common::*;
use std::collections::BTreeMap;

/// What is seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// The flags of tokens, by label.
    tokens: BTreeMap<String, CK_FLAGS>,
    /// Every attribute, or why it is not shown, by token and `CKA_UNIQUE_ID`.
    objects: BTreeMap<(String, Vec<u8>), Vec<Shown>>,
    /// What a key made, where that is always the same, by token and label.
    made: BTreeMap<(String, String), Vec<u8>>,
    /// Of pairs: the public point, and a signature.
    signed: Vec<(Vec<u8>, Vec<u8>)>,
}

/// An attribute, or why it is not shown.
type Shown = (CK_ATTRIBUTE_TYPE, R<Vec<u8>>);

/// What a call on a store that cannot be used may answer.
pub const UNUSABLE: &[CK_RV] = &[
    CKR_DEVICE_ERROR,
    CKR_TOKEN_NOT_RECOGNIZED,
    CKR_TOKEN_NOT_PRESENT,
    CKR_GENERAL_ERROR,
    CKR_FUNCTION_FAILED,
    CKR_TOKEN_WRITE_PROTECTED,
    // It was not on the disk, though the medium says so: a number beyond all numbers.
    CKR_DEVICE_MEMORY,
];

/// Looks at everything.
pub fn look(fixture: &Fixture) -> R<Seen> {
    search(fixture, &Seen::default())
}

/// The same, and searches for what there was before by each attribute: what a search returns matches.
pub fn search(fixture: &Fixture, before: &Seen) -> R<Seen> {
    fixture.initialize()?;
    let looked = look_around(before);
    session::finalize().good();
    looked
}

fn look_around(before: &Seen) -> R<Seen> {
    let mut seen = Seen::default();
    let mut refused = None;
    for slot in session::slots(true)? {
        let looked = token(slot, &mut seen, before);
        refused = refused.or(looked.err());
    }
    // A store of which nothing is seen has to say why.
    refused.filter(|_| seen.tokens.is_empty()).map_or(Ok(seen), Err)
}

fn token(slot: CK_SLOT_ID, seen: &mut Seen, before: &Seen) -> R<()> {
    let info = session::token_info(slot)?;
    if info.flags & CKF_TOKEN_INITIALIZED == 0 {
        return Ok(());
    }
    let label = String::from_utf8_lossy(&info.label).trim_end().to_string();
    let s = Session::read_write(slot)?;
    seen.tokens.insert(label.clone(), info.flags);
    if label == "first" {
        s.login(CKU_USER, USER_PIN)?;
    }
    let found = s.find(&Template::default())?;
    for object in found {
        let Ok(id) = s.get(object, CKA_UNIQUE_ID) else { continue };
        let attributes = ATTRIBUTES.iter().map(|kind| (*kind, s.get(object, *kind))).collect();
        seen.objects.insert((label.clone(), id), attributes);
        uses(s, object, &label, seen);
    }
    before.searched(s, &label)?;
    s.close()
}

/// Uses a key in the one way it can be used.
fn uses(s: Session, object: Obj, token: &str, seen: &mut Seen) {
    let (Ok(name), Ok(class)) = (s.get(object, CKA_LABEL), s.number(object, CKA_CLASS)) else {
        return;
    };
    let name = String::from_utf8(name).unwrap();
    let made = match (name.as_str(), class) {
        ("mac", _) => s.sign(&Mech::plain(CKM_SHA256_HMAC), object, TEXT),
        ("cipher", _) => s.encrypt(&Mech::plain(CKM_AES_ECB), object, &[7; 16]),
        ("pair", CKO_PRIVATE_KEY) => {
            let Ok(signature) = s.sign(&Mech::plain(CKM_ECDSA), object, &digest()) else { return };
            let Ok(id) = s.get(object, CKA_UNIQUE_ID) else { return };
            seen.signed.push((id, signature));
            return;
        }
        ("pair", CKO_PUBLIC_KEY) => s.get(object, CKA_EC_POINT),
        _ => return,
    };
    if let Ok(made) = made {
        seen.made.insert((token.to_string(), name), made);
    }
}

impl Seen {
    /// Searches a token for each of its objects by one attribute after the other.
    fn searched(&self, s: Session, token: &str) -> R<()> {
        for ((_, id), shown) in self.objects.iter().filter(|((of, _), _)| of == token) {
            let id = (CKA_UNIQUE_ID, Ok(id.clone()));
            let by = shown.iter().filter(|(kind, _)| SEARCHED.contains(kind)).chain([&id]);
            for (kind, value) in by {
                let Ok(value) = value else { continue };
                for object in s.find(&Template::default().with(*kind, value.clone()))? {
                    assert_eq!(s.get(object, *kind).as_ref(), Ok(value), "found by {kind:#x}");
                }
            }
        }
        Ok(())
    }

    /// Nothing in it is other than in what was seen before.
    pub fn is_part_of(&self, before: &Seen, what: &str) {
        for (label, flags) in &self.tokens {
            assert_eq!(Some(flags), before.tokens.get(label), "{what}: flags of token {label}");
        }
        for (id, attributes) in &self.objects {
            let known = before.objects.get(id);
            let known =
                known.unwrap_or_else(|| panic!("{what}: an object that nobody made: {id:?}"));
            for (now, then) in attributes.iter().zip(known) {
                // What cannot be read any more may say so.
                let (now, then) = (now.clone(), then.clone());
                assert!(
                    now == then || now.1 == Err(Rv(CKR_DEVICE_ERROR)),
                    "{what}: {now:?} {then:?}"
                );
            }
        }
        for (key, made) in &self.made {
            assert_eq!(Some(made), before.made.get(key), "{what}: {key:?} is another key");
        }
        let point = before.made.get(&("first".to_string(), "pair".to_string())).unwrap();
        let public = reference::public_from_point(&ec::P256, &ec::octets(point));
        for (_, signature) in &self.signed {
            let good = reference::ecdsa_verifies(&public, &digest(), signature);
            assert!(good, "{what}: a signature by another key");
        }
    }

    /// Attempts at PINs come and go between one moment and another.
    pub fn without_flags(mut self) -> Seen {
        self.tokens.clear();
        self
    }

    /// How much there is of it: tokens, objects, results of keys.
    pub fn counts(&self) -> [usize; 4] {
        [self.tokens.len(), self.objects.len(), self.made.len(), self.signed.len()]
    }
}

fn digest() -> Vec<u8> {
    reference::digest(CKM_SHA256, TEXT)
}

/// What objects are searched by here.
const SEARCHED: &[CK_ATTRIBUTE_TYPE] =
    &[CKA_CLASS, CKA_LABEL, CKA_APPLICATION, CKA_KEY_TYPE, CKA_ID];
const TEXT: &[u8] = b"what every key is given";
const ATTRIBUTES: &[CK_ATTRIBUTE_TYPE] = &[
    CKA_CLASS,
    CKA_TOKEN,
    CKA_PRIVATE,
    CKA_LABEL,
    CKA_APPLICATION,
    CKA_VALUE,
    CKA_KEY_TYPE,
    CKA_ID,
    CKA_SENSITIVE,
    CKA_ENCRYPT,
    CKA_DECRYPT,
    CKA_WRAP,
    CKA_UNWRAP,
    CKA_SIGN,
    CKA_VERIFY,
    CKA_DERIVE,
    CKA_EXTRACTABLE,
    CKA_LOCAL,
    CKA_NEVER_EXTRACTABLE,
    CKA_ALWAYS_SENSITIVE,
    CKA_KEY_GEN_MECHANISM,
    CKA_MODIFIABLE,
    CKA_COPYABLE,
    CKA_DESTROYABLE,
    CKA_EC_PARAMS,
    CKA_EC_POINT,
    CKA_WRAP_WITH_TRUSTED,
    CKA_TRUSTED,
    CKA_START_DATE,
    CKA_END_DATE,
    CKA_VALUE_LEN,
    CKA_PUBLIC_KEY_INFO,
    CKA_ALLOWED_MECHANISMS,
];
