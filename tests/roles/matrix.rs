// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Every role against every group of functions, on standard and strict tokens: what is let through and
//! the exact code of what is not, written here by hand and not taken from the library's table.

use crate::common::operation::Kind;
use crate::common::*;
use crate::{STRICT, aes, enter, labelled, people};

/// Columns: nobody, security officer, user, each on a standard and on a strict token; then operator,
/// manager, auditor, custodian, the same on both. `ok`, or: L `CKR_USER_NOT_LOGGED_IN`, K
/// `CKR_KEY_FUNCTION_NOT_PERMITTED`, A `CKR_ACTION_PROHIBITED`, I `CKR_KEY_INDIGESTIBLE`, T
/// `CKR_TEMPLATE_INCONSISTENT` (a strict token takes no key that is not private).
const WANTED: &str = "
find                ok ok  ok ok  ok ok  ok ok ok ok
read                ok ok  ok ok  ok ok  ok ok ok ok
size                ok ok  ok ok  ok ok  ok ok ok ok
digest              ok ok  ok ok  ok ok  ok ok ok ok
random              ok ok  ok ok  ok ok  ok ok ok ok
init-pin            L  L   ok !   L  L   L  L  L  L
create-session      ok ok  ok ok  ok ok  ok ok L  L
create-token        ok L   ok ok  ok L   L  ok L  L
copy-to-session     ok L   ok ok  ok L   L  ok L  L
copy-to-token       ok L   ok ok  ok L   L  ok L  L
copy-in-session     ok ok  ok ok  ok ok  ok ok L  L
change-session      ok ok  ok ok  ok ok  ok ok L  L
change-token        ok L   ok ok  ok L   L  ok L  L
generate-session    ok ok  ok ok  ok ok  ok ok L  L
generate-token      ok L   ok T   ok L   L  ok L  L
pair-session        ok ok  ok ok  ok ok  ok ok L  L
pair-token          ok L   ok T   ok L   L  ok L  L
encrypt             ok ok  ok ok  ok ok  ok K  K  K
decrypt             ok ok  ok ok  ok ok  ok K  K  K
sign                ok ok  ok ok  ok ok  ok K  K  K
verify              ok ok  ok ok  ok ok  ok K  K  K
messages            ok ok  ok ok  ok ok  ok K  K  K
digest-key          ok ok  ok ok  ok ok  ok I  I  I
wrap-session        ok ok  ok ok  ok ok  ok L  L  L
wrap-token          -  -   -  -   ok L   L  L  L  L
unwrap-session      ok ok  ok ok  ok ok  ok L  L  L
unwrap-token        ok L   ok T   ok L   L  L  L  L
derive-session      ok ok  ok ok  ok ok  ok L  L  L
derive-token        ok L   ok T   ok L   L  L  L  L
encapsulate-session ok ok  ok ok  ok ok  ok L  L  L
encapsulate-token   ok L   ok T   ok L   L  L  L  L
decapsulate-session -  -   -  -   ok ok  ok L  L  L
decapsulate-token   -  -   -  -   ok L   L  L  L  L
destroy-session     ok ok  ok ok  ok ok  ok ok A  A
destroy-token       ok A   ok ok  ok A   A  ok A  A
";

#[test]
fn every_role_may_what_it_is_there_for_on_a_standard_token() {
    play("", &[0, 2, 4, 6, 7, 8, 9]);
}

#[test]
fn every_role_may_what_it_is_there_for_on_a_strict_token() {
    play(STRICT, &[1, 3, 5, 6, 7, 8, 9]);
}

fn play(settings: &str, columns: &[usize]) {
    let (_fixture, token) = people(settings);
    for column in columns {
        // What others destroyed is made anew.
        let manager = enter(token, "manager");
        furnish(manager);
        manager.logout().good();
        let s = match column {
            0 | 1 => token.public(),
            2 | 3 => token.so(),
            4 | 5 => token.user(),
            named => enter(token, crate::PEOPLE[named - 6]),
        };
        let sees_private = (4..9).contains(column);
        for line in WANTED.lines().filter(|line| !line.is_empty()) {
            let words: Vec<_> = line.split_whitespace().collect();
            let probe = Probe { s, sees_private, name: words[0] };
            let Some(want) = code(words[1 + column]) else { continue };
            probe.run().gives_for(&format!("{settings:?} column {column}: {}", words[0]), &[want]);
        }
        session::close_all(token.slot).good();
        manager.info().gives(CKR_SESSION_HANDLE_INVALID);
    }
}

fn code(word: &str) -> Option<CK_RV> {
    Some(match word {
        "ok" => CKR_OK,
        "L" => CKR_USER_NOT_LOGGED_IN,
        "K" => CKR_KEY_FUNCTION_NOT_PERMITTED,
        "A" => CKR_ACTION_PROHIBITED,
        "I" => CKR_KEY_INDIGESTIBLE,
        "T" => CKR_TEMPLATE_INCONSISTENT,
        "!" => CKR_FUNCTION_FAILED,
        "-" => return None,
        other => panic!("no such code: {other}"),
    })
}

/// What a manager puts there: keys for others to use, which are so deposited, and public data.
fn furnish(manager: Session) {
    for old in manager.find(&template! { CKA_TOKEN => true }).good() {
        manager.destroy(old).good();
    }
    aes(manager, "aes", &[CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY]).good();
    aes(manager, "kek", &[CKA_WRAP, CKA_UNWRAP]).good();
    let base = template! { CKA_TOKEN => true, CKA_LABEL => "base", CKA_VALUE_LEN => 32 };
    manager.generate(&Mech::plain(CKM_GENERIC_SECRET_KEY_GEN), &base).good();
    let public = template! {
        CKA_TOKEN => true, CKA_LABEL => "kem public", CKA_PARAMETER_SET => CKP_ML_KEM_768,
    };
    let private = template! { CKA_TOKEN => true, CKA_LABEL => "kem private" };
    manager.generate_pair(&Mech::plain(CKM_ML_KEM_KEY_PAIR_GEN), &public, &private).good();
    manager.create(&data("data", true)).good();
}

fn data(label: &str, on_token: bool) -> Template {
    template! {
        CKA_CLASS => CKO_DATA, CKA_TOKEN => on_token, CKA_LABEL => label, CKA_PRIVATE => false,
    }
}

struct Probe {
    s: Session,
    sees_private: bool,
    name: &'static str,
}

impl Probe {
    fn run(&self) -> R<()> {
        let s = self.s;
        let on_token = self.name.ends_with("token");
        match self.name {
            "find" => s.find(&template! { CKA_LABEL => "data" }).map(|found| {
                assert_eq!(found.len(), 1, "public objects are seen");
            }),
            "read" => s.get(self.public(), CKA_LABEL).map(drop),
            "size" => s.size(self.public()).map(drop),
            "digest" => s.digest(&Mech::plain(CKM_SHA256), b"data").map(drop),
            "random" => s.random(16).map(drop),
            "init-pin" => s.init_pin(USER_PIN),
            "create-session" | "create-token" => s.create(&data("made", on_token)).map(drop),
            "copy-to-session" | "copy-to-token" => {
                s.copy(self.public(), &template! { CKA_TOKEN => on_token }).map(drop)
            }
            "copy-in-session" => s.copy(self.of_session(), &Template::default()).map(drop),
            "change-session" => s.set(self.of_session(), &template! { CKA_LABEL => "changed" }),
            "change-token" => s.set(self.public(), &template! { CKA_APPLICATION => "changed" }),
            "destroy-session" => s.destroy(self.of_session()),
            "destroy-token" => s.destroy(self.public()),
            "generate-session" | "generate-token" => self.generated(on_token).map(drop),
            "pair-session" | "pair-token" => {
                let private = self.template(on_token);
                let public = template! { CKA_EC_PARAMS => ec::P256.oid, CKA_TOKEN => on_token };
                let mech = Mech::plain(CKM_EC_KEY_PAIR_GEN);
                s.generate_pair(&mech, &public, &private).map(drop)
            }
            "digest-key" => self.digest_key(),
            "wrap-session" => self.wrapped().map(drop),
            "wrap-token" => {
                let (kek, key) = (labelled(s, "kek"), labelled(s, "aes"));
                s.wrap(&Mech::plain(CKM_AES_KEY_WRAP_KWP), kek, key).map(drop)
            }
            "unwrap-session" | "unwrap-token" => self.unwrap(on_token),
            "derive-session" | "derive-token" => {
                let template = self.template(on_token).with(CKA_VALUE_LEN, 32);
                let template =
                    template.with(CKA_CLASS, CKO_SECRET_KEY).with(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
                s.derive(&Mech::plain(CKM_SHA256_KEY_DERIVATION), self.base(), &template).map(drop)
            }
            "encapsulate-session" | "encapsulate-token" => self.encapsulate(on_token).map(drop),
            "decapsulate-session" | "decapsulate-token" => self.decapsulate(on_token),
            use_of_a_key => self.use_key(use_of_a_key),
        }
    }

    fn public(&self) -> Obj {
        labelled(self.s, "data")
    }

    /// An object of the session; where the caller can make none, one of the token.
    fn of_session(&self) -> Obj {
        self.s.create(&data("own", false)).unwrap_or_else(|_| self.public())
    }

    fn template(&self, on_token: bool) -> Template {
        template! { CKA_TOKEN => on_token, CKA_PRIVATE => self.sees_private }
    }

    fn generated(&self, on_token: bool) -> R<Obj> {
        let template = self.template(on_token).with(CKA_VALUE_LEN, 32);
        let template = template.with(CKA_SENSITIVE, false).with(CKA_EXTRACTABLE, true);
        self.s.generate(&Mech::plain(CKM_AES_KEY_GEN), &template)
    }

    /// The key of the token, where the caller sees it, else one of the session; else none.
    fn key(&self, label: &str, uses: &[CK_ATTRIBUTE_TYPE]) -> Obj {
        if self.sees_private {
            return labelled(self.s, label);
        }
        let mut template = self.template(false).with(CKA_VALUE_LEN, 32);
        for usage in [CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY, CKA_WRAP, CKA_UNWRAP] {
            template = template.with(usage, uses.contains(&usage));
        }
        let made = self.s.generate(&Mech::plain(CKM_AES_KEY_GEN), &template);
        made.unwrap_or_else(|_| labelled(self.s, label))
    }

    fn base(&self) -> Obj {
        if self.sees_private {
            return labelled(self.s, "base");
        }
        let template = self.template(false).with(CKA_VALUE_LEN, 32);
        let made = self.s.generate(&Mech::plain(CKM_GENERIC_SECRET_KEY_GEN), &template);
        made.unwrap_or_else(|_| labelled(self.s, "base"))
    }

    fn use_key(&self, usage: &str) -> R<()> {
        let s = self.s;
        let key = self.key("aes", &[CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY]);
        let (mac, ecb) = (Mech::plain(CKM_AES_CMAC), Mech::plain(CKM_AES_ECB));
        match usage {
            "encrypt" => s.encrypt(&ecb, key, &[0; 16]).map(drop),
            "decrypt" => s.decrypt(&ecb, key, &[0; 16]).map(drop),
            "sign" => s.sign(&mac, key, b"data").map(drop),
            "verify" => match s.verify(&mac, key, b"data", &[0; 16]).code() {
                CKR_SIGNATURE_INVALID => Ok(()),
                other => outcome(other),
            },
            "messages" => {
                let mut mech = Mech::plain(CKM_AES_GCM).raw();
                outcome(p11!(C_MessageEncryptInit(s.0, &mut mech, key.0)))?;
                outcome(p11!(C_MessageEncryptFinal(s.0)))
            }
            other => panic!("no such probe: {other}"),
        }
    }

    fn digest_key(&self) -> R<()> {
        let s = self.s;
        let key = self.generated(false).unwrap_or_else(|_| labelled(s, "aes"));
        s.start(Kind::Digest, &Mech::plain(CKM_SHA256), None).good();
        let result = outcome(p11!(C_DigestKey(s.0, key.0)));
        s.cancel(CKF_DIGEST).good();
        result
    }

    /// A key of the session, wrapped.
    fn wrapped(&self) -> R<Vec<u8>> {
        let kek = self.key("kek", &[CKA_WRAP, CKA_UNWRAP]);
        self.wrapped_by(kek)
    }

    fn wrapped_by(&self, kek: Obj) -> R<Vec<u8>> {
        let key = self.generated(false).unwrap_or_else(|_| labelled(self.s, "aes"));
        self.s.wrap(&Mech::plain(CKM_AES_KEY_WRAP_KWP), kek, key)
    }

    fn unwrap(&self, on_token: bool) -> R<()> {
        let kek = self.key("kek", &[CKA_WRAP, CKA_UNWRAP]);
        let wrapped = self.wrapped_by(kek).unwrap_or_else(|_| vec![7; 40]);
        let template = self
            .template(on_token)
            .with(CKA_CLASS, CKO_SECRET_KEY)
            .with(CKA_KEY_TYPE, CKK_AES)
            .with(CKA_SENSITIVE, false);
        self.s.unwrap(&Mech::plain(CKM_AES_KEY_WRAP_KWP), kek, &wrapped, &template).map(drop)
    }

    fn secret(&self, on_token: bool) -> Template {
        self.template(on_token).with(CKA_CLASS, CKO_SECRET_KEY).with(CKA_KEY_TYPE, CKK_AES)
    }

    fn encapsulate(&self, on_token: bool) -> R<Vec<u8>> {
        let public = labelled(self.s, "kem public");
        let made = self.s.encapsulate(&Mech::plain(CKM_ML_KEM), public, &self.secret(on_token));
        made.map(|(ciphertext, _)| ciphertext)
    }

    fn decapsulate(&self, on_token: bool) -> R<()> {
        let private = labelled(self.s, "kem private");
        let ciphertext = self.encapsulate(false).unwrap_or_else(|_| vec![7; 1088]);
        let template = self.secret(on_token);
        self.s.decapsulate(&Mech::plain(CKM_ML_KEM), private, &ciphertext, &template).map(drop)
    }
}
